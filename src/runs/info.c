#include "runs/info.h"

#include "base/file.h"
#include "runs/folder.h"
#include "store/checkpoint.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PATH_BYTES 4096
#define RECENT_ROWS 20      /* the current speed is measured over so many rows */
#define STALL_SECONDS 60.0  /* a run is not called stalled earlier than this */
#define STALL_INTERVALS 5.0 /* nor earlier than so many times its longest recent interval between rows */

const char *run_state_name(enum run_state state) {
  static const char *const names[] = {"waiting", "running", "stalled", "finished", "interrupted", "died"};
  return names[state];
}

static void make_path(const char *folder, const char *name, char path[PATH_BYTES]) {
  snprintf(path, PATH_BYTES, "%s/%s", folder, name);
}

bool run_info_is_run(const char *path) {
  static const char *const names[] = {RUN_CONFIG_FILE, RUN_METRICS_FILE, RUN_CHECKPOINT_FOLDER};
  char file[PATH_BYTES];
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    make_path(path, names[i], file);
    if (access(file, F_OK) == 0) return true;
  }
  return false;
}

/* ---- life ---- */

static muster_status out_of_memory(const char *path) {
  return status_error(MUSTER_ERROR_MEMORY, "out of memory for the run %s", path);
}

/* the last part of the path; for "." and ".." that of the folder they lead to */
static void name_run(struct run_info *info) {
  char resolved[PATH_BYTES];
  const char *path = realpath(info->path, resolved) != NULL ? resolved : info->path;
  const char *slash = strrchr(path, '/');
  snprintf(info->name, sizeof info->name, "%.255s", slash != NULL && slash[1] != '\0' ? slash + 1 : path);
}

muster_status run_info_create(const char *path, struct run_info **out) {
  struct run_info *info = calloc(1, sizeof *info);
  if (info == NULL) return out_of_memory(path);
  info->path = strdup(path);
  info->metrics = calloc(1, sizeof *info->metrics);
  muster_status status = document_create(&info->config);
  if (status == MUSTER_OK && (info->path == NULL || info->metrics == NULL)) status = out_of_memory(path);
  if (status == MUSTER_OK) {
    name_run(info);
    *out = info;
  } else {
    run_info_destroy(&info);
  }
  return status;
}

void run_info_destroy(struct run_info **handle) {
  struct run_info *info = *handle;
  if (info == NULL) return;
  document_destroy(&info->config);
  metrics_table_destroy(&info->metrics);
  json_destroy(&info->summary);
  muster_status_clear(&info->failure);
  free(info->about);
  free(info->path);
  free(info);
  *handle = NULL;
}

/* takes the status; keeps the first one */
static void note_failure(struct run_info *info, muster_status status) {
  if (info->failure == MUSTER_OK)
    info->failure = status;
  else
    muster_status_clear(&status);
}

muster_status run_info_take_failure(struct run_info *info) {
  muster_status failure = info->failure;
  info->failure = MUSTER_OK;
  return failure;
}

/* whether the file has changed since it was last read; false where there is none */
static bool has_changed(struct run_info *info, const char *path, struct stat *seen) {
  struct stat now;
  if (stat(path, &now) != 0) {
    if (errno != ENOENT && errno != ENOTDIR)
      note_failure(info, status_errno(MUSTER_ERROR_IO, "cannot read '%s'", path));
    return false;
  }
  bool changed = now.st_ino != seen->st_ino || now.st_size != seen->st_size || now.st_dev != seen->st_dev ||
                 now.st_mtim.tv_sec != seen->st_mtim.tv_sec || now.st_mtim.tv_nsec != seen->st_mtim.tv_nsec;
  *seen = now;
  return changed;
}

/* records the outcome of reading a file; a file that failed is read again the next time, so that the error is reported
 * again */
static void note_read(struct run_info *info, struct stat *seen, muster_status status) {
  if (status != MUSTER_OK) *seen = (struct stat){0};
  note_failure(info, status);
}

/* seconds since a file was written; its server's clock may be ahead of this one */
static double age_of(const struct stat *file) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  double age = difftime(now.tv_sec, file->st_mtim.tv_sec) + 1e-9 * (double)(now.tv_nsec - file->st_mtim.tv_nsec);
  return fmax(0.0, age);
}

/* ---- config.yaml ---- */

/* the comments before the first option, without their marks; the caller frees them */
static muster_status read_about(FILE *file, const char *path, char **about) {
  size_t size = 0, length = 0;
  char *line = NULL;
  FILE *text = open_memstream(about, &length);
  while (text != NULL && getline(&line, &size, file) > 0 && line[0] == '#')
    fputs(line + (line[1] == ' ' ? 2 : 1), text);
  free(line);
  return text == NULL || fclose(text) != 0 ? out_of_memory(path) : MUSTER_OK;
}

/* the start time, and which ranks are where */
static void understand_about(struct run_info *info) {
  char host[RUN_INFO_TEXT], last[RUN_INFO_TEXT] = "";
  info->ranks = info->hosts = 0;
  for (const char *line = info->about; *line != '\0'; line += strcspn(line, "\n"), line += *line == '\n') {
    int rank;
    sscanf(line, "muster %*[^,\n], started %31[^\n]", info->started);
    sscanf(line, "ranks: %d", &info->ranks);
    if (sscanf(line, " rank %d on %511[^:\n]", &rank, host) != 2) continue;
    if (rank == 0) strcpy(info->learner_host, host);
    if (strcmp(host, last) != 0) info->hosts++;
    strcpy(last, host);
  }
}

static void read_config(struct run_info *info) {
  char path[PATH_BYTES];
  make_path(info->path, RUN_CONFIG_FILE, path);
  if (!has_changed(info, path, &info->config_seen)) return;
  struct document *config = NULL;
  char *about = NULL;
  FILE *file = NULL;
  muster_status status = document_create(&config);
  if (status == MUSTER_OK) status = file_open_stream(path, "r", &file);
  if (status == MUSTER_OK) status = document_read_stream(config, path, file);
  if (status == MUSTER_OK) rewind(file);
  if (status == MUSTER_OK) status = read_about(file, path, &about);
  if (file != NULL) fclose(file);
  if (status == MUSTER_OK) {
    document_destroy(&info->config);
    free(info->about);
    info->config = config;
    info->about = about;
    info->seed = strtoll(run_info_option(info, "seed"), NULL, 10);
    understand_about(info);
  } else {
    document_destroy(&config);
    free(about);
  }
  note_read(info, &info->config_seen, status);
}

const char *run_info_option(const struct run_info *info, const char *key) {
  const char *text = document_get(info->config, key);
  return text != NULL ? text : "";
}

double run_info_number(const struct run_info *info, const char *key) {
  const char *text = run_info_option(info, key);
  char *end;
  double value = strtod(text, &end);
  return end != text && *end == '\0' ? value : (double)NAN;
}

bool run_info_has_config(const struct run_info *info) { return document_entries(info->config)->count > 0; }

/* ---- metrics.csv ---- */

static void read_metrics(struct run_info *info) {
  char path[PATH_BYTES];
  make_path(info->path, RUN_METRICS_FILE, path);
  if (has_changed(info, path, &info->metrics_seen)) {
    struct metrics_table *metrics = NULL;
    muster_status status = metrics_read(path, &metrics);
    if (status == MUSTER_OK) {
      metrics_table_destroy(&info->metrics);
      info->metrics = metrics;
    }
    note_read(info, &info->metrics_seen, status);
  }
  info->row_age = info->metrics_seen.st_ino != 0 ? age_of(&info->metrics_seen) : (double)NAN;
}

static double present_speed(const double *steps, const double *seconds, size_t n) {
  size_t first = n > RECENT_ROWS ? n - 1 - RECENT_ROWS : 0;
  double speed = n > 1 ? (steps[n - 1] - steps[first]) / (seconds[n - 1] - seconds[first]) : steps[0] / seconds[0];
  return isfinite(speed) && speed > 0.0 ? speed : (double)NAN;
}

/* makes a count of steps from whatever a file says: 0 where it is not a number, and at most the largest count that a
 * double represents exactly */
static double count_steps(double value) {
  static const double most = 9007199254740992.0;
  return value > 0.0 ? fmin(trunc(value), most) : 0.0;
}

static void measure_progress(struct run_info *info) {
  const struct metrics_table *metrics = info->metrics;
  const double *steps = metrics_table_column(metrics, COLUMN_STEPS);
  const double *seconds = metrics_table_column(metrics, COLUMN_SECONDS);
  const bool has_rows = steps != NULL && seconds != NULL && metrics->n_rows > 0;
  info->steps = has_rows ? count_steps(steps[metrics->n_rows - 1]) : 0.0;
  info->seconds = has_rows ? seconds[metrics->n_rows - 1] : (double)NAN;
  info->steps_per_second = has_rows ? present_speed(steps, seconds, metrics->n_rows) : (double)NAN;
  double left = run_info_number(info, "total_steps") - info->steps;
  info->seconds_left = (left < 0.0 ? 0.0 : left) / info->steps_per_second;
  info->mean_return = metrics_table_last(metrics, COLUMN_RETURN);
  info->std_return = metrics_table_last(metrics, "rollout/ep_rew_std");
}

bool run_info_stage(const struct run_info *info, size_t column, char name[32], double *seconds) {
  const char *title = info->metrics->names[column], *end = strstr(title, "_seconds");
  if (strncmp(title, "time/", 5) != 0 || end == NULL || end[strlen("_seconds")] != '\0') return false;
  snprintf(name, 32, "%.*s", (int)(end - title) - 5, title + 5);
  *seconds = 0.0;
  for (size_t row = 0; row < info->metrics->n_rows; row++)
    if (isfinite(info->metrics->columns[column][row])) *seconds += info->metrics->columns[column][row];
  return true;
}

/* ---- summary.json, state, checkpoint ---- */

/* reads summary.json if it covers the last row; a resumed run has an older one until it ends */
static muster_status read_summary(struct run_info *info) {
  char path[PATH_BYTES];
  make_path(info->path, RUN_SUMMARY_FILE, path);
  json_destroy(&info->summary);
  info->solved_at_steps = NAN;
  if (access(path, F_OK) != 0) return MUSTER_OK;
  MUSTER_TRY(json_read(path, &info->summary));
  const double steps = json_number_of(json_get(info->summary, "total_steps"));
  info->solved_at_steps = json_number_of(json_get(info->summary, "solved_at_steps"));
  if (steps < info->steps || isnan(steps)) json_destroy(&info->summary);
  return isnan(steps) ? status_error(MUSTER_ERROR_FORMAT, "%s: total_steps: expects a number", path) : MUSTER_OK;
}

/* seconds without a row after which something is wrong */
static double stall_limit(const struct run_info *info) {
  const double *seconds = metrics_table_column(info->metrics, COLUMN_SECONDS);
  const size_t n = info->metrics->n_rows;
  double longest = seconds != NULL ? seconds[0] : 0.0;
  for (size_t i = n > RECENT_ROWS ? n - RECENT_ROWS : 1; seconds != NULL && i < n; i++)
    longest = fmax(longest, seconds[i] - seconds[i - 1]);
  return fmax(STALL_SECONDS, STALL_INTERVALS * longest);
}

/* where the lock cannot be queried, the summary and the age of the last row decide */
static enum run_state judge(const struct run_info *info) {
  const bool has_rows = info->metrics->n_rows > 0;
  const enum folder_lock lock = run_folder_look_at_lock(info->path);
  if (lock == FOLDER_IN_USE || (lock == FOLDER_UNKNOWN && info->summary == NULL)) {
    if (!has_rows) return RUN_WAITING;
    return info->row_age > stall_limit(info) ? RUN_STALLED : RUN_RUNNING;
  }
  /* config.yaml is written under the lock: a folder without one has not begun */
  if (info->summary == NULL) return has_rows || run_info_has_config(info) ? RUN_DIED : RUN_WAITING;
  const char *word = json_string_of(json_get(info->summary, "status"));
  return word != NULL && strcmp(word, "finished") == 0 ? RUN_FINISHED : RUN_INTERRUPTED;
}

static void read_end(struct run_info *info) {
  note_failure(info, read_summary(info));
  info->state = judge(info);
  if (info->state != RUN_FINISHED && info->state != RUN_INTERRUPTED) json_destroy(&info->summary);
  info->evaluation_return = json_number_of(json_get(info->summary, "final_evaluation.mean_return"));
  info->evaluation_std = json_number_of(json_get(info->summary, "final_evaluation.std_return"));
  info->average_speed = json_number_of(json_get(info->summary, "steps_per_second"));
  if (isnan(info->average_speed)) info->average_speed = info->steps / info->seconds;
}

/* where the file system has no symbolic links, the name with the most steps is used */
static void read_checkpoint(struct run_info *info) {
  char folder[PATH_BYTES], path[PATH_BYTES + sizeof info->checkpoint];
  struct stat file;
  make_path(info->path, RUN_CHECKPOINT_FOLDER, folder);
  make_path(info->path, RUN_CHECKPOINT_FOLDER "/latest", path);
  ssize_t length = readlink(path, info->checkpoint, sizeof info->checkpoint - 1);
  info->checkpoint[length > 0 ? length : 0] = '\0';
  if (length <= 0 && stat(folder, &file) == 0)
    note_failure(info, checkpoint_newest_name(folder, info->checkpoint, sizeof info->checkpoint));
  snprintf(path, sizeof path, "%s/%s", folder, info->checkpoint);
  bool found = info->checkpoint[0] != '\0' && stat(path, &file) == 0;
  if (!found) info->checkpoint[0] = '\0';
  info->checkpoint_age = found ? age_of(&file) : (double)NAN;
}

void run_info_refresh(struct run_info *info) {
  muster_status_clear(&info->failure);
  info->is_run = run_info_is_run(info->path);
  read_config(info);
  read_metrics(info);
  measure_progress(info);
  read_end(info);
  read_checkpoint(info);
}
