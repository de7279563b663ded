#include "train/repeated_schedule.h"

#include "train/run.h"
#include "train/schedule.h"

#include <stdlib.h>

/* --- the table --- */

/* an error of row i */
static muster_status row_error(int64_t i, const char *what) {
  return status_error(MUSTER_ERROR_USAGE, "--replay-schedule: row %lld of the schedule %s", (long long)i, what);
}

static muster_status check_break(const struct recorded_row *row) {
  const char *what = row->first_env == RECORDED_STATES_LOST
                         ? "a rank was lost, and with it the states of its environments"
                         : "the run was resumed with other options";
  return status_error(MUSTER_ERROR_USAGE,
                      "--replay-schedule: before update %lld %s: from there on it cannot be repeated",
                      (long long)row->update, what);
}

/* Every environment goes on where it was; nothing comes before its policy does. last[environments]: their rollouts and
 * versions so far. */
static muster_status check_rows(const struct repeated_schedule *schedule, int64_t environments,
                                struct recorded_row *last) {
  int64_t update = 1;
  for (int64_t i = 0; i < schedule->n; i++) {
    const struct recorded_row *row = &schedule->rows[i];
    if (row->n_envs == 0) return check_break(row);
    if (row->n_envs > environments || row->first_env > environments - row->n_envs)
      return row_error(i, "has environments that this run does not have");
    if (row->update < update || row->version >= row->update) return row_error(i, "comes before its policy does");
    update = row->update;
    for (int64_t env = row->first_env; env < row->first_env + row->n_envs; env++) {
      if (row->rollout <= last[env].rollout || row->version < last[env].version)
        return row_error(i, "goes back in the rollouts of an environment");
      last[env] = *row;
    }
  }
  return MUSTER_OK;
}

/* takes off the rows that say that the run is finished; where there is none, it was interrupted */
static muster_status find_end(struct repeated_schedule *schedule, const struct run_config *config) {
  int64_t n = schedule->n;
  while (n > 0 && schedule->rows[n - 1].n_envs == 0 && schedule->rows[n - 1].first_env == RECORDED_END) n--;
  if (n < schedule->n) {
    schedule->updates = schedule->rows[n].update - 1;
    schedule->n = n;
    return MUSTER_OK;
  }
  const int64_t n_steps = (int64_t)algorithm_needs(run_config_algorithm(config), config->algorithm).n_steps;
  int64_t steps = 0;
  for (int64_t i = 0; i < n; i++) steps += schedule->rows[i].n_envs * n_steps;
  return status_error(MUSTER_ERROR_USAGE,
                      "--replay-schedule: the schedule ends after %lld of %lld steps: expects that of a run that is "
                      "finished",
                      (long long)steps, (long long)config->general.total_steps);
}

static muster_status check_config(const struct run_config *before, const struct run_config *config) {
  char difference[3 * OPTION_STRING_SIZE];
  if (!schedule_of(config)->records_schedule)
    return status_error(MUSTER_ERROR_USAGE,
                        "--replay-schedule: there is no schedule to be repeated in a run of this config; expects an "
                        "algorithm whose actors do not wait, and send trajectories");
  if (!run_config_cannot_repeat(before, config, difference, sizeof difference)) return MUSTER_OK;
  return status_error(MUSTER_ERROR_USAGE,
                      "--replay-schedule: in that run %s; expects the same options, but for those of ranks, run, "
                      "checkpoint and evaluation",
                      difference);
}

static muster_status check_all(struct repeated_schedule *schedule, const struct run_config *before,
                               const struct run_config *config) {
  MUSTER_TRY(check_config(before, config));
  MUSTER_TRY(find_end(schedule, config));
  struct recorded_row *last = calloc((size_t)config->env.num_envs, sizeof *last);
  if (last == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory: a schedule");
  muster_status status = check_rows(schedule, config->env.num_envs, last);
  free(last);
  return status;
}

muster_status repeated_schedule_read(const char *run_folder, const struct run_config *config,
                                     struct repeated_schedule *schedule) {
  struct run_config *before = malloc(sizeof *before);
  if (before == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory: a schedule");
  muster_status status = recorded_schedule_read(run_folder, before, &schedule->rows, &schedule->n);
  if (status == MUSTER_OK) status = check_all(schedule, before, config);
  free(before);
  return status;
}

/* --- an actor --- */

static muster_status create_part(struct actor *actor, struct env_range range, struct actor *part) {
  struct run *run = actor->run;
  const struct env_range whole = topology_envs(&run->topology, run->topology.rank);
  *part = *actor;
  part->pool = NULL;
  MUSTER_TRY(run_create_pool(run, range, &part->pool));
  part->rollout = &part->own;
  MUSTER_TRY(
      trajectory_create(env_pool_spec(part->pool), (size_t)range.count, run->needs.n_steps, run->arena, part->rollout));
  part->rollout->first_env = (size_t)range.first;
  part->first_row = (uint32_t)range.first * (uint32_t)part->rollout->agents;
  part->env_states = actor->env_states + (size_t)(range.first - whole.first) * run->env_state_bytes;
  return ARENA_TAKE(run->arena, part->rollout->n_rows * part->rollout->action_bytes, "actions", &part->actions);
}

muster_status repeated_schedule_divide(struct repeated_schedule *schedule, struct actor *actor) {
  const struct topology *topology = &actor->run->topology;
  const struct env_range whole = topology_envs(topology, topology->rank);
  const int32_t end = whole.first + whole.count;
  int n = 1;
  for (int32_t env = whole.first + 1; env < end; env++) n += schedule->cuts[env];
  MUSTER_TRY(ARENA_TAKE(actor->run->arena, (size_t)n, "parts of environments", &schedule->parts));
  if (n == 1) schedule->parts[0] = *actor;
  for (int32_t env = whole.first; n > 1 && env < end;) {
    int32_t next = env + 1;
    while (next < end && !schedule->cuts[next]) next++;
    MUSTER_TRY(create_part(actor, (struct env_range){env, next - env}, &schedule->parts[schedule->n_parts]));
    schedule->n_parts++;
    env = next;
  }
  schedule->n_parts = n;
  return MUSTER_OK;
}
