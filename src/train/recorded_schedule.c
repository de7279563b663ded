#include "train/recorded_schedule.h"

#include "store/checkpoint.h"
#include "store/durable.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char table_name[] = "schedule", config_name[] = "about/config";

static void name_segment(const char *folder, int64_t segment, char path[RECORDED_PATH_SIZE + 32]) {
  snprintf(path, RECORDED_PATH_SIZE + 32, "%s/segment-%06lld.h5", folder, (long long)segment);
}

static struct tensor table_of(struct recorded_row *rows, int64_t n) {
  return (struct tensor){table_name, TENSOR_I64, 2, {(size_t)n, RECORDED_COLUMNS}, rows, RANGE_COUNT};
}

/* --- writing --- */

static muster_status write_segment(const struct recorded_schedule *schedule, int64_t segment, int64_t n) {
  char path[RECORDED_PATH_SIZE + 32], *text;
  name_segment(schedule->folder, segment, path);
  if (mkdir(schedule->folder, 0777) != 0 && errno != EEXIST)
    return status_errno(MUSTER_ERROR_IO, "cannot make the folder %s", schedule->folder);
  MUSTER_TRY(run_config_text(schedule->config, &text));
  struct checkpoint_writer *writer = NULL;
  const struct tensor table = table_of(schedule->rows, n);
  muster_status status = checkpoint_write_begin(path, &writer);
  if (status == MUSTER_OK) status = checkpoint_write_text(writer, config_name, text);
  if (status == MUSTER_OK) status = checkpoint_write_tensor(writer, &table);
  free(text);
  if (status == MUSTER_OK) return checkpoint_write_commit(&writer);
  checkpoint_write_abandon(&writer);
  return status;
}

/* writes the segments that are full */
static muster_status write_full(struct recorded_schedule *schedule) {
  while (schedule->n >= RECORDED_ROWS) {
    MUSTER_TRY(write_segment(schedule, schedule->segments, RECORDED_ROWS));
    schedule->n -= RECORDED_ROWS;
    schedule->written = 0;
    schedule->segments++;
    memmove(schedule->rows, schedule->rows + RECORDED_ROWS, (size_t)schedule->n * sizeof *schedule->rows);
  }
  return MUSTER_OK;
}

static void turn_off(struct recorded_schedule *schedule, const char *reason) {
  schedule->is_off = true;
  log_warn(schedule->logger,
           "%s: from now on the run's schedule is not recorded, so that it cannot be repeated with "
           "--replay-schedule",
           reason);
}

/* room for one more row; more than that of a segment only where segments cannot be written */
static bool make_room(struct recorded_schedule *schedule) {
  if (schedule->n < schedule->capacity) return true;
  const int64_t capacity = 2 * schedule->capacity;
  struct recorded_row *rows = realloc(schedule->rows, (size_t)capacity * sizeof *rows);
  if (rows == NULL) return false;
  schedule->rows = rows;
  schedule->capacity = capacity;
  return true;
}

void recorded_schedule_add(struct recorded_schedule *schedule, const struct recorded_row *row) {
  if (schedule->is_off || schedule->rows == NULL) return;
  if (!make_room(schedule)) {
    turn_off(schedule, "out of memory");
    return;
  }
  schedule->rows[schedule->n++] = *row;
  if (schedule->n % RECORDED_ROWS != 0) return;
  /* what cannot be written now is tried again with the next segment or checkpoint */
  muster_status status = write_full(schedule);
  muster_status_clear(&status);
}

int64_t recorded_schedule_rows(const struct recorded_schedule *schedule) {
  return schedule->is_off || schedule->rows == NULL ? -1 : schedule->segments * RECORDED_ROWS + schedule->n;
}

muster_status recorded_schedule_sync(struct recorded_schedule *schedule) {
  if (schedule->is_off || schedule->rows == NULL) return MUSTER_OK;
  MUSTER_TRY(write_full(schedule));
  if (schedule->n == schedule->written) return MUSTER_OK;
  MUSTER_TRY(write_segment(schedule, schedule->segments, schedule->n));
  schedule->written = schedule->n;
  return MUSTER_OK;
}

void recorded_schedule_close(struct recorded_schedule *schedule) {
  free(schedule->rows);
  schedule->rows = NULL;
}

/* --- reading --- */

/* the config of a segment, and its rows, which are appended to *rows[*n] */
static muster_status read_tensors(struct checkpoint_reader *reader, const char *path, struct run_config *config,
                                  struct recorded_row **rows, int64_t *n) {
  char *text;
  struct tensor table = {.name = table_name};
  MUSTER_TRY(checkpoint_read_text(reader, config_name, &text));
  muster_status status = run_config_parse(path, text, config);
  free(text);
  MUSTER_TRY(status);
  MUSTER_TRY(checkpoint_describe_tensor(reader, &table));
  const size_t more = table.rank == 2 ? table.shape[0] : 0;
  struct recorded_row *grown = realloc(*rows, ((size_t)*n + more + 1) * sizeof *grown);
  if (grown == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory: the schedule in %s", path);
  *rows = grown;
  table = table_of(grown + *n, (int64_t)more);
  MUSTER_TRY(checkpoint_restore_tensor(reader, &table));
  *n += (int64_t)more;
  return MUSTER_OK;
}

static muster_status read_segment(const char *path, struct run_config *config, struct recorded_row **rows, int64_t *n) {
  struct checkpoint_reader *reader;
  MUSTER_TRY(checkpoint_open(path, &reader));
  muster_status status = read_tensors(reader, path, config, rows, n);
  checkpoint_close(&reader);
  return status;
}

/* an error of a file that the user named */
static muster_status as_usage(muster_status status) {
  if (status == MUSTER_OK || muster_status_code(status) == MUSTER_ERROR_MEMORY) return status;
  muster_status usage = status_error(MUSTER_ERROR_USAGE, "--replay-schedule: %s", muster_status_message(status));
  muster_status_clear(&status);
  return usage;
}

muster_status recorded_schedule_read(const char *run_folder, struct run_config *config, struct recorded_row **rows,
                                     int64_t *n) {
  char folder[RECORDED_PATH_SIZE], path[RECORDED_PATH_SIZE + 32];
  *rows = NULL;
  *n = 0;
  snprintf(folder, sizeof folder, "%s/schedule", run_folder);
  name_segment(folder, 0, path);
  if (access(path, F_OK) != 0)
    return status_error(MUSTER_ERROR_USAGE,
                        "--replay-schedule: there is no %s; expects the folder of a run whose actors did not wait, and "
                        "which has written a checkpoint",
                        path);
  for (int64_t segment = 0; access(path, F_OK) == 0; name_segment(folder, ++segment, path)) {
    if (*n != segment * RECORDED_ROWS)
      return status_error(MUSTER_ERROR_USAGE, "--replay-schedule: %s comes after a segment with too few rows", path);
    MUSTER_TRY(as_usage(read_segment(path, config, rows, n)));
  }
  return MUSTER_OK;
}

/* --- going on --- */

/* the rows of the open segment that count, or of the full one before it; marks where the config has changed */
static muster_status read_kept(struct recorded_schedule *schedule, int64_t keep_rows) {
  struct run_config *before = malloc(sizeof *before);
  struct recorded_row *rows = NULL;
  char path[RECORDED_PATH_SIZE + 32], difference[3 * OPTION_STRING_SIZE];
  const int64_t last = (keep_rows - 1) / RECORDED_ROWS, kept = keep_rows - last * RECORDED_ROWS;
  int64_t n = 0;
  name_segment(schedule->folder, last, path);
  muster_status status =
      before == NULL ? status_error(MUSTER_ERROR_MEMORY, "out of memory") : read_segment(path, before, &rows, &n);
  if (status == MUSTER_OK && n < kept)
    status = status_error(MUSTER_ERROR_FORMAT, "%s has %lld rows, and the checkpoint counts %lld", path, (long long)n,
                          (long long)kept);
  const bool has_changed =
      status == MUSTER_OK && run_config_cannot_repeat(before, schedule->config, difference, sizeof difference);
  if (status == MUSTER_OK) memcpy(schedule->rows, rows, (size_t)kept * sizeof *rows);
  free(before);
  free(rows);
  MUSTER_TRY(status);
  schedule->segments = last;
  schedule->n = kept;
  muster_status full = write_full(schedule);
  muster_status_clear(&full);
  if (has_changed) recorded_schedule_add(schedule, &(struct recorded_row){.first_env = RECORDED_CONFIG_CHANGED});
  return MUSTER_OK;
}

/* segments of what came after the checkpoint */
static void remove_later(const struct recorded_schedule *schedule) {
  char path[RECORDED_PATH_SIZE + 32];
  int64_t segment = schedule->segments + (schedule->n > 0);
  do {
    name_segment(schedule->folder, segment++, path);
  } while (unlink(path) == 0);
}

/* what a writer left that was killed */
static muster_status remove_leftovers(const struct recorded_schedule *schedule) {
  static const char *const starts[] = {".segment-", NULL};
  return access(schedule->folder, F_OK) == 0 ? durable_remove_leftovers(schedule->folder, starts) : MUSTER_OK;
}

muster_status recorded_schedule_open(const struct run_config *config, const char *run_folder, int64_t keep_rows,
                                     const struct logger *logger, struct recorded_schedule *schedule) {
  *schedule = (struct recorded_schedule){
      .config = config,
      .logger = logger,
      .capacity = RECORDED_ROWS,
      .rows = malloc(RECORDED_ROWS * sizeof *schedule->rows),
  };
  if (schedule->rows == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory: the run's schedule");
  snprintf(schedule->folder, sizeof schedule->folder, "%s/schedule", run_folder);
  muster_status status = keep_rows > 0 ? read_kept(schedule, keep_rows) : MUSTER_OK;
  if (status != MUSTER_OK) turn_off(schedule, muster_status_message(status));
  muster_status_clear(&status);
  if (!schedule->is_off) remove_later(schedule);
  return remove_leftovers(schedule);
}
