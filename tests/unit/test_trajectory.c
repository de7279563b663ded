/* The table of what a step keeps, and what is derived from it: windows and views on a trajectory, copies of rows, what
 * is packed into bytes, tensors, minibatches. Every field is tested, also one that is added later. */
#include "algo/batch.h"
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

/* bytes that depend on where they are: environment, array and position */
static void fill_bytes(void *bytes, size_t env_bytes, size_t n_envs, size_t first_env, int array) {
  for (size_t n = 0; n < n_envs; n++)
    for (size_t i = 0; i < env_bytes; i++)
      ((unsigned char *)bytes)[n * env_bytes + i] = (unsigned char)(17 * (first_env + n) + 5 * (size_t)array + i);
}

static void fill(struct trajectory *t, size_t first_env) {
  for (int i = 0; i < STEP_FIELD_COUNT; i++)
    fill_bytes(t->array[i], trajectory_env_bytes(t, i), t->n_envs, first_env, i);
}

/* adds a final observation all bytes of which are 100 + 10 * environment + step, except where it says its own
 * environment and step */
static void add_final(struct trajectory *t, int32_t environment, int32_t step) {
  struct final_observations *final_observations = &t->final_observations;
  const size_t at = (size_t)final_observations->count++;
  void *arrays[FINAL_FIELD_COUNT];
  trajectory_list_final_observations(t, arrays);
  for (int i = 0; i < FINAL_FIELD_COUNT; i++) {
    const size_t bytes = trajectory_final_bytes(t, i);
    memset((char *)arrays[i] + at * bytes, 100 + 10 * environment + step, bytes);
  }
  final_observations->environment[at] = environment;
  final_observations->step[at] = step;
}

static void check_same_rows(const struct trajectory *a, const struct trajectory *b, size_t n_envs) {
  for (int i = 0; i < STEP_FIELD_COUNT; i++)
    CU_ASSERT_EQUAL(memcmp(a->array[i], b->array[i], n_envs * trajectory_env_bytes(a, i)), 0);
}

static void check_final(const struct trajectory *t, int32_t at, int32_t environment, int32_t step, int told) {
  CU_ASSERT_EQUAL(t->final_observations.environment[at], environment);
  CU_ASSERT_EQUAL(t->final_observations.step[at], step);
  void *arrays[FINAL_FIELD_COUNT];
  trajectory_list_final_observations(t, arrays);
  for (int i = 0; i < FINAL_FIELD_COUNT; i++) {
    const size_t bytes = trajectory_final_bytes(t, i);
    const unsigned char *item = (const unsigned char *)arrays[i] + (size_t)at * bytes;
    bool says_where = arrays[i] == t->final_observations.environment || arrays[i] == t->final_observations.step;
    if (!says_where) CU_ASSERT_TRUE(item[0] == told && item[bytes - 1] == told);
  }
}

/* a view is rows of the whole, with its own final_observations; rows written through it appear in the whole */
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
  trajectory_append_final_observations(&view, &whole);
  CU_ASSERT_EQUAL(whole.final_observations.count, 2);
  check_final(&whole, 1, 3, 2, 132);
  arena_destroy(&arena);
}

/* packed, and unpacked at another place: the same rows, and final_observations with the indices that they have there */
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

  /* with a final observation at every step it just fits */
  while (part.final_observations.count < part.final_observations.capacity) add_final(&part, 11, 0);
  CU_ASSERT_EQUAL(trajectory_pack(&part, TRAJECTORY_WHOLE, packed), room);
  CU_ASSERT_EQUAL(packed[room], 77);
  free(packed);
  arena_destroy(&arena);
}

/* what is packed for returns alone leaves everything else as it is */
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
  for (int i = 0; i < STEP_FIELD_COUNT; i++) {
    const struct trajectory *expected = (whole.field[i].uses & FIELD_OUTCOME) != 0 ? &part : &before;
    CU_ASSERT_EQUAL(memcmp(whole.array[i], expected->array[i], 2 * trajectory_env_bytes(&whole, i)), 0);
  }
  free(packed);
  arena_destroy(&arena);
}

/* --- the table --- */

/* bytes of what trajectory->NAME points to; 0: that depends on the environment */
#define POINTED_TO(c_type, id, ...) _Generic((c_type *)NULL, void * : 0, default : sizeof(*(c_type *)NULL)),

/* every line has its own place in the trajectory, of the type that it says */
static void test_lines(void) {
  static const size_t pointed_to[] = {STEP_FIELDS(POINTED_TO)};
  struct arena *arena;
  CHECK_OK_FATAL(arena_create(&arena));
  struct trajectory t = create(arena, N);
  for (int i = 0; i < STEP_FIELD_COUNT; i++) {
    const struct field *field = &t.field[i];
    CU_ASSERT_TRUE(field->bytes > 0 && field->elements > 0 && (!field->is_number || field->elements == 1));
    CU_ASSERT_TRUE(pointed_to[i] == 0 ? field->space != NULL : pointed_to[i] * field->elements == field->bytes);
    for (int other = 0; other < i; other++) {
      CU_ASSERT_NOT_EQUAL(strcmp(field->name, t.field[other].name), 0);
      CU_ASSERT_PTR_NOT_EQUAL(t.array[i], t.array[other]);
    }
  }
  CU_ASSERT_EQUAL(t.length[0], T);
  arena_destroy(&arena);
}

/* fields that a run does not have, the masks of its steps and of final observations, take no memory and no bytes of a
 * message */
static void test_without(void) {
  struct arena *arena;
  CHECK_OK_FATAL(arena_create(&arena));
  muster_env_spec plain = spec;
  plain.masks_actions = false;
  struct trajectory t;
  CHECK_OK_FATAL(trajectory_create(&plain, N, T, arena, &t));
  CU_ASSERT_PTR_NULL(trajectory_mask(&t, 1));
  struct trajectory masked = create(arena, N);
  for (int i = 0; i < STEP_FIELD_COUNT; i++)
    CU_ASSERT_EQUAL(trajectory_env_bytes(&t, i), t.array[i] != t.mask ? trajectory_env_bytes(&masked, i) : 0);
  CU_ASSERT_EQUAL(trajectory_packed_room(&masked, TRAJECTORY_WHOLE) - trajectory_packed_room(&t, TRAJECTORY_WHOLE),
                  (N * AGENTS * trajectory_mask_stride(&masked) + 7) / 8 * 8 +
                      (N * T * AGENTS * masked.mask_bytes + 7) / 8 * 8);
  arena_destroy(&arena);
}

/* what the next rollout goes on from moves to the front; everything else stays where it is */
static void test_start(void) {
  struct arena *arena;
  CHECK_OK_FATAL(arena_create(&arena));
  struct trajectory t = create(arena, N), before = create(arena, N);
  fill(&t, 0);
  fill(&before, 0);
  trajectory_start(&t);
  for (int i = 0; i < STEP_FIELD_COUNT; i++) {
    const struct field *field = &t.field[i];
    const size_t bytes = field->bytes, row_bytes = field_entries(field, T) * bytes;
    const bool goes_on = field->steps == FIELD_EACH_AND_NEXT;
    for (size_t row = 0; row < field_row_count(field, N, AGENTS) && t.array[i] != t.length; row++) {
      const char *now = (char *)t.array[i] + row * row_bytes, *then = (char *)before.array[i] + row * row_bytes;
      CU_ASSERT_EQUAL(memcmp(now, goes_on ? then + T * bytes : then, bytes), 0);
      CU_ASSERT_EQUAL(memcmp(now + bytes, then + bytes, row_bytes - bytes), 0);
    }
  }
  arena_destroy(&arena);
}

#define NAME(c_type, id, ...) #id,
#define FINAL_NAME(c_type, id, ...) "final_" #id,

/* every array is a tensor that has all of it, whole or by rows */
static void test_tensors(void) {
  static const char *const names[] = {STEP_FIELDS(NAME) FINAL_FIELDS(FINAL_NAME)};
  struct arena *arena;
  CHECK_OK_FATAL(arena_create(&arena));
  struct trajectory t = create(arena, N);
  add_final(&t, 1, 2);
  add_final(&t, 3, 0);
  void *final_arrays[FINAL_FIELD_COUNT];
  trajectory_list_final_observations(&t, final_arrays);
  struct tensor whole[TRAJECTORY_TENSORS], by_rows[TRAJECTORY_TENSORS];
  trajectory_list_tensors(&t, names, false, whole);
  trajectory_list_tensors(&t, names, true, by_rows);
  for (int i = 0; i < TRAJECTORY_TENSORS; i++) {
    const int final = i - STEP_FIELD_COUNT;
    const size_t bytes = final < 0 ? N * trajectory_env_bytes(&t, i) : 2 * trajectory_final_bytes(&t, final);
    CU_ASSERT_TRUE(whole[i].data == by_rows[i].data && whole[i].data == (final < 0 ? t.array[i] : final_arrays[final]));
    CU_ASSERT_TRUE(tensor_bytes(&whole[i]) == bytes && tensor_bytes(&by_rows[i]) == bytes);
    CU_ASSERT_TRUE(by_rows[i].rank <= 2 && by_rows[i].shape[0] == whole[i].shape[0]);
    CU_ASSERT_PTR_EQUAL(whole[i].name, names[i]);
  }
  const struct tensor *observation = &whole[0], *last = &whole[TRAJECTORY_TENSORS - 1];
  CU_ASSERT_TRUE(observation->rank == 3 && observation->shape[0] == N * AGENTS && observation->shape[1] == T + 1 &&
                 observation->shape[2] == ELEMENTS && observation->type == TENSOR_F32);
  CU_ASSERT_TRUE(last->rank == 3 && last->shape[0] == 2 && last->shape[1] == AGENTS && last->shape[2] == ELEMENTS);
  CU_ASSERT_TRUE(by_rows[0].type == TENSOR_U8 && by_rows[0].shape[1] == trajectory_obs_stride(&t));
  arena_destroy(&arena);
}

/* --- minibatches --- */

/* entry of sample `index` in an array */
static const char *entry_of(const struct field *field, const void *array, size_t index) {
  const size_t row = index / T, step = field->steps == FIELD_ONCE ? 0 : index % T;
  const size_t own = field->rows == FIELD_OF_ENV ? row / AGENTS : row;
  return (const char *)array + (own * field_entries(field, T) + step) * field->bytes;
}

/* a tile has every field that losses read, of every sample, wherever the field is kept, and zeros after its numbers */
static void test_minibatch(void) {
  struct arena *arena;
  CHECK_OK_FATAL(arena_create(&arena));
  struct trajectory t = create(arena, N);
  fill(&t, 0);
  /* as if losses read every field */
  for (int i = 0; i < STEP_FIELD_COUNT; i++) t.field[i].uses |= FIELD_LEARNED;
  struct batch batch;
  struct batch_tile tile;
  CHECK_OK_FATAL(batch_create(&t, NULL, arena, &batch));
  for (int i = 0; i < ESTIMATED_FIELD_COUNT; i++)
    fill_bytes(batch.estimated[i], AGENTS * field_entries(&batch.estimated_field[i], T) * sizeof(float), N, 0, 50 + i);
  CHECK_OK_FATAL(batch_tile_create(&batch, arena, &tile));
  static const uint32_t index[] = {N * AGENTS * T - 1, 0, T, T - 1, 7, 7, 13};
  const size_t rows = sizeof index / sizeof *index;
  batch_gather(&batch, index, rows, &tile);
  CU_ASSERT_EQUAL(tile.rows, rows);
  for (int i = 0; i < STEP_FIELD_COUNT + ESTIMATED_FIELD_COUNT; i++) {
    const int estimated = i - STEP_FIELD_COUNT;
    const struct field *field = estimated < 0 ? &t.field[i] : &batch.estimated_field[estimated];
    const void *array = estimated < 0 ? t.array[i] : batch.estimated[estimated];
    const char *gathered = tile.array[i];
    for (size_t r = 0; r < rows; r++)
      CU_ASSERT_EQUAL(memcmp(gathered + r * field->bytes, entry_of(field, array, index[r]), field->bytes), 0);
    for (size_t byte = rows * field->bytes; field->is_number && byte < TILE * field->bytes; byte++)
      CU_ASSERT_EQUAL(gathered[byte], 0);
  }
  arena_destroy(&arena);
}

static const struct check_case cases[] = {
    {"lines of the table", test_lines},
    {"a field that a run does not have", test_without},
    {"what goes on in the next rollout", test_start},
    {"arrays as tensors", test_tensors},
    {"minibatches", test_minibatch},
    {"a view on some environments", test_view},
    {"packed and unpacked elsewhere", test_pack},
    {"rewards, ends and lengths alone", test_pack_returns},
};

CHECK_MAIN("trajectory", cases)
