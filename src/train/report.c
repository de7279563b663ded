#include "train/report.h"

#include "base/clock.h"
#include "base/terminal.h"
#include "muster/version.h"
#include "setup/build.h"
#include "setup/changes.h"
#include "setup/hyperparameters.h"
#include "store/durable.h"
#include "store/json.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* columns before those of the algorithm */
static const char *const general_columns[] = {
    "time/iterations",
    "time/total_timesteps",
    "time/time_elapsed",
    "time/fps",
    "rollout/ep_rew_mean",
    "rollout/ep_rew_std",
    "rollout/ep_len_mean",
    "eval/mean_reward",
    "eval/std_reward",
    "eval/mean_ep_length",
    "time/rollout_seconds",
    "time/rollout_seconds_mean",
    "time/rollout_seconds_min",
    "time/wait_seconds",
    "time/gather_seconds",
    "time/advantages_seconds",
    "time/update_seconds",
    "time/broadcast_seconds",
    "time/checkpoint_seconds",
    "time/evaluation_seconds",
    "time/other_seconds",
    "train/skipped_updates",
    "env/restarts",
};
#define GENERAL_COLUMNS (sizeof general_columns / sizeof *general_columns)

/* of schedules that report them */
static const char *const lag_columns[] = {"train/policy_lag_min", "train/policy_lag_mean", "train/policy_lag_max",
                                          "train/dropped_trajectories"};
#define LAG_COLUMNS (sizeof lag_columns / sizeof *lag_columns)

/* where a rate limiter keeps a ratio */
static const char *const rate_columns[] = {"replay/samples_per_insert", "replay/steps_ahead", "replay/waits_for_steps",
                                           "replay/waits_for_updates"};
#define RATE_COLUMNS (sizeof rate_columns / sizeof *rate_columns)

/* where criteria may end the run before total_steps */
static const char *const stop_columns[] = {"stop/criterion", "stop/evaluations_without_gain"};
#define STOP_COLUMNS (sizeof stop_columns / sizeof *stop_columns)

/* where rollouts may end before all actors are done */
static const char cut_column[] = "rollout/cut_fraction";

void report_init(struct report *report, const struct run_config *config, const struct algorithm_type *algorithm,
                 double reward_threshold, bool tells_lag, bool tells_rates, struct stages *stages) {
  *report = (struct report){
      .config = config,
      .algorithm = algorithm,
      .terminal = terminal_is_watched(),
      .start = clock_seconds(),
      .tells_lag = tells_lag,
      .tells_rates = tells_rates,
      .reward_threshold = reward_threshold,
      .keep_rows = -1,
      .solved_steps = -1,
      .solved_seconds = NAN,
      .stages = stages,
  };
  report->last_row = report->start;
}

static muster_status list_columns(struct report *report, struct arena *arena) {
  MUSTER_TRY(ARENA_TAKE(arena, GENERAL_COLUMNS + 1 + STOP_COLUMNS + LAG_COLUMNS + RATE_COLUMNS + ALGORITHM_MAX_METRICS,
                        "columns", &report->columns));
  int n = 0;
  for (size_t i = 0; i < GENERAL_COLUMNS; i++) report->columns[n++] = general_columns[i];
  if (report->config->loop.straggler_fraction < 1) report->columns[n++] = cut_column;
  for (size_t i = 0; report->tells_stop && i < STOP_COLUMNS; i++) report->columns[n++] = stop_columns[i];
  for (size_t i = 0; report->tells_lag && i < LAG_COLUMNS; i++) report->columns[n++] = lag_columns[i];
  for (size_t i = 0; report->tells_rates && i < RATE_COLUMNS; i++) report->columns[n++] = rate_columns[i];
  for (const char *const *metric = report->algorithm->metrics; *metric != NULL; metric++)
    report->columns[n++] = *metric;
  report->n_columns = n;
  return MUSTER_OK;
}

static muster_status open_events(struct report *report, const struct run_folder *folder, bool resumes) {
  if (resumes) MUSTER_TRY(events_cut_back(folder->place, report->told_steps));
  if (!report->config->run.tensorboard) return MUSTER_OK;
  struct hyperparameter *list = malloc(HYPERPARAMETERS_MAX * sizeof *list);
  if (list == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory: hyper-parameters for TensorBoard");
  size_t n = hyperparameters_list(report->config, list);
  muster_status status = events_open(folder->place, list, n, resumes ? report->told_steps : -1,
                                     (size_t)report->n_columns, &report->events);
  free(list);
  return status;
}

muster_status report_open(struct report *report, const struct run_folder *folder, struct arena *arena,
                          int64_t *missing_rows) {
  const int64_t keep_rows = report->keep_rows;
  /* the criteria may be changed in a run, but not the columns of its metrics */
  report->tells_stop = run_config_has_stop(report->config);
  if (keep_rows >= 0) MUSTER_TRY(metrics_has_column(folder->metrics, stop_columns[0], &report->tells_stop));
  MUSTER_TRY(list_columns(report, arena));
  MUSTER_TRY(metrics_open(folder->metrics, report->columns, report->n_columns, keep_rows, &report->metrics));
  *missing_rows = keep_rows - metrics_rows(report->metrics);
  if (*missing_rows < 0) *missing_rows = 0;
  return open_events(report, folder, keep_rows >= 0);
}

void report_close(struct report *report) {
  metrics_close(&report->metrics);
  events_close(&report->events);
}

double report_seconds(const struct report *report) { return report->earlier_seconds + clock_seconds() - report->start; }

void report_rollout(struct report *report, const struct gather_work *work, int actors) {
  report->rollout.min += work->shortest;
  report->rollout.mean += work->sum / actors;
  report->rollout.max += work->longest;
}

/* seconds since the last row: of rollouts those of the actors, else the learner's own */
static void set_seconds(struct report *report) {
  struct metrics *metrics = report->metrics;
  stages_total(report->stages);
  for (int stage = STAGE_ROLLOUT + 1; stage < STAGES; stage++) {
    char column[64];
    snprintf(column, sizeof column, "time/%s_seconds", stage_names[stage]);
    metrics_set(metrics, column, report->stages->seconds[stage] - report->row_seconds[stage]);
  }
  metrics_set(metrics, "time/rollout_seconds", report->rollout.max);
  metrics_set(metrics, "time/rollout_seconds_mean", report->rollout.mean);
  metrics_set(metrics, "time/rollout_seconds_min", report->rollout.min);
  memset(&report->rollout, 0, sizeof report->rollout);
  memcpy(report->row_seconds, report->stages->seconds, sizeof report->row_seconds);
}

/* the first failure; a second one is dropped */
static muster_status first_failure(muster_status first, muster_status second) {
  if (first == MUSTER_OK) return second;
  muster_status_clear(&second);
  return first;
}

/* the current row goes to metrics.csv and to TensorBoard; where one of them cannot be written the other still is */
static muster_status end_row(struct report *report, int64_t total_steps) {
  muster_status status = MUSTER_OK;
  if (report->events != NULL)
    status = events_add_scalars(report->events, total_steps, report->columns, metrics_row(report->metrics),
                                (size_t)report->n_columns);
  return first_failure(status, metrics_end_row(report->metrics));
}

static void set_lag(struct report *report, struct policy_lag *lag) {
  const double n = (double)lag->trajectories;
  metrics_set(report->metrics, "train/policy_lag_min", n > 0 ? (double)lag->min : (double)NAN);
  metrics_set(report->metrics, "train/policy_lag_mean", n > 0 ? lag->sum / n : (double)NAN);
  metrics_set(report->metrics, "train/policy_lag_max", n > 0 ? (double)lag->max : (double)NAN);
  metrics_set(report->metrics, "train/dropped_trajectories", (double)lag->dropped);
  *lag = (struct policy_lag){.dropped = lag->dropped};
}

/* steps_ahead: of what the updates so far allow; negative where the updates are ahead */
static void set_rates(struct metrics *metrics, const struct rate_limiter *limiter) {
  metrics_set(metrics, "replay/samples_per_insert", rate_limiter_reached(limiter));
  metrics_set(metrics, "replay/steps_ahead", rate_limiter_balance(limiter) / limiter->samples_per_insert);
  metrics_set(metrics, "replay/waits_for_steps", (double)limiter->waits_for_steps);
  metrics_set(metrics, "replay/waits_for_updates", (double)limiter->waits_for_updates);
}

static void set_stopping(const struct report *report, const struct stopping *stopping) {
  if (!report->tells_stop) return;
  metrics_set(report->metrics, stop_columns[0], (double)stopping->criterion);
  metrics_set(report->metrics, stop_columns[1], (double)stopping->without_gain);
}

/* what all rows have */
static void begin_row(struct report *report, int64_t iteration, int64_t total_steps) {
  metrics_set(report->metrics, "time/iterations", (double)iteration);
  metrics_set(report->metrics, "time/total_timesteps", (double)total_steps);
  metrics_set(report->metrics, "time/time_elapsed", report_seconds(report));
}

static void set_evaluation(struct metrics *metrics, const struct evaluation *evaluation) {
  metrics_set(metrics, "eval/mean_reward", evaluation->mean_return);
  metrics_set(metrics, "eval/std_reward", evaluation->std_return);
  metrics_set(metrics, "eval/mean_ep_length", evaluation->mean_length);
}

static muster_status write_row(struct report *report, const struct iteration_report *iteration, double now) {
  struct metrics *metrics = report->metrics;
  begin_row(report, iteration->iteration, iteration->total_steps);
  metrics_set(metrics, "time/fps",
              (double)(iteration->total_steps - report->last_row_steps) / (now - report->last_row));
  metrics_set(metrics, "rollout/ep_rew_mean", iteration->episodes.mean_return);
  metrics_set(metrics, "rollout/ep_rew_std", iteration->episodes.std_return);
  metrics_set(metrics, "rollout/ep_len_mean", iteration->episodes.mean_length);
  if (iteration->evaluation != NULL) set_evaluation(metrics, iteration->evaluation);
  set_seconds(report);
  if (report->config->loop.straggler_fraction < 1)
    metrics_set(metrics, cut_column, 1.0 - (double)report->steps.made / (double)report->steps.whole);
  memset(&report->steps, 0, sizeof report->steps);
  metrics_set(metrics, "train/skipped_updates", (double)iteration->skipped_updates);
  metrics_set(metrics, "env/restarts", (double)iteration->env_restarts);
  set_stopping(report, iteration->stopping);
  if (report->tells_lag) set_lag(report, iteration->lag);
  if (report->tells_rates) set_rates(metrics, iteration->limiter);
  for (int i = 0; report->algorithm->metrics[i] != NULL; i++)
    metrics_set(metrics, report->algorithm->metrics[i], iteration->algorithm_metrics[i]);
  report->last_row = now;
  report->last_row_steps = iteration->total_steps;
  return end_row(report, iteration->total_steps);
}

/* an algorithm's metric by name, NAN where it has none */
static double algorithm_metric(const struct report *report, const double *values, const char *name) {
  for (int i = 0; report->algorithm->metrics[i] != NULL; i++)
    if (strcmp(report->algorithm->metrics[i], name) == 0) return values[i];
  return NAN;
}

static void show_progress(struct report *report, const struct iteration_report *iteration, double now, bool last) {
  double interval = report->terminal ? 0.1 : 5.0;
  if (!last && now - report->last_shown < interval) return;
  report->last_shown = now;
  double elapsed = now - report->start, total = (double)report->config->general.total_steps;
  double fps = (double)(iteration->total_steps - report->earlier_steps) / elapsed;
  double left = fmax(0.0, (total - (double)iteration->total_steps) / fps);
  char steps[32], rate[32], time_left[32];
  terminal_format_count((double)iteration->total_steps, steps, sizeof steps);
  terminal_format_count(fps, rate, sizeof rate);
  terminal_format_seconds(left, time_left, sizeof time_left);
  char line[256], mean_return[32] = "", divergence[32] = "", exploration[32] = "";
  if (!isnan(iteration->episodes.mean_return))
    snprintf(mean_return, sizeof mean_return, " | return %.1f", iteration->episodes.mean_return);
  double kl = algorithm_metric(report, iteration->algorithm_metrics, "train/approx_kl");
  if (!isnan(kl)) snprintf(divergence, sizeof divergence, " | kl %.4f", kl);
  double epsilon = algorithm_metric(report, iteration->algorithm_metrics, "rollout/exploration_rate");
  if (!isnan(epsilon)) snprintf(exploration, sizeof exploration, " | epsilon %.2f", epsilon);
  snprintf(line, sizeof line, "iteration %lld | %s steps (%.0f %%) | %s steps/s%s%s%s | %s left",
           (long long)iteration->iteration, steps, fmin(100.0, 100.0 * (double)iteration->total_steps / total), rate,
           mean_return, divergence, exploration, time_left);
  terminal_show_progress(report->terminal, line, last);
}

static void note_solved(struct report *report, const struct iteration_report *iteration) {
  if (report->solved_steps >= 0 || iteration->episodes.count < EPISODES_WINDOW) return;
  if (!(iteration->episodes.mean_return >= report->reward_threshold)) return;
  report->solved_steps = iteration->total_steps;
  report->solved_seconds = report_seconds(report);
}

muster_status report_iteration(struct report *report, const struct iteration_report *iteration, bool last) {
  note_solved(report, iteration);
  report->steps.made += iteration->steps;
  report->steps.whole += iteration->whole_steps;
  double now = clock_seconds();
  const int64_t interval = report->config->run.log_interval;
  bool due = iteration->iteration / interval > report->told_iteration / interval || iteration->evaluation != NULL ||
             iteration->owes_evaluation || last;
  report->told_iteration = iteration->iteration;
  muster_status status = due ? write_row(report, iteration, now) : MUSTER_OK;
  if (report->events != NULL) status = first_failure(status, events_flush(report->events));
  show_progress(report, iteration, now, last);
  return status;
}

/* the numbers of an evaluation whose row TensorBoard has already */
static muster_status add_evaluation_scalars(struct report *report, int64_t total_steps,
                                            const struct evaluation *evaluation) {
  const char *tags[] = {"eval/mean_reward", "eval/std_reward", "eval/mean_ep_length"};
  const double values[] = {evaluation->mean_return, evaluation->std_return, evaluation->mean_length};
  return report->events != NULL ? events_add_scalars(report->events, total_steps, tags, values, 3) : MUSTER_OK;
}

muster_status report_evaluation(struct report *report, int64_t iteration, int64_t total_steps,
                                const struct evaluation *evaluation, const struct stopping *stopping) {
  struct metrics *metrics = report->metrics;
  bool has_row;
  MUSTER_TRY(metrics_reopen_row(metrics, "time/iterations", (double)iteration, &has_row));
  if (!has_row) begin_row(report, iteration, total_steps);
  const int64_t row_steps = (int64_t)metrics_get(metrics, "time/total_timesteps");
  set_evaluation(metrics, evaluation);
  set_stopping(report, stopping);
  if (!has_row) return end_row(report, total_steps);
  return first_failure(add_evaluation_scalars(report, row_steps, evaluation), metrics_end_row(metrics));
}

muster_status report_sync(struct report *report) {
  MUSTER_TRY(metrics_sync(report->metrics));
  return report->events != NULL ? events_sync(report->events) : MUSTER_OK;
}

muster_status report_end(struct report *report, int64_t total_steps) {
  if (report->events == NULL) return MUSTER_OK;
  MUSTER_TRY(events_add_end(report->events, total_steps));
  return events_sync(report->events);
}

static void write_evaluation(struct json *json, const struct evaluation *evaluation) {
  if (evaluation == NULL) {
    json_number(json, "final_evaluation", NAN);
    return;
  }
  json_open_object(json, "final_evaluation");
  json_int(json, "episodes", evaluation->episodes);
  json_int(json, "cut_episodes", evaluation->cut);
  json_number(json, "mean_return", evaluation->mean_return);
  json_number(json, "std_return", evaluation->std_return);
  json_number(json, "min_return", evaluation->min_return);
  json_number(json, "max_return", evaluation->max_return);
  json_number(json, "mean_length", evaluation->mean_length);
  json_close_object(json);
}

/* the most memory that this process has had resident */
static double peak_memory_mb(void) {
  struct rusage usage;
  return getrusage(RUSAGE_SELF, &usage) == 0 ? (double)usage.ru_maxrss / 1024.0 : (double)NAN;
}

/* what was changed when the run was resumed, and what it began from */
static void write_origins(struct json *json, const struct run_config *config) {
  const struct train_options *train = &config->train;
  json_open_array(json, "changes");
  for (int32_t i = 0; i < train->changes.count; i++) {
    const struct noted_change change = noted_change_read(config, i);
    json_open_object(json, NULL);
    json_int(json, "steps", change.steps);
    json_string(json, "key", change.key);
    json_string(json, "before", change.before);
    json_close_object(json);
  }
  json_close_array(json);
  if (train->from[0] == '\0') {
    json_number(json, "source", NAN);
    return;
  }
  json_open_object(json, "source");
  json_string(json, "from", train->from);
  json_string(json, "digest", train->from_digest);
  if (train->from_steps != OPTION_NULL_INT) json_int(json, "steps", train->from_steps);
  json_close_object(json);
}

muster_status report_write_summary(struct report *report, const struct run_folder *folder,
                                   const struct timings *timings, int64_t total_steps, struct episodes_summary episodes,
                                   bool is_finished, const char *stopped_by,
                                   const struct evaluation *final_evaluation) {
  char *text = NULL;
  size_t length = 0;
  FILE *file = open_memstream(&text, &length);
  if (file == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory: cannot write %s", folder->summary);
  double seconds = report_seconds(report);
  struct json json = json_begin(file);
  json_open_object(&json, NULL);
  json_string(&json, "status", is_finished ? "finished" : "interrupted");
  if (stopped_by != NULL)
    json_string(&json, "stopped_by", stopped_by);
  else
    json_number(&json, "stopped_by", NAN);
  json_string(&json, "env", report->config->env.name);
  json_string(&json, "algorithm", report->config->algorithm_name);
  json_int(&json, "seed", report->config->general.seed);
  json_int(&json, "ranks", timings->topology->ranks);
  json_int(&json, "num_envs", report->config->env.num_envs);
  json_int(&json, "total_steps", total_steps);
  json_number(&json, "wall_seconds", seconds);
  json_number(&json, "steps_per_second", (double)total_steps / seconds);
  timings_write(&json, timings);
  json_int(&json, "rollout_messages", report->rollout_messages);
  json_number(&json, "peak_memory_mb", peak_memory_mb());
  json_number(&json, "mean_return", episodes.mean_return);
  json_number(&json, "std_return", episodes.std_return);
  json_int(&json, "episodes", episodes.count);
  if (report->solved_steps >= 0)
    json_int(&json, "solved_at_steps", report->solved_steps);
  else
    json_number(&json, "solved_at_steps", NAN);
  json_number(&json, "solved_at_seconds", report->solved_seconds);
  write_evaluation(&json, final_evaluation);
  write_origins(&json, report->config);
  json_string(&json, "version", MUSTER_VERSION);
  json_string(&json, "git_hash", run_build_git_hash());
  json_close_object(&json);
  bool failed = ferror(file) != 0;
  muster_status status = fclose(file) != 0 || failed
                             ? status_error(MUSTER_ERROR_MEMORY, "out of memory: cannot write %s", folder->summary)
                             : durable_write(folder->summary, text, length);
  free(text);
  return status;
}
