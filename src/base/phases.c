#include "base/phases.h"

#include "base/outcall.h"

#include <time.h>

static const char waiting[] = "waiting for other ranks", between[] = "between two rollouts";

const struct phase_row phase_table[PHASES] = {
    [PHASE_SETUP] = {.stage = STAGE_OTHER, .description = "in its set-up"},
    [PHASE_AGREEMENT] = {.stage = STAGE_OTHER, .description = waiting},
    [PHASE_LOOP] = {.stage = STAGE_OTHER, .description = waiting, .in_a_call = between},
    [PHASE_COMMAND] = {.stage = STAGE_BROADCAST, .description = waiting, .in_a_call = between},
    [PHASE_ROLLOUT] = {.stage = STAGE_ROLLOUT, .description = "in its rollout", .counts_steps = true},
    [PHASE_HANDOVER] = {.stage = STAGE_GATHER, .description = "in its rollout", .counts_steps = true},
    [PHASE_GATHER] = {.stage = STAGE_GATHER, .description = waiting, .in_a_call = between},
    [PHASE_TAKE] = {.stage = STAGE_GATHER, .description = "in its update", .changes = true},
    [PHASE_UPDATE] = {.stage = STAGE_ADVANTAGES, .description = "in its update", .changes = true},
    [PHASE_STATISTICS] = {.stage = STAGE_OTHER, .description = "in its update", .changes = true},
    [PHASE_STATES] = {.stage = STAGE_CHECKPOINT, .description = waiting, .in_a_call = between},
    [PHASE_CHECKPOINT] = {.stage = STAGE_CHECKPOINT, .description = "writing a checkpoint", .changes = true},
    [PHASE_EVALUATION] = {.stage = STAGE_EVALUATION,
                          .description = "evaluating",
                          .counts_steps = true,
                          .changes = true},
    [PHASE_EPISODES] = {.stage = STAGE_EVALUATION, .description = waiting, .in_a_call = between},
    [PHASE_RELEASE] = {.stage = STAGE_OTHER, .description = "at its end"},
    [PHASE_END] = {.stage = STAGE_OTHER, .description = "at its end"},
};

void phases_init(struct phases *phases) {
  *phases = (struct phases){.phase = PHASE_SETUP, .fence = PTHREAD_MUTEX_INITIALIZER};
  stages_start(&phases->clock, NULL, 0);
}

/* the fence is held during consecutive phases that change something */
static void keep_fence(struct phases *phases, bool changes) {
  if (changes && !phases->is_fenced) pthread_mutex_lock(&phases->fence);
  if (!changes && phases->is_fenced) pthread_mutex_unlock(&phases->fence);
  phases->is_fenced = changes;
  if (!changes && atomic_load_explicit(&phases->is_stopped, memory_order_acquire)) outcall_sleep();
}

void phases_go_on(struct phases *phases, enum phase phase) {
  const struct phase_row *row = &phase_table[phase];
  stages_enter(&phases->clock, row->stage);
  atomic_store_explicit(&phases->phase, (int32_t)phase, memory_order_release);
  keep_fence(phases, row->changes && phases->is_guarded);
}

void phases_enter(struct phases *phases, enum phase phase, int64_t iteration) {
  const uint64_t steps = atomic_load_explicit(&outcall_state.steps, memory_order_relaxed);
  atomic_store_explicit(&phases->first_step, steps, memory_order_relaxed);
  atomic_store_explicit(&phases->iteration, iteration, memory_order_relaxed);
  phases_go_on(phases, phase);
}

void phases_guard(struct phases *phases, bool is_guarded) { phases->is_guarded = is_guarded; }

/* only the main thread writes the count */
static void count_wait(struct phases *phases) {
  const uint32_t waits = atomic_load_explicit(&phases->waits, memory_order_relaxed);
  atomic_store_explicit(&phases->waits, waits + 1, memory_order_release);
}

enum stage phases_wait(struct phases *phases) {
  const enum stage before = stages_enter(&phases->clock, STAGE_WAIT);
  if (before != STAGE_WAIT) count_wait(phases);
  return before;
}

void phases_resume(struct phases *phases, enum stage before) {
  if (before != STAGE_WAIT) count_wait(phases);
  stages_enter(&phases->clock, before);
}

/* --- for another thread --- */

struct phases_seen phases_see(struct phases *phases) {
  const uint64_t first = atomic_load_explicit(&phases->first_step, memory_order_relaxed);
  const int32_t phase = atomic_load_explicit(&phases->phase, memory_order_acquire);
  return (struct phases_seen){.phase = phase,
                              .iteration = atomic_load_explicit(&phases->iteration, memory_order_relaxed),
                              .steps = atomic_load_explicit(&outcall_state.steps, memory_order_relaxed) - first};
}

uint32_t phases_waits(struct phases *phases) { return atomic_load_explicit(&phases->waits, memory_order_acquire); }

void phases_stop(struct phases *phases) { atomic_store_explicit(&phases->is_stopped, true, memory_order_release); }

bool phases_hold(struct phases *phases, double seconds) {
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  const int64_t nanoseconds = until.tv_nsec + (int64_t)(1e9 * seconds);
  until.tv_sec += nanoseconds / 1000000000;
  until.tv_nsec = nanoseconds % 1000000000;
  return pthread_mutex_timedlock(&phases->fence, &until) == 0;
}
