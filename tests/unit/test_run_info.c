/* What a run folder says, and how runs are found below folders. */
#include "base/terminal.h"
#include "runs/list.h"
#include "support/check.h"

#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void write_file(const char *folder, const char *name, const char *text) {
  char path[1300];
  snprintf(path, sizeof path, "%.1200s/%s", folder, name);
  FILE *file = fopen(path, "w");
  CU_ASSERT_PTR_NOT_NULL_FATAL(file);
  fputs(text, file);
  fclose(file);
}

static const char config[] = "# muster 0.1.0 (abc), started 2026-01-02 03:04:05\n# ranks: 3\n"
                             "#   rank 0 on node1: learner\n#   rank 1 on node1: actor, environments 0 to 3\n"
                             "#   rank 2 on node2: actor, environments 4 to 7\n"
                             "seed: 9\ntotal_steps: 1000\nenv: {name: CartPole-v1}\nalgorithm: {name: ppo}\n";
static const char rows[] = "time/iterations,time/total_timesteps,time/time_elapsed,rollout/ep_rew_mean,train/approx_kl,"
                           "time/update_seconds\n1,100,1,20,0.5,0.75\n2,200,3,,0.25,0.25\n";

/* moves the time of a file's last change into the past */
static void age(const char *folder, const char *name, int seconds) {
  char path[1300];
  snprintf(path, sizeof path, "%.1200s/%s", folder, name);
  const struct timespec then = {.tv_sec = time(NULL) - seconds}, times[2] = {then, then};
  CU_ASSERT_EQUAL_FATAL(utimensat(AT_FDCWD, path, times, 0), 0);
}

/* starts a process that holds the lock of a run folder, as a run does, for a minute at most */
static pid_t hold_lock(const char *folder) {
  int ready[2];
  char byte = 0;
  write_file(folder, ".lock", "");
  CU_ASSERT_EQUAL_FATAL(pipe(ready), 0);
  pid_t holder = fork();
  CU_ASSERT_TRUE_FATAL(holder >= 0);
  if (holder == 0) {
    char path[1300];
    snprintf(path, sizeof path, "%.1200s/.lock", folder);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    alarm(60);
    int file = open(path, O_RDWR | O_CLOEXEC);
    if (file >= 0 && fcntl(file, F_SETLK, &lock) == 0 && write(ready[1], &byte, 1) == 1) pause();
    _exit(1);
  }
  close(ready[1]);
  CU_ASSERT_EQUAL_FATAL(read(ready[0], &byte, 1), 1);
  close(ready[0]);
  return holder;
}

static void release_lock(pid_t holder) {
  kill(holder, SIGKILL);
  CU_ASSERT_EQUAL(waitpid(holder, NULL, 0), holder);
}

static void check_state(struct run_info *info, enum run_state state) {
  run_info_refresh(info);
  CU_ASSERT_STRING_EQUAL(run_state_name(info->state), run_state_name(state));
  CU_ASSERT_EQUAL(info->failure, MUSTER_OK);
}

static void test_run_state(void) {
  const char *folder = check_folder("watch-run");
  struct run_info *info = NULL;
  CHECK_OK_FATAL(run_info_create(folder, &info));
  check_state(info, RUN_WAITING);
  CU_ASSERT_FALSE(info->is_run);
  CU_ASSERT_FALSE(run_info_has_config(info));

  /* the config is written first, under the lock, then rows */
  write_file(folder, "config.yaml", config);
  check_state(info, RUN_DIED); /* nobody holds the lock */
  pid_t holder = hold_lock(folder);
  check_state(info, RUN_WAITING);
  CU_ASSERT_TRUE(info->is_run);
  CU_ASSERT_STRING_EQUAL(run_info_option(info, "env.name"), "CartPole-v1");
  CU_ASSERT_EQUAL(run_info_number(info, "total_steps"), 1000.0);
  CU_ASSERT_TRUE(isnan(run_info_number(info, "env.name")));
  CU_ASSERT_STRING_EQUAL(run_info_option(info, "env.plugin"), "");
  CU_ASSERT_STRING_EQUAL(info->started, "2026-01-02 03:04:05");
  CU_ASSERT_STRING_EQUAL(info->learner_host, "node1");
  CU_ASSERT_EQUAL(info->ranks, 3);
  CU_ASSERT_EQUAL(info->hosts, 2);
  write_file(folder, "metrics.csv", rows);
  check_state(info, RUN_RUNNING);
  CU_ASSERT_EQUAL(info->steps, 200.0);
  CU_ASSERT_EQUAL(info->steps_per_second, 50.0); /* 100 steps in the 2 s between the rows */
  CU_ASSERT_EQUAL(info->seconds_left, 16.0);
  CU_ASSERT_EQUAL(info->seconds, 3.0);
  CU_ASSERT_EQUAL(info->mean_return, 20.0);
  age(folder, "metrics.csv", 30); /* less than a minute is no reason for a warning */
  check_state(info, RUN_RUNNING);
  age(folder, "metrics.csv", 61);
  check_state(info, RUN_STALLED);

  /* a summary counts if it covers the last row, and nobody goes on with the run */
  write_file(folder, "summary.json", "{\"status\": \"finished\", \"total_steps\": 200, \"solved_at_steps\": 50}");
  check_state(info, RUN_STALLED);
  CU_ASSERT_PTR_NULL(info->summary);
  CU_ASSERT_EQUAL(info->solved_at_steps, 50.0);
  release_lock(holder);
  check_state(info, RUN_FINISHED);
  write_file(folder, "summary.json", "{\"status\": \"finished\", \"total_steps\": 100}");
  check_state(info, RUN_DIED);
  write_file(folder, "summary.json", "{\"status\": \"interrupted\", \"total_steps\": 200, \"final_evaluation\": null}");
  check_state(info, RUN_INTERRUPTED);
  write_file(folder, "summary.json",
             "{\"status\": \"finished\", \"total_steps\": 200, \"final_evaluation\": {\"mean_return\": 7}}");
  check_state(info, RUN_FINISHED);
  CU_ASSERT_EQUAL(info->evaluation_return, 7.0);
  CU_ASSERT_EQUAL(info->average_speed, 200.0 / 3.0); /* the summary gives no other speed */
  CU_ASSERT_EQUAL(info->failure, MUSTER_OK);

  /* a file that cannot be read is reported as long as that is so */
  write_file(folder, "config.yaml", "seed: [\n");
  for (int i = 0; i < 2; i++) {
    run_info_refresh(info);
    CU_ASSERT_PTR_NOT_NULL(strstr(muster_status_message(info->failure), "config.yaml"));
  }
  write_file(folder, "config.yaml", config);
  run_info_refresh(info);
  CU_ASSERT_EQUAL(info->failure, MUSTER_OK);
  run_info_destroy(&info);
  CU_ASSERT_PTR_NULL(info);
}

/* whatever number of steps a file says, it becomes one that can be counted */
static void test_odd_counts(void) {
  static const struct {
    const char *steps;
    double counted;
  } counts[] = {{"1e300", 9007199254740992.0}, {"-5", 0},    {"nan", 0},
                {"inf", 9007199254740992.0},   {"12.7", 12}, {"", 0}};
  const char *folder = check_folder("watch-odd");
  struct run_info *info = NULL;
  CHECK_OK_FATAL(run_info_create(folder, &info));
  for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
    char text[200];
    snprintf(text, sizeof text, "time/total_timesteps,time/time_elapsed\n%s,%zu\n", counts[i].steps, i + 1);
    write_file(folder, "metrics.csv", text);
    run_info_refresh(info);
    CU_ASSERT_EQUAL(info->steps, counts[i].counted);
  }
  run_info_destroy(&info);

  static const struct {
    double value;
    const char *count, *seconds;
  } texts[] = {
      {0, "0", "0s"},         {999, "999", "16m39s"}, {1500, "1.50k", "25m00s"}, {2.5e10, "25.0G", "6944444h26m"},
      {1e300, "1e+300", "?"}, {NAN, "?", "?"},        {INFINITY, "?", "?"},      {-1e300, "?", "?"}};
  for (size_t i = 0; i < 8; i++) {
    char text[32];
    terminal_format_count(texts[i].value, text, sizeof text);
    if (texts[i].value > -1) CU_ASSERT_STRING_EQUAL(text, texts[i].count);
    terminal_format_seconds(texts[i].value, text, sizeof text);
    CU_ASSERT_STRING_EQUAL(text, texts[i].seconds);
  }
}

static void test_run_list(void) {
  const char *folder = check_folder("watch-list");
  char deep[1200], empty[1200];
  snprintf(deep, sizeof deep, "%s/some/run", folder);
  snprintf(empty, sizeof empty, "%s/empty", folder);
  struct run_list list = {0};
  const char *paths[] = {folder, empty};
  CU_ASSERT_EQUAL_FATAL(mkdir(empty, 0777), 0);

  /* a folder without runs is listed as a run that has not begun */
  CHECK_OK_FATAL(run_list_find(&list, paths, 1));
  CU_ASSERT_EQUAL_FATAL(list.n, 1);
  CU_ASSERT_STRING_EQUAL(list.info[0]->path, folder);
  snprintf(empty, sizeof empty, "%s/some", folder);
  CU_ASSERT_EQUAL_FATAL(mkdir(empty, 0777), 0);
  CU_ASSERT_EQUAL_FATAL(mkdir(deep, 0777), 0);
  write_file(deep, "metrics.csv", rows);
  CHECK_OK_FATAL(run_list_find(&list, paths, 1));
  CU_ASSERT_EQUAL_FATAL(list.n, 1);
  CU_ASSERT_STRING_EQUAL(list.info[0]->path, deep);

  /* what was read of a run is kept when another run is found */
  run_list_refresh(&list);
  const struct run_info *known = list.info[0];
  snprintf(empty, sizeof empty, "%s/empty/", folder);
  CHECK_OK_FATAL(run_list_find(&list, paths, 2));
  CU_ASSERT_EQUAL_FATAL(list.n, 2);
  CU_ASSERT_PTR_EQUAL(list.info[0], known);
  CU_ASSERT_EQUAL(strlen(list.info[1]->path), strlen(empty) - 1); /* without the slash */
  paths[1] = "/nowhere/at/all";
  CHECK_FAILS(run_list_find(&list, paths, 2), MUSTER_ERROR_IO, "/nowhere/at/all");
  run_list_destroy(&list);
}

/* a pipe with the name of a file is reported, and not waited for */
static void test_pipes(void) {
  static const char *const names[] = {"config.yaml", "metrics.csv", "summary.json", ".lock"};
  for (int i = 0; i < 4; i++) {
    const char *folder = check_folder("watch-pipe");
    char path[1300];
    struct run_info *info = NULL;
    write_file(folder, "config.yaml", config);
    write_file(folder, "metrics.csv", rows);
    snprintf(path, sizeof path, "%.1200s/%s", folder, names[i]);
    unlink(path);
    CU_ASSERT_EQUAL_FATAL(mkfifo(path, 0666), 0);
    CHECK_OK_FATAL(run_info_create(folder, &info));
    run_info_refresh(info);
    muster_status failure = run_info_take_failure(info);
    CU_ASSERT_EQUAL(failure != MUSTER_OK, i < 3);
    if (failure != MUSTER_OK) CHECK_FAILS(failure, MUSTER_ERROR_IO, "is not a regular file");
    run_info_destroy(&info);
  }
}

/* the newest checkpoint is found with a link to it, and without */
static void test_newest_checkpoint(void) {
  const char *folder = check_folder("watch-checkpoint");
  char checkpoints[1300], link[1300];
  struct run_info *info = NULL;
  snprintf(checkpoints, sizeof checkpoints, "%.1200s/checkpoints", folder);
  snprintf(link, sizeof link, "%.1200s/checkpoints/latest", folder);
  CHECK_OK_FATAL(run_info_create(folder, &info));
  run_info_refresh(info);
  CU_ASSERT_STRING_EQUAL(info->checkpoint, "");
  CU_ASSERT_EQUAL_FATAL(mkdir(checkpoints, 0777), 0);
  write_file(checkpoints, "step-000000000100.h5", "");
  write_file(checkpoints, "step-000000000300.h5", "");
  run_info_refresh(info);
  CU_ASSERT_STRING_EQUAL(info->checkpoint, "step-000000000300.h5");
  CU_ASSERT_TRUE(info->checkpoint_age >= 0.0);
  CU_ASSERT_EQUAL_FATAL(symlink("step-000000000100.h5", link), 0);
  run_info_refresh(info);
  CU_ASSERT_STRING_EQUAL(info->checkpoint, "step-000000000100.h5");
  run_info_destroy(&info);
}

static const struct check_case cases[] = {
    {"the states of a run, and what its files say", test_run_state},
    {"odd counts", test_odd_counts},
    {"runs and folders of runs", test_run_list},
    {"pipes in place of files", test_pipes},
    {"the newest checkpoint", test_newest_checkpoint},
};

CHECK_MAIN("run info", cases)
