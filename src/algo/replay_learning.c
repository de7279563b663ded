#include "algo/replay_learning.h"

#include <math.h>

/* --- what all of them do --- */

int64_t replay_learning_capacity(const struct replay_learning_settings *settings) {
  return settings->capacity > 0 ? settings->capacity : settings->buffer_size;
}

/* what the replay keeps, against what an update draws from it */
static muster_status check_capacity(const struct document *document, const struct replay_learning_settings *settings,
                                    int64_t num_envs) {
  const int64_t capacity = replay_learning_capacity(settings), each = (capacity + num_envs - 1) / num_envs;
  const char *key = settings->capacity > 0 ? "algorithm.replay.capacity" : "algorithm.buffer_size";
  if (capacity < settings->batch_size)
    return document_error(document, key, "keeps %lld steps, and an update draws %lld; expects at least batch_size",
                          (long long)capacity, (long long)settings->batch_size);
  if (capacity < REPLAY_LEAST_STEPS * num_envs)
    return document_error(document, key, "keeps %lld steps of %lld environments; expects at least %d of each, %lld",
                          (long long)capacity, (long long)num_envs, REPLAY_LEAST_STEPS,
                          (long long)(REPLAY_LEAST_STEPS * num_envs));
  if (each < settings->n_steps)
    return document_error(document, "algorithm.n_steps",
                          "is longer than the replay, which keeps %lld steps of each of %lld environments; expects at "
                          "most %lld, or a larger buffer_size",
                          (long long)each, (long long)num_envs, (long long)each);
  return MUSTER_OK;
}

static struct rate_limits limits_of(const struct replay_learning_settings *settings) {
  return (struct rate_limits){.samples_per_insert = settings->samples_per_insert,
                              .gradient_steps = settings->gradient_steps,
                              .batch_size = settings->batch_size,
                              .tolerance = settings->tolerance,
                              .min_size = settings->learning_starts};
}

/* how far an asynchronous run may be off its ratio */
static muster_status check_ratio(const struct document *document, const struct replay_learning_settings *settings,
                                 int64_t num_envs) {
  if (!settings->asynchronous || isnan(settings->tolerance)) return MUSTER_OK;
  const struct rate_limits limits = limits_of(settings);
  const int64_t steps = settings->train_freq * num_envs;
  const double least = rate_limits_least_tolerance(&limits, steps);
  if (settings->tolerance >= least) return MUSTER_OK;
  return document_error(document, "algorithm.replay.tolerance",
                        "is %g steps, where an actor may send %lld and an update is worth %g: they would wait for each "
                        "other; expects at least %g, or null",
                        settings->tolerance, (long long)steps, 2 * least - (double)steps, least);
}

muster_status replay_learning_check(const struct document *document, const void *object, int64_t num_envs) {
  const struct replay_learning_settings *settings = object;
  if (settings->train_freq > INT32_MAX / num_envs)
    return document_error(document, "algorithm.train_freq",
                          "makes rollouts of %lld steps with num_envs %lld; expects at most %d",
                          (long long)(settings->train_freq * num_envs), (long long)num_envs, INT32_MAX);
  if (settings->gradient_steps == 0)
    return document_error(document, "algorithm.gradient_steps",
                          "would never learn; expects at least 1, or -1 for as many updates as steps");
  MUSTER_TRY(check_capacity(document, settings, num_envs));
  return check_ratio(document, settings, num_envs);
}

struct rollout_needs replay_learning_needs(const void *object) {
  const struct replay_learning_settings *settings = object;
  return (struct rollout_needs){
      .n_steps = (size_t)settings->train_freq,
      .replay = (size_t)replay_learning_capacity(settings),
      .warm_up = settings->learning_starts,
      .minibatch = (size_t)settings->batch_size,
      .is_brief = true,
      .asynchronous = settings->asynchronous ? ASYNCHRONOUS_REPLAY : ASYNCHRONOUS_NONE,
      .max_policy_lag = INT64_MAX,
      .limits = limits_of(settings),
  };
}

double replay_learning_discount(const void *object) { return ((const struct replay_learning_settings *)object)->gamma; }

static void draw_uniformly(struct replay_learning *learning, double progress_remaining) {
  (void)progress_remaining;
  replay_draw(&learning->replay, learning->seed, (uint32_t)learning->updates, (size_t)learning->settings.batch_size,
              learning->drawn);
}

static void draw_by_priority(struct replay_learning *learning, double progress_remaining) {
  prioritized_replay_draw(&learning->prioritized, learning->seed, (uint32_t)learning->updates, progress_remaining,
                          learning->drawn);
}

/* the priorities of steps; or weights of 1, and room for errors that nobody reads */
static muster_status create_priorities(struct replay_learning *learning, const struct algorithm_context *context) {
  const struct replay_learning_settings *settings = &learning->settings;
  struct prioritized_replay *prioritized = &learning->prioritized;
  const size_t batch = (size_t)settings->batch_size;
  if (settings->replay.is_on) {
    MUSTER_TRY(prioritized_replay_create(&settings->replay, &learning->replay, batch, context->group, context->arena,
                                         prioritized));
  } else {
    MUSTER_TRY(ARENA_TAKE(context->arena, batch, "weights of a minibatch", &prioritized->weights));
    MUSTER_TRY(ARENA_TAKE(context->arena, batch, "errors", &prioritized->errors));
    for (size_t i = 0; i < batch; i++) prioritized->weights[i] = 1.0f;
  }
  learning->weights = prioritized->weights;
  return MUSTER_OK;
}

/* the replay, or a part of it; and room for the steps of a minibatch */
static muster_status create_memory(struct replay_learning *learning, const struct algorithm_context *context) {
  const struct replay_learning_settings *settings = &learning->settings;
  const struct replay_division division = replay_exchange_division(context->group, settings->n_steps);
  const size_t batch = (size_t)settings->batch_size;
  struct replay *replay = &learning->replay;
  struct arena *arena = context->arena;
  MUSTER_TRY(replay_create(context->rollout, (size_t)replay_learning_capacity(settings), &division, arena, replay));
  MUSTER_TRY(replay_log_create(replay, context->rollout, context->keeps_log, arena, &learning->log));
  MUSTER_TRY(replay_tile_create(replay, BLOCK_ROWS, arena, &learning->tile));
  MUSTER_TRY(ARENA_TAKE(arena, batch, "minibatch", &learning->drawn));
  return replay_exchange_create(replay, context->group, batch, settings->n_steps, settings->gamma, arena,
                                &learning->exchange);
}

muster_status replay_learning_create(const struct algorithm_context *context, struct replay_learning *learning) {
  const struct replay_learning_settings *settings = context->options;
  learning->options = context->options;
  learning->settings = *settings;
  learning->model = context->model;
  learning->stages = context->stages;
  learning->rollout = context->rollout;
  learning->seed = context->seed;
  learning->draw = settings->replay.is_on ? draw_by_priority : draw_uniformly;
  MUSTER_TRY(create_memory(learning, context));
  return create_priorities(learning, context);
}

int replay_learning_state(struct replay_learning *learning, struct tensor *list) {
  int n = replay_state(&learning->replay, list);
  if (learning->settings.replay.is_on) n += prioritized_replay_state(&learning->prioritized, list + n);
  list[n++] = (struct tensor){"algorithm/steps", TENSOR_I64, 0, {0}, &learning->steps, RANGE_COUNT};
  list[n++] = (struct tensor){"algorithm/updates", TENSOR_I64, 0, {0}, &learning->updates, RANGE_COUNT};
  return n;
}

muster_status replay_learning_take_rollout(void *algorithm, double progress_remaining, int64_t *updates) {
  (void)progress_remaining;
  struct replay_learning *learning = algorithm;
  const struct replay_learning_settings *settings = &learning->settings;
  const int64_t steps = trajectory_steps(learning->rollout);
  replay_append(&learning->replay, learning->rollout);
  MUSTER_TRY(replay_log_append(&learning->log, learning->rollout));
  if (settings->replay.is_on) prioritized_replay_note_rollout(&learning->prioritized, learning->rollout);
  learning->steps += steps;
  *updates = settings->gradient_steps < 0 ? steps : settings->gradient_steps;
  if (learning->steps <= settings->learning_starts) *updates = 0;
  return MUSTER_OK;
}

struct replay_log *replay_learning_log(void *algorithm) {
  return &((struct replay_learning *)algorithm)->log;
}

int replay_learning_intermediates(void *algorithm, struct tensor *list) {
  struct replay_learning *learning = algorithm;
  list[0] = (struct tensor){"batch/drawn",   TENSOR_I64, 1, {(size_t)learning->settings.batch_size},
                            learning->drawn, RANGE_NONE};
  return 1;
}

void replay_learning_measure(const struct replay_learning *learning, double metrics[REPLAY_METRICS]) {
  metrics[0] = (double)learning->updates;
  metrics[1] = (double)replay_size(&learning->replay);
}

/* --- an update --- */

muster_status replay_learning_begin_update(struct replay_learning *learning, double progress_remaining) {
  stages_enter(learning->stages, STAGE_UPDATE);
  if (!learning->is_packed) model_pack(learning->model, true);
  learning->is_packed = true;
  learning->draw(learning, progress_remaining);
  return replay_exchange_gather(&learning->exchange, learning->drawn);
}

void replay_learning_gather(struct replay_learning *learning, size_t first, size_t rows) {
  replay_exchange_fill(&learning->exchange, learning->drawn, first, rows, &learning->tile);
}

float *replay_learning_errors(struct replay_learning *learning, size_t first) {
  return prioritized_replay_errors(&learning->prioritized) + first;
}

muster_status replay_learning_end_update(struct replay_learning *learning) {
  if (learning->settings.replay.is_on) MUSTER_TRY(prioritized_replay_renew(&learning->prioritized, learning->drawn));
  learning->updates++;
  return MUSTER_OK;
}

muster_status replay_learning_check_loss(const struct replay_learning *learning, const char *name, double loss) {
  if (isfinite(loss)) return MUSTER_OK;
  return status_error(MUSTER_ERROR_NUMERIC, "the %s of update %lld is not finite: a smaller learning_rate may help",
                      name, (long long)learning->updates + 1);
}
