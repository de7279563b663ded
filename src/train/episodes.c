#include "train/episodes.h"

#include "base/statistics.h"

#include <string.h>

muster_status episodes_create(size_t n_envs, struct arena *arena, struct episodes *episodes) {
  *episodes = (struct episodes){.n_envs = n_envs};
  MUSTER_TRY(ARENA_TAKE(arena, n_envs, "running returns", &episodes->running_return));
  return ARENA_TAKE(arena, n_envs, "running lengths", &episodes->running_length);
}

/* the reward of environment n at step t: the mean over its agents */
static double mean_reward(const struct trajectory *rollout, size_t n, size_t t) {
  double sum = 0.0;
  for (size_t agent = 0; agent < rollout->agents; agent++)
    sum += rollout->reward[(n * rollout->agents + agent) * rollout->n_steps + t];
  return sum / (double)rollout->agents;
}

void episodes_add_rollout(struct episodes *episodes, const struct trajectory *rollout) {
  size_t n_steps = rollout->n_steps;
  for (size_t t = 0; t < n_steps; t++) {
    for (size_t n = 0; n < rollout->n_envs; n++) {
      if (t >= (size_t)rollout->length[n * rollout->agents]) continue;
      double *running_return = &episodes->running_return[rollout->first_env + n];
      int64_t *running_length = &episodes->running_length[rollout->first_env + n];
      *running_return += mean_reward(rollout, n, t);
      ++*running_length;
      if (rollout->ended[n * n_steps + t] == 0) continue;
      size_t slot = (size_t)(episodes->finished++ % EPISODES_WINDOW);
      episodes->returns[slot] = *running_return;
      episodes->lengths[slot] = (double)*running_length;
      *running_return = 0;
      *running_length = 0;
    }
  }
}

void episodes_restart(struct episodes *episodes) {
  memset(episodes->running_return, 0, episodes->n_envs * sizeof *episodes->running_return);
  memset(episodes->running_length, 0, episodes->n_envs * sizeof *episodes->running_length);
}

struct episodes_summary episodes_summarize(const struct episodes *episodes) {
  struct episodes_summary summary = {
      .count = (int32_t)(episodes->finished < EPISODES_WINDOW ? episodes->finished : EPISODES_WINDOW)};
  const struct statistics returns = statistics_of((size_t)summary.count, episodes->returns);
  summary.mean_return = returns.mean;
  summary.std_return = returns.std;
  summary.mean_length = statistics_of((size_t)summary.count, episodes->lengths).mean;
  return summary;
}

int episodes_state(struct episodes *episodes, struct tensor list[EPISODES_STATE]) {
  int n = 0;
  list[n++] = (struct tensor){"episodes/running_return", TENSOR_F64, 1, {episodes->n_envs},
                              episodes->running_return,  RANGE_SUM};
  list[n++] = (struct tensor){"episodes/running_length", TENSOR_I64, 1, {episodes->n_envs},
                              episodes->running_length,  RANGE_COUNT};
  list[n++] = (struct tensor){"episodes/returns", TENSOR_F64, 1, {EPISODES_WINDOW}, episodes->returns, RANGE_SUM};
  list[n++] = (struct tensor){"episodes/lengths", TENSOR_F64, 1, {EPISODES_WINDOW}, episodes->lengths, RANGE_COUNT};
  list[n++] = (struct tensor){"episodes/finished", TENSOR_I64, 0, {0}, &episodes->finished, RANGE_COUNT};
  return n;
}
