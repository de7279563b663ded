#include "watch/run_state.h"

#include "run/config.h"
#include "store/json_read.h"

#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_BYTES 4096
#define RECENT_ROWS 20      /* what the present speed is measured over */
#define STALL_SECONDS 60.0  /* a run is not called stalled before */
#define STALL_INTERVALS 5.0 /* nor before so many of its longest recent intervals between rows */

const char *run_condition_name(enum run_condition condition) {
  static const char *const names[] = {"waiting", "running", "stalled", "finished", "interrupted", "died"};
  return names[condition];
}

static void make_path(const char *folder, const char *name, char path[PATH_BYTES]) {
  snprintf(path, PATH_BYTES, "%s/%s", folder, name);
}

bool run_state_is_run(const char *path) {
  static const char *const names[] = {"config.yaml", "metrics.csv", "checkpoints"};
  char file[PATH_BYTES];
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    make_path(path, names[i], file);
    if (access(file, F_OK) == 0) return true;
  }
  return false;
}

/* ---- life ---- */

muster_status run_state_create(const char *path, struct run_state **out) {
  struct run_state *state = calloc(1, sizeof *state);
  if (state != NULL) state->path = strdup(path);
  if (state == NULL || state->path == NULL) {
    free(state);
    return status_error(MUSTER_ERROR_MEMORY, "out of memory for the run %s", path);
  }
  *out = state;
  return MUSTER_OK;
}

void run_state_destroy(struct run_state **state) {
  if (*state == NULL) return;
  metrics_table_destroy(&(*state)->metrics);
  free((*state)->path);
  free(*state);
  *state = NULL;
}

/* takes the status; keeps the first message, and only its first line */
static void note_trouble(struct run_state *state, muster_status status) {
  if (status != MUSTER_OK && state->trouble[0] == '\0') {
    const char *message = muster_status_message(status);
    snprintf(state->trouble, sizeof state->trouble, "%.*s", (int)strcspn(message, "\n"), message);
  }
  muster_status_clear(&status);
}

/* whether the file is another one than when it was last read; false where there is none */
static bool has_changed(const char *path, struct stat *seen) {
  struct stat now;
  if (stat(path, &now) != 0) return false;
  bool changed = now.st_ino != seen->st_ino || now.st_size != seen->st_size || now.st_dev != seen->st_dev ||
                 now.st_mtim.tv_sec != seen->st_mtim.tv_sec || now.st_mtim.tv_nsec != seen->st_mtim.tv_nsec;
  *seen = now;
  return changed;
}

/* seconds since a file was written; its server's clock may be ahead of this one */
static double age_of(const struct stat *file) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  double age = difftime(now.tv_sec, file->st_mtim.tv_sec) + 1e-9 * (double)(now.tv_nsec - file->st_mtim.tv_nsec);
  return fmax(0.0, age);
}

/* ---- config.yaml ---- */

/* a whole file as a text to be freed; NULL when it cannot be read */
static char *read_text(const char *path) {
  FILE *file = fopen(path, "re");
  char *text = NULL;
  size_t size = 0;
  if (file == NULL) return NULL;
  ssize_t length = getdelim(&text, &size, '\0', file);
  fclose(file);
  if (length > 0) return text;
  free(text);
  return NULL;
}

/* the head's comments: when it started, and who is where */
static void read_head(struct run_state *state, const char *text) {
  char host[RUN_STATE_TEXT], last[RUN_STATE_TEXT] = "";
  state->ranks = state->hosts = 0;
  for (const char *line = text; *line == '#'; line += strcspn(line, "\n"), line += *line == '\n') {
    int length = (int)strcspn(line, "\n"), rank;
    const char *started = memmem(line, (size_t)length, ", started ", 10);
    if (started != NULL) sscanf(started, ", started %31[^\n]", state->started);
    sscanf(line, "# ranks: %d", &state->ranks);
    if (sscanf(line, "#   rank %d on %511[^:\n]", &rank, host) != 2) continue;
    if (rank == 0) strcpy(state->learner_host, host);
    if (strcmp(host, last) != 0) state->hosts++;
    strcpy(last, host);
  }
}

static void read_config(struct run_state *state) {
  char path[PATH_BYTES];
  make_path(state->path, "config.yaml", path);
  if (!has_changed(path, &state->config_seen)) return;
  char *text = read_text(path);
  struct run_config *config = malloc(sizeof *config);
  if (text != NULL && config != NULL) {
    read_head(state, text);
    muster_status status = run_config_parse(path, text, config);
    state->has_config = status == MUSTER_OK;
    if (!state->has_config) state->config_seen = (struct stat){0}; /* to be told again the next time */
    if (state->has_config) {
      snprintf(state->env, sizeof state->env, "%s", config->env.name);
      snprintf(state->algorithm, sizeof state->algorithm, "%s", config->algorithm_name);
      state->seed = config->general.seed;
      state->total_steps = config->general.total_steps;
    }
    note_trouble(state, status);
  }
  free(config);
  free(text);
}

/* ---- metrics.csv ---- */

/* speed over the last rows, checkpoints and evaluations between them included */
static double present_speed(const double *steps, const double *seconds, size_t n) {
  size_t first = n > RECENT_ROWS ? n - 1 - RECENT_ROWS : 0;
  double speed = n > 1 ? (steps[n - 1] - steps[first]) / (seconds[n - 1] - seconds[first]) : steps[0] / seconds[0];
  return isfinite(speed) && speed > 0.0 ? speed : (double)NAN;
}

static void measure_progress(struct run_state *state) {
  const struct metrics_table *metrics = state->metrics;
  state->steps = state->seconds = state->steps_per_second = state->seconds_left = NAN;
  if (metrics == NULL || metrics->n_rows == 0) return;
  const double *steps = metrics_table_column(metrics, "time/total_timesteps");
  const double *seconds = metrics_table_column(metrics, "time/time_elapsed");
  if (steps == NULL || seconds == NULL) return;
  state->steps = steps[metrics->n_rows - 1];
  state->seconds = seconds[metrics->n_rows - 1];
  state->steps_per_second = present_speed(steps, seconds, metrics->n_rows);
  if (state->has_config)
    state->seconds_left = fmax(0.0, (double)state->total_steps - state->steps) / state->steps_per_second;
}

static void read_metrics(struct run_state *state) {
  char path[PATH_BYTES];
  make_path(state->path, "metrics.csv", path);
  if (has_changed(path, &state->metrics_seen)) {
    struct metrics_table *metrics = NULL;
    muster_status status = metrics_read(path, &metrics);
    if (status == MUSTER_OK) {
      metrics_table_destroy(&state->metrics);
      state->metrics = metrics;
    } else {
      state->metrics_seen = (struct stat){0}; /* to be told again the next time */
    }
    note_trouble(state, status);
  }
  state->row_age = state->metrics != NULL ? age_of(&state->metrics_seen) : (double)NAN;
  measure_progress(state);
}

/* how long there may be no row before something is wrong */
static double stall_limit(const struct run_state *state) {
  const double *seconds = metrics_table_column(state->metrics, "time/time_elapsed");
  const size_t n = state->metrics->n_rows;
  double longest = seconds != NULL ? seconds[0] : 0.0;
  for (size_t i = n > RECENT_ROWS ? n - RECENT_ROWS : 1; seconds != NULL && i < n; i++)
    longest = fmax(longest, seconds[i] - seconds[i - 1]);
  return fmax(STALL_SECONDS, STALL_INTERVALS * longest);
}

/* ---- lock, summary, checkpoint ---- */

enum lock { LOCK_FREE, LOCK_HELD, LOCK_UNKNOWN };

/* whether a process, on whatever host, holds the run folder's lock; asks without taking it */
static enum lock look_at_lock(const struct run_state *state) {
  char path[PATH_BYTES];
  make_path(state->path, ".lock", path);
  int descriptor = open(path, O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return access(path, F_OK) == 0 ? LOCK_UNKNOWN : LOCK_FREE;
  struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
  enum lock found = LOCK_UNKNOWN;
  if (fcntl(descriptor, F_GETLK, &lock) == 0) found = lock.l_type == F_UNLCK ? LOCK_FREE : LOCK_HELD;
  close(descriptor);
  return found;
}

/* what summary.json says of the run, where it covers the last row; else RUN_DIED. A resumed run has an older one. */
static enum run_condition read_summary(struct run_state *state) {
  char path[PATH_BYTES];
  make_path(state->path, "summary.json", path);
  enum run_condition condition = RUN_DIED;
  struct json_value *summary = NULL;
  state->final_return = state->final_deviation = NAN;
  if (access(path, F_OK) != 0) return RUN_DIED;
  muster_status status = json_read(path, &summary);
  if (status == MUSTER_OK && !(json_number_of(json_get(summary, "total_steps")) < state->steps)) {
    const char *word = json_string_of(json_get(summary, "status"));
    condition = word != NULL && strcmp(word, "finished") == 0 ? RUN_FINISHED : RUN_INTERRUPTED;
    state->final_return = json_number_of(json_get(summary, "final_evaluation.mean_return"));
    state->final_deviation = json_number_of(json_get(summary, "final_evaluation.std_return"));
  }
  note_trouble(state, status);
  json_destroy(&summary);
  return condition;
}

static enum run_condition judge(struct run_state *state) {
  enum lock lock = look_at_lock(state);
  if (state->metrics == NULL || state->metrics->n_rows == 0) return RUN_WAITING;
  enum run_condition told = read_summary(state);
  if (told == RUN_FINISHED) return told;
  if (lock == LOCK_FREE) return told;
  if (lock == LOCK_UNKNOWN && told == RUN_INTERRUPTED) return told;
  return state->row_age > stall_limit(state) ? RUN_STALLED : RUN_RUNNING;
}

static void read_checkpoint(struct run_state *state) {
  char path[PATH_BYTES];
  struct stat file;
  make_path(state->path, "checkpoints/latest", path);
  ssize_t length = readlink(path, state->checkpoint, sizeof state->checkpoint - 1);
  bool found = length > 0 && stat(path, &file) == 0;
  state->checkpoint[found ? length : 0] = '\0';
  state->checkpoint_age = found ? age_of(&file) : (double)NAN;
}

void run_state_refresh(struct run_state *state) {
  state->trouble[0] = '\0';
  read_config(state);
  read_metrics(state);
  state->condition = judge(state);
  read_checkpoint(state);
}
