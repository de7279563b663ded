#include "runs/record.h"

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
#define RECENT_ROWS 20      /* what the present speed is measured over */
#define STALL_SECONDS 60.0  /* a run is not called stalled before */
#define STALL_INTERVALS 5.0 /* nor before so many of its longest recent intervals between rows */

const char *run_state_name(enum run_state state) {
  static const char *const names[] = {"waiting", "running", "stalled", "finished", "interrupted", "died"};
  return names[state];
}

static void make_path(const char *folder, const char *name, char path[PATH_BYTES]) {
  snprintf(path, PATH_BYTES, "%s/%s", folder, name);
}

bool run_record_is_run(const char *path) {
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

/* the last part of the path; of "." and ".." that of the folder they stand for */
static void name_record(struct run_record *record) {
  char resolved[PATH_BYTES];
  const char *path = realpath(record->path, resolved) != NULL ? resolved : record->path;
  const char *slash = strrchr(path, '/');
  snprintf(record->name, sizeof record->name, "%.255s", slash != NULL && slash[1] != '\0' ? slash + 1 : path);
}

muster_status run_record_create(const char *path, struct run_record **out) {
  struct run_record *record = calloc(1, sizeof *record);
  if (record == NULL) return out_of_memory(path);
  record->path = strdup(path);
  record->metrics = calloc(1, sizeof *record->metrics);
  muster_status status = document_create(&record->config);
  if (status == MUSTER_OK && (record->path == NULL || record->metrics == NULL)) status = out_of_memory(path);
  if (status == MUSTER_OK) {
    name_record(record);
    *out = record;
  } else {
    run_record_destroy(&record);
  }
  return status;
}

void run_record_destroy(struct run_record **handle) {
  struct run_record *record = *handle;
  if (record == NULL) return;
  document_destroy(&record->config);
  metrics_table_destroy(&record->metrics);
  json_destroy(&record->summary);
  muster_status_clear(&record->failure);
  free(record->about);
  free(record->path);
  free(record);
  *handle = NULL;
}

/* takes the status; keeps the first one */
static void note_failure(struct run_record *record, muster_status status) {
  if (record->failure == MUSTER_OK)
    record->failure = status;
  else
    muster_status_clear(&status);
}

muster_status run_record_take_failure(struct run_record *record) {
  muster_status failure = record->failure;
  record->failure = MUSTER_OK;
  return failure;
}

/* whether the file is another one than when it was last read; false where there is none */
static bool has_changed(struct run_record *record, const char *path, struct stat *seen) {
  struct stat now;
  if (stat(path, &now) != 0) {
    if (errno != ENOENT && errno != ENOTDIR)
      note_failure(record, status_errno(MUSTER_ERROR_IO, "cannot read '%s'", path));
    return false;
  }
  bool changed = now.st_ino != seen->st_ino || now.st_size != seen->st_size || now.st_dev != seen->st_dev ||
                 now.st_mtim.tv_sec != seen->st_mtim.tv_sec || now.st_mtim.tv_nsec != seen->st_mtim.tv_nsec;
  *seen = now;
  return changed;
}

/* takes what reading a file came to; one that failed is read again the next time, to be told again */
static void note_read(struct run_record *record, struct stat *seen, muster_status status) {
  if (status != MUSTER_OK) *seen = (struct stat){0};
  note_failure(record, status);
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

/* when it started, and who is where */
static void understand_about(struct run_record *record) {
  char host[RUN_RECORD_TEXT], last[RUN_RECORD_TEXT] = "";
  record->ranks = record->hosts = 0;
  for (const char *line = record->about; *line != '\0'; line += strcspn(line, "\n"), line += *line == '\n') {
    int rank;
    sscanf(line, "muster %*[^,\n], started %31[^\n]", record->started);
    sscanf(line, "ranks: %d", &record->ranks);
    if (sscanf(line, " rank %d on %511[^:\n]", &rank, host) != 2) continue;
    if (rank == 0) strcpy(record->learner_host, host);
    if (strcmp(host, last) != 0) record->hosts++;
    strcpy(last, host);
  }
}

static void read_config(struct run_record *record) {
  char path[PATH_BYTES];
  make_path(record->path, RUN_CONFIG_FILE, path);
  if (!has_changed(record, path, &record->config_seen)) return;
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
    document_destroy(&record->config);
    free(record->about);
    record->config = config;
    record->about = about;
    record->seed = strtoll(run_record_option(record, "seed"), NULL, 10);
    understand_about(record);
  } else {
    document_destroy(&config);
    free(about);
  }
  note_read(record, &record->config_seen, status);
}

const char *run_record_option(const struct run_record *record, const char *key) {
  const char *text = document_get(record->config, key);
  return text != NULL ? text : "";
}

double run_record_number(const struct run_record *record, const char *key) {
  const char *text = run_record_option(record, key);
  char *end;
  double value = strtod(text, &end);
  return end != text && *end == '\0' ? value : (double)NAN;
}

bool run_record_has_config(const struct run_record *record) { return document_entries(record->config)->count > 0; }

/* ---- metrics.csv ---- */

static void read_metrics(struct run_record *record) {
  char path[PATH_BYTES];
  make_path(record->path, RUN_METRICS_FILE, path);
  if (has_changed(record, path, &record->metrics_seen)) {
    struct metrics_table *metrics = NULL;
    muster_status status = metrics_read(path, &metrics);
    if (status == MUSTER_OK) {
      metrics_table_destroy(&record->metrics);
      record->metrics = metrics;
    }
    note_read(record, &record->metrics_seen, status);
  }
  record->row_age = record->metrics_seen.st_ino != 0 ? age_of(&record->metrics_seen) : (double)NAN;
}

static double present_speed(const double *steps, const double *seconds, size_t n) {
  size_t first = n > RECENT_ROWS ? n - 1 - RECENT_ROWS : 0;
  double speed = n > 1 ? (steps[n - 1] - steps[first]) / (seconds[n - 1] - seconds[first]) : steps[0] / seconds[0];
  return isfinite(speed) && speed > 0.0 ? speed : (double)NAN;
}

/* a count of steps, whatever a file says: none where it is no number, and no more than double counts one by one */
static double count_steps(double value) {
  static const double most = 9007199254740992.0;
  return value > 0.0 ? fmin(trunc(value), most) : 0.0;
}

static void measure_progress(struct run_record *record) {
  const struct metrics_table *metrics = record->metrics;
  const double *steps = metrics_table_column(metrics, COLUMN_STEPS);
  const double *seconds = metrics_table_column(metrics, COLUMN_SECONDS);
  const bool has_rows = steps != NULL && seconds != NULL && metrics->n_rows > 0;
  record->steps = has_rows ? count_steps(steps[metrics->n_rows - 1]) : 0.0;
  record->seconds = has_rows ? seconds[metrics->n_rows - 1] : (double)NAN;
  record->steps_per_second = has_rows ? present_speed(steps, seconds, metrics->n_rows) : (double)NAN;
  double left = run_record_number(record, "total_steps") - record->steps;
  record->seconds_left = (left < 0.0 ? 0.0 : left) / record->steps_per_second;
  record->mean_return = metrics_table_last(metrics, COLUMN_RETURN);
  record->std_return = metrics_table_last(metrics, "rollout/ep_rew_std");
}

bool run_record_stage(const struct run_record *record, size_t column, char name[32], double *seconds) {
  const char *title = record->metrics->names[column], *end = strstr(title, "_seconds");
  if (strncmp(title, "time/", 5) != 0 || end == NULL || end[strlen("_seconds")] != '\0') return false;
  snprintf(name, 32, "%.*s", (int)(end - title) - 5, title + 5);
  *seconds = 0.0;
  for (size_t row = 0; row < record->metrics->n_rows; row++)
    if (isfinite(record->metrics->columns[column][row])) *seconds += record->metrics->columns[column][row];
  return true;
}

/* ---- summary.json, state, checkpoint ---- */

/* what summary.json says, where it covers the last row; a run that was resumed has an older one */
static muster_status read_summary(struct run_record *record) {
  char path[PATH_BYTES];
  make_path(record->path, RUN_SUMMARY_FILE, path);
  json_destroy(&record->summary);
  record->solved_at_steps = NAN;
  if (access(path, F_OK) != 0) return MUSTER_OK;
  MUSTER_TRY(json_read(path, &record->summary));
  const double steps = json_number_of(json_get(record->summary, "total_steps"));
  record->solved_at_steps = json_number_of(json_get(record->summary, "solved_at_steps"));
  if (steps < record->steps || isnan(steps)) json_destroy(&record->summary);
  return isnan(steps) ? status_error(MUSTER_ERROR_FORMAT, "%s: total_steps: expects a number", path) : MUSTER_OK;
}

/* how long there may be no row before something is wrong */
static double stall_limit(const struct run_record *record) {
  const double *seconds = metrics_table_column(record->metrics, COLUMN_SECONDS);
  const size_t n = record->metrics->n_rows;
  double longest = seconds != NULL ? seconds[0] : 0.0;
  for (size_t i = n > RECENT_ROWS ? n - RECENT_ROWS : 1; seconds != NULL && i < n; i++)
    longest = fmax(longest, seconds[i] - seconds[i - 1]);
  return fmax(STALL_SECONDS, STALL_INTERVALS * longest);
}

/* a lock that cannot be looked at leaves it to the summary and to the age of the last row */
static enum run_state judge(const struct run_record *record) {
  const bool has_rows = record->metrics->n_rows > 0;
  const enum folder_lock lock = run_folder_look_at_lock(record->path);
  if (lock == FOLDER_IN_USE || (lock == FOLDER_UNKNOWN && record->summary == NULL)) {
    if (!has_rows) return RUN_WAITING;
    return record->row_age > stall_limit(record) ? RUN_STALLED : RUN_RUNNING;
  }
  /* config.yaml is written under the lock: a folder without one has not begun */
  if (record->summary == NULL) return has_rows || run_record_has_config(record) ? RUN_DIED : RUN_WAITING;
  const char *word = json_string_of(json_get(record->summary, "status"));
  return word != NULL && strcmp(word, "finished") == 0 ? RUN_FINISHED : RUN_INTERRUPTED;
}

static void read_end(struct run_record *record) {
  note_failure(record, read_summary(record));
  record->state = judge(record);
  if (record->state != RUN_FINISHED && record->state != RUN_INTERRUPTED) json_destroy(&record->summary);
  record->evaluation_return = json_number_of(json_get(record->summary, "final_evaluation.mean_return"));
  record->evaluation_std = json_number_of(json_get(record->summary, "final_evaluation.std_return"));
  record->average_speed = json_number_of(json_get(record->summary, "steps_per_second"));
  if (isnan(record->average_speed)) record->average_speed = record->steps / record->seconds;
}

/* where the file system has no symbolic links the name with the most steps has to do */
static void read_checkpoint(struct run_record *record) {
  char folder[PATH_BYTES], path[PATH_BYTES + sizeof record->checkpoint];
  struct stat file;
  make_path(record->path, RUN_CHECKPOINT_FOLDER, folder);
  make_path(record->path, RUN_CHECKPOINT_FOLDER "/latest", path);
  ssize_t length = readlink(path, record->checkpoint, sizeof record->checkpoint - 1);
  record->checkpoint[length > 0 ? length : 0] = '\0';
  if (length <= 0 && stat(folder, &file) == 0)
    note_failure(record, checkpoint_newest_name(folder, record->checkpoint, sizeof record->checkpoint));
  snprintf(path, sizeof path, "%s/%s", folder, record->checkpoint);
  bool found = record->checkpoint[0] != '\0' && stat(path, &file) == 0;
  if (!found) record->checkpoint[0] = '\0';
  record->checkpoint_age = found ? age_of(&file) : (double)NAN;
}

void run_record_refresh(struct run_record *record) {
  muster_status_clear(&record->failure);
  record->is_run = run_record_is_run(record->path);
  read_config(record);
  read_metrics(record);
  measure_progress(record);
  read_end(record);
  read_checkpoint(record);
}
