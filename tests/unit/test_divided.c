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

static const struct network_shape large = {.obs_dim = 4, .actions = 2, .layers = 2, .hidden = {256, 130}};
static const struct model_network_spec with_copy[] = {{.name = "target", .copy_of = "policy"}, {0}};
enum { MEMBERS = 3 };

/* a learner, one of MEMBERS; or the last one, which is alone */
struct learner {
  struct pretended pretended;
  struct model model;
  struct optimizer optimizer;
  struct divided_step step;
  double norm;
};

static void create_learner(struct learner *learner, size_t index, void **blocks, struct arena *arena) {
  struct optimizer *optimizer = &learner->optimizer;
  create_model(&large, with_copy, arena, &learner->model);
  randomize_model(&learner->model, 3);
  CU_ASSERT_TRUE_FATAL(learner->model.learned_count >= DIVIDED_STEP_LEAST);
  CHECK_OK_FATAL(optimizer_create(&optimizer_adam, learner->model.learned_count, 1e-5, arena, optimizer));
  if (index < MEMBERS) pretend(&learner->pretended, MEMBERS, index, blocks);
  CHECK_OK_FATAL(divided_step_create(optimizer, index < MEMBERS ? &learner->pretended.group : NULL, &learner->step));
}

static void make_step(struct learner *learner, uint32_t t) {
  const struct step_settings settings = {.max_grad_norm = 10, .learning_rate = 0.01, .tau = 0.25f};
  fill_normal(learner->model.parameters.gradients, learner->model.learned_count, 0.5, 2, t);
  CHECK_OK(divided_step_make(&learner->step, &learner->model, &settings, &learner->norm));
}

/* the parameters, and what networks compute from packed ones */
static void check_equal(struct model *model, struct model *expected) {
  float observations[8 * 4];
  size_t ld;
  fill_normal(observations, 8 * 4, 1.0, 7, 0);
  CU_ASSERT_EQUAL(
      memcmp(model->parameters.values, expected->parameters.values, expected->parameters.count * sizeof(float)), 0);
  for (size_t i = 1; i < expected->networks; i++) {
    model_take(model, 8, observations, 4 * sizeof(float));
    model_take(expected, 8, observations, 4 * sizeof(float));
    const float *outputs = model_forward(model, &model->network[i], &ld),
                *wanted = model_forward(expected, &expected->network[i], &ld);
    for (size_t r = 0; r < 8; r++) CU_ASSERT_EQUAL(memcmp(outputs + r * ld, wanted + r * ld, 2 * sizeof(float)), 0);
  }
}

static void test_divided_steps(void) {
  static struct learner learner[MEMBERS + 1];
  struct arena *arena;
  void *blocks[BLOCKS] = {NULL};
  CHECK_OK_FATAL(arena_create(&arena));
  for (size_t i = 0; i <= MEMBERS; i++) create_learner(&learner[i], i, blocks, arena);
  const size_t bytes = learner[0].model.parameters.count * sizeof(float);
  for (uint32_t t = 0; t < 3; t++) {
    /* who comes last gets what all have moved; the others are given it afterwards, since nobody waits here */
    for (int i = MEMBERS; i >= 0; i--) {
      make_step(&learner[i], t);
      CU_ASSERT_EQUAL(learner[i].norm, learner[MEMBERS].norm);
    }
    check_equal(&learner[0].model, &learner[MEMBERS].model);
    for (int i = 1; i < MEMBERS; i++)
      memcpy(learner[i].model.parameters.values, learner[0].model.parameters.values, bytes);
  }
  for (int k = 0; k < 2; k++)
    CU_ASSERT_EQUAL(memcmp(learner[0].optimizer.moment[k], learner[MEMBERS].optimizer.moment[k],
                           learner[0].model.learned_count * sizeof(float)),
                    0);
  free(blocks[0]);
  arena_destroy(&arena);
}

/* a gradient that is not finite is named, and nothing changes, whether a norm is wanted or not */
static void test_not_finite(void) {
  static struct learner learner;
  const struct step_settings settings[] = {{.max_grad_norm = 10, .learning_rate = 0.01, .tau = 1},
                                           {.max_grad_norm = INFINITY, .learning_rate = 0.01, .tau = 1}};
  static const float bad[] = {INFINITY, -INFINITY, NAN, -NAN};
  struct arena *arena;
  CHECK_OK_FATAL(arena_create(&arena));
  create_learner(&learner, MEMBERS, NULL, arena);
  struct parameters *parameters = &learner.model.parameters;
  const size_t bytes = parameters->count * sizeof(float);
  float *before = malloc(bytes);
  memcpy(before, parameters->values, bytes);
  const struct parameter *bias = find_parameter(parameters, "policy", 1, "bias");
  for (size_t i = 0; i < 4; i++) {
    parameters->gradients[bias->offset + 17] = bad[i];
    for (size_t k = 0; k < 2; k++)
      CHECK_FAILS(divided_step_make(&learner.step, &learner.model, &settings[k], k == 0 ? &learner.norm : NULL),
                  MUSTER_ERROR_NUMERIC, "the gradient of policy/1/bias is not finite");
  }
  CU_ASSERT_EQUAL(learner.optimizer.steps, 0);
  CU_ASSERT_EQUAL(memcmp(before, parameters->values, bytes), 0);
  parameters->gradients[bias->offset + 17] = 1;
  CHECK_OK(divided_step_make(&learner.step, &learner.model, &settings[1], NULL));
  free(before);
  arena_destroy(&arena);
}

static const struct check_case cases[] = {
    {"steps of a minibatch", test_exchange},
    {"steps of the optimizer", test_divided_steps},
    {"gradients that are not finite", test_not_finite},
};

CHECK_MAIN("divided", cases)
