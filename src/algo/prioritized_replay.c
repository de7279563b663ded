#include "algo/prioritized_replay.h"

#include "algo/micro_batches.h"
#include "base/random.h"

#include <math.h>

muster_status prioritized_replay_create(const struct prioritized_options *options, const struct replay *replay,
                                        size_t batch, const struct learner_group *group, struct arena *arena,
                                        struct prioritized_replay *prioritized) {
  *prioritized = (struct prioritized_replay){
      .options = *options, .replay = replay, .group = group, .largest = PRIORITY_ONE, .batch = batch};
  MUSTER_TRY(priorities_create(replay->n_rows * replay->slots, arena, &prioritized->priorities));
  MUSTER_TRY(ARENA_TAKE(arena, batch, "weights of a minibatch", &prioritized->weights));
  MUSTER_TRY(ARENA_TAKE(arena, batch, "places of a minibatch", &prioritized->places));
  if (learner_group_size(group) == 1) return ARENA_TAKE(arena, 2 * batch, "errors", &prioritized->errors);
  return group->share(group->context, 2 * batch * sizeof *prioritized->errors, (void **)&prioritized->errors);
}

/* the leaf of a slot for all agents of an environment */
static void set_priority(struct prioritized_replay *prioritized, size_t env, size_t slot, uint64_t priority) {
  const struct replay *replay = prioritized->replay;
  for (size_t row = env * replay->agents; row < (env + 1) * replay->agents; row++)
    priorities_set(&prioritized->priorities, row * replay->slots + slot, priority);
}

void prioritized_replay_note_rollout(struct prioritized_replay *prioritized, const struct trajectory *rollout) {
  const struct replay *replay = prioritized->replay;
  for (size_t env = rollout->first_env; env < rollout->first_env + rollout->n_envs; env++) {
    const int64_t open = replay->written[env] - 1, oldest = open - (int64_t)replay->slots + 1;
    int64_t number = replay->rollout_slot[env] < oldest ? oldest : replay->rollout_slot[env];
    for (; number <= open; number++) {
      const size_t slot = (size_t)number % replay->slots;
      set_priority(prioritized, env, slot, replay_is_step(replay, env, slot) ? prioritized->largest : 0);
    }
  }
}

/* --- drawing --- */

/* the high half of a product */
static uint64_t multiply_high(uint64_t a, uint64_t b) { return (uint64_t)((unsigned __int128)a * b >> 64); }

/* A place in part i of n equal parts of the sum: the fraction (i + word / 2^32) / n of it. */
static uint64_t place_in_part(uint64_t sum, size_t i, size_t n, uint32_t word) {
  const uint64_t fraction = (uint64_t)((unsigned __int128)((uint64_t)i << 32 | word) * (UINT64_MAX / n) >> 32);
  return multiply_high(sum, fraction);
}

static double beta_at(const struct prioritized_options *options, double progress_remaining) {
  return options->beta_final + progress_remaining * (options->beta - options->beta_final);
}

void prioritized_replay_weigh(struct prioritized_replay *prioritized, double beta, const uint64_t *drawn) {
  uint64_t least = UINT64_MAX;
  for (size_t i = 0; i < prioritized->batch; i++) {
    const uint64_t priority = priorities_get(&prioritized->priorities, drawn[i]);
    if (priority < least) least = priority;
  }
  for (size_t i = 0; i < prioritized->batch; i++)
    prioritized->weights[i] =
        (float)pow((double)least / (double)priorities_get(&prioritized->priorities, drawn[i]), beta);
}

/* Computes all sums. Only steps have a priority, and each has one, whatever a file says. */
static void add_up(struct prioritized_replay *prioritized) {
  struct priorities *priorities = &prioritized->priorities;
  const struct replay *replay = prioritized->replay;
  for (size_t leaf = 0; leaf < priorities->leaves; leaf++) {
    uint64_t *priority = &priorities->level[0][leaf];
    const bool is_step = replay_is_step(replay, leaf / replay->slots / replay->agents, leaf % replay->slots);
    if (*priority > priorities->largest) *priority = priorities->largest;
    *priority = !is_step ? 0 : *priority > 0 ? *priority : 1;
  }
  priorities_add_up(priorities);
  prioritized->is_added_up = true;
}

void prioritized_replay_draw(struct prioritized_replay *prioritized, uint64_t seed, uint32_t update,
                             double progress_remaining, uint64_t *drawn) {
  if (!prioritized->is_added_up) add_up(prioritized);
  const uint64_t sum = priorities_sum(&prioritized->priorities);
  const size_t n = prioritized->batch;
  uint32_t words[4];
  for (size_t i = 0; i < n; i++) {
    if (i % 4 == 0) random_words(seed, RANDOM_REPLAY, (uint32_t)(i / 4), update, 0, words);
    prioritized->places[i] = place_in_part(sum, i, n, words[i % 4]);
  }
  priorities_find(&prioritized->priorities, n, prioritized->places, drawn);
  prioritized_replay_weigh(prioritized, beta_at(&prioritized->options, progress_remaining), drawn);
}

/* --- new priorities --- */

float *prioritized_replay_errors(struct prioritized_replay *prioritized) {
  return prioritized->errors + prioritized->turns % 2 * prioritized->batch;
}

/* shows the others the errors of this member's samples, and waits for theirs */
static muster_status gather_errors(struct prioritized_replay *prioritized) {
  const struct learner_group *group = prioritized->group;
  const size_t members = learner_group_size(group), count = micro_batches_count(prioritized->batch);
  size_t offsets[LEARNER_GROUP_MAX + 1];
  if (members == 1) return MUSTER_OK;
  for (size_t i = 0; i <= members; i++)
    offsets[i] = micro_batches_first_sample(prioritized->batch, count, learner_group_part(group, count, i)) *
                 sizeof *prioritized->errors;
  return group->gather(group->context, prioritized_replay_errors(prioritized), offsets);
}

muster_status prioritized_replay_renew(struct prioritized_replay *prioritized, const uint64_t *drawn) {
  const struct prioritized_options *options = &prioritized->options;
  MUSTER_TRY(gather_errors(prioritized));
  const float *errors = prioritized_replay_errors(prioritized);
  for (size_t i = 0; i < prioritized->batch; i++) {
    const double priority = pow(fabs((double)errors[i]) + options->epsilon, options->alpha);
    const uint64_t rounded = priorities_round(&prioritized->priorities, priority);
    priorities_set(&prioritized->priorities, drawn[i], rounded);
    if (rounded > prioritized->largest) prioritized->largest = rounded;
  }
  prioritized->turns++;
  return MUSTER_OK;
}

int prioritized_replay_state(struct prioritized_replay *prioritized, struct tensor list[PRIORITIZED_REPLAY_STATE]) {
  const struct priorities *priorities = &prioritized->priorities;
  const struct tensor_range range = RANGE(0, (double)priorities->largest);
  list[0] = (struct tensor){"replay/priorities", TENSOR_U64, 1, {priorities->leaves}, priorities->level[0], range};
  list[1] = (struct tensor){"replay/largest_priority", TENSOR_U64, 0, {0}, &prioritized->largest, range};
  return PRIORITIZED_REPLAY_STATE;
}
