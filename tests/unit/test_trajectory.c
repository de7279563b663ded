/* Parts of a trajectory: windows and views on it, copies of rows, and what is packed into bytes. */
#include "experience/trajectory.h"
#include "support/check.h"

#include <stdlib.h>
#include <string.h>

enum { N = 5, T = 3, AGENTS = 2, ELEMENTS = 3 };

static const int32_t choices = 4;
static const muster_env_spec spec = {
    .observation = {.kind = MUSTER_SPACE_BOX, .rank = 1, .shape = {ELEMENTS}},
    .action = {.kind = MUSTER_SPACE_DISCRETE, .counts = &choices},
    .agents = AGENTS,
    .masks_actions = true,
};

static struct trajectory create(struct arena *arena, size_t n_envs) {
  struct trajectory trajectory;
  CHECK_OK_FATAL(trajectory_create(&spec, n_envs, T, arena, &trajectory));
  return trajectory;
}

/* bytes that tell where they are: environment, array and place */
static void fill_bytes(void *bytes, size_t env_bytes, size_t n_envs, size_t first_env, int array) {
  for (size_t n = 0; n < n_envs; n++)
    for (size_t i = 0; i < env_bytes; i++)
      ((unsigned char *)bytes)[n * env_bytes + i] = (unsigned char)(17 * (first_env + n) + 5 * (size_t)array + i);
}

static void fill(struct trajectory *t, size_t first_env) {
  fill_bytes(t->observation, AGENTS * (T + 1) * t->obs_bytes, t->n_envs, first_env, 0);
  fill_bytes(t->mask, AGENTS * (T + 1) * t->mask_bytes, t->n_envs, first_env, 1);
  fill_bytes(t->action, AGENTS * T * t->action_bytes, t->n_envs, first_env, 2);
  fill_bytes(t->log_prob, AGENTS * T * sizeof(float), t->n_envs, first_env, 3);
  fill_bytes(t->reward, AGENTS * T * sizeof(float), t->n_envs, first_env, 4);
  fill_bytes(t->ended, T, t->n_envs, first_env, 5);
  for (size_t row = 0; row < t->n_rows; row++) t->length[row] = (int32_t)(1 + (first_env * AGENTS + row) % T);
}

static void add_final(struct trajectory *t, int32_t environment, int32_t step) {
  struct final_observations *final_observations = &t->final_observations;
  const size_t bytes = AGENTS * t->obs_bytes;
  final_observations->environment[final_observations->count] = environment;
  final_observations->step[final_observations->count] = step;
  memset((char *)final_observations->observation + (size_t)final_observations->count++ * bytes,
         100 + 10 * environment + step, bytes);
}

static void check_same_rows(const struct trajectory *a, const struct trajectory *b, size_t n_envs) {
  const size_t rows = n_envs * AGENTS;
  CU_ASSERT_EQUAL(memcmp(a->observation, b->observation, rows * trajectory_obs_stride(a)), 0);
  CU_ASSERT_EQUAL(memcmp(a->mask, b->mask, rows * trajectory_mask_stride(a)), 0);
  CU_ASSERT_EQUAL(memcmp(a->action, b->action, rows * T * a->action_bytes), 0);
  CU_ASSERT_EQUAL(memcmp(a->log_prob, b->log_prob, rows * T * sizeof(float)), 0);
  CU_ASSERT_EQUAL(memcmp(a->reward, b->reward, rows * T * sizeof(float)), 0);
  CU_ASSERT_EQUAL(memcmp(a->ended, b->ended, n_envs * T), 0);
  CU_ASSERT_EQUAL(memcmp(a->length, b->length, rows * sizeof(int32_t)), 0);
}

static void check_final(const struct trajectory *t, int32_t i, int32_t environment, int32_t step, int told) {
  CU_ASSERT_EQUAL(t->final_observations.environment[i], environment);
  CU_ASSERT_EQUAL(t->final_observations.step[i], step);
  const size_t bytes = AGENTS * t->obs_bytes;
  const unsigned char *observation = (const unsigned char *)t->final_observations.observation + (size_t)i * bytes;
  CU_ASSERT_TRUE(observation[0] == told && observation[bytes - 1] == told);
}

/* a view is rows of the whole, with final_observations of its own; rows written through it are there */
static void test_view(void) {
  struct arena *arena;
  CHECK_OK_FATAL(arena_create(&arena));
  struct trajectory whole = create(arena, N), other = create(arena, N), view;
  fill(&whole, 0);
  CHECK_OK_FATAL(trajectory_view(&whole, 2, 2, arena, &view));
  CU_ASSERT_TRUE(view.n_envs == 2 && view.n_rows == 2 * AGENTS && view.first_env == 2);
  CU_ASSERT_TRUE(view.final_observations.count == 0 && view.final_observations.capacity == 2 * T);
  struct trajectory same = create(arena, 2);
  fill(&same, 2);
  check_same_rows(&view, &same, 2);

  fill(&other, 0);
  fill(&view, 7);
  trajectory_copy_rows(&view, 2, &other);
  check_same_rows(&whole, &other, N);
  add_final(&whole, 0, 1);
  add_final(&view, 3, 2);
  trajectory_append_finals(&view, &whole);
  CU_ASSERT_EQUAL(whole.final_observations.count, 2);
  check_final(&whole, 1, 3, 2, 132);
  arena_destroy(&arena);
}

/* packed and unpacked at another place: the same rows, and final_observations that are counted as they are there */
static void test_pack(void) {
  struct arena *arena;
  CHECK_OK_FATAL(arena_create(&arena));
  struct trajectory part = create(arena, 2), whole = create(arena, N);
  fill(&part, 11);
  add_final(&part, 12, 0);
  add_final(&part, 11, 2);
  add_final(&whole, 0, 1);
  const size_t room = trajectory_packed_room(&part, TRAJECTORY_WHOLE);
  unsigned char *packed = calloc(1, room + 1);
  CU_ASSERT_PTR_NOT_NULL_FATAL(packed);
  packed[room] = 77;
  const size_t bytes = trajectory_pack(&part, TRAJECTORY_WHOLE, packed);
  CU_ASSERT_TRUE(bytes <= room && bytes % 8 == 0 && packed[room] == 77);
  trajectory_unpack(packed, TRAJECTORY_WHOLE, 2, 11, &whole, 3);
  const struct trajectory window = trajectory_window(&whole, 3, 2);
  check_same_rows(&window, &part, 2);
  CU_ASSERT_EQUAL(whole.final_observations.count, 3);
  check_final(&whole, 0, 0, 1, 101);
  check_final(&whole, 1, 4, 0, (unsigned char)(100 + 120));
  check_final(&whole, 2, 3, 2, (unsigned char)(100 + 110 + 2));

  /* with every step a final it just fits */
  while (part.final_observations.count < part.final_observations.capacity) add_final(&part, 11, 0);
  CU_ASSERT_EQUAL(trajectory_pack(&part, TRAJECTORY_WHOLE, packed), room);
  CU_ASSERT_EQUAL(packed[room], 77);
  free(packed);
  arena_destroy(&arena);
}

/* of what is packed for returns alone the rest stays as it is */
static void test_pack_returns(void) {
  struct arena *arena;
  CHECK_OK_FATAL(arena_create(&arena));
  struct trajectory part = create(arena, 2), whole = create(arena, N), before = create(arena, N);
  fill(&part, 20);
  fill(&whole, 0);
  fill(&before, 0);
  add_final(&part, 20, 1);
  unsigned char *packed = calloc(1, trajectory_packed_room(&part, TRAJECTORY_OUTCOME));
  CU_ASSERT_PTR_NOT_NULL_FATAL(packed);
  const size_t bytes = trajectory_pack(&part, TRAJECTORY_OUTCOME, packed);
  CU_ASSERT_EQUAL(bytes, trajectory_packed_room(&part, TRAJECTORY_OUTCOME));
  trajectory_unpack(packed, TRAJECTORY_OUTCOME, 2, 20, &whole, 0);
  CU_ASSERT_EQUAL(whole.final_observations.count, 0);
  CU_ASSERT_EQUAL(memcmp(whole.reward, part.reward, 2 * AGENTS * T * sizeof(float)), 0);
  CU_ASSERT_EQUAL(memcmp(whole.ended, part.ended, 2 * T), 0);
  CU_ASSERT_EQUAL(memcmp(whole.length, part.length, 2 * AGENTS * sizeof(int32_t)), 0);
  CU_ASSERT_EQUAL(memcmp(whole.observation, before.observation, N * AGENTS * trajectory_obs_stride(&whole)), 0);
  CU_ASSERT_EQUAL(memcmp(whole.log_prob, before.log_prob, N * AGENTS * T * sizeof(float)), 0);
  free(packed);
  arena_destroy(&arena);
}

static const struct check_case cases[] = {
    {"a view on some environments", test_view},
    {"packed and unpacked elsewhere", test_pack},
    {"rewards, ends and lengths alone", test_pack_returns},
};

CHECK_MAIN("trajectory", cases)
