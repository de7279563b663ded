#include "train/run_checkpoint.h"

#include "base/clock.h"
#include "config/text.h"
#include "math/linear.h"
#include "muster/version.h"
#include "setup/build.h"
#include "setup/spaces.h"
#include "train/replay_restore.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RUN_CHECKPOINT_MAX_TENSORS (LEARNER_MAX_STATE + EPISODES_STATE + SCHEDULE_MAX_STATE + STOPPING_STATE + 14)

/* numbers that are in no variable that a tensor could point to */
struct progress {
  int64_t metrics_rows;
  double wall_seconds;
};

/* checkpoints of version 0.1 do not have these */
static const char best_is_evaluation[] = "progress/best_is_evaluation", owes_evaluation[] = "progress/owes_evaluation",
                  recorded_rows[] = "progress/recorded_rows";

/* they come first: ranges of others depend on them */
static int list_counters(struct learner *learner, struct tensor *list) {
  const double most_iterations = RANGE_COUNT_MAX / (double)learner->run->needs.n_steps;
  list[0] = (struct tensor){"progress/iteration", TENSOR_I64, 0, {0}, &learner->iteration, RANGE(0, most_iterations)};
  list[1] = (struct tensor){"progress/total_steps", TENSOR_I64, 0, {0}, &learner->total_steps, RANGE_COUNT};
  return 2;
}

/* lists the whole state as tensors in live memory, which the writer reads and the reader fills */
static int list_state(struct learner *learner, struct progress *progress, struct tensor *list) {
  int n = learner_state(learner, list);
  n += episodes_state(&learner->episodes, list + n);
  struct run *run = learner->run;
  list[n++] = (struct tensor){
      "environments/states",          TENSOR_U8, 2, {(size_t)run->config.env.num_envs, run->env_state_bytes},
      learner->gathering->env_states, RANGE_ANY};
  n += run->schedule->state(learner, list + n);
  n += list_counters(learner, list + n);
  list[n++] = (struct tensor){"progress/skipped_updates", TENSOR_I64, 0, {0}, &learner->skipped_updates, RANGE_COUNT};
  list[n++] = (struct tensor){"progress/metrics_rows", TENSOR_I64, 0, {0}, &progress->metrics_rows, RANGE_COUNT};
  list[n++] =
      (struct tensor){"progress/wall_seconds", TENSOR_F64, 0, {0}, &progress->wall_seconds, RANGE(0, RANGE_COUNT_MAX)};
  list[n++] = (struct tensor){"progress/best_return", TENSOR_F64, 0, {0}, &learner->best.score, RANGE_ANY};
  list[n++] =
      (struct tensor){"progress/best_steps", TENSOR_I64, 0, {0}, &learner->best.steps, RANGE(-1, RANGE_COUNT_MAX)};
  list[n++] = (struct tensor){best_is_evaluation, TENSOR_I64, 0, {0}, &learner->best.is_evaluation, RANGE(0, 1)};
  list[n++] = (struct tensor){owes_evaluation, TENSOR_I64, 0, {0}, &learner->owes_evaluation, RANGE(0, 1)};
  n += stopping_state(&learner->stopping, list + n);
  if (run->schedule->records_schedule)
    list[n++] = (struct tensor){recorded_rows, TENSOR_I64, 0, {0}, &learner->recorded_rows, RANGE(-1, RANGE_COUNT_MAX)};
  list[n++] = (struct tensor){"progress/solved_steps",   TENSOR_I64, 0, {0}, &learner->report.solved_steps,
                              RANGE(-1, RANGE_COUNT_MAX)};
  list[n++] = (struct tensor){"progress/solved_seconds",       TENSOR_F64, 0, {0}, &learner->report.solved_seconds,
                              RANGE_OR_NAN(0, RANGE_COUNT_MAX)};
  return n;
}

static muster_status write_description(struct learner *learner, struct checkpoint_writer *writer) {
  const struct run_config *config = &learner->run->config;
  MUSTER_TRY(checkpoint_write_text(writer, "about/env", config->env.name));
  MUSTER_TRY(checkpoint_write_text(writer, "about/algorithm", learner->type->name));
  MUSTER_TRY(checkpoint_write_text(writer, "about/distribution", learner->model.head.distribution->name));
  const muster_env_spec *spec = env_pool_spec(learner->run->pool);
  MUSTER_TRY(spaces_write(writer, "spaces/observation", &spec->observation));
  MUSTER_TRY(spaces_write(writer, "spaces/action", &spec->action));
  MUSTER_TRY(checkpoint_write_int(writer, "about/masks_actions", spec->masks_actions));
  MUSTER_TRY(checkpoint_write_int(writer, "about/seed", config->general.seed));
  MUSTER_TRY(checkpoint_write_int(writer, CHECKPOINT_STEPS, learner->total_steps));
  MUSTER_TRY(checkpoint_write_int(writer, "about/ranks", learner->run->topology.ranks));
  MUSTER_TRY(checkpoint_write_float(writer, "about/mean_return", episodes_summarize(&learner->episodes).mean_return));
  MUSTER_TRY(checkpoint_write_text(writer, "about/muster_version", MUSTER_VERSION));
  MUSTER_TRY(checkpoint_write_text(writer, "about/git_hash", run_build_git_hash()));
  MUSTER_TRY(checkpoint_write_text(writer, "about/kernels", linear_selected()));
  char *text;
  MUSTER_TRY(run_config_text(config, &text));
  muster_status status = checkpoint_write_text(writer, "about/config", text);
  free(text);
  return status;
}

static muster_status write_file(struct learner *learner) {
  struct tensor list[RUN_CHECKPOINT_MAX_TENSORS];
  struct progress progress = {metrics_rows(learner->report.metrics), report_seconds(&learner->report)};
  int n = list_state(learner, &progress, list);
  char path[RUN_PATH_SIZE + 96];
  checkpoint_path(learner->folder->checkpoints, learner->total_steps, path, sizeof path);
  struct checkpoint_writer *writer;
  MUSTER_TRY(checkpoint_write_begin(path, &writer));
  muster_status status = write_description(learner, writer);
  for (int i = 0; i < n && status == MUSTER_OK; i++) status = checkpoint_write_tensor(writer, &list[i]);
  if (learner->replay_files.log != NULL && status == MUSTER_OK)
    status = replay_files_add(&learner->replay_files, writer);
  if (status == MUSTER_OK) return checkpoint_write_commit(&writer);
  checkpoint_write_abandon(&writer);
  return status;
}

/* names the best checkpoint best.h5, points `latest` at the newest and removes the oldest; what fails is done again
 * after the next checkpoint */
static muster_status publish(struct learner *learner) {
  const struct checkpoint_options *options = &learner->run->config.checkpoint;
  const char *folder = learner->folder->checkpoints;
  if (options->keep_best && learner->best_waits)
    MUSTER_TRY(checkpoint_keep(folder, learner->best.steps, learner->folder->best));
  learner->best_waits = false;
  MUSTER_TRY(checkpoint_publish(folder, learner->total_steps, options->keep));
  return replay_files_tidy(&learner->replay_files);
}

muster_status run_checkpoint_write(struct learner *learner) {
  /* the rows that the checkpoint counts must be on the disk before it is */
  muster_status status = report_sync(&learner->report);
  if (status == MUSTER_OK) status = recorded_schedule_sync(&learner->recorded);
  learner->recorded_rows = recorded_schedule_rows(&learner->recorded);
  /* and so must be what it needs of the replay */
  if (status == MUSTER_OK) status = replay_files_write(&learner->replay_files);
  if (status == MUSTER_OK) status = write_file(learner);
  if (status != MUSTER_OK) {
    /* the best policy is in no checkpoint: the one before it counts again */
    if (learner->best_is_new) learner->best = learner->previous_best;
    learner->best_is_new = false;
    return status;
  }
  learner->best_waits |= learner->best_is_new;
  learner->best_is_new = false;
  return publish(learner);
}

/* what is to be known of a checkpoint's config */
struct config_before {
  int64_t total_steps;
  bool evaluates_alike, stops_alike; /* as this run does */
};

/* the source of a warm start was noted when the run began */
static void keep_source(struct learner *learner, const struct run_config *before) {
  struct train_options *train = &learner->run->config.train;
  if (train->from_digest[0] == '\0') strcpy(train->from_digest, before->train.from_digest);
  train->from_steps = before->train.from_steps;
}

/* refuses a checkpoint of a config that differs in what decides what is learned, but for what may change */
static muster_status take_changes(struct learner *learner, const struct run_config *before,
                                  const struct allowed_changes *allowed, int64_t steps, const char *path) {
  struct run_config *now = &learner->run->config;
  muster_status status = run_config_take_changes(before, allowed, steps, now);
  if (status == MUSTER_OK) return MUSTER_OK;
  muster_status told = status_error(MUSTER_ERROR_USAGE,
                                    "cannot resume %s: %s: leave it as %s/config.yaml has it, or train anew in another "
                                    "--run-dir",
                                    path, muster_status_message(status), learner->folder->path);
  muster_status_clear(&status);
  return told;
}

/* refuses a checkpoint of a config that differs in what decides what is learned */
static muster_status check_config(struct learner *learner, struct checkpoint_reader *reader, const char *path,
                                  const struct allowed_changes *allowed, struct config_before *known) {
  char *text;
  int64_t steps;
  MUSTER_TRY(checkpoint_read_int(reader, CHECKPOINT_STEPS, &steps));
  MUSTER_TRY(checkpoint_read_text(reader, "about/config", &text));
  struct run_config *before = malloc(sizeof *before);
  muster_status status =
      before == NULL ? status_error(MUSTER_ERROR_MEMORY, "out of memory") : run_config_parse(path, text, before);
  if (status == MUSTER_OK) status = take_changes(learner, before, allowed, steps, path);
  if (status == MUSTER_OK) keep_source(learner, before);
  if (status == MUSTER_OK)
    *known = (struct config_before){.total_steps = before->general.total_steps,
                                    .evaluates_alike = run_config_evaluates_alike(before, &learner->run->config),
                                    .stops_alike = run_config_stops_alike(before, &learner->run->config)};
  free(before);
  free(text);
  return status;
}

/* checkpoints that were passed over on the way to the newest whole one */
struct passed_over {
  const struct logger *logger;
  const struct replay_files *replay_files;
  int files;
};

/* whether all segments of the replay are there that a checkpoint needs */
static muster_status has_replay(struct checkpoint_reader *reader, void *context) {
  const struct replay_files *files = ((struct passed_over *)context)->replay_files;
  if (files->log == NULL || !checkpoint_has(reader, REPLAY_LIST_NUMBERS)) return MUSTER_OK;
  return replay_check(files, reader);
}

static void warn_passed_over(const char *path, bool is_damaged, const char *reason, void *context) {
  struct passed_over *passed_over = context;
  passed_over->files++;
  if (is_damaged)
    log_warn(passed_over->logger, "%s is damaged and set aside (%s)", path, reason);
  else
    log_warn(passed_over->logger, "%s: it is passed over", reason);
}

/* schedules go by the share of total_steps: they have other values when that has changed */
static void tell_schedules(const struct learner *learner, int64_t total_before) {
  const struct run_config *config = &learner->run->config;
  const int64_t total = config->general.total_steps;
  const struct option_table *table = learner->type->options;
  for (const struct option_spec *option = table->options; option->key != NULL && total_before != total; option++) {
    if (option->type != OPTION_SCHEDULE && option->type != OPTION_MAYBE_SCHEDULE) continue;
    const struct option_schedule *schedule = (const void *)(config->algorithm + option->offset);
    if (schedule_is_constant(schedule)) continue;
    char key[TEXT_KEY_SIZE], text[1024];
    option_format(option, config->algorithm, text, sizeof text);
    option_full_key(table, option, key, sizeof key);
    log_warn(&learner->run->logger,
             "%s: %s %s over total_steps, which was %lld and is now %lld: at step %lld it goes on from %g, not "
             "from %g",
             key, text, schedule->linear ? "falls" : "changes", (long long)total_before, (long long)total,
             (long long)learner->total_steps,
             option_schedule_value(schedule, learner_progress_remaining(learner, total)),
             option_schedule_value(schedule, learner_progress_remaining(learner, total_before)));
  }
}

/* the same of the environment's options */
static void tell_curriculum(const struct learner *learner, int64_t total_before) {
  const struct run *run = learner->run;
  const int64_t total = run->config.general.total_steps, steps = learner->total_steps;
  for (int32_t i = 0; i < run->curriculum.count && total_before != total; i++) {
    const struct option_schedule *schedule = &run->curriculum.schedule[i];
    if (schedule_is_constant(schedule)) continue;
    log_warn(&run->logger,
             "env.schedules.%s changes over total_steps, which was %lld and is now %lld: at step %lld it goes on from "
             "%g, not from %g",
             run->curriculum.key[i], (long long)total_before, (long long)total, (long long)steps,
             option_schedule_value(schedule, curriculum_progress_remaining(steps, total)),
             option_schedule_value(schedule, curriculum_progress_remaining(steps, total_before)));
  }
}

/* other kernels round in another way */
static void warn_of_kernels(const struct learner *learner, struct checkpoint_reader *reader) {
  char *before = NULL;
  const char *name = "about/kernels";
  if (!checkpoint_has(reader, name)) return;
  muster_status status = checkpoint_read_text(reader, name, &before);
  if (status == MUSTER_OK && strcmp(before, linear_selected()) != 0)
    log_warn(&learner->run->logger,
             "the checkpoint was computed with the kernels %.40s, and this run goes on with %s: it will end in other "
             "digits than it would have; --set ranks.kernels=%.40s keeps them, where the processor can",
             before, linear_selected(), before);
  muster_status_clear(&status);
  free(before);
}

static bool may_be_missing(const char *tensor) {
  return strcmp(tensor, best_is_evaluation) == 0 || strcmp(tensor, owes_evaluation) == 0 ||
         strcmp(tensor, recorded_rows) == 0 || stopping_has(tensor);
}

static muster_status restore_all(struct checkpoint_reader *reader, const struct tensor *list, int n) {
  for (int i = 0; i < n; i++) {
    if (may_be_missing(list[i].name) && !checkpoint_has(reader, list[i].name)) continue;
    MUSTER_TRY(checkpoint_restore_tensor(reader, &list[i]));
  }
  return MUSTER_OK;
}

/* reads all tensors into the learner; the first ones give the shapes and ranges of others */
static muster_status restore_tensors(struct learner *learner, struct checkpoint_reader *reader, const char *path,
                                     struct progress *progress) {
  struct tensor list[RUN_CHECKPOINT_MAX_TENSORS];
  MUSTER_TRY(restore_all(reader, list, list_counters(learner, list)));
  int64_t steps;
  MUSTER_TRY(checkpoint_read_int(reader, CHECKPOINT_STEPS, &steps));
  if (learner->total_steps != steps)
    return status_error(MUSTER_ERROR_FORMAT, "checkpoint '%s': progress/total_steps is %lld, but %s is %lld", path,
                        (long long)learner->total_steps, CHECKPOINT_STEPS, (long long)steps);
  const struct schedule *schedule = learner->run->schedule;
  MUSTER_TRY(schedule->restore_counts(learner, reader));
  MUSTER_TRY(restore_all(reader, list, list_state(learner, progress, list)));
  if (learner->replay_files.log != NULL)
    MUSTER_TRY(status_wrap(replay_restore(&learner->replay_files, reader), "checkpoint '%s'", path));
  return status_wrap(schedule->restored(learner), "checkpoint '%s'", path);
}

/* takes the status: where options have changed, what does not fit is due to them */
static muster_status blame_changes(const struct learner *learner, int64_t steps, muster_status status) {
  const struct run_config *config = &learner->run->config;
  if (muster_status_code(status) != MUSTER_ERROR_FORMAT) return status;
  for (int32_t i = config->train.changes.count - 1; i >= 0; i--) {
    const struct noted_change change = noted_change_read(config, i);
    if (change.steps != steps) continue;
    muster_status usage = status_error(MUSTER_ERROR_USAGE, "%s, which was %s, cannot change in this run: %s",
                                       change.key, change.before, muster_status_message(status));
    muster_status_clear(&status);
    return usage;
  }
  return status;
}

/* the states of environments with other options are of no use: they start fresh episodes */
static void forget_states(struct learner *learner) {
  struct run *run = learner->run;
  for (size_t n = 0; n < (size_t)run->config.env.num_envs; n++) {
    unsigned char *state = learner->gathering->env_states + n * run->env_state_bytes;
    if (run->needs.whole_episodes)
      env_pool_save_lost(run->pool, (int32_t)n, (uint32_t)learner->iteration, state); /* none has begun to act */
    else
      env_pool_forget(run->pool, state);
  }
  episodes_restart(&learner->episodes);
  normalizer_restart(&learner->normalizer);
}

/* says what has changed, and lets environments begin anew that have */
static void carry_changes(struct learner *learner) {
  const struct run *run = learner->run;
  const struct run_config *config = &run->config;
  for (int32_t i = 0; i < config->train.changes.count; i++) {
    const struct noted_change change = noted_change_read(config, i);
    if (change.steps == learner->total_steps)
      log_info(&run->logger, "from step %lld on %s is another than before, when it was %s", (long long)change.steps,
               change.key, change.before);
  }
  const int64_t steps = learner->total_steps;
  if (run_config_changed(config, "env.options", steps) || run_config_changed(config, "env.max_steps", steps))
    forget_states(learner);
}

/* where evaluations cannot be compared with earlier ones, none is the best */
static void forget_best(struct learner *learner) {
  const struct evaluation_options *options = &learner->run->config.evaluation;
  if (!learner->best.is_evaluation || options->every == 0 || options->episodes == 0) return;
  log_info(&learner->run->logger,
           "evaluations are other ones than before: best.h5 stays until the next one, and is then the best of these");
  learner->best = (struct best){NAN, -1, 0};
  stopping_init(&learner->stopping);
}

/* `*total_before`: the total_steps that the run had */
static muster_status read_state(struct learner *learner, const char *path, const struct allowed_changes *allowed,
                                int64_t *total_before) {
  struct checkpoint_reader *reader;
  MUSTER_TRY(checkpoint_open(path, &reader));
  struct config_before before = {0};
  muster_status status = check_config(learner, reader, path, allowed, &before);
  struct progress progress;
  if (status == MUSTER_OK)
    status = blame_changes(learner, learner->total_steps, restore_tensors(learner, reader, path, &progress));
  if (status == MUSTER_OK) warn_of_kernels(learner, reader);
  checkpoint_close(&reader);
  MUSTER_TRY(status);
  *total_before = before.total_steps;
  carry_changes(learner);
  if (!before.evaluates_alike) forget_best(learner);
  /* other criteria have not held yet */
  if (!before.stops_alike) stopping_forget(&learner->stopping);
  normalizer_publish(&learner->normalizer);
  model_pack(&learner->model, true);
  learner->collected = learner->iteration;
  learner->collected_steps = learner->total_steps;
  learner->report.keep_rows = progress.metrics_rows;
  learner->report.told_steps = learner->reported_steps;
  learner->report.told_iteration =
      learner->run->schedule->limits_rates ? learner->reported_iteration : learner->iteration;
  learner->report.earlier_seconds = progress.wall_seconds;
  learner->report.earlier_steps = learner->report.last_row_steps = learner->total_steps;
  learner->checkpoint_steps = learner->total_steps;
  learner->resumed = true;
  return MUSTER_OK;
}

/* warns of environments that could not save their state, or whose rank was lost */
static void tell_lost_states(const struct learner *learner) {
  const struct run *run = learner->run;
  const size_t n_envs = (size_t)run->config.env.num_envs;
  size_t lost = 0;
  for (size_t n = 0; n < n_envs; n++)
    lost += env_pool_is_lost(learner->gathering->env_states + n * run->env_state_bytes);
  if (lost > 0)
    log_warn(&run->logger, "the checkpoint has no state of %zu of the %zu environments: they start a fresh episode",
             lost, n_envs);
}

muster_status run_checkpoint_restore(struct learner *learner, const struct allowed_changes *allowed) {
  char path[RUN_PATH_SIZE + 96];
  const char *folder = learner->folder->checkpoints;
  struct passed_over passed_over = {&learner->run->logger, &learner->replay_files, 0};
  const struct checkpoint_search search = {warn_passed_over, has_replay, &passed_over};
  MUSTER_TRY(checkpoint_find_newest(folder, &search, path, sizeof path));
  /* to start from the beginning would overwrite the results so far */
  if (path[0] == '\0' && passed_over.files > 0)
    return status_error(MUSTER_ERROR_FORMAT,
                        "cannot resume: no whole checkpoint is left in %s; copy one there, or start a new run with "
                        "another --run-dir",
                        folder);
  learner->report.keep_rows = 0;
  struct stat told;
  if (path[0] == '\0' && stat(learner->folder->metrics, &told) == 0 && told.st_size > 0)
    log_warn(&learner->run->logger, "there is no checkpoint in %s: the run begins anew, and with it metrics.csv",
             folder);
  if (path[0] == '\0') return MUSTER_OK;
  int64_t total_before = 0;
  MUSTER_TRY(read_state(learner, path, allowed, &total_before));
  log_info(&learner->run->logger, "resuming from %s", path);
  tell_schedules(learner, total_before);
  tell_curriculum(learner, total_before);
  tell_lost_states(learner);
  return MUSTER_OK;
}

muster_status run_checkpoint_publish(struct learner *learner) {
  /* a run that was killed before a checkpoint needed them has left segments */
  if (!learner->resumed) return replay_files_tidy(&learner->replay_files);
  /* a run that was killed right after it wrote a checkpoint could not give it its other names */
  char best[RUN_PATH_SIZE + 96];
  checkpoint_path(learner->folder->checkpoints, learner->best.steps, best, sizeof best);
  learner->best_waits = learner->best.steps >= 0 && access(best, F_OK) == 0;
  return publish(learner);
}
