/* Event files: cut back to a step, undamaged after a failed write, in the order of their names. TensorBoard itself
 * reads them back in the test cli/tensorboard. */
#include "store/events.h"
#include "store/tfrecord.h"
#include "support/check.h"

#include <dirent.h>
#include <float.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_SIZE 2048
#define MAX_FILES 8

static const char *const tags[] = {"train/loss", "eval/mean_reward"};
static const struct hyperparameter hyperparameters[] = {
    {"algorithm.gamma", HYPERPARAMETER_NUMBER, 0.99, ""},
    {"algorithm.name", HYPERPARAMETER_TEXT, 0, "ppo"},
    {"normalize.norm_obs", HYPERPARAMETER_BOOL, 1, ""},
};

/* the event files of a folder, in the order of their names */
struct listing {
  int n;
  char path[MAX_FILES][PATH_SIZE];
};

static int is_event_file(const struct dirent *entry) { return strstr(entry->d_name, "tfevents") != NULL; }

static struct listing list(const char *folder) {
  struct listing listing;
  struct dirent **entries;
  listing.n = scandir(folder, &entries, is_event_file, alphasort);
  CU_ASSERT_FATAL(listing.n >= 0 && listing.n <= MAX_FILES);
  for (int i = 0; i < listing.n; i++) {
    snprintf(listing.path[i], PATH_SIZE, "%s/%s", folder, entries[i]->d_name);
    free(entries[i]);
  }
  free(entries);
  return listing;
}

static off_t file_size(const char *path) {
  struct stat info;
  CU_ASSERT_EQUAL_FATAL(stat(path, &info), 0);
  return info.st_size;
}

/* number of records of a file, after which no bytes are left over */
static int count_records(const char *path) {
  FILE *stream = fopen(path, "r");
  CU_ASSERT_PTR_NOT_NULL_FATAL(stream);
  struct tfrecord_payload payload = {0};
  off_t bytes = 0;
  int records = 0;
  for (bool found = true; found;) {
    CHECK_OK_FATAL(tfrecord_read(stream, path, &payload, &found));
    if (!found) continue;
    records++;
    bytes += (off_t)(TFRECORD_FRAME + payload.size);
  }
  CU_ASSERT_EQUAL(bytes, file_size(path));
  free(payload.bytes);
  fclose(stream);
  return records;
}

static struct events *open_events(const char *folder, int64_t after_step) {
  struct events *events = NULL;
  CHECK_OK_FATAL(events_open(folder, hyperparameters, 3, after_step, 2, &events));
  return events;
}

static void add(struct events *events, int64_t step) {
  CHECK_OK(events_add_scalars(events, step, tags, (double[]){0.5 * (double)step, NAN}, 2));
}

/* a first file: version and session, then steps 10, 20, .. in this number of rows */
static void write_rows(const char *folder, int rows) {
  struct events *events = open_events(folder, -1);
  for (int i = 1; i <= rows; i++) add(events, 10 * i);
  CHECK_OK(events_sync(events));
  events_close(&events);
  CU_ASSERT_PTR_NULL(events);
  events_close(&events);
}

static void test_cut_back(void) {
  char folder[PATH_SIZE];
  snprintf(folder, sizeof folder, "%s", check_folder("events_cut"));
  write_rows(folder, 5);
  CU_ASSERT_EQUAL(count_records(list(folder).path[0]), 2 + 5);
  CHECK_OK(events_cut_back(folder, 50));
  CU_ASSERT_EQUAL(count_records(list(folder).path[0]), 2 + 5);
  CHECK_OK(events_cut_back(folder, 39));
  CU_ASSERT_EQUAL(count_records(list(folder).path[0]), 2 + 3);

  // a second file, which also says from which step on a reader has to forget; both are cut back
  struct events *events = open_events(folder, 30);
  add(events, 40);
  add(events, 50);
  CHECK_OK(events_add_end(events, 50));
  CHECK_OK(events_flush(events));
  events_close(&events);
  struct listing files = list(folder);
  CU_ASSERT_EQUAL_FATAL(files.n, 2);
  CU_ASSERT_EQUAL(count_records(files.path[1]), 3 + 2 + 1);

  // the end of a session is removed although its step stays
  CHECK_OK(events_cut_back(folder, 50));
  CU_ASSERT_EQUAL(count_records(files.path[1]), 3 + 2);
  CHECK_OK(events_cut_back(folder, 20));
  CU_ASSERT_EQUAL(count_records(files.path[0]), 2 + 2);
  CHECK_OK(events_cut_back(folder, 0));
  CU_ASSERT_EQUAL(count_records(files.path[0]), 2);
}

/* a torn or damaged record is removed with all that follows it */
static void test_torn(void) {
  char folder[PATH_SIZE];
  snprintf(folder, sizeof folder, "%s", check_folder("events_torn"));
  write_rows(folder, 3);
  struct listing files = list(folder);
  CU_ASSERT_EQUAL(truncate(files.path[0], file_size(files.path[0]) - 1), 0);
  CHECK_OK(events_cut_back(folder, 1000));
  CU_ASSERT_EQUAL(count_records(files.path[0]), 2 + 2);

  FILE *file = fopen(files.path[0], "r+");
  CU_ASSERT_FATAL(file != NULL && fseek(file, 30, SEEK_SET) == 0 && fputc(0xff, file) == 0xff && fclose(file) == 0);
  CHECK_OK(events_cut_back(folder, 1000));
  CU_ASSERT_EQUAL(file_size(files.path[0]), 0);
  CHECK_OK(events_cut_back(folder, 1000));
}

/* a row that cannot be written, because of a limit on the size of files: no torn record is left, and rows wait until
 * they can be written */
static void test_failed_write(void) {
  const char *folder = check_folder("events_limit");
  struct events *events = open_events(folder, -1);
  struct listing files = list(folder);
  struct rlimit old, low;
  CU_ASSERT_EQUAL_FATAL(getrlimit(RLIMIT_FSIZE, &old), 0);
  low = (struct rlimit){.rlim_cur = (rlim_t)file_size(files.path[0]) + 5, .rlim_max = old.rlim_max};
  CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_FSIZE, &low), 0);
  void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
  for (int i = 1; i <= 1000; i++) {
    add(events, 10 * i);
    CHECK_FAILS(events_flush(events), MUSTER_ERROR_IO, "cannot write a row");
    CHECK_FAILS(events_sync(events), MUSTER_ERROR_IO, files.path[0]);
  }
  CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &old), 0);
  signal(SIGXFSZ, handler);
  CU_ASSERT_EQUAL(count_records(files.path[0]), 2);
  CHECK_OK(events_flush(events));
  CU_ASSERT_EQUAL(count_records(files.path[0]), 2 + 1000);
  events_close(&events);
}

/* files are opened faster than the clock in their names ticks, and the clock may have gone back */
static void test_names_ascend(void) {
  char folder[PATH_SIZE], future[PATH_SIZE];
  snprintf(folder, sizeof folder, "%s", check_folder("events_names"));
  CU_ASSERT_FATAL(snprintf(future, sizeof future, "%s/events.out.tfevents.9000000000.z.1.0", folder) < PATH_SIZE);
  fclose(fopen(future, "w"));
  for (int i = 1; i <= 3; i++) {
    struct events *events = open_events(folder, -1);
    add(events, i);
    CHECK_OK(events_flush(events));
    events_close(&events);
    struct listing files = list(folder);
    CU_ASSERT_EQUAL_FATAL(files.n, i + 1);
    CU_ASSERT_EQUAL(count_records(files.path[i]), 2 + 1);
  }
}

static void test_remove(void) {
  char folder[PATH_SIZE], other[PATH_SIZE];
  snprintf(folder, sizeof folder, "%s", check_folder("events_remove"));
  CU_ASSERT_FATAL(snprintf(other, sizeof other, "%s/my.events.out.tfevents", folder) < PATH_SIZE);
  fclose(fopen(other, "w"));
  write_rows(folder, 1);
  events_remove(folder);
  struct listing files = list(folder);
  CU_ASSERT_EQUAL_FATAL(files.n, 1);
  CU_ASSERT_STRING_EQUAL(files.path[0], other);
}

static void test_nothing_to_say(void) {
  const char *folder = check_folder("events_nothing");
  struct events *events = open_events(folder, -1);
  CHECK_OK(events_add_scalars(events, 1, tags, (double[]){NAN, NAN}, 2));
  CHECK_OK(events_add_histogram(events, 1, "actions", &(struct histogram){0}));
  CHECK_OK(events_flush(events));
  CU_ASSERT_EQUAL(count_records(list(folder).path[0]), 2);
  events_close(&events);
}

/* returns that fit a double and not a float are written as the largest float */
static void test_beyond_float(void) {
  const char *folder = check_folder("events-float");
  struct events *events = NULL;
  CHECK_OK_FATAL(events_open(folder, hyperparameters, 3, -1, 2, &events));
  CHECK_OK(events_add_scalars(events, 1, tags, (const double[]){1e300, -1e39}, 2));
  CHECK_OK(events_flush(events));
  struct listing listing = list(folder);
  CU_ASSERT_EQUAL_FATAL(listing.n, 1);
  static const float largest = FLT_MAX, least = -FLT_MAX, infinite = INFINITY;
  char bytes[4096];
  FILE *file = fopen(listing.path[0], "r");
  CU_ASSERT_PTR_NOT_NULL_FATAL(file);
  size_t size = fread(bytes, 1, sizeof bytes, file);
  fclose(file);
  CU_ASSERT_PTR_NOT_NULL(memmem(bytes, size, &largest, sizeof largest));
  CU_ASSERT_PTR_NOT_NULL(memmem(bytes, size, &least, sizeof least));
  CU_ASSERT_PTR_NULL(memmem(bytes, size, &infinite, sizeof infinite));
  events_close(&events);
}

static void test_unwritable(void) {
  struct events *events = NULL;
  CHECK_FAILS(events_open("/not/there", hyperparameters, 3, -1, 2, &events), MUSTER_ERROR_IO, "'/not/there'");
  CHECK_FAILS(events_cut_back("/not/there", 0), MUSTER_ERROR_IO, "'/not/there'");
  events_remove("/not/there");
}

static const struct check_case cases[] = {
    {"cut back to a step", test_cut_back},
    {"torn and damaged records", test_torn},
    {"a failed write", test_failed_write},
    {"names ascend", test_names_ascend},
    {"removing", test_remove},
    {"nothing to say", test_nothing_to_say},
    {"numbers beyond float", test_beyond_float},
    {"unwritable folders", test_unwritable},
};

CHECK_MAIN("events", cases)
