/* Updates of the algorithms with a replay, over steps of random numbers: drawing, gathering, forward, loss, backward,
 * the clip of the gradient, Adam, targets, and packing the new weights. And the replay alone: a minibatch drawn
 * uniformly, and one drawn by priority, whose priorities are then renewed. */
#include "algo/algorithm.h"
#include "algo/prioritized_replay.h"
#include "base/random.h"
#include "bench/limits.h"
#include "bench/parts.h"
#include "config/option.h"

#include <stdio.h>
#include <string.h>

/* --- useful multiply-adds of a row --- */

/* A network of two hidden layers. */
struct widths {
  size_t in, hidden[2], out;
};

/* a forward pass; the gradients of all weights take as many */
static double forward(const struct widths *w) {
  return (double)(w->in * w->hidden[0] + w->hidden[0] * w->hidden[1] + w->hidden[1] * w->out);
}

/* the gradients of the layers' inputs: of the network's input those of `columns` alone, which are wanted */
static double back(const struct widths *w, size_t columns) {
  return (double)(columns * w->hidden[0] + w->hidden[0] * w->hidden[1] + w->hidden[1] * w->out);
}

/* forward, the gradients of the weights, and those of the inputs that these need */
static double learn(const struct widths *w) { return 2 * forward(w) + back(w, 0); }

/* the target network, and what is learned */
static double work_of_dqn(const struct widths *values, const struct widths *critic, size_t actions) {
  (void)critic;
  (void)actions;
  return forward(values) + learn(values);
}

/* the next action, both target critics, and what both critics learn; in every second update the actor learns through
 * one critic */
static double work_of_td3(const struct widths *actor, const struct widths *critic, size_t actions) {
  const double critics = forward(actor) + 2 * forward(critic) + 2 * learn(critic);
  return critics + (learn(actor) + forward(critic) + back(critic, actions)) / 2;
}

/* the same, but that the actor learns in every update, and through both critics */
static double work_of_sac(const struct widths *actor, const struct widths *critic, size_t actions) {
  const double critics = forward(actor) + 2 * forward(critic) + 2 * learn(critic);
  return critics + learn(actor) + 2 * (forward(critic) + back(critic, actions));
}

/* --- updates --- */

struct update_case {
  const char *algorithm;
  double (*work)(const struct widths *actor, const struct widths *critic, size_t actions);
  const muster_env_spec *env;
  size_t outputs; /* of the policy's head */
  size_t hidden[2], minibatch;
};

/* the spaces of CartPole-v1 and of Pendulum-v1 */
static const int32_t n_choices[] = {2};
static const muster_env_spec cart_pole = {.observation = {.kind = MUSTER_SPACE_BOX, .rank = 1, .shape = {4}},
                                          .action = {.kind = MUSTER_SPACE_DISCRETE, .counts = n_choices},
                                          .agents = 1};
static const float torque_low[] = {-2}, torque_high[] = {2};
static const muster_env_spec pendulum = {
    .observation = {.kind = MUSTER_SPACE_BOX, .rank = 1, .shape = {3}},
    .action = {.kind = MUSTER_SPACE_BOX, .rank = 1, .shape = {1}, .low = torque_low, .high = torque_high},
    .agents = 1};

static const struct update_case cases[] = {
    {"dqn", work_of_dqn, &cart_pole, 2, {256, 256}, 64}, {"td3", work_of_td3, &pendulum, 1, {64, 64}, 100},
    {"td3", work_of_td3, &pendulum, 1, {400, 300}, 256}, {"sac", work_of_sac, &pendulum, 2, {64, 64}, 100},
    {"sac", work_of_sac, &pendulum, 2, {256, 256}, 256},
};

struct update {
  const struct algorithm_type *type;
  struct model_options model_options;
  struct model model;
  struct trajectory rollout;
  void *options, *algorithm;
  double metrics[ALGORITHM_MAX_METRICS];
  struct bench_work work;
};

static muster_status run_update(void *context) {
  struct update *update = context;
  return update->type->update(update->algorithm, 1.0, update->metrics);
}

/* two for each multiply-add */
static double flops_of(const struct update_case *which) {
  const size_t obs_dim = muster_space_elements(&which->env->observation),
               actions = muster_space_elements(&which->env->action), *hidden = which->hidden;
  const struct widths actor = {obs_dim, {hidden[0], hidden[1]}, which->outputs};
  const struct widths critic = {obs_dim + actions, {hidden[0], hidden[1]}, 1};
  return 2.0 * (double)which->minibatch * which->work(&actor, &critic, actions);
}

/* sets an option by its key */
static muster_status set_option(const struct option_table *table, const char *key, long value, void *object) {
  char text[32];
  snprintf(text, sizeof text, "%ld", value);
  for (const struct option_spec *option = table->options; option->key != NULL; option++)
    if (strcmp(option->key, key) == 0) return option_parse(option, text, object);
  return status_error(MUSTER_ERROR_INTERNAL, "%s has no option %s", table->owner, key);
}

/* random observations, actions and rewards; no episode ends */
static void fill_rollout(const muster_env_spec *env, uint32_t number, struct trajectory *rollout) {
  struct random_stream stream = random_stream_start(1, RANDOM_ENV, 0, number);
  const size_t elements = muster_space_elements(&env->observation), steps = rollout->n_steps;
  for (size_t i = 0; i < (steps + 1) * elements; i++)
    ((float *)rollout->observation)[i] = (float)muster_random_uniform(&stream.base, -1.0, 1.0);
  for (size_t i = 0; i < steps; i++) {
    rollout->reward[i] = (float)muster_random_uniform(&stream.base, -1.0, 1.0);
    if (env->action.kind == MUSTER_SPACE_DISCRETE)
      ((int32_t *)rollout->action)[i] = (int32_t)muster_random_below(&stream.base, (uint32_t)env->action.counts[0]);
    else
      ((float *)rollout->action)[i] = (float)muster_random_uniform(&stream.base, -1.0, 1.0);
  }
}

static muster_status create_model(const struct update_case *which, struct arena *arena, struct update *update) {
  struct model_options *options = &update->model_options;
  MUSTER_TRY(option_set_defaults(&model_option_table, options));
  if (update->type->policy != NULL) MUSTER_TRY(option_set_defaults(update->type->policy, options));
  options->hidden_sizes = (struct option_int_list){2, {(int64_t)which->hidden[0], (int64_t)which->hidden[1]}};
  options->request = algorithm_request(update->type, update->options);
  MUSTER_TRY(model_create(options, &which->env->observation, &which->env->action,
                          algorithm_networks(update->type, update->options), arena, &update->model));
  return model_initialize(&update->model, options, 1);
}

enum { ROLLOUT = 1000, ROLLOUTS = 10 };

static muster_status create_update(const struct update_case *which, struct arena *arena, struct update *update) {
  *update = (struct update){.work = {.run = run_update, .context = update}};
  MUSTER_TRY(algorithm_find(which->algorithm, &update->type));
  MUSTER_TRY(arena_take(arena, 1, update->type->options_size, "options", &update->options));
  MUSTER_TRY(option_set_defaults(update->type->options, update->options));
  MUSTER_TRY(set_option(update->type->options, "batch_size", (long)which->minibatch, update->options));
  MUSTER_TRY(set_option(update->type->options, "buffer_size", ROLLOUT * ROLLOUTS, update->options));
  MUSTER_TRY(create_model(which, arena, update));
  MUSTER_TRY(trajectory_create(which->env, 1, ROLLOUT, arena, &update->rollout));
  const struct algorithm_context context = {
      .options = update->options, .model = &update->model, .rollout = &update->rollout, .seed = 1, .arena = arena};
  MUSTER_TRY(algorithm_create(update->type, &context, &update->algorithm));
  for (uint32_t i = 0; i < ROLLOUTS; i++) {
    int64_t updates;
    fill_rollout(which->env, i, &update->rollout);
    MUSTER_TRY(algorithm_take_rollout(update->type, update->algorithm, 1.0, &updates));
  }
  return MUSTER_OK;
}

static muster_status measure_update(struct bench *bench, const struct update_case *which, struct limit_fma *fma) {
  struct arena *arena;
  struct update update;
  MUSTER_TRY(arena_create(&arena));
  muster_status status = create_update(which, arena, &update);
  struct bench_work *works[] = {&fma->work, &update.work};
  if (status == MUSTER_OK) status = bench_measure(bench, works, 2);
  arena_destroy(&arena);
  if (status != MUSTER_OK) return status;
  // one measurement as two figures
  const double flops = flops_of(which);
  char name[64];
  snprintf(name, sizeof name, "off-policy/%s/%zux%zu/mb%zu", which->algorithm, which->hidden[0], which->hidden[1],
           which->minibatch);
  MUSTER_TRY(bench_add(bench, &unit_updates, bench_per_item(&update.work, 1.0),
                       bench_per_item(&fma->work, fma->flops / flops), "%s", name));
  return bench_add(bench, &unit_gflops, bench_per_item(&update.work, flops), bench_per_item(&fma->work, fma->flops),
                   "%s/flops", name);
}

/* --- the replay --- */

enum { MINIBATCH = 256, BLOCK = 10000 };

struct drawing {
  struct trajectory rollout;
  struct replay replay;
  struct replay_tile tile;
  struct prioritized_replay prioritized;
  uint64_t drawn[MINIBATCH];
  uint32_t updates;
  struct bench_work uniform, by_priority;
};

static muster_status draw_uniformly(void *context) {
  struct drawing *drawing = context;
  replay_draw(&drawing->replay, 1, drawing->updates++, MINIBATCH, drawing->drawn);
  for (size_t first = 0; first < MINIBATCH; first += TILE)
    replay_gather(&drawing->replay, drawing->drawn + first, TILE, 1, 0.99, &drawing->tile);
  limit_use(drawing->tile.discount);
  return MUSTER_OK;
}

static muster_status draw_by_priority(void *context) {
  struct drawing *drawing = context;
  prioritized_replay_draw(&drawing->prioritized, 1, drawing->updates++, 1.0, drawing->drawn);
  float *errors = prioritized_replay_errors(&drawing->prioritized);
  for (size_t i = 0; i < MINIBATCH; i++) errors[i] = (float)(1 + drawing->drawn[i] % 13);
  return prioritized_replay_renew(&drawing->prioritized, drawing->drawn);
}

static muster_status create_drawing(size_t capacity, struct arena *arena, struct drawing *drawing) {
  const struct prioritized_options options = {true, .alpha = 0.6, .beta = 0.4, .beta_final = 1, .epsilon = 1e-6};
  drawing->uniform = (struct bench_work){.run = draw_uniformly, .context = drawing};
  drawing->by_priority = (struct bench_work){.run = draw_by_priority, .context = drawing};
  MUSTER_TRY(trajectory_create(&pendulum, 1, BLOCK, arena, &drawing->rollout));
  MUSTER_TRY(replay_create(&drawing->rollout, capacity, NULL, arena, &drawing->replay));
  MUSTER_TRY(replay_tile_create(&drawing->replay, TILE, arena, &drawing->tile));
  MUSTER_TRY(prioritized_replay_create(&options, &drawing->replay, MINIBATCH, NULL, arena, &drawing->prioritized));
  for (size_t filled = 0; filled < capacity; filled += BLOCK) {
    fill_rollout(&pendulum, (uint32_t)(filled / BLOCK), &drawing->rollout);
    replay_append(&drawing->replay, &drawing->rollout);
    prioritized_replay_note_rollout(&drawing->prioritized, &drawing->rollout);
  }
  return MUSTER_OK;
}

/* The limit of both: a copy of the bytes of a minibatch that lie together. */
static muster_status measure_draws(struct bench *bench, struct arena *arena) {
  const size_t capacity = bench->quick ? BLOCK : 100 * BLOCK;
  struct drawing *drawing;
  struct limit_copy copy;
  MUSTER_TRY(ARENA_TAKE(arena, 1, "replay", &drawing));
  MUSTER_TRY(create_drawing(capacity, arena, drawing));
  MUSTER_TRY(limit_copy_create(MINIBATCH * 2 * drawing->replay.record_bytes, arena, &copy));
  struct bench_work *works[] = {&copy.work, &drawing->uniform, &drawing->by_priority};
  MUSTER_TRY(bench_measure(bench, works, 3));
  const struct bench_series limit = bench_per_item(&copy.work, 1.0);
  MUSTER_TRY(bench_add(bench, &unit_us, bench_per_item(&drawing->uniform, 1.0), limit, "off-policy/uniform/mb%d/%zu",
                       MINIBATCH, capacity));
  return bench_add(bench, &unit_msteps, bench_per_item(&drawing->by_priority, MINIBATCH),
                   bench_per_item(&copy.work, MINIBATCH), "off-policy/prioritized/mb%d/%zu", MINIBATCH, capacity);
}

muster_status bench_off_policy(struct bench *bench) {
  struct limit_fma fma;
  struct arena *arena;
  limit_fma_create(&fma);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) MUSTER_TRY(measure_update(bench, &cases[i], &fma));
  MUSTER_TRY(arena_create(&arena));
  muster_status status = measure_draws(bench, arena);
  arena_destroy(&arena);
  return status;
}
