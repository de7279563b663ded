/* One epoch of PPO over a synthetic rollout: the random order, and for each minibatch gathering, forward, loss,
 * backward, the clip of the gradient, Adam, and packing the new weights. */
#include "algo/batch.h"
#include "algo/ppo.h"
#include "base/random.h"
#include "bench/limits.h"
#include "bench/parts.h"
#include "config/option.h"

#include <math.h>
#include <stdio.h>

#define LARGEST_MINIBATCH 16384
#define ACTIONS 2

struct update_case {
  size_t hidden, obs_dim, minibatch;
};

struct update {
  struct model_options model_options;
  struct ppo_options options;
  struct model model;
  struct trajectory rollout;
  void *ppo;
  size_t count; /* samples */
  uint32_t *order;
  uint32_t epoch;
  struct bench_work work;
};

static muster_status run_epoch(void *context) {
  struct update *update = context;
  struct policy_gradient *ppo = update->ppo;
  size_t minibatch = (size_t)update->options.batch_size;
  random_permutation(1, RANDOM_MINIBATCH, update->epoch++, update->order, update->count);
  for (size_t first = 0; first < update->count; first += minibatch) {
    struct losses loss;
    double norm;
    MUSTER_TRY(ppo_minibatch_gradient(ppo, update->order + first, minibatch, 0.2, INFINITY, &loss));
    // steps are so small that the policy stays close to the one with the rollout's probabilities
    MUSTER_TRY(policy_gradient_optimizer_step(ppo, 1e-9, &norm));
  }
  return MUSTER_OK;
}

/* random observations, actions and advantages, with the log-probabilities of an undecided policy */
static void fill_rollout(struct update *update) {
  struct random_stream stream = random_stream_start(1, RANDOM_ENV, 0, 0);
  struct trajectory *rollout = &update->rollout;
  struct batch *batch = &((struct policy_gradient *)update->ppo)->batch;
  size_t observations = rollout->n_rows * (rollout->n_steps + 1) * update->model.obs_dim;
  for (size_t i = 0; i < observations; i++)
    ((float *)rollout->observation)[i] = (float)muster_random_uniform(&stream.base, -1.0, 1.0);
  for (size_t i = 0; i < update->count; i++) {
    ((int32_t *)rollout->action)[i] = (int32_t)muster_random_below(&stream.base, ACTIONS);
    rollout->log_prob[i] = -logf(ACTIONS);
    batch->advantages[i] = (float)muster_random_uniform(&stream.base, -1.0, 1.0);
    batch->returns[i] = (float)muster_random_uniform(&stream.base, -1.0, 1.0);
  }
}

static muster_status create_update(const struct update_case *which, size_t count, struct arena *arena,
                                   struct update *update) {
  const struct algorithm_type *type;
  MUSTER_TRY(algorithm_find("ppo", &type));
  const int32_t n_actions = ACTIONS;
  const muster_env_spec spec = {
      .observation = {.kind = MUSTER_SPACE_BOX, .rank = 1, .shape = {(int32_t)which->obs_dim}},
      .action = {.kind = MUSTER_SPACE_DISCRETE, .counts = &n_actions},
      .agents = 1,
  };
  const size_t n_steps = 64;

  *update = (struct update){.count = count, .work = {.run = run_epoch, .context = update}};
  MUSTER_TRY(option_set_defaults(&model_option_table, &update->model_options));
  MUSTER_TRY(option_set_defaults(type->options, &update->options));
  update->model_options.hidden_sizes = (struct option_int_list){2, {(int64_t)which->hidden, (int64_t)which->hidden}};
  update->options.batch_size = (int64_t)which->minibatch;
  MUSTER_TRY(
      model_create(&update->model_options, &spec.observation, &spec.action, model_critic_v, arena, &update->model));
  MUSTER_TRY(model_initialize(&update->model, &update->model_options, 1));
  model_pack(&update->model, true);

  MUSTER_TRY(trajectory_create(&spec, count / n_steps, n_steps, arena, &update->rollout));
  MUSTER_TRY(ARENA_TAKE(arena, count, "minibatch order", &update->order));
  const struct algorithm_context context = {
      .options = &update->options, .model = &update->model, .rollout = &update->rollout, .seed = 1, .arena = arena};
  MUSTER_TRY(algorithm_create(type, &context, &update->ppo));
  fill_rollout(update);
  return MUSTER_OK;
}

/* the operations that a sample needs at least, two for each multiply-add: forward, gradients of the weights, and
 * gradients of each layer's input except the first one's, which are not needed; for both networks */
static double flops_per_sample(const struct update_case *which) {
  double first = (double)(which->obs_dim * which->hidden), second = (double)(which->hidden * which->hidden);
  double heads = (double)(which->hidden * (ACTIONS + 1));
  return 2.0 * (2.0 * (2.0 * first + 3.0 * second) + 3.0 * heads);
}

static muster_status measure_case(struct bench *bench, const struct update_case *which, struct limit_sgemm *sgemm,
                                  struct limit_fma *fma) {
  struct arena *arena;
  MUSTER_TRY(arena_create(&arena));
  struct update update;
  size_t count = bench->quick ? which->minibatch : LARGEST_MINIBATCH;
  muster_status status = create_update(which, count, arena, &update);
  struct bench_work *works[] = {&sgemm->work, &fma->work, &update.work};
  if (status == MUSTER_OK) status = bench_measure(bench, works, 3);
  arena_destroy(&arena);
  if (status != MUSTER_OK) return status;

  // the time is compared with that of the same operations at the peak of sgemm; the operations with the peak of the
  // registers
  double flops = flops_per_sample(which), samples = (double)count;
  char name[64];
  snprintf(name, sizeof name, "update/%zux%zu/obs%zu/mb%zu", which->hidden, which->hidden, which->obs_dim,
           which->minibatch);
  MUSTER_TRY(bench_add(bench, &unit_us_sample, bench_per_item(&update.work, samples),
                       bench_per_item(&sgemm->work, sgemm->flops / flops), "%s", name));
  return bench_add(bench, &unit_gflops, bench_per_item(&update.work, samples * flops),
                   bench_per_item(&fma->work, fma->flops), "%s/flops", name);
}

static muster_status measure_all(struct bench *bench, struct arena *arena) {
  static const size_t hidden[] = {64, 256}, obs_dims[] = {4, 64}, minibatches[] = {64, 256, 2048, LARGEST_MINIBATCH};
  const int n_minibatches = bench->quick ? 2 : 4;
  struct limit_sgemm sgemm;
  struct limit_fma fma;
  limit_fma_create(&fma);
  MUSTER_TRY(limit_sgemm_create(bench, arena, &sgemm));
  for (int h = 0; h < 2; h++)
    for (int o = 0; o < 2; o++)
      for (int m = 0; m < n_minibatches; m++)
        MUSTER_TRY(measure_case(bench, &(struct update_case){hidden[h], obs_dims[o], minibatches[m]}, &sgemm, &fma));
  return MUSTER_OK;
}

muster_status bench_update(struct bench *bench) {
  struct arena *arena;
  MUSTER_TRY(arena_create(&arena));
  muster_status status = measure_all(bench, arena);
  arena_destroy(&arena);
  return status;
}
