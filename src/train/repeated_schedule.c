#include "train/repeated_schedule.h"

#include <stdlib.h>
#include <string.h>

/* --- on every rank --- */

struct version_of_row {
  int64_t version, row;
};

static int compare_versions(const void *a, const void *b) {
  const struct version_of_row *first = a, *second = b;
  if (first->version != second->version) return first->version < second->version ? -1 : 1;
  return first->row < second->row ? -1 : first->row > second->row;
}

static muster_status prepare(struct repeated_schedule *schedule) {
  const size_t n = (size_t)schedule->n;
  struct version_of_row *sorted = malloc((n + 1) * sizeof *sorted);
  schedule->order = malloc((n + 1) * sizeof *schedule->order);
  schedule->cuts = calloc((size_t)schedule->environments + 1, 1);
  if (sorted == NULL || schedule->order == NULL || schedule->cuts == NULL) {
    free(sorted);
    return status_error(MUSTER_ERROR_MEMORY, "out of memory: a schedule of %zu rows", n);
  }
  for (size_t i = 0; i < n; i++) {
    const struct recorded_row *row = &schedule->rows[i];
    sorted[i] = (struct version_of_row){row->version, (int64_t)i};
    schedule->cuts[row->first_env] = schedule->cuts[row->first_env + row->n_envs] = 1;
  }
  qsort(sorted, n, sizeof *sorted, compare_versions);
  for (size_t i = 0; i < n; i++) schedule->order[i] = sorted[i].row;
  free(sorted);
  return MUSTER_OK;
}

muster_status repeated_schedule_share(struct comm *comm, int leader, int64_t environments,
                                      struct repeated_schedule *schedule) {
  muster_status status = MUSTER_OK;
  schedule->environments = environments;
  MUSTER_TRY(comm_broadcast(comm, &schedule->n, sizeof schedule->n, leader));
  MUSTER_TRY(comm_broadcast(comm, &schedule->updates, sizeof schedule->updates, leader));
  if (comm_rank(comm) != leader) schedule->rows = malloc(((size_t)schedule->n + 1) * sizeof *schedule->rows);
  if (schedule->rows == NULL)
    status = status_error(MUSTER_ERROR_MEMORY, "out of memory: a schedule of %lld rows", (long long)schedule->n);
  MUSTER_TRY(comm_agree(comm, status));
  MUSTER_TRY(comm_broadcast(comm, schedule->rows, (size_t)schedule->n * sizeof *schedule->rows, leader));
  return comm_agree(comm, prepare(schedule));
}

void repeated_schedule_release(struct repeated_schedule *schedule) {
  for (int i = 0; schedule->n_parts > 1 && i < schedule->n_parts; i++) env_pool_destroy(&schedule->parts[i].pool);
  schedule->n_parts = 0;
  while (schedule->kept != NULL) {
    struct kept_message *next = schedule->kept->next;
    free(schedule->kept);
    schedule->kept = next;
  }
  free(schedule->rows);
  free(schedule->order);
  free(schedule->cuts);
  schedule->rows = NULL;
  schedule->order = NULL;
  schedule->cuts = NULL;
}

/* --- an actor --- */

static bool is_of_row(const struct actor *part, const struct recorded_row *row) {
  const int64_t first = (int64_t)part->rollout->first_env;
  return first >= row->first_env && first < row->first_env + row->n_envs;
}

struct actor *repeated_schedule_due(struct repeated_schedule *schedule, int64_t version) {
  for (; schedule->at < schedule->n; schedule->at++, schedule->at_part = 0) {
    const struct recorded_row *row = &schedule->rows[schedule->order[schedule->at]];
    for (; schedule->at_part < schedule->n_parts; schedule->at_part++) {
      struct actor *part = &schedule->parts[schedule->at_part];
      if (!is_of_row(part, row)) continue;
      if (row->version != version) return NULL;
      part->rollouts = row->rollout - 1;
      schedule->at_part++;
      return part;
    }
  }
  return NULL;
}

/* --- the learner --- */

bool repeated_schedule_awaits(struct repeated_schedule *schedule, int64_t version) {
  for (; schedule->expected_rows < schedule->n; schedule->expected_rows++) {
    const struct recorded_row *row = &schedule->rows[schedule->order[schedule->expected_rows]];
    if (row->version > version) break;
    schedule->expected += row->n_envs;
  }
  return schedule->arrived < schedule->expected;
}

muster_status repeated_schedule_keep(struct repeated_schedule *schedule, const struct message *message, size_t bytes) {
  struct kept_message *kept = malloc(offsetof(struct kept_message, message) + bytes);
  if (kept == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory: trajectories that come later");
  memcpy(&kept->message, message, bytes);
  kept->next = schedule->kept;
  schedule->kept = kept;
  schedule->arrived += message->n_envs;
  return MUSTER_OK;
}

const struct recorded_row *repeated_schedule_next(struct repeated_schedule *schedule, int64_t update) {
  if (schedule->taken == schedule->n || schedule->rows[schedule->taken].update != update) return NULL;
  return &schedule->rows[schedule->taken++];
}

muster_status repeated_schedule_find(struct repeated_schedule *schedule, int64_t first_env, int64_t rollout,
                                     struct kept_message **found) {
  for (struct kept_message **place = &schedule->kept; *place != NULL; place = &(*place)->next) {
    if ((*place)->message.first_env != first_env || (*place)->message.rollouts != rollout) continue;
    *found = *place;
    *place = (*place)->next;
    return MUSTER_OK;
  }
  return status_error(MUSTER_ERROR_INTERNAL, "rollout %lld of environment %lld has not come", (long long)rollout,
                      (long long)first_env);
}
