/* The conformance suite: every built-in environment keeps the contract, and each way of breaking it is found. */
#include "env/conformance.h"
#include "env/pool.h"
#include "env/registry.h"
#include "support/check.h"

#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- an environment that breaks the contract in one way ---- */

enum fault {
  NO_FAULT,
  LOW_ABOVE_HIGH,
  NAN_BOUND,
  WRAPS,
  TOO_LARGE,
  TOO_LARGE_A_STATE,
  EMPTY_DIMENSION,
  NO_KIND,
  NO_CHOICES,
  NEGATIVE_LIMIT,
  MASKS_A_BOX,
  NO_ENVIRONMENT,
  BLANK_ERROR,
  NO_AGENTS,
  NO_COUNTS,
  CHANGES_ITS_MIND,
  STATE_WITHOUT_BYTES,
  SEGFAULTS,
  ABORTS,
  EXITS,
  EXITS_WELL,
  HANGS,
  FAILS,
  SILENT_ERROR,
  TAKES_ANY_OPTION,
  NAN_OBSERVATION,
  INFINITE_REWARD,
  NO_REWARD,
  OUT_OF_BOUNDS,
  NO_BOOL,
  WRITES_BEYOND,
  WRITES_BEFORE,
  WRITES_REWARDS,
  WRITES_ACTION,
  UNWRITTEN,
  FAILS_AT_EXTREMES,
  USES_RAND,
  SHARES_STATE,
  KEEPS_STATE,
  FORGETS_STATE,
  DIRTY_STATE,
  REFUSES_STATE,
  WRITES_BEYOND_STATE,
  NEVER_ENDS,
  DRAWS_NOTHING,
  ENDLESS_TEXT,
  NAN_PICTURE,
  NO_VIEW,
  FLAT_VIEW,
  FLAT_IMAGE,
  LEAKS_ENVIRONMENTS,
  LEAKS_EPISODES,
  LEAKS_FIRST_STEPS,
  LEAKS_ENDS,
  LEAKS_STEPS,
  LEAKS_FILES,
  KEEPS_ONCE,
  READS,
  PRINTS,
  PRINTS_AND_DIES,
  MASKS_ALL,
  MASKS_ALL_AT_END,
  BLOCK_REWARD,
  BLOCK_STRIDE,
  BLOCK_STATE,
  BLOCK_RESET
};

/* the fault that environments have now; set before the suite forks its checks */
static enum fault fault;

struct walk {
  double place, speed;
  int32_t step;
  int32_t id; /* its bytes are saved, but save_state() does not promise to keep it */
};

static const muster_env_option walk_options[] = {{"length", "10", "half the length of the road"}, {NULL, NULL, NULL}};
static const float low[] = {-10.0f, -4.0f}, high[] = {10.0f, 4.0f}, wrong_low[] = {-10.0f, 5.0f};
static const float nan_low[] = {-10.0f, NAN};
static const int32_t counts[] = {3}, no_choices[] = {0};
static int created;      /* number of environments created so far */
static double shared_by; /* what environments share, although they should not */

static int walk_create(const muster_env_setting *settings, void **env, muster_env_error *error) {
  char *end;
  double length = strtod(settings[0].value, &end);
  if (fault == NO_ENVIRONMENT) return 0;
  if (fault == BLANK_ERROR) return muster_env_fail(error, " \n");
  if (*end != '\0' && fault == SILENT_ERROR) return 1;
  if ((end == settings[0].value || *end != '\0' || length < 1) && fault != TAKES_ANY_OPTION)
    return muster_env_fail(error, "option length: expects a number from 1 on");
  if (fault == LEAKS_FILES && open("/dev/null", O_RDONLY) < 0) return muster_env_fail(error, "no file");
  struct walk *walk = calloc(1, sizeof *walk);
  walk->id = created++;
  *env = walk;
  return 0;
}

/* 64 kB that a library takes once and keeps, after a hundred lives of one step: no leak, although the average of some
 * thousand lives grows by it */
static void keep_once(const struct walk *walk) {
  static char *kept;
  static int short_lives;
  short_lives = walk->step == 1 ? short_lives + 1 : 0;
  if (short_lives < 100 || kept != NULL) return;
  kept = malloc(1 << 16);
  if (kept == NULL) abort();
  memset(kept, 1, 1 << 16);
}

static void walk_destroy(void *env) {
  if (fault == KEEPS_ONCE) keep_once(env);
  if (fault != LEAKS_ENVIRONMENTS) free(env);
}

/* descriptions that nobody can use */
static void misdescribe(muster_env_spec *spec) {
  muster_space *seen = &spec->observation;
  switch (fault) {
  case LOW_ABOVE_HIGH: seen->low = wrong_low; break;
  case NAN_BOUND: seen->low = nan_low; break;
  case WRAPS: *seen = (muster_space){.kind = seen->kind, .rank = 4, .shape = {65536, 65536, 65536, 65536}}; break;
  case TOO_LARGE: *seen = (muster_space){.kind = seen->kind, .rank = 2, .shape = {46340, 46340}}; break;
  case TOO_LARGE_A_STATE: spec->state_bytes = SIZE_MAX - 8; break;
  case EMPTY_DIMENSION: seen->shape[0] = 0; break;
  case NO_KIND: seen->kind = 0; break;
  case NO_COUNTS: spec->action.counts = NULL; break;
  case NO_CHOICES: spec->action.counts = no_choices; break;
  case NO_AGENTS: spec->agents = 0; break;
  case NEGATIVE_LIMIT: spec->max_steps = -1; break;
  case MASKS_A_BOX:
    spec->action = *seen;
    spec->masks_actions = true;
    break;
  default: break;
  }
  if (fault == TOO_LARGE) spec->agents = 100000;
}

static void walk_describe(const void *env, muster_env_spec *spec) {
  const struct walk *walk = env;
  spec->observation = (muster_space){.kind = MUSTER_SPACE_BOX, .rank = 1, .shape = {2}, .low = low, .high = high};
  spec->action = (muster_space){.kind = MUSTER_SPACE_DISCRETE, .counts = counts};
  spec->agents = 1;
  spec->max_steps = fault == CHANGES_ITS_MIND ? 50 + walk->id : 50;
  if (fault == NEVER_ENDS) spec->max_steps = 0;
  spec->reward_threshold = NAN;
  spec->masks_actions = fault == MASKS_ALL || fault == MASKS_ALL_AT_END;
  spec->state_bytes = fault == STATE_WITHOUT_BYTES ? 0 : sizeof(struct walk);
  misdescribe(spec);
}

static bool has_ended(const struct walk *walk) { return fabs(walk->place) > 9.0; }

/* 100 bytes that nobody frees */
static void leak(void) {
  if (malloc(100) == NULL) abort();
}

static void observe(const struct walk *walk, muster_env_result *result) {
  float *observation = result->observation;
  observation[0] = (float)walk->place;
  if (fault != UNWRITTEN || walk->step == 0) observation[1] = (float)walk->speed;
  if (fault == NAN_OBSERVATION && walk->step == 9) observation[1] = NAN;
  if (fault == OUT_OF_BOUNDS) observation[1] += 5.0f;
  if (fault == WRITES_BEYOND) observation[2] = 1.0f;
  if (fault == WRITES_BEFORE) observation[-1] = 1.0f;
  if (fault == MASKS_ALL) memset(result->action_mask, walk->step < 5, 3);
  if (fault == MASKS_ALL_AT_END) memset(result->action_mask, !has_ended(walk) && walk->step < 50, 3);
}

static int walk_reset(void *env, muster_random *random, muster_env_result *result, muster_env_error *error) {
  (void)error;
  struct walk *walk = env;
  if (fault == LEAKS_EPISODES) leak();
  walk->place = fault == DRAWS_NOTHING ? 0.5 : muster_random_uniform(random, -1, 1);
  if (fault == USES_RAND) walk->place = rand() / (double)RAND_MAX;
  if (fault != KEEPS_STATE) walk->speed = 0;
  walk->step = 0;
  observe(walk, result);
  return 0;
}

/* the ways to fail that end the process or the call */
static int break_down(const struct walk *walk, int32_t choice, muster_env_error *error) {
  if (walk->step != 5 && fault != FAILS_AT_EXTREMES) return 0;
  switch (fault) {
  case SEGFAULTS: raise(SIGSEGV); return 0;
  case PRINTS_AND_DIES: fprintf(stderr, "the road is out of asphalt\n"); abort();
  case ABORTS: abort();
  case EXITS: _exit(3);
  case EXITS_WELL: _exit(0);
  case HANGS:
    for (;;) pause();
  case FAILS: return muster_env_fail(error, "the road is closed");
  case FAILS_AT_EXTREMES: return walk->place > 5 && choice == 2 ? muster_env_fail(error, "too far") : 0;
  default: return 0;
  }
}

static int walk_step(void *env, const void *action, muster_random *random, muster_env_result *result,
                     muster_env_error *error) {
  struct walk *walk = env;
  int32_t choice = *(const int32_t *)action;
  (void)random;
  walk->step++;
  char byte;
  if (fault == READS && read(STDIN_FILENO, &byte, 1) == 1) return muster_env_fail(error, "there was something to read");
  if (fault == PRINTS) printf("step %d\n", walk->step);
  if (fault == PRINTS) fprintf(stderr, "hm\n");
  if (break_down(walk, choice, error) != 0) return 1;
  walk->speed = fmin(1.0, fmax(-1.0, walk->speed + 0.25 * (choice - 1)));
  if (fault == SHARES_STATE) walk->speed = 0.5 * (walk->speed + shared_by);
  shared_by = walk->speed;
  walk->place = fmin(10.0, fmax(-10.0, walk->place + walk->speed));
  if (fault != NO_REWARD) result->reward[0] = fault == INFINITE_REWARD ? INFINITY : walk->place;
  if (fault == WRITES_REWARDS) result->reward[1] = 0;
  if (fault == WRITES_ACTION) memset((void *)(uintptr_t)action, 0, 4);
  if (fault != NEVER_ENDS) result->terminated = has_ended(walk);
  if (fault == LEAKS_STEPS || (fault == LEAKS_FIRST_STEPS && walk->step == 1)) leak();
  if (fault == LEAKS_ENDS && (result->terminated || walk->step == 50)) leak();
  if (fault == NO_BOOL && result->terminated) memset(&result->terminated, 0xFF, 1);
  observe(walk, result);
  return 0;
}

static void walk_save_state(const void *env, void *bytes) {
  struct walk copy = *(const struct walk *)env;
  if (fault == FORGETS_STATE) copy.speed = 0;
  copy.id = fault == DIRTY_STATE ? rand() : 0;
  memcpy(bytes, &copy, sizeof copy);
  if (fault == WRITES_BEYOND_STATE) memset((char *)bytes + sizeof copy, 0, 8);
}

static int walk_load_state(void *env, const void *bytes, muster_env_error *error) {
  if (fault == REFUSES_STATE) return muster_env_fail(error, "not today");
  memcpy(env, bytes, sizeof(struct walk));
  return 0;
}

static void walk_render_text(const void *env, char *text, size_t size) {
  (void)env;
  memset(text, 'w', size);
  if (fault != ENDLESS_TEXT) text[size - 1] = '\0';
}

static void walk_render_policy(const void *env, const int32_t *actions, char *text, size_t size) {
  (void)env, (void)actions;
  snprintf(text, size, "it has no Discrete observations");
}

static void walk_render_picture(const void *env, muster_canvas *canvas) {
  const struct walk *walk = env;
  if (fault != NO_VIEW) canvas->view(canvas, -10.0, 10.0, -1.0, fault == FLAT_VIEW ? -1.0 : 1.0, 0xffffff);
  canvas->circle(canvas, fault == NAN_PICTURE && walk->step == 4 ? (double)NAN : walk->place, 0.0, 0.5, 0x000000);
  static const uint8_t dot[] = {1, 2, 3};
  muster_canvas_image(canvas, 0.0, 1.0, 2.0, fault == FLAT_IMAGE ? 2.0 : 3.0, 1, 1, dot);
}

#define WALK                                                                                                           \
  .abi = MUSTER_ENV_ABI, .struct_size = sizeof(muster_env_type), .name = "Walk-v0", .summary = "a walk on a road",     \
  .options = walk_options, .create = walk_create, .destroy = walk_destroy, .describe = walk_describe,                  \
  .reset = walk_reset, .step = walk_step, .save_state = walk_save_state, .load_state = walk_load_state,                \
  .render_text = walk_render_text, .render_picture = walk_render_picture

static const muster_env_type walk_type = {WALK};
static const muster_env_type drawing_type = {WALK, .render_policy = walk_render_policy};

/* ---- the same in blocks ---- */

struct walks {
  int32_t n;
  struct walk walk[64];
};

static int walks_create(const muster_env_setting *settings, int32_t n, void **block, muster_env_error *error) {
  (void)settings;
  if (fault == BLANK_ERROR) return muster_env_fail(error, "%s", "");
  struct walks *walks = calloc(1, sizeof *walks);
  walks->n = n;
  *block = walks;
  return 0;
}

static void walks_destroy(void *block) { free(block); }
static void walks_describe(const void *block, muster_env_spec *spec) {
  walk_describe(&((const struct walks *)block)->walk[0], spec);
}

static int walks_reset(void *block, int32_t row, muster_random *random, muster_env_result *result,
                       muster_env_error *error) {
  if (fault == BLOCK_RESET && row == 3) random->next(random);
  return walk_reset(&((struct walks *)block)->walk[row], random, result, error);
}

static int walks_step(void *block, const void *actions, muster_random *const *randoms, muster_env_block_result *result,
                      muster_env_error *error) {
  struct walks *walks = block;
  for (int32_t row = 0; row < walks->n; row++) {
    double reward = 0;
    size_t stride = fault == BLOCK_STRIDE ? 8 : result->observation_stride;
    muster_env_result one = {.observation = (char *)result->observation + (size_t)row * stride, .reward = &reward};
    if (walk_step(&walks->walk[row], (const int32_t *)actions + row, randoms[row], &one, error) != 0) return 1;
    if (fault == BLOCK_REWARD && row == 4) reward += 0.01;
    *(float *)(void *)((char *)result->reward + (size_t)row * result->reward_stride) = (float)reward;
    result->terminated[row] = one.terminated;
  }
  return 0;
}

static void walks_save_state(const void *block, int32_t row, void *bytes) {
  walk_save_state(&((const struct walks *)block)->walk[row], bytes);
}

static int walks_load_state(void *block, int32_t row, const void *bytes, muster_env_error *error) {
  if (walk_load_state(&((struct walks *)block)->walk[row], bytes, error) != 0) return 1;
  if (fault == BLOCK_STATE) ((struct walks *)block)->walk[row].speed = 0.125;
  return 0;
}

static const muster_env_type walks_type = {WALK,
                                           .block_create = walks_create,
                                           .block_destroy = walks_destroy,
                                           .block_describe = walks_describe,
                                           .block_reset = walks_reset,
                                           .block_step = walks_step,
                                           .block_save_state = walks_save_state,
                                           .block_load_state = walks_load_state};

/* ---- running the suite ---- */

/* checks find here what they find in a long time; a tenth of the time that a user waits */
#define PLAY_SECONDS 0.05

static struct conformance_report examine_for(const muster_env_type *type, int seconds, double play_seconds) {
  const struct conformance_request request = {
      .type = type, .seed = 1, .check_seconds = seconds, .play_seconds = play_seconds};
  struct conformance_report report = {0};
  fflush(stdout);
  CHECK_OK_FATAL(conformance_run(&request, &report));
  return report;
}

static struct conformance_report examine(const muster_env_type *type, int seconds) {
  return examine_for(type, seconds, PLAY_SECONDS);
}

static void print(const struct conformance_report *report) {
  for (int32_t i = 0; i < report->count; i++)
    if (report->finding[i].verdict != CONFORMANCE_PASS)
      printf("\n    %s %s: %s", conformance_verdict_name(report->finding[i].verdict), report->finding[i].check,
             report->finding[i].text);
}

static bool finds(const struct conformance_report *report, enum conformance_verdict verdict, const char *check,
                  const char *part) {
  for (int32_t i = 0; i < report->count; i++) {
    const struct conformance_finding *finding = &report->finding[i];
    bool is_there = strcmp(finding->check, check) == 0 || strstr(finding->also, check) != NULL;
    if (finding->verdict == verdict && is_there && strstr(finding->text, part) != NULL) return true;
  }
  printf("\n    not found: %s %s: ...%s...", conformance_verdict_name(verdict), check, part);
  print(report);
  return false;
}

static void test_built_in(void) {
  fault = NO_FAULT;
  for (const muster_env_type *const *type = env_registry_list(); *type != NULL; type++) {
    struct conformance_report report = examine(*type, 60);
    if (report.failures > 0) printf("\n    %s", (*type)->name);
    if (report.failures > 0) print(&report);
    CU_ASSERT_EQUAL(report.failures, 0);
    CU_ASSERT_TRUE(report.passes >= 14);
    CU_ASSERT_TRUE(report.steps_per_second > 0);
  }
}

static void expect_sound(const muster_env_type *type, double seconds) {
  struct conformance_report report = examine_for(type, 60, seconds);
  if (report.failures + report.notes > 0) print(&report);
  CU_ASSERT_EQUAL(report.failures, 0);
  CU_ASSERT_EQUAL(report.notes, 0);
  CU_ASSERT_EQUAL(report.passes, 19);
}

static void test_sound(void) {
  fault = NO_FAULT;
  expect_sound(&walk_type, PLAY_SECONDS);
  expect_sound(&walks_type, PLAY_SECONDS);
  expect_sound(&walk_type, 1e-9); /* as a slow one: each check plays as little as it may */
}

struct breakage {
  enum fault fault;
  enum conformance_verdict verdict;
  const char *check, *part;
};

static void expect(const muster_env_type *type, const struct breakage *breakages, size_t n) {
  for (size_t i = 0; i < n; i++) {
    fault = breakages[i].fault;
    struct conformance_report report = examine(type, fault == HANGS ? 1 : 60);
    CU_ASSERT_TRUE(finds(&report, breakages[i].verdict, breakages[i].check, breakages[i].part));
  }
  fault = NO_FAULT;
}

/* what check-env says about a description, training says, too, before it starts */
static void test_unusable(void) {
  static const struct breakage breakages[] = {
      {LOW_ABOVE_HIGH, CONFORMANCE_FAIL, "description", "bounds of element 1 of the observation space are 5 and 4"},
      {NAN_BOUND, CONFORMANCE_FAIL, "description", "bounds of element 1 of the observation space are nan and 4"},
      {WRAPS, CONFORMANCE_FAIL, "description",
       "the shape [65536, 65536, 65536, 65536] of the observation space has more than 2147483647 elements"},
      {TOO_LARGE, CONFORMANCE_FAIL, "description",
       "too large: observations [46340, 46340] of 100000 agents take 8.59e+05 GB"},
      {TOO_LARGE_A_STATE, CONFORMANCE_FAIL, "description", "the state 1.84e+10"},
      {EMPTY_DIMENSION, CONFORMANCE_FAIL, "description", "dimension 0 of the observation space has 0 elements"},
      {NO_KIND, CONFORMANCE_FAIL, "description", "the observation space is of an unknown kind, 0"},
      {NO_COUNTS, CONFORMANCE_FAIL, "description", "the action space is discrete and has no `counts`"},
      {NO_CHOICES, CONFORMANCE_FAIL, "description", "element 0 of the action space has 0 choices"},
      {NO_AGENTS, CONFORMANCE_FAIL, "description", "describe() gives 0 agents"},
      {NEGATIVE_LIMIT, CONFORMANCE_FAIL, "description", "max_steps is -1"},
      {MASKS_A_BOX, CONFORMANCE_FAIL, "description", "only Discrete and MultiDiscrete can be masked"},
      {NO_ENVIRONMENT, CONFORMANCE_FAIL, "description", "create() returned 0, but no environment"},
      {BLANK_ERROR, CONFORMANCE_FAIL, "description", "it failed without a text"},
  };
  const size_t n = sizeof breakages / sizeof *breakages;
  expect(&walk_type, breakages, n);
  const muster_env_type *const forms[] = {&walk_type, &walks_type};
  for (size_t i = 0; i < 2 * n; i++) {
    struct env_pool *pool = NULL;
    fault = breakages[i / 2].fault;
    if (fault == NO_ENVIRONMENT && i % 2 == 1) continue; /* only the single form can have this fault */
    muster_code code = fault == BLANK_ERROR ? MUSTER_ERROR_USAGE : MUSTER_ERROR_ENVIRONMENT;
    CHECK_FAILS(env_pool_create(forms[i % 2], NULL, 1, 0, 1, &pool), code, breakages[i / 2].part);
    CU_ASSERT_PTR_NULL(pool);
  }
  CHECK_FAILS(env_pool_create(&walk_type, NULL, 1, 0, 1, &(struct env_pool *){NULL}), MUSTER_ERROR_USAGE,
              "cannot create the environment Walk-v0: it failed without a text");
  CHECK_FAILS(env_pool_create(&walk_type, NULL, 1, 0, 3, &(struct env_pool *){NULL}), MUSTER_ERROR_USAGE,
              "cannot create 3 environments Walk-v0: it failed without a text");
  fault = NO_FAULT;
}

static void test_descriptions(void) {
  static const struct breakage breakages[] = {
      {CHANGES_ITS_MIND, CONFORMANCE_FAIL, "description", "something else for a second environment"},
      {STATE_WITHOUT_BYTES, CONFORMANCE_NOTE, "description", "never called"},
      {SILENT_ERROR, CONFORMANCE_FAIL, "options", "length = \"no number\" without a text"},
      {TAKES_ANY_OPTION, CONFORMANCE_NOTE, "options", "length takes \"no number\""},
  };
  expect(&walk_type, breakages, sizeof breakages / sizeof *breakages);

  muster_env_type type = walk_type;
  type.abi = 99;
  struct conformance_report report = examine(&type, 60);
  CU_ASSERT_TRUE(finds(&report, CONFORMANCE_FAIL, "description", "abi is 99"));
  type = walk_type;
  type.step = NULL;
  report = examine(&type, 60);
  CU_ASSERT_TRUE(finds(&report, CONFORMANCE_FAIL, "description", "lacks step: "));
  type = walk_type;
  type.load_state = NULL;
  report = examine(&type, 60);
  CU_ASSERT_TRUE(finds(&report, CONFORMANCE_FAIL, "description", "lacks load_state: give both"));
  type = walks_type;
  type.block_reset = NULL;
  report = examine(&type, 60);
  CU_ASSERT_TRUE(finds(&report, CONFORMANCE_FAIL, "description", "6 of the 7 block functions"));
  CU_ASSERT_TRUE(finds(&report, CONFORMANCE_NOTE, "description", "the other checks are left out"));
}

static void test_deaths(void) {
  static const struct breakage breakages[] = {
      {SEGFAULTS, CONFORMANCE_FAIL, "episodes", "segmentation fault"},
      {ABORTS, CONFORMANCE_FAIL, "episodes", "abort()"},
      {EXITS, CONFORMANCE_FAIL, "episodes", "exit code 3 in step() at step 5"},
      {EXITS_WELL, CONFORMANCE_FAIL, "episodes", "exit code 0 in step() at step 5"},
      {HANGS, CONFORMANCE_FAIL, "episodes", "did not end within 1 s; it hangs in step() at step 5"},
      {FAILS, CONFORMANCE_FAIL, "episodes", "step() failed at step 5 of episode 0"},
  };
  expect(&walk_type, breakages, sizeof breakages / sizeof *breakages);
}

/* a fault that all checks meet is one finding, which tells how often and where it was met */
static void test_repetitions(void) {
  fault = FAILS;
  struct conformance_report report = examine(&walk_type, 60);
  CU_ASSERT_EQUAL(report.failures, 1);
  CU_ASSERT_TRUE(finds(&report, CONFORMANCE_FAIL, "episodes", "step() failed at step 5 of episode 0"));
  for (int32_t i = 0; i < report.count; i++) {
    const struct conformance_finding *finding = &report.finding[i];
    if (finding->verdict != CONFORMANCE_FAIL) continue;
    CU_ASSERT_TRUE(finding->count >= 10);
    CU_ASSERT_PTR_NOT_NULL(strstr(finding->also, "values, actions, determinism, random numbers, seeds, resets"));
  }

  /* faults of two kinds are two findings */
  fault = NAN_OBSERVATION;
  report = examine(&walk_type, 60);
  CU_ASSERT_EQUAL(report.failures, 2);
  CU_ASSERT_TRUE(finds(&report, CONFORMANCE_FAIL, "values", "element 1 of the observation is nan"));
  fault = NO_FAULT;
}

/* environments cannot read the caller's standard input, for example a list that a loop reads */
static void test_reads(void) {
  int saved = dup(STDIN_FILENO), ends[2];
  char left[8] = "";
  CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
  CU_ASSERT_EQUAL(write(ends[1], "list", 4), 4);
  close(ends[1]);
  dup2(ends[0], STDIN_FILENO);
  close(ends[0]);
  fault = READS;
  struct conformance_report report = examine(&walk_type, 60);
  fault = NO_FAULT;
  CU_ASSERT_EQUAL(read(STDIN_FILENO, left, sizeof left - 1), 4);
  dup2(saved, STDIN_FILENO);
  close(saved);
  CU_ASSERT_STRING_EQUAL(left, "list");
  CU_ASSERT_EQUAL(report.failures, 0);
}

/* what the environment prints is counted, and does not mix with the report */
static void test_prints(void) {
  int saved[2] = {dup(1), dup(2)};
  FILE *file = tmpfile();
  char text[64] = "";
  CU_ASSERT_PTR_NOT_NULL_FATAL(file);
  fflush(stdout);
  dup2(fileno(file), 1);
  dup2(fileno(file), 2);
  fault = PRINTS;
  struct conformance_report report = examine(&walk_type, 60);
  fflush(stdout);
  long printed = lseek(fileno(file), 0, SEEK_END);
  fault = PRINTS_AND_DIES;
  struct conformance_report death = examine(&walk_type, 60);
  fflush(stderr);
  lseek(fileno(file), 0, SEEK_SET);
  CU_ASSERT_TRUE(read(fileno(file), text, sizeof text - 1) > 0);
  for (int i = 0; i < 2; i++) {
    dup2(saved[i], i + 1);
    close(saved[i]);
  }
  fclose(file);
  fault = NO_FAULT;

  CU_ASSERT_EQUAL(printed, 0);
  CU_ASSERT_EQUAL(report.failures, 0);
  CU_ASSERT_EQUAL(report.notes, 1);
  CU_ASSERT_TRUE(finds(&report, CONFORMANCE_NOTE, "prints", "to standard error, first \"step 1\""));
  size_t bytes[2] = {0, 0};
  const char *note = report.finding[report.count - 1].text;
  CU_ASSERT_EQUAL(sscanf(note, "it wrote %zu bytes to standard output and %zu", &bytes[0], &bytes[1]), 2);
  CU_ASSERT_TRUE(bytes[0] > 7 * 2000 && bytes[1] > 3 * 2000);

  /* except for the last words of an environment that died */
  CU_ASSERT_EQUAL(strncmp(text, "the road is out of asphalt\n", 27), 0);
  CU_ASSERT_TRUE(finds(&death, CONFORMANCE_FAIL, "episodes", "abort()"));
}

/* at the end of an episode a mask may allow nothing; environments with agents and masks are timed in a pool, too */
static void test_masks_and_agents(void) {
  fault = MASKS_ALL_AT_END;
  struct conformance_report report = examine(&walk_type, 60);
  if (report.failures > 0) print(&report);
  CU_ASSERT_EQUAL(report.failures, 0);
  CU_ASSERT_TRUE(report.pool_steps_per_second > 0);
  fault = NO_FAULT;

  const muster_env_setting options[] = {{"agents", "3"}, {"masks", "1"}, {NULL, NULL}};
  struct conformance_request request = {.options = options, .check_seconds = 60, .play_seconds = PLAY_SECONDS};
  CHECK_OK_FATAL(env_registry_find("Probe-v0", &request.type));
  CHECK_OK(conformance_run(&request, &report));
  if (report.failures > 0) print(&report);
  CU_ASSERT_EQUAL(report.failures, 0);
  CU_ASSERT_TRUE(report.pool_steps_per_second > 0);
}

static void test_values(void) {
  static const struct breakage breakages[] = {
      {NAN_OBSERVATION, CONFORMANCE_FAIL, "values", "element 1 of the observation is nan at step 9"},
      {INFINITE_REWARD, CONFORMANCE_FAIL, "values", "the reward of agent 0 is inf"},
      {NO_REWARD, CONFORMANCE_FAIL, "values", "must write result->reward"},
      {OUT_OF_BOUNDS, CONFORMANCE_FAIL, "values", "outside of its bounds -4 to 4"},
      {NO_BOOL, CONFORMANCE_FAIL, "episodes", "set `terminated` to the byte 255"},
      {MASKS_ALL, CONFORMANCE_FAIL, "episodes", "allows none of the 3 choices"},
      {FAILS_AT_EXTREMES, CONFORMANCE_FAIL, "actions", "too far"},
      {NEVER_ENDS, CONFORMANCE_NOTE, "episodes", "set spec->max_steps"},
  };
  expect(&walk_type, breakages, sizeof breakages / sizeof *breakages);
}

static void test_memory(void) {
  static const struct breakage breakages[] = {
      {WRITES_BEYOND, CONFORMANCE_FAIL, "buffers", "the memory of the observation was left"},
      {WRITES_BEFORE, CONFORMANCE_FAIL, "buffers", "observation"},
      {WRITES_REWARDS, CONFORMANCE_FAIL, "buffers", "the memory of the reward was left"},
      {WRITES_ACTION, CONFORMANCE_FAIL, "buffers", "the memory of the action was left or, if it is the action"},
      {UNWRITTEN, CONFORMANCE_FAIL, "buffers", "step() does not write element 1 of the observation"},
      {WRITES_BEYOND_STATE, CONFORMANCE_FAIL, "save and load", "the memory of the state was left"},
      {ENDLESS_TEXT, CONFORMANCE_FAIL, "text", "without its zero at the end"},
      {NAN_PICTURE, CONFORMANCE_FAIL, "picture", "circle() with nan"},
      {NO_VIEW, CONFORMANCE_FAIL, "picture", "circle() before view()"},
      {FLAT_VIEW, CONFORMANCE_FAIL, "picture", "expects left < right and bottom < top"},
      {FLAT_IMAGE, CONFORMANCE_FAIL, "picture", "image() with 1 x 1 pixels over 0 to 1 and 2 to 2"},
  };
  expect(&walk_type, breakages, sizeof breakages / sizeof *breakages);
  static const struct breakage drawing[] = {
      {NO_FAULT, CONFORMANCE_FAIL, "text", "render_policy, which is for Discrete observations"}};
  expect(&drawing_type, drawing, 1);
}

static void test_leaks(void) {
  fault = KEEPS_ONCE;
  expect_sound(&walk_type, PLAY_SECONDS);
#if defined(__SANITIZE_ADDRESS__)
  static const struct breakage breakages[] = {{LEAKS_FILES, CONFORMANCE_FAIL, "leaks", "files open"}};
#else
  static const struct breakage breakages[] = {
      {LEAKS_FILES, CONFORMANCE_FAIL, "leaks", "each create() and destroy() leaves 1.0 files open"},
      {LEAKS_ENVIRONMENTS, CONFORMANCE_FAIL, "leaks", "each create() and destroy() leaks"},
      {LEAKS_EPISODES, CONFORMANCE_FAIL, "leaks", "each episode leaks"},
      {LEAKS_FIRST_STEPS, CONFORMANCE_FAIL, "leaks", "each episode leaks"},
      {LEAKS_ENDS, CONFORMANCE_FAIL, "leaks", "each episode leaks"},
      {LEAKS_STEPS, CONFORMANCE_FAIL, "leaks", "each step() leaks"},
  };
#endif
  expect(&walk_type, breakages, sizeof breakages / sizeof *breakages);
}

static void test_repeatability(void) {
  static const struct breakage breakages[] = {
      {USES_RAND, CONFORMANCE_FAIL, "determinism", "never from rand()"},
      {SHARES_STATE, CONFORMANCE_FAIL, "random numbers", "when others are stepped between its steps"},
      {KEEPS_STATE, CONFORMANCE_FAIL, "resets", "reset() leaves something behind"},
      {DRAWS_NOTHING, CONFORMANCE_NOTE, "seeds", "all alike"},
      {FORGETS_STATE, CONFORMANCE_FAIL, "save and load", "leaves something out"},
      {DIRTY_STATE, CONFORMANCE_FAIL, "save and load", "save_state() twice in a row: byte 20 of 24"},
      {REFUSES_STATE, CONFORMANCE_FAIL, "save and load", "not today"},
  };
  expect(&walk_type, breakages, sizeof breakages / sizeof *breakages);
}

static void test_blocks(void) {
  static const struct breakage breakages[] = {
      {BLOCK_REWARD, CONFORMANCE_FAIL, "blocks", "row 4 of a block of 5 has another reward"},
      {BLOCK_STRIDE, CONFORMANCE_FAIL, "blocks", "wrote between the rows of the observation"},
      {BLOCK_STATE, CONFORMANCE_FAIL, "blocks", "the state of a single environment, loaded into a row"},
      {BLOCK_RESET, CONFORMANCE_FAIL, "blocks", "block_reset() of row 3 starts the episode otherwise"},
  };
  expect(&walks_type, breakages, sizeof breakages / sizeof *breakages);
}

static void test_options(void) {
  const muster_env_setting wrong[] = {{"lenght", "3"}, {NULL, NULL}}, right[] = {{"length", "3"}, {NULL, NULL}};
  struct conformance_request request = {
      .type = &walk_type, .options = wrong, .seed = 1, .check_seconds = 60, .play_seconds = PLAY_SECONDS};
  struct conformance_report report;
  CHECK_FAILS(conformance_run(&request, &report), MUSTER_ERROR_USAGE, "the nearest one is 'length'");

  /* an option without a default is a fault of the table */
  static const muster_env_option without[] = {{"length", NULL, "half the length of the road"}, {NULL, NULL, NULL}};
  muster_env_type type = walk_type;
  type.options = without;
  struct env_pool *pool = NULL;
  CHECK_FAILS(env_pool_create(&type, NULL, 1, 0, 1, &pool), MUSTER_ERROR_ENVIRONMENT, "length has no default_value");
  const struct conformance_request broken = {.type = &type, .seed = 1, .check_seconds = 60};
  CHECK_FAILS(conformance_run(&broken, &report), MUSTER_ERROR_ENVIRONMENT, "length has no default_value");

  request.options = right;
  CHECK_OK(conformance_run(&request, &report));
  CU_ASSERT_EQUAL(report.failures, 0);
}

static const struct check_case cases[] = {
    {"every built-in environment keeps the contract", test_built_in},
    {"a sound environment, single and in blocks", test_sound},
    {"options of the request", test_options},
    {"descriptions that nobody can use, in check-env and in pools", test_unusable},
    {"broken tables, descriptions and options", test_descriptions},
    {"crashes, exits, hangs and errors", test_deaths},
    {"wrong values, flags and masks", test_values},
    {"one finding for one fault", test_repetitions},
    {"reads nothing of the caller's", test_reads},
    {"prints", test_prints},
    {"masks at the end of an episode, agents in a pool", test_masks_and_agents},
    {"writes beyond buffers, unwritten elements", test_memory},
    {"leaks", test_leaks},
    {"what does not repeat itself", test_repeatability},
    {"blocks that differ", test_blocks},
};

CHECK_MAIN("conformance", cases)
