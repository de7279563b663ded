/* Environments in child processes: the same numbers as without, and faults that cost running episodes only. */
#include "env/isolation.h"

#include "env/block.h"
#include "env/pool.h"
#include "env/registry.h"
#include "env/source.h"
#include "support/check.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---- pools ---- */

/* a pool and the buffers of its steps; freed by rig_close() */
struct rig {
  struct env_source source;
  struct env_pool *pool;
  const muster_env_spec *spec;
  size_t n, rows, observation_bytes, action_bytes, choices;
  unsigned char *observation, *actions, *mask;
  float *reward;
  uint8_t *ended;
  struct final_observations final_observations;
};

static void *take(size_t n, size_t size) {
  void *memory = calloc(n > 0 ? n : 1, size);
  CU_ASSERT_PTR_NOT_NULL_FATAL(memory);
  return memory;
}

static muster_status rig_open_plugin(struct rig *rig, const char *plugin, const char *name,
                                     const muster_env_setting *options, int32_t n,
                                     const struct isolation_options *isolation) {
  *rig = (struct rig){.n = (size_t)n};
  struct env_source_request request = {.plugin = plugin, .name = name, .isolates = isolation != NULL};
  if (isolation != NULL) request.isolation = *isolation;
  MUSTER_TRY(env_source_open(&request, &rig->source));
  MUSTER_TRY(env_pool_create(rig->source.type, options, 7, 10, n, &rig->pool));
  rig->spec = env_pool_spec(rig->pool);
  rig->rows = rig->n * (size_t)rig->spec->agents;
  rig->observation_bytes = muster_space_bytes(&rig->spec->observation);
  rig->action_bytes = muster_space_bytes(&rig->spec->action);
  rig->choices = rig->spec->masks_actions ? env_block_choices(&rig->spec->action) : 0;
  rig->observation = take(rig->rows, rig->observation_bytes);
  rig->actions = take(rig->rows, rig->action_bytes);
  rig->mask = take(rig->rows, rig->choices);
  rig->reward = take(rig->rows, sizeof(float));
  rig->ended = take(rig->n, 1);
  rig->final_observations = (struct final_observations){
      0,   n, take(rig->n, sizeof(int32_t)), take(rig->n, sizeof(int32_t)), take(rig->rows, rig->observation_bytes),
      NULL};
  return env_pool_reset(rig->pool, rig->observation, rig->observation_bytes);
}

static muster_status rig_open(struct rig *rig, const char *name, const muster_env_setting *options, int32_t n,
                              const struct isolation_options *isolation) {
  return rig_open_plugin(rig, NULL, name, options, n, isolation);
}

static void rig_close(struct rig *rig) {
  env_pool_destroy(&rig->pool);
  env_source_close(&rig->source);
  free(rig->observation);
  free(rig->actions);
  free(rig->mask);
  free(rig->reward);
  free(rig->ended);
  free(rig->final_observations.environment);
  free(rig->final_observations.step);
  free(rig->final_observations.observation);
}

static muster_status rig_step(struct rig *rig) {
  struct env_pool_result result = {
      rig->observation, rig->observation_bytes, rig->reward, sizeof(float), rig->ended, 1, &rig->final_observations};
  rig->final_observations.count = 0;
  return env_pool_step(rig->pool, rig->actions, 0, &result);
}

/* some action that the masks allow, a different one at each step */
static void rig_draw(struct rig *rig, unsigned step) {
  const muster_space *space = &rig->spec->action;
  size_t elements = muster_space_elements(space);
  env_pool_observe(rig->pool, NULL, 0, rig->choices > 0 ? rig->mask : NULL, rig->choices);
  const uint8_t *mask = rig->mask;
  for (size_t i = 0; i < rig->rows * elements; i++) {
    unsigned number = 7 * step + 3 * (unsigned)i;
    if (space->kind == MUSTER_SPACE_BOX) {
      ((float *)(void *)rig->actions)[i] = (float)(number % 5) / 4.0f - 0.5f;
      continue;
    }
    int32_t count = space->counts[i % elements], choice = (int32_t)(number % (unsigned)count);
    while (rig->choices > 0 && mask[choice] == 0) choice = (choice + 1) % count;
    if (rig->choices > 0) mask += count;
    ((int32_t *)(void *)rig->actions)[i] = choice;
  }
}

/* whether both have observed and returned the same */
static bool rigs_agree(const struct rig *a, const struct rig *b) {
  size_t final_observations = (size_t)a->final_observations.count * (size_t)a->spec->agents * a->observation_bytes;
  return memcmp(a->observation, b->observation, a->rows * a->observation_bytes) == 0 &&
         memcmp(a->reward, b->reward, a->rows * sizeof(float)) == 0 && memcmp(a->ended, b->ended, a->n) == 0 &&
         a->final_observations.count == b->final_observations.count &&
         memcmp(a->final_observations.observation, b->final_observations.observation, final_observations) == 0;
}

static int count_differences(struct rig *a, struct rig *b, unsigned first, unsigned last) {
  int differences = 0;
  for (unsigned step = first; step < last; step++) {
    rig_draw(a, step);
    rig_draw(b, step);
    CHECK_OK_FATAL(rig_step(a));
    CHECK_OK_FATAL(rig_step(b));
    differences += !rigs_agree(a, b);
  }
  return differences;
}

/* ---- the same numbers ---- */

static const struct isolation_options blocks_of_3 = {.block = 3, .max_restarts = 10};

static void test_same(void) {
  for (const muster_env_type *const *type = env_registry_list(); *type != NULL; type++) {
    struct rig plain, isolated;
    CHECK_OK_FATAL(rig_open(&plain, (*type)->name, NULL, 7, NULL));
    CHECK_OK_FATAL(rig_open(&isolated, (*type)->name, NULL, 7, &blocks_of_3));
    CU_ASSERT_TRUE(rigs_agree(&plain, &isolated));
    int differences = count_differences(&plain, &isolated, 0, 60);

    /* states go from one pool to the other, in both directions */
    size_t bytes = env_pool_state_bytes(plain.pool);
    CU_ASSERT_EQUAL_FATAL(env_pool_state_bytes(isolated.pool), bytes);
    unsigned char *one = take(bytes, 1), *other = take(bytes, 1);
    for (int32_t env = 0; env < 7; env++) {
      bool restarted = true;
      env_pool_save(plain.pool, env, one);
      env_pool_save(isolated.pool, env, other);
      CU_ASSERT_EQUAL(memcmp(one, other, bytes), 0);
      CHECK_OK(env_pool_load(isolated.pool, env, one, NULL, &restarted));
      CU_ASSERT_FALSE(restarted);
    }
    differences += count_differences(&plain, &isolated, 60, 120);
    if (differences > 0) printf("\n    %s: %d of 120 steps differ", (*type)->name, differences);
    CU_ASSERT_EQUAL(differences, 0);
    struct env_restarts restarts;
    env_pool_take_restarts(isolated.pool, &restarts);
    CU_ASSERT_EQUAL(restarts.count, 0);
    free(one);
    free(other);
    rig_close(&plain);
    rig_close(&isolated);
  }
}

static void test_text_and_errors(void) {
  struct rig rig;
  char plain[4096], isolated[4096];
  CHECK_OK_FATAL(rig_open(&rig, "CartPole-v1", NULL, 2, NULL));
  env_pool_render_text(rig.pool, 1, plain, sizeof plain);
  rig_close(&rig);
  CHECK_OK_FATAL(rig_open(&rig, "CartPole-v1", NULL, 2, &blocks_of_3));
  env_pool_render_text(rig.pool, 1, isolated, sizeof isolated);
  rig_close(&rig);
  CU_ASSERT_TRUE(strlen(plain) > 20);
  CU_ASSERT_STRING_EQUAL(plain, isolated);

  const muster_env_setting wrong[] = {{"obs_dim", "none"}, {NULL, NULL}}, unknown[] = {{"obs_dm", "3"}, {NULL, NULL}};
  CHECK_FAILS(rig_open(&rig, "Probe-v0", wrong, 2, &blocks_of_3), MUSTER_ERROR_USAGE,
              "option obs_dim: expects an integer");
  rig_close(&rig);
  CHECK_FAILS(rig_open(&rig, "Probe-v0", unknown, 2, &blocks_of_3), MUSTER_ERROR_USAGE, "the nearest one is 'obs_dim'");
  rig_close(&rig);
  struct isolation_options nowhere = {.program = "/nowhere/muster"};
  CHECK_FAILS(rig_open(&rig, "Probe-v0", NULL, 2, &nowhere), MUSTER_ERROR_ENVIRONMENT,
              "cannot start the child process /nowhere/muster: No such file");
  rig_close(&rig);
}

/* an environment that nobody can use is refused in a child with the same words as without one, and each refusal is said
 * once */
static void test_unusable(void) {
  static const struct {
    const char *name, *message;
  } unusable[] = {
      {"Nothing-v0",
       "environment Nothing-v0: create() returned 0, but no environment: where it fails, return muster_env_fail(error, "
       "...)"},
      {"Wordless-v0",
       "cannot create 2 environments Wordless-v0: it failed without a text: muster_env_fail() wants one"},
      {"Wraps-v0",
       "environment Wraps-v0: the shape [65536, 65536, 65536, 65536] of the observation space has more than "
       "2147483647 elements in all"},
      {"Reversed-v0", "environment Reversed-v0: the bounds of element 0 of the observation space are 1 and -1: expects "
                      "low <= high"},
      {"Huge-v0", NULL},
  };
  for (size_t i = 0; i < 2 * (sizeof unusable / sizeof *unusable); i++) {
    struct rig rig;
    const char *name = unusable[i / 2].name, *message = unusable[i / 2].message;
    muster_status status = rig_open_plugin(&rig, TEST_BINARY_DIR "/plugins/plugin_unusable.so", name, NULL, 2,
                                           i % 2 == 1 ? &blocks_of_3 : NULL);
    const char *said = muster_status_message(status);
    if (message != NULL)
      CU_ASSERT_STRING_EQUAL(said, message)
    else
      CU_ASSERT_PTR_EQUAL(strstr(said, "environment Huge-v0: too large: observations [2147483647] of 100000 agents"),
                          said);
    muster_status_clear(&status);
    rig_close(&rig);
  }
}

/* ---- faults ---- */

/* four environments in two children; each environment breaks down at step 5 of its life */
static void expect_loss(const char *fault, const char *what, double timeout) {
  const muster_env_setting options[] = {{fault, "5"}, {NULL, NULL}};
  const struct isolation_options isolation = {.block = 2, .step_timeout = timeout, .max_restarts = 100};
  struct rig rig;
  CHECK_OK_FATAL(rig_open(&rig, "Probe-v0", options, 4, &isolation));
  struct env_restarts restarts;
  for (unsigned step = 0; step < 4; step++) {
    rig_draw(&rig, step);
    CHECK_OK_FATAL(rig_step(&rig));
    for (int i = 0; i < 4; i++) CU_ASSERT_EQUAL(rig.ended[i], 0);
  }
  env_pool_take_restarts(rig.pool, &restarts);
  CU_ASSERT_EQUAL(restarts.count, 0);

  /* the step at which they break: episodes are cut short, with what was last seen before that step */
  unsigned char *before = take(rig.rows, rig.observation_bytes);
  memcpy(before, rig.observation, rig.rows * rig.observation_bytes);
  rig_draw(&rig, 4);
  CHECK_OK_FATAL(rig_step(&rig));
  for (int i = 0; i < 4; i++) {
    CU_ASSERT_EQUAL(rig.ended[i], ENV_TRUNCATED);
    CU_ASSERT_EQUAL(rig.reward[i], 0.0f);
  }
  CU_ASSERT_EQUAL(rig.final_observations.count, 4);
  CU_ASSERT_EQUAL(memcmp(rig.final_observations.observation, before, rig.rows * rig.observation_bytes), 0);
  free(before);

  /* the report: which environment broke, and what it did last */
  env_pool_take_restarts(rig.pool, &restarts);
  CU_ASSERT_EQUAL(restarts.count, 2);
  CU_ASSERT_EQUAL_FATAL(restarts.texts, 2);
  CU_ASSERT_FALSE(restarts.stays_dead);
  int first = strstr(restarts.text[0], "environment 10 ") != NULL ? 0 : 1;
  const char *text = restarts.text[first], *other = restarts.text[1 - first];
  char expected[128];
  snprintf(expected, sizeof expected,
           "environment 10 (Probe-v0, seed 7), episode 0, step 5, action %d: ", *(int32_t *)(void *)rig.actions);
  CU_ASSERT_PTR_NOT_NULL(strstr(text, expected));
  CU_ASSERT_PTR_NOT_NULL(strstr(other, "environment 12 (Probe-v0"));
  CU_ASSERT_PTR_NOT_NULL(strstr(text, what));
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "; 2 running episodes are lost, the process is started again"));
  if (strstr(text, what) == NULL) printf("\n    %s", text);

  /* the environments go on, until they break again */
  for (unsigned step = 0; step < 4; step++) {
    rig_draw(&rig, step);
    CHECK_OK_FATAL(rig_step(&rig));
    for (int i = 0; i < 4; i++) CU_ASSERT_EQUAL(rig.ended[i], 0);
  }
  CHECK_OK_FATAL(rig_step(&rig));
  env_pool_take_restarts(rig.pool, &restarts);
  CU_ASSERT_EQUAL(restarts.count, 2);
  rig_close(&rig);
}

static void test_crash(void) { expect_loss("crash_at_step", "its process died of signal 6 (Aborted)", 0); }
static void test_error(void) { expect_loss("fail_at_step", "told to fail at step 5 of its life", 0); }
static void test_hang(void) { expect_loss("hang_at_step", "its process did not answer within 2 s", 2); }

/* only the child with the fault is hit */
static void test_others(void) {
  const muster_env_setting options[] = {{"crash_at_step", "9"}, {"faulty_percent", "50"}, {NULL, NULL}};
  const struct isolation_options isolation = {.block = 1, .max_restarts = 100};
  struct rig rig, plain;
  CHECK_OK_FATAL(rig_open(&rig, "Probe-v0", options, 8, &isolation));
  CHECK_OK_FATAL(rig_open(&plain, "Probe-v0", NULL, 8, NULL));
  int cut = 0;
  for (unsigned step = 0; step < 9; step++) {
    rig_draw(&rig, step);
    rig_draw(&plain, step);
    CHECK_OK_FATAL(rig_step(&rig));
    CHECK_OK_FATAL(rig_step(&plain));
  }
  for (size_t i = 0; i < 8; i++) {
    cut += rig.ended[i] == ENV_TRUNCATED;
    if (rig.ended[i] == 0)
      CU_ASSERT_EQUAL(memcmp(rig.observation + i * rig.observation_bytes,
                             plain.observation + i * plain.observation_bytes, rig.observation_bytes),
                      0);
  }
  CU_ASSERT_TRUE(cut > 0 && cut < 8);
  rig_close(&rig);
  rig_close(&plain);
}

/* A plug-in whose process dies at the fourth reset of its life; episodes have 5 steps. */
static void test_reset(void) {
  struct rig rig;
  const struct isolation_options isolation = {.max_restarts = 1000};
  const char *plugin = TEST_BINARY_DIR "/plugins/plugin_dies.so";
  CHECK_OK_FATAL(rig_open_plugin(&rig, plugin, "Plug-v0", NULL, 2, &isolation));
  struct env_restarts restarts;
  int lost = 0, lasted = 0;
  for (unsigned step = 1; step <= 40; step++) {
    CHECK_OK_FATAL(rig_step(&rig));
    for (int i = 0; i < 2; i++) {
      CU_ASSERT_EQUAL(((float *)(void *)rig.observation)[i], 1.0f);
      lost += rig.ended[i] == ENV_TRUNCATED && step % 5 != 0;
      lasted += rig.ended[i] == ENV_TRUNCATED && step % 5 == 0;
    }
  }
  env_pool_take_restarts(rig.pool, &restarts);
  CU_ASSERT_TRUE(restarts.count >= 3);
  CU_ASSERT_FALSE(restarts.stays_dead);
  CU_ASSERT_PTR_NOT_NULL(strstr(restarts.text[0], "its process died of signal 6"));
  CU_ASSERT_TRUE(lost > 0 && lasted > 0);
  rig_close(&rig);
}

static void test_max_restarts(void) {
  const muster_env_setting options[] = {{"crash_at_step", "3"}, {NULL, NULL}};
  const struct isolation_options isolation = {.max_restarts = 1};
  struct rig rig;
  CHECK_OK_FATAL(rig_open(&rig, "Probe-v0", options, 3, &isolation));
  struct env_restarts restarts;
  for (unsigned step = 0; step < 5; step++) CHECK_OK_FATAL(rig_step(&rig));
  env_pool_take_restarts(rig.pool, &restarts);
  CU_ASSERT_EQUAL(restarts.count, 1);
  CU_ASSERT_FALSE(restarts.stays_dead);

  /* the next fault is the last one that is tolerated; steps go on, although nobody takes the reports */
  for (unsigned step = 0; step < 4; step++) CHECK_OK_FATAL(rig_step(&rig));
  env_pool_take_restarts(rig.pool, &restarts);
  CU_ASSERT_EQUAL(restarts.count, 0);
  CU_ASSERT_TRUE(restarts.stays_dead);
  CU_ASSERT_PTR_NOT_NULL(strstr(restarts.text[0], "env.max_restarts is reached"));
  for (int i = 0; i < 3; i++) CU_ASSERT_EQUAL(rig.ended[i], ENV_TRUNCATED);

  /* the saved bytes of a dead environment say that it has no state: an environment that loads them starts a new
   * episode */
  struct rig fresh;
  CHECK_OK_FATAL(rig_open(&fresh, "Probe-v0", NULL, 3, NULL));
  unsigned char *bytes = take(env_pool_state_bytes(rig.pool), 1);
  bool restarted = false;
  env_pool_save(rig.pool, 0, bytes);
  CHECK_OK(env_pool_load(fresh.pool, 0, bytes, NULL, &restarted));
  CU_ASSERT_TRUE(restarted);
  free(bytes);
  rig_close(&fresh);
  rig_close(&rig);
}

/* ---- children end with their parent ---- */

/* the first child of a process; 0 if there is none */
static pid_t first_child(pid_t parent) {
  char path[64];
  int child = 0;
  snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)parent, (int)parent);
  FILE *file = fopen(path, "r");
  if (file == NULL) return 0;
  if (fscanf(file, "%d", &child) != 1) child = 0;
  fclose(file);
  return (pid_t)child;
}

/* whether a process exists, and is no zombie whose parent has not asked for it yet */
static bool is_alive(pid_t process) {
  char path[64], state = 'Z';
  snprintf(path, sizeof path, "/proc/%d/stat", (int)process);
  FILE *file = fopen(path, "r");
  if (file == NULL) return false;
  if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1) state = 'Z';
  fclose(file);
  return state != 'Z' && state != 'X';
}

static void nap(void) { nanosleep(&(struct timespec){0, 10000000}, NULL); }

static void test_orphans(void) {
  fflush(stdout);
  pid_t parent = fork();
  if (parent == 0) {
    struct rig rig;
    const muster_env_setting options[] = {{"hang_at_step", "1"}, {NULL, NULL}};
    muster_status status = rig_open(&rig, "Probe-v0", options, 1, &blocks_of_3);
    if (status == MUSTER_OK) status = rig_step(&rig); /* hangs, without a limit */
    _exit(1);
  }
  pid_t child = 0;
  for (int i = 0; i < 1000 && child == 0; i++, nap()) child = first_child(parent);
  CU_ASSERT_TRUE_FATAL(child > 0);
  CU_ASSERT_TRUE(is_alive(child));
  for (int i = 0; i < 30; i++) nap(); /* until it hangs */
  kill(parent, SIGKILL);
  waitpid(parent, NULL, 0);
  for (int i = 0; i < 1000 && is_alive(child); i++) nap();
  CU_ASSERT_FALSE(is_alive(child));
}

/* nothing stays behind when a pool is destroyed, not even a child that hangs */
static void test_end(void) {
  const muster_env_setting options[] = {{"hang_at_step", "2"}, {NULL, NULL}};
  const struct isolation_options isolation = {.block = 1, .step_timeout = 1, .max_restarts = 0};
  struct rig rig;
  CHECK_OK_FATAL(rig_open(&rig, "Probe-v0", options, 2, &isolation));
  CHECK_OK_FATAL(rig_step(&rig));
  CHECK_OK_FATAL(rig_step(&rig));
  rig_close(&rig);
  CU_ASSERT_EQUAL(waitpid(-1, NULL, WNOHANG), -1);
}

static const struct check_case cases[] = {
    {"every environment: the same numbers and states", test_same},
    {"text and errors of creation", test_text_and_errors},
    {"environments that nobody can use", test_unusable},
    {"a crash", test_crash},
    {"an error", test_error},
    {"a hang", test_hang},
    {"other children are not hit", test_others},
    {"a crash in reset()", test_reset},
    {"max_restarts", test_max_restarts},
    {"children of a parent that is killed", test_orphans},
    {"no process stays behind", test_end},
};

/* children run this program */
int main(int argc, char **argv) {
  if (argc == 4 && strcmp(argv[1], "env-worker") == 0) return isolation_worker(atoi(argv[2]), atoi(argv[3]));
  return check_main("isolation", cases, sizeof cases / sizeof cases[0]);
}
