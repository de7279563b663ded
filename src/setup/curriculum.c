#include "setup/curriculum.h"

#include <math.h>
#include <string.h>

muster_status curriculum_read(const struct option_map *schedules, struct curriculum *out, int32_t *wrong) {
  memset(out, 0, sizeof *out);
  for (int32_t i = 0; i < schedules->count; i++) {
    *wrong = i;
    if (!schedule_read(schedules->values[i], &out->schedule[i]))
      return status_error(
          MUSTER_ERROR_USAGE,
          "expects a number or a schedule, such as lin_2_10, or points [[0, 2], [0.5, 2], [0.5, 10]] of "
          "[share of the run, value]");
    strcpy(out->key[i], schedules->keys[i]);
    out->count++;
  }
  return MUSTER_OK;
}

double curriculum_progress_remaining(int64_t steps, int64_t total_steps) {
  return fmax(0.0, 1.0 - (double)steps / (double)total_steps);
}

muster_status curriculum_apply(const struct curriculum *curriculum, double progress_remaining, struct env_pool *pool) {
  for (int32_t i = 0; i < curriculum->count; i++) {
    const double value = option_schedule_value(&curriculum->schedule[i], progress_remaining);
    MUSTER_TRY(
        status_wrap(env_pool_set_option(pool, curriculum->key[i], value), "env.schedules.%s", curriculum->key[i]));
  }
  return MUSTER_OK;
}

/* the values of one share of the run, and of right before it, where a schedule may jump */
static muster_status try_share(const struct curriculum *curriculum, double share, struct env_pool *pool) {
  MUSTER_TRY(curriculum_apply(curriculum, fmin(1.0, 1.0 - share + 1e-9), pool));
  return curriculum_apply(curriculum, 1.0 - share, pool);
}

enum { TRIALS = 64 };

muster_status curriculum_try(const struct curriculum *curriculum, struct env_pool *pool) {
  if (curriculum->count == 0) return MUSTER_OK;
  for (int32_t i = 0; i <= TRIALS; i++) MUSTER_TRY(try_share(curriculum, (double)i / TRIALS, pool));
  for (int32_t i = 0; i < curriculum->count; i++) {
    const struct option_schedule *schedule = &curriculum->schedule[i];
    MUSTER_TRY(try_share(curriculum, schedule->warm_up, pool));
    for (int32_t k = 0; k < schedule->count; k++) MUSTER_TRY(try_share(curriculum, schedule->at[k], pool));
  }
  return curriculum_apply(curriculum, 1.0, pool);
}
