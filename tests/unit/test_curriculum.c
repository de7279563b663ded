/* Options of environments that change over a run: what schedules say, and what a pool does with it. */
#include "env/registry.h"
#include "setup/curriculum.h"
#include "support/check.h"

#include <string.h>

static struct env_pool *open_pool(const char *name, int32_t count) {
  const muster_env_type *type;
  struct env_pool *pool = NULL;
  CHECK_OK_FATAL(env_registry_find(name, &type));
  CHECK_OK_FATAL(env_pool_create(type, NULL, 1, 0, count, &pool));
  return pool;
}

static struct curriculum mines(const char *schedule) {
  struct option_map map = {.count = 1, .keys = {"mines"}};
  struct curriculum curriculum;
  int32_t wrong;
  snprintf(map.values[0], sizeof map.values[0], "%s", schedule);
  CHECK_OK_FATAL(curriculum_read(&map, &curriculum, &wrong));
  return curriculum;
}

static void test_read(void) {
  struct option_map map = {.count = 2, .keys = {"mines", "rows"}, .values = {"lin_1_3", "many"}};
  struct curriculum curriculum;
  int32_t wrong = -1;
  CHECK_FAILS(curriculum_read(&map, &curriculum, &wrong), MUSTER_ERROR_USAGE, "expects a number or a schedule");
  CU_ASSERT_EQUAL(wrong, 1);
  CU_ASSERT_EQUAL(curriculum_progress_remaining(0, 400), 1);
  CU_ASSERT_EQUAL(curriculum_progress_remaining(100, 400), 0.75);
  CU_ASSERT_EQUAL(curriculum_progress_remaining(500, 400), 0);
}

/* the number of mines as the environment tells it */
static void check_mines(const struct env_pool *pool, int32_t env, const char *expected) {
  char text[1024];
  env_pool_render_text(pool, env, text, sizeof text);
  CU_ASSERT_PTR_NOT_NULL(strstr(text, expected));
}

static void test_apply(void) {
  struct env_pool *pool = open_pool("Minesweeper-v0", 2);
  const struct curriculum rises = mines("lin_2_6");
  float observation[2 * 250];
  CHECK_OK_FATAL(env_pool_reset(pool, observation, 250 * sizeof *observation));
  check_mines(pool, 1, "4 mines");
  CHECK_OK(curriculum_apply(&rises, 1, pool));
  check_mines(pool, 0, "2 mines");
  CHECK_OK(curriculum_apply(&rises, 0.5, pool));
  check_mines(pool, 0, "4 mines");
  CHECK_OK(curriculum_apply(&rises, 0, pool));
  check_mines(pool, 1, "6 mines");

  /* a field on which mines are laid keeps them, also in a state, and the next one has the new number */
  const int32_t clicks[2] = {12, 0};
  float reward[2];
  uint8_t ended[2];
  unsigned char state[4096];
  bool restarted;
  struct env_pool_result result = {observation, 250 * sizeof *observation, reward, sizeof *reward, ended, 1, NULL};
  CHECK_OK_FATAL(env_pool_step(pool, clicks, 0, &result));
  CU_ASSERT_FATAL(ended[0] == 0 && env_pool_state_bytes(pool) <= sizeof state);
  env_pool_save(pool, 0, state);
  CHECK_OK(curriculum_apply(&rises, 1, pool));
  check_mines(pool, 0, "6 mines");
  struct env_pool *fresh = open_pool("Minesweeper-v0", 2);
  CHECK_OK(curriculum_apply(&rises, 1, fresh));
  CHECK_OK_FATAL(env_pool_load(fresh, 0, state, NULL, &restarted));
  CU_ASSERT_FALSE(restarted);
  check_mines(fresh, 0, "6 mines");
  CHECK_OK_FATAL(env_pool_restart(fresh, 1));
  check_mines(fresh, 0, "2 mines");
  env_pool_destroy(&fresh);
  env_pool_destroy(&pool);
}

/* a value that comes for a moment only, right before a jump, is found, too */
static void test_try(void) {
  struct env_pool *pool = open_pool("Minesweeper-v0", 1);
  float observation[250];
  const struct curriculum good = mines("[[0, 1], [0.7, 24], [0.7, 3]]"), wrong = mines("[[0, 1], [0.7, 25], [0.7, 3]]"),
                          zero = mines("warmup_0.3_5");
  CHECK_OK(curriculum_try(&good, pool));
  CHECK_OK(env_pool_reset(pool, observation, sizeof observation));
  check_mines(pool, 0, "1 mines");
  CHECK_FAILS(curriculum_try(&wrong, pool), MUSTER_ERROR_USAGE, "expects 1 to 24");
  CHECK_FAILS(curriculum_try(&zero, pool), MUSTER_ERROR_USAGE, "env.schedules.mines: the environment Minesweeper-v0");
  env_pool_destroy(&pool);
}

static void test_refusals(void) {
  struct env_pool *pool = open_pool("Minesweeper-v0", 3);
  CHECK_FAILS(env_pool_set_option(pool, "minez", 2), MUSTER_ERROR_USAGE, "unknown option 'minez'");
  CHECK_FAILS(env_pool_set_option(pool, "rows", 2), MUSTER_ERROR_USAGE, "option rows cannot change");
  CHECK_OK(env_pool_set_option(pool, "mines", 2.4));
  env_pool_destroy(&pool);
  pool = open_pool("CartPole-v1", 3);
  CHECK_FAILS(env_pool_set_option(pool, "gravity", 2), MUSTER_ERROR_USAGE, "CartPole-v1 has no function set_option()");
  env_pool_destroy(&pool);
}

static const struct check_case cases[] = {
    {"reading", test_read},
    {"values of a time", test_apply},
    {"values of the whole run", test_try},
    {"refusals", test_refusals},
};
CHECK_MAIN("curriculum", cases)
