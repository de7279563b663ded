/* The batch of an asynchronous learner: trajectories that wait to be learned from, in the order in which they came. A
 * checkpoint holds them. */
#include "env/values.h"
#include "train/asynchronous.h"

#include <stdlib.h>
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

/* the header of a message; its content is taken by its kind */
void asynchronous_note_message(struct learner *learner, int rank, const struct message *message) {
  struct asynchronous_learner *async = learner->schedule_data;
  learner->flags |= message->flags & ~FLAG_FAULT;
  async->under_way[rank] = message->next_version;
  if (message->rollouts > async->rollouts) async->rollouts = message->rollouts;
  if (message->kind == MESSAGE_STATES || message->kind == MESSAGE_EPISODES) return;
  const double seconds = message->seconds, actors = learner->run->topology.actors;
  const struct gather_work work = {seconds / actors, seconds / actors, seconds};
  report_rollout(&learner->report, &work, learner->run->topology.actors);
}

static void swap_bytes(char *a, char *b, size_t bytes) {
  for (size_t i = 0; i < bytes; i++) {
    const char swapped = a[i];
    a[i] = b[i];
    b[i] = swapped;
  }
}

/* a rollout that is unpacked and not counted yet */
struct arrival {
  struct recorded_row row;
  int flags;
  bool is_gradient;
  size_t at;                  /* the first of its trajectories in the batch */
  int32_t final_observations; /* before it */
};

static muster_status check_room(const struct learner *learner, size_t n) {
  const struct asynchronous_learner *async = asynchronous_of(learner);
  if (async->trajectories + (int64_t)n <= async->capacity) return MUSTER_OK;
  return status_error(MUSTER_ERROR_FORMAT, "%lld trajectories wait, and there is no room for %zu more",
                      (long long)async->trajectories, n);
}

/* unpacks the rollout of a message behind what is unpacked of this arrival so far */
static void unpack(struct learner *learner, const struct message *message, struct arrival *arrival) {
  struct trajectory *batch = &learner->gathering->batch;
  const bool is_gradient = message->kind == MESSAGE_GRADIENT;
  trajectory_unpack(message_content(message), is_gradient ? TRAJECTORY_OUTCOME : TRAJECTORY_WHOLE,
                    (size_t)message->n_envs, (size_t)message->first_env, batch,
                    arrival->at + (size_t)(message->first_env - arrival->row.first_env));
  arrival->flags |= message->flags;
  arrival->is_gradient = is_gradient;
}

/* the final observations from `first` on, in the order in which one rollout would have them: of steps, then of
 * environments */
static void sort_final_observations(struct trajectory *batch, int32_t first) {
  struct final_observations *list = &batch->final_observations;
  void *arrays[FINAL_FIELD_COUNT];
  trajectory_list_final_observations(batch, arrays);
  for (int32_t i = first + 1; i < list->count; i++)
    for (int32_t k = i; k > first; k--) {
      const bool is_later = list->step[k] > list->step[k - 1];
      const bool is_same = list->step[k] == list->step[k - 1];
      if (is_later || (is_same && list->environment[k] > list->environment[k - 1])) break;
      for (int f = 0; f < FINAL_FIELD_COUNT; f++) {
        const size_t bytes = trajectory_final_bytes(batch, f);
        char *later = (char *)arrays[f] + (size_t)k * bytes;
        swap_bytes(later, later - bytes, bytes);
      }
    }
}

/* unpacks the messages that a row of the repeated schedule is made of */
static muster_status unpack_row(struct learner *learner, struct arrival *arrival) {
  const int64_t end = arrival->row.first_env + arrival->row.n_envs;
  for (int64_t env = arrival->row.first_env; env < end;) {
    struct kept_message *kept;
    MUSTER_TRY(repeated_schedule_find(learner->run->repeated, env, arrival->row.rollout, &kept));
    unpack(learner, &kept->message, arrival);
    env += kept->message.n_envs;
    free(kept);
  }
  sort_final_observations(&learner->gathering->batch, arrival->final_observations);
  return MUSTER_OK;
}

/* counts the rollout; it stays in the batch if it is learned from */
static void count_arrival(struct learner *learner, const struct arrival *arrival) {
  struct asynchronous_learner *async = learner->schedule_data;
  struct trajectory *batch = &learner->gathering->batch;
  const size_t n = (size_t)arrival->row.n_envs;
  struct trajectory rollout = trajectory_window(batch, arrival->at, n);
  rollout.first_env = (size_t)arrival->row.first_env;
  episodes_add_rollout(&learner->episodes, &rollout);
  learner->total_steps += trajectory_steps(&rollout);
  learner->collected_steps = learner->total_steps;
  for (size_t i = 0; i < n; i++) learner->env_restarts += rollout.restarts[i];

  const bool has_faults = (arrival->flags & FLAG_FAULT) != 0;
  const bool is_old =
      !arrival->is_gradient && learner->iteration - arrival->row.version > learner->run->needs.max_policy_lag;
  learner->skipped_updates += has_faults;
  learner->policy_lag.dropped += is_old && !has_faults ? (int64_t)n : 0;
  if (has_faults || is_old || arrival->is_gradient) {
    batch->final_observations.count = arrival->final_observations;
    return;
  }
  normalizer_scale_rewards(&learner->normalizer, &rollout);
  for (size_t i = 0; i < n; i++) async->versions[arrival->at + i] = arrival->row.version;
  set_trajectories(learner, async->trajectories + (int64_t)n);
}

static struct recorded_row row_of(const struct learner *learner, const struct message *message) {
  return (struct recorded_row){message->first_env, message->n_envs, message->rollouts, message->version,
                               learner->iteration + 1};
}

muster_status asynchronous_take_rollout(struct learner *learner, const struct held_message *taken, int64_t *version) {
  struct asynchronous_learner *async = learner->schedule_data;
  struct trajectory *batch = &learner->gathering->batch;
  struct arrival arrival = {.row = taken->row != NULL ? *taken->row : row_of(learner, taken->message),
                            .at = (size_t)async->trajectories,
                            .final_observations = batch->final_observations.count};
  phases_enter(learner->run->phases, PHASE_TAKE, learner->iteration + 1);
  MUSTER_TRY(check_room(learner, (size_t)arrival.row.n_envs));
  batch->first_env = learner->run->schedule->limits_rates ? (size_t)arrival.row.first_env : 0;
  if (taken->row == NULL) {
    asynchronous_note_message(learner, taken->rank, taken->message);
    unpack(learner, taken->message, &arrival);
    MUSTER_TRY(channel_credit(learner->transport->channel, taken->rank));
  } else {
    MUSTER_TRY(unpack_row(learner, &arrival));
    if (arrival.row.rollout > async->rollouts) async->rollouts = arrival.row.rollout;
  }
  count_arrival(learner, &arrival);
  recorded_schedule_add(&learner->recorded, &arrival.row);
  *version = arrival.row.version;
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
    const bool is_final = i >= STEP_FIELD_COUNT,
               is_there = !is_final || batch->final_field[i - STEP_FIELD_COUNT].bytes > 0;
    if (arrays[i].range.kind != RANGE_IS_MISSING && is_there) list[listed++] = arrays[i];
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
