/* The batch of an asynchronous learner: trajectories that wait to be learned from, in the order in which they came. A
 * checkpoint holds them. */
#include "env/values.h"
#include "train/asynchronous.h"

#include <string.h>

static void set_trajectories(struct learner *learner, int64_t n) {
  struct trajectory *batch = &learner->gathering->batch;
  asynchronous_of(learner)->trajectories = n;
  batch->n_envs = (size_t)n;
  batch->n_rows = (size_t)n * batch->agents;
}

void asynchronous_empty_batch(struct learner *learner) {
  set_trajectories(learner, 0);
  learner->gathering->batch.final_observations.count = 0;
}

muster_status asynchronous_take_rollout(struct learner *learner, int rank, const struct message *message) {
  struct run *run = learner->run;
  struct asynchronous_learner *async = learner->schedule_data;
  struct trajectory *batch = &learner->gathering->batch;
  const struct env_range range = topology_envs(&run->topology, rank);
  const size_t first_env = (size_t)range.first, n = (size_t)range.count, at = (size_t)async->trajectories;
  const int32_t final_observations = batch->final_observations.count;
  if (at + n > (size_t)async->capacity)
    return status_error(MUSTER_ERROR_FORMAT, "%zu trajectories wait, and there is no room for %zu more", at, n);
  bool is_gradient = message->kind == MESSAGE_GRADIENT;
  trajectory_unpack(message_content(message), is_gradient ? TRAJECTORY_OUTCOME : TRAJECTORY_WHOLE, n, first_env, batch,
                    at);
  struct trajectory rollout = trajectory_window(batch, at, n);
  rollout.first_env = first_env;
  episodes_add_rollout(&learner->episodes, &rollout);
  learner->total_steps += trajectory_steps(&rollout);
  learner->collected_steps = learner->total_steps;
  for (size_t i = 0; i < n; i++) learner->env_restarts += rollout.restarts[i];

  bool has_faults = (message->flags & FLAG_FAULT) != 0;
  bool is_old = !is_gradient && learner->iteration - message->version > run->needs.max_policy_lag;
  learner->skipped_updates += has_faults;
  learner->policy_lag.dropped += is_old && !has_faults ? (int64_t)n : 0;
  if (has_faults || is_old || is_gradient) {
    batch->final_observations.count = final_observations;
    return MUSTER_OK;
  }
  normalizer_scale_rewards(&learner->normalizer, &rollout);
  for (size_t i = 0; i < n; i++) async->versions[at + i] = message->version;
  set_trajectories(learner, async->trajectories + (int64_t)n);
  return MUSTER_OK;
}

/* --- what a checkpoint holds of it --- */

/* trajectories that may wait in a checkpoint: where actors send gradients, none do */
static int64_t most_waiting(const struct learner *learner) {
  return learner->run->schedule->actors_compute_gradients ? 0 : asynchronous_of(learner)->capacity;
}

#define NAME(c_type, id, ...) "waiting/" #id,
#define FINAL_NAME(c_type, id, ...) "waiting/final_" #id,
static const char *const names[] = {STEP_FIELDS(NAME) FINAL_FIELDS(FINAL_NAME)};

/* of schedules with a rate limiter */
#define RATE_TENSORS (RATE_LIMITER_STATE + 2)
static int list_rates(struct learner *learner, struct tensor list[RATE_TENSORS]) {
  struct asynchronous_learner *async = learner->schedule_data;
  list[0] = (struct tensor){"waiting/taken", TENSOR_I64, 0, {0}, &async->taken, RANGE_COUNT};
  list[1] =
      (struct tensor){"waiting/reported_iteration", TENSOR_I64, 0, {0}, &learner->reported_iteration, RANGE_COUNT};
  return 2 + rate_limiter_state(&async->limiter, list + 2);
}

int asynchronous_state(struct learner *learner, struct tensor list[SCHEDULE_MAX_STATE]) {
  struct asynchronous_learner *async = learner->schedule_data;
  const struct trajectory *batch = &learner->gathering->batch;
  const struct final_observations *final_observations = &batch->final_observations;
  const size_t n = (size_t)async->trajectories, steps = batch->n_steps;
  async->final_observations = final_observations->count;
  const struct tensor counts[] = {
      {"waiting/trajectories", TENSOR_I64, 0, {0}, &async->trajectories, RANGE(0, (double)most_waiting(learner))},
      {"waiting/finals", TENSOR_I64, 0, {0}, &async->final_observations, RANGE(0, (double)(n * steps))},
      {"waiting/rollouts", TENSOR_I64, 0, {0}, &async->rollouts, RANGE(0, RANGE_COUNT_MAX / (double)steps)},
      {"waiting/dropped", TENSOR_I64, 0, {0}, &learner->policy_lag.dropped, RANGE_COUNT},
      {"waiting/reported_steps", TENSOR_I64, 0, {0}, &learner->reported_steps, RANGE_COUNT},
      {"waiting/version", TENSOR_I64, 1, {n}, async->versions, RANGE(0, (double)learner->iteration)},
  };
  _Static_assert(sizeof counts / sizeof *counts + RATE_TENSORS + TRAJECTORY_TENSORS <= SCHEDULE_MAX_STATE,
                 "room for all tensors");
  memcpy(list, counts, sizeof counts);
  int listed = sizeof counts / sizeof *counts;
  if (learner->run->schedule->limits_rates) listed += list_rates(learner, list + listed);
  struct tensor arrays[TRAJECTORY_TENSORS];
  trajectory_list_tensors(batch, names, true, arrays);
  for (int i = 0; i < TRAJECTORY_TENSORS; i++) {
    if (arrays[i].data == final_observations->environment) {
      /* numbers of trajectories in the batch, not of environments */
      arrays[i].name = "waiting/final_trajectory";
      arrays[i].range = RANGE(0, (double)n - 1);
    }
    if (arrays[i].range.kind != RANGE_IS_MISSING) list[listed++] = arrays[i];
  }
  return listed;
}

#define COUNTS 2 /* tensors that give the shapes and ranges of others; they come first */

muster_status asynchronous_restore_counts(struct learner *learner, struct checkpoint_reader *reader) {
  struct asynchronous_learner *async = learner->schedule_data;
  struct tensor list[SCHEDULE_MAX_STATE];
  for (int i = 0; i < COUNTS; i++) {
    /* each of them gives the range of the next */
    asynchronous_state(learner, list);
    MUSTER_TRY(checkpoint_restore_tensor(reader, &list[i]));
  }
  set_trajectories(learner, async->trajectories);
  learner->gathering->batch.final_observations.count = (int32_t)async->final_observations;
  return MUSTER_OK;
}

/* refuses values that are not of their space; there are no gaps between the trajectories that wait */
static muster_status check_values(const struct field *field, const struct tensor *tensor) {
  if (field->space == NULL) return MUSTER_OK;
  const size_t n = tensor_elements(tensor), wrong = space_find_wrong(field->space, tensor->data, n);
  if (wrong == n) return MUSTER_OK;
  char what[64];
  space_describe_wrong(field->space, tensor->data, wrong, what, sizeof what);
  return status_error(MUSTER_ERROR_FORMAT, "%s: value %zu is %s", tensor->name, wrong, what);
}

/* trajectories that wait were counted after the last iteration, so that reported_steps is in the checkpoint */
muster_status asynchronous_restored(struct learner *learner) {
  rate_limiter_restored(&asynchronous_of(learner)->limiter);
  const struct trajectory *batch = &learner->gathering->batch;
  struct tensor arrays[TRAJECTORY_TENSORS];
  trajectory_list_tensors(batch, names, false, arrays);
  for (int i = 0; i < STEP_FIELD_COUNT; i++) MUSTER_TRY(check_values(&batch->field[i], &arrays[i]));
  for (int i = 0; i < FINAL_FIELD_COUNT; i++)
    MUSTER_TRY(check_values(&batch->final_field[i], &arrays[STEP_FIELD_COUNT + i]));
  return MUSTER_OK;
}
