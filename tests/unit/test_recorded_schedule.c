/* The recorded schedule of a run: its segments, that a resumed run cuts it back and goes on, and what is refused. */
#include "support/check.h"
#include "train/recorded_schedule.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char text[] = "env: {name: CartPole-v1, num_envs: 4}\nalgorithm: {name: impala}\n",
                  other_text[] = "env: {name: CartPole-v1, num_envs: 4}\nalgorithm: {name: impala}\ntotal_steps: 7\n";

struct fixture {
  char folder[64];
  struct run_config config;
  struct logger logger;
  struct recorded_schedule schedule;
};

static void setup(struct fixture *f) {
  *f = (struct fixture){.folder = "recorded-XXXXXX", .logger = {LOG_ERROR, "learner", 0}};
  CU_ASSERT_TRUE_FATAL(mkdtemp(f->folder) != NULL);
  CHECK_OK_FATAL(run_config_parse("test", text, &f->config));
}

static void open_at(struct fixture *f, int64_t keep) {
  CHECK_OK_FATAL(recorded_schedule_open(&f->config, f->folder, keep, &f->logger, &f->schedule));
}

static struct recorded_row row_number(int64_t i) {
  return (struct recorded_row){i % 4, 1, i / 4 + 1, i / 8, i / 8 + 1};
}

static void add(struct fixture *f, int64_t first, int64_t end) {
  for (int64_t i = first; i < end; i++) {
    const struct recorded_row row = row_number(i);
    recorded_schedule_add(&f->schedule, &row);
  }
}

/* what is in the files are the rows of these numbers */
static void check_rows(struct fixture *f, int64_t expected) {
  struct run_config config;
  struct recorded_row *rows;
  int64_t n;
  CHECK_OK_FATAL(recorded_schedule_read(f->folder, &config, &rows, &n));
  CU_ASSERT_EQUAL_FATAL(n, expected);
  for (int64_t i = 0; i < n; i++) {
    const struct recorded_row row = row_number(i);
    CU_ASSERT_EQUAL_FATAL(memcmp(&rows[i], &row, sizeof row), 0);
  }
  CU_ASSERT_EQUAL(config.env.num_envs, 4);
  free(rows);
}

static bool has_segment(const struct fixture *f, int segment) {
  char path[128];
  snprintf(path, sizeof path, "%s/schedule/segment-%06d.h5", f->folder, segment);
  return access(path, F_OK) == 0;
}

static void remove_all(struct fixture *f) {
  char path[128];
  for (int segment = 0; segment < 8; segment++) {
    snprintf(path, sizeof path, "%s/schedule/segment-%06d.h5", f->folder, segment);
    unlink(path);
  }
  snprintf(path, sizeof path, "%s/schedule", f->folder);
  rmdir(path);
  rmdir(f->folder);
}

static void test_segments(void) {
  static struct fixture f;
  setup(&f);
  open_at(&f, -1);
  const int64_t all = 2 * RECORDED_ROWS + 10;
  CU_ASSERT_EQUAL(recorded_schedule_rows(&f.schedule), 0);
  add(&f, 0, 5);
  CHECK_OK_FATAL(recorded_schedule_sync(&f.schedule));
  check_rows(&f, 5);
  add(&f, 5, all);
  CU_ASSERT_EQUAL(recorded_schedule_rows(&f.schedule), all);
  CHECK_OK_FATAL(recorded_schedule_sync(&f.schedule));
  recorded_schedule_close(&f.schedule);
  check_rows(&f, all);

  /* back to checkpoints within a segment, at the end of one, and before all rows; what follows is written anew */
  const int64_t keeps[] = {2 * RECORDED_ROWS + 3, RECORDED_ROWS + 7, RECORDED_ROWS, 9, 0};
  for (int i = 0; i < 5; i++) {
    open_at(&f, keeps[i]);
    CU_ASSERT_EQUAL(recorded_schedule_rows(&f.schedule), keeps[i]);
    CU_ASSERT_FALSE(has_segment(&f, (int)((keeps[i] + RECORDED_ROWS - 1) / RECORDED_ROWS)));
    add(&f, keeps[i], keeps[i] + 100);
    CHECK_OK_FATAL(recorded_schedule_sync(&f.schedule));
    recorded_schedule_close(&f.schedule);
    check_rows(&f, keeps[i] + 100);
  }
  remove_all(&f);
}

static void test_other_config(void) {
  static struct fixture f;
  struct run_config config;
  struct recorded_row *rows;
  int64_t n;
  setup(&f);
  open_at(&f, -1);
  add(&f, 0, 5);
  CHECK_OK_FATAL(recorded_schedule_sync(&f.schedule));
  recorded_schedule_close(&f.schedule);
  CHECK_OK_FATAL(run_config_parse("test", other_text, &f.config));
  open_at(&f, 5);
  CHECK_OK_FATAL(recorded_schedule_sync(&f.schedule));
  recorded_schedule_close(&f.schedule);
  CHECK_OK_FATAL(recorded_schedule_read(f.folder, &config, &rows, &n));
  CU_ASSERT_TRUE(n == 6 && rows[5].n_envs == 0 && rows[5].first_env == RECORDED_CONFIG_CHANGED);
  free(rows);
  remove_all(&f);
}

/* a run goes on without its schedule; whoever wants to repeat it is told */
static void test_damage(void) {
  static struct fixture f;
  struct run_config config;
  struct recorded_row *rows;
  char path[128];
  int64_t n;
  setup(&f);
  CHECK_FAILS(recorded_schedule_read(f.folder, &config, &rows, &n), MUSTER_ERROR_USAGE, "there is no");
  open_at(&f, -1);
  add(&f, 0, 5);
  CHECK_OK_FATAL(recorded_schedule_sync(&f.schedule));
  recorded_schedule_close(&f.schedule);
  snprintf(path, sizeof path, "%s/schedule/segment-000000.h5", f.folder);
  CU_ASSERT_EQUAL_FATAL(truncate(path, 1000), 0);
  CHECK_FAILS(recorded_schedule_read(f.folder, &config, &rows, &n), MUSTER_ERROR_USAGE, "segment-000000.h5");
  free(rows);
  open_at(&f, 5);
  CU_ASSERT_EQUAL(recorded_schedule_rows(&f.schedule), -1);
  add(&f, 5, 9);
  CHECK_OK(recorded_schedule_sync(&f.schedule));
  recorded_schedule_close(&f.schedule);
  remove_all(&f);
}

static const struct check_case cases[] = {
    {"segments, and cutting back", test_segments},
    {"resumed with other options", test_other_config},
    {"damage", test_damage},
};

CHECK_MAIN("recorded schedule", cases)
