/* Rollouts as an actor makes them: a policy with two layers of 64, sampling, the environments, the trajectory. The
 * limit is the environments alone and the policy's multiply-adds in registers. */
#include "bench/limits.h"
#include "bench/parts.h"
#include "bench/single_rank.h"
#include "bench/stepper.h"
#include "env/registry.h"
#include "train/actor.h"

#include <stdio.h>

#define HIDDEN 64
#define STEPS 64 /* of each environment in a rollout */

struct rollout {
  struct single_rank single;
  struct model model;
  struct actor actor;
  struct bench_work work;
};

static muster_status run_rollout(void *context) {
  struct rollout *rollout = context;
  rollout->single.transport.command->iteration++;
  return actor_roll_out(&rollout->actor);
}

static muster_status create_rollout(const muster_env_type *type, int32_t n_envs, struct rollout *rollout) {
  char config[256];
  snprintf(config, sizeof config,
           "env: {name: %s, num_envs: %d}\nalgorithm: {n_steps: %d, batch_size: %d}\n"
           "policy: {hidden_sizes: [%d, %d]}\n",
           type->name, n_envs, STEPS, STEPS, HIDDEN, HIDDEN);
  *rollout = (struct rollout){.work = {.run = run_rollout, .context = rollout}};
  struct single_rank *single = &rollout->single;
  struct run *run = &single->run;
  MUSTER_TRY(single_rank_create(config, single));
  const muster_env_spec *spec = env_pool_spec(run->pool);
  MUSTER_TRY(model_create(&run->config.policy, &spec->observation, &spec->action, NULL, run->arena, &rollout->model));
  MUSTER_TRY(model_initialize(&rollout->model, &run->config.policy, 1));
  model_pack(&rollout->model, false);
  MUSTER_TRY(actor_create(&single->gathering, &single->transport, &rollout->model, &rollout->actor));
  return actor_start_envs(&rollout->actor, false);
}

static muster_status measure_rollout(struct bench *bench, const char *name, struct rollout *rollout,
                                     struct pool_stepper *pool, struct limit_fma *fma) {
  struct bench_work *works[] = {&fma->work, &pool->work, &rollout->work};
  MUSTER_TRY(bench_measure(bench, works, 3));
  const struct model *model = &rollout->model;
  double flops = 2.0 * (double)(model->obs_dim * HIDDEN + HIDDEN * HIDDEN + HIDDEN * model->head.outputs);
  int32_t n_envs = pool->buffers.n_envs;
  struct bench_series limit = bench_sum(bench_per_item(&pool->work, stepper_steps(&pool->buffers)),
                                        bench_per_item(&fma->work, fma->flops / flops));
  return bench_add(bench, &unit_msteps, bench_per_item(&rollout->work, (double)n_envs * STEPS), limit, "rollout/%s/%d",
                   name, n_envs);
}

static muster_status measure_env(struct bench *bench, const muster_env_type *type, int32_t n_envs,
                                 struct limit_fma *fma) {
  struct rollout rollout = {0};
  struct pool_stepper pool = {0};
  muster_status status = create_rollout(type, n_envs, &rollout);
  if (status == MUSTER_OK) status = pool_stepper_create(type, n_envs, rollout.single.run.arena, &pool);
  if (status == MUSTER_OK) status = measure_rollout(bench, type->name, &rollout, &pool, fma);
  pool_stepper_destroy(&pool);
  single_rank_release(&rollout.single);
  return status;
}

muster_status bench_rollout(struct bench *bench) {
  static const int32_t counts[] = {8, 64, 512};
  struct limit_fma fma;
  limit_fma_create(&fma);
  for (const muster_env_type *const *type = env_registry_list(); *type != NULL; type++) {
    for (int i = 0; i < 3; i++) {
      muster_status status = measure_env(bench, *type, counts[i], &fma);
      if (muster_status_code(status) != MUSTER_ERROR_USAGE) {
        MUSTER_TRY(status);
        continue;
      }
      // an environment that cannot be trained on has no rollouts
      fprintf(stderr, "muster bench: left out: rollout/%s: %s\n", (*type)->name, muster_status_message(status));
      muster_status_clear(&status);
      break;
    }
  }
  return MUSTER_OK;
}
