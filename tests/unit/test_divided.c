/* What every member of a group gets of a minibatch, whose steps are divided among all, against one learner that has all
 * of them; and steps of the optimizer that they divide. */
#include "algo/divided_step.h"
#include "algo/replay_exchange.h"
#include "support/check.h"
#include "support/model.h"

enum { ENVS = 2, STEPS = 9, BATCH = 150, MOST = 16, BLOCKS = 2 };

static const struct network_shape shape = {.obs_dim = 3, .actions = 4, .layers = 1, .hidden = {4}, .masks = true};

/* a group whose members run one after the other in this process: nobody waits, and all share the same memory */
struct pretended {
  struct learner_group group;
  void **blocks; /* [BLOCKS] of all members; the first one that asks makes them */
  int shared;
};

static muster_status pretend_share(void *context, size_t bytes, void **memory) {
  struct pretended *pretended = context;
  void **block = &pretended->blocks[pretended->shared++];
  if (*block == NULL) *block = calloc(1, bytes);
  *memory = *block;
  return MUSTER_OK;
}

static muster_status pretend_gather(void *context, void *memory, const size_t *offsets) {
  (void)context, (void)memory;
  /* the ranges of members follow one another */
  for (size_t i = 0; offsets != NULL && i < ((struct pretended *)context)->group.size; i++)
    CU_ASSERT_TRUE(offsets[i] <= offsets[i + 1]);
  return MUSTER_OK;
}

static muster_status pretend_meet(void *context) {
  (void)context;
  return MUSTER_OK;
}

static void pretend(struct pretended *pretended, size_t members, size_t index, void **blocks) {
  *pretended = (struct pretended){.blocks = blocks};
  pretended->group = (struct learner_group){.size = members,
                                            .index = index,
                                            .context = pretended,
                                            .share = pretend_share,
                                            .gather = pretend_gather,
                                            .meet_on_node = pretend_meet,
                                            .node_size = members,
                                            .node_index = index};
}

/* --- steps of a minibatch --- */

struct member {
  struct pretended pretended;
  struct replay replay;
  struct replay_exchange exchange;
};

static void create_member(struct member *member, const struct trajectory *rollout, size_t members, size_t index,
                          void **blocks, struct arena *arena) {
  pretend(&member->pretended, members, index, blocks);
  const struct learner_group *group = members > 1 ? &member->pretended.group : NULL;
  const struct replay_division division = replay_exchange_division(group, 3);
  CHECK_OK_FATAL(replay_create(rollout, 40 * ENVS, &division, arena, &member->replay));
  CHECK_OK_FATAL(replay_exchange_create(&member->replay, group, BATCH, 3, 0.9, arena, &member->exchange));
}

static void check_rows(const struct replay_tile *tile, const struct replay_tile *expected) {
  const size_t rows = expected->rows;
  CU_ASSERT_EQUAL(tile->rows, rows);
  CU_ASSERT_EQUAL(memcmp(tile->step.observation, expected->step.observation, rows * 3 * sizeof(float)), 0);
  CU_ASSERT_EQUAL(memcmp(tile->step.mask, expected->step.mask, rows * 4), 0);
  CU_ASSERT_EQUAL(memcmp(tile->step.action, expected->step.action, rows * sizeof(int32_t)), 0);
  CU_ASSERT_EQUAL(memcmp(tile->step.reward, expected->step.reward, rows * sizeof(float)), 0);
  CU_ASSERT_EQUAL(memcmp(tile->discount, expected->discount, rows * sizeof(float)), 0);
  CU_ASSERT_EQUAL(memcmp(tile->next.observation, expected->next.observation, rows * 3 * sizeof(float)), 0);
  CU_ASSERT_EQUAL(memcmp(tile->next.mask, expected->next.mask, rows * 4), 0);
}

static void check_exchange(size_t members) {
  struct arena *arena;
  struct model model;
  struct trajectory rollout;
  struct replay_tile tile, expected;
  static struct member alone, member[MOST];
  void *blocks[BLOCKS] = {NULL};
  uint64_t drawn[BATCH];
  CHECK_OK_FATAL(arena_create(&arena));
  create_model(&shape, NULL, arena, &model);
  randomize_model(&model, 5);
  create_rollout(&shape, ENVS, STEPS, arena, &rollout);
  create_member(&alone, &rollout, 1, 0, NULL, arena);
  for (size_t i = 0; i < members; i++) create_member(&member[i], &rollout, members, i, blocks, arena);
  CHECK_OK_FATAL(replay_tile_create(&alone.replay, 64, arena, &tile));
  CHECK_OK_FATAL(replay_tile_create(&alone.replay, 64, arena, &expected));
  for (uint32_t update = 0; update < 9; update++) {
    fill_rollout(&model, 100 + update, &rollout);
    replay_append(&alone.replay, &rollout);
    replay_draw(&alone.replay, 7, update, BATCH, drawn);
    CHECK_OK(replay_exchange_gather(&alone.exchange, drawn));
    for (size_t i = 0; i < members; i++) replay_append(&member[i].replay, &rollout);
    for (size_t i = 0; i < members; i++) CHECK_OK(replay_exchange_gather(&member[i].exchange, drawn));
    for (size_t first = 0; first < BATCH; first += 64) {
      const size_t rows = BATCH - first < 64 ? BATCH - first : 64;
      replay_exchange_fill(&alone.exchange, drawn, first, rows, &expected);
      for (size_t i = 0; i < members; i++) {
        replay_exchange_fill(&member[i].exchange, drawn, first, rows, &tile);
        check_rows(&tile, &expected);
      }
    }
  }
  CU_ASSERT_PTR_NULL(alone.exchange.packed);
  free(blocks[0]);
  arena_destroy(&arena);
}

static void test_exchange(void) {
  for (size_t members = 2; members <= MOST; members += members < 5 ? 1 : 11) check_exchange(members);
}

/* --- steps of the optimizer --- */

static void test_divided_steps(void) {
  enum { COUNT = DIVIDED_STEP_LEAST + 77, MEMBERS = 3 };
  static float values[MEMBERS + 1][COUNT], gradients[COUNT];
  struct optimizer optimizer[MEMBERS + 1];
  struct divided_step step[MEMBERS + 1];
  struct pretended pretended[MEMBERS];
  struct arena *arena;
  void *blocks[BLOCKS] = {NULL};
  double norm[MEMBERS + 1];
  CHECK_OK_FATAL(arena_create(&arena));
  for (size_t i = 0; i <= MEMBERS; i++) {
    CHECK_OK_FATAL(optimizer_create(&optimizer_adam, COUNT, 1e-5, arena, &optimizer[i]));
    if (i < MEMBERS) pretend(&pretended[i], MEMBERS, i, blocks);
    CHECK_OK_FATAL(divided_step_create(&optimizer[i], i < MEMBERS ? &pretended[i].group : NULL, &step[i]));
    fill_normal(values[i], COUNT, 1.0, 3, 0);
  }
  for (uint32_t t = 0; t < 3; t++) {
    fill_normal(gradients, COUNT, 0.5, 2, t);
    /* who comes last gets what all have moved; the others are given it afterwards, since nobody waits here */
    for (int i = MEMBERS; i >= 0; i--) {
      struct parameters parameters = {.values = values[i], .gradients = gradients};
      CHECK_OK(divided_step_make(&step[i], &parameters, 10, 0.01, &norm[i]));
      CU_ASSERT_EQUAL(norm[i], norm[MEMBERS]);
    }
    CU_ASSERT_EQUAL(memcmp(values[0], values[MEMBERS], sizeof values[0]), 0);
    for (int i = 1; i < MEMBERS; i++) memcpy(values[i], values[0], sizeof values[0]);
  }
  for (int k = 0; k < 2; k++)
    CU_ASSERT_EQUAL(memcmp(optimizer[0].moment[k], optimizer[MEMBERS].moment[k], sizeof values[0]), 0);
  free(blocks[0]);
  arena_destroy(&arena);
}

static const struct check_case cases[] = {
    {"steps of a minibatch", test_exchange},
    {"steps of the optimizer", test_divided_steps},
};

CHECK_MAIN("divided", cases)
