/* The actor-critic model: its layout, its initial weights, and rows whose numbers depend on nothing but the row. */
#include "nn/model.h"
#include "support/check.h"
#include "support/model.h"

#include <math.h>
#include <stdio.h>

enum { MAX_ROWS = 203, MAX_ACTIONS = 18, LD = 20 };

static const struct network_shape shapes[] = {
    {.obs_dim = 4, .actions = 2, .layers = 2, .hidden = {64, 64}},
    {.obs_dim = 1, .actions = 1, .layers = 1, .hidden = {5}},
    {.obs_dim = 17, .actions = MAX_ACTIONS, .activation = 1, .layers = 3, .hidden = {48, 20, 33}},
    {.obs_dim = 6, .actions = 3, .share_trunk = true, .layers = 2, .hidden = {64, 64}},
    {.obs_dim = 5, .actions = 4},
    {.obs_dim = 6, .actions = 7, .masks = true, .layers = 1, .hidden = {30}},
    {.obs_dim = 4,
     .layers = 1,
     .hidden = {30},
     .kind = MUSTER_SPACE_MULTI_DISCRETE,
     .elements = 3,
     .counts = {2, 5, 3}},
    {.obs_dim = 4, .kind = MUSTER_SPACE_MULTI_DISCRETE, .elements = 2, .counts = {4, 4}, .masks = true},
    {.obs_dim = 3, .layers = 2, .hidden = {64, 64}, .kind = MUSTER_SPACE_BOX, .elements = 1},
    {.obs_dim = 3, .share_trunk = true, .layers = 1, .hidden = {20}, .kind = MUSTER_SPACE_BOX, .elements = 4},
    {.obs_dim = 3,
     .layers = 1,
     .hidden = {20},
     .kind = MUSTER_SPACE_BOX,
     .elements = 3,
     .log_std = MODEL_LOG_STD_STATE},
    {.obs_dim = 18, .actions = 18, .layers = 2, .hidden = {20, 9}, .kernel_size = 3, .grid = {3, 3, 2}, .masks = true},
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

static const char *const sets[] = {"baseline", "avx2", "avx512"};

static const struct parameter *find(const struct model *model, const char *name) {
  for (int i = 0; i < model->parameters.tensors; i++)
    if (strcmp(model->parameters.tensor[i].name, name) == 0) return &model->parameters.tensor[i];
  return NULL;
}

/* --- layout --- */

static void test_layout(void) {
  struct arena *arena = NULL;
  CHECK_OK_FATAL(arena_create(&arena));
  struct model model;
  create_model(&shapes[0], MODEL_CRITIC_V, arena, &model);
  CU_ASSERT_EQUAL(model.parameters.tensors, 12);
  CU_ASSERT_EQUAL(model.parameters.count,
                  4 * 64 + 64 + 64 * 64 + 64 + 2 * 64 + 2 + 4 * 64 + 64 + 64 * 64 + 64 + 64 + 1);
  const struct parameter *head = find(&model, "policy/2/weight"), *value = find(&model, "value/0/weight");
  CU_ASSERT_FATAL(head != NULL && value != NULL);
  CU_ASSERT_TRUE(head->rank == 2 && head->shape[0] == 2 && head->shape[1] == 64);
  CU_ASSERT_EQUAL(value->offset, model.policy_count);

  /* with a trunk both heads are single layers */
  create_model(&shapes[3], MODEL_CRITIC_V, arena, &model);
  CU_ASSERT_EQUAL(model.parameters.tensors, 8);
  CU_ASSERT_PTR_NOT_NULL(find(&model, "trunk/1/bias"));
  CU_ASSERT_PTR_NOT_NULL(find(&model, "policy/0/weight"));
  CU_ASSERT_PTR_NOT_NULL(find(&model, "value/0/bias"));
  CU_ASSERT_PTR_NULL(find(&model, "policy/1/weight"));
  arena_destroy(&arena);
}

/* an actor's model is the prefix of a learner's, and acts the same */
static void test_policy_only(void) {
  for (size_t i = 0; i < SHAPES; i++) {
    struct arena *arena = NULL;
    CHECK_OK_FATAL(arena_create(&arena));
    struct model learner, actor;
    create_model(&shapes[i], MODEL_CRITIC_V, arena, &learner);
    create_model(&shapes[i], MODEL_ACTOR, arena, &actor);
    randomize_model(&learner, 1);
    CU_ASSERT_EQUAL_FATAL(actor.parameters.count, learner.policy_count);
    CU_ASSERT_EQUAL(actor.policy_count, learner.policy_count);
    for (int k = 0; k < actor.parameters.tensors; k++)
      CU_ASSERT_STRING_EQUAL(actor.parameters.tensor[k].name, learner.parameters.tensor[k].name);
    memcpy(actor.parameters.values, learner.parameters.values, learner.policy_count * sizeof(float));
    model_pack(&actor, false);

    float obs[MAX_ROWS * LD], log_prob[2][MAX_ROWS];
    int32_t actions[2][MAX_ROWS * 4] = {{0}};
    fill_normal(obs, sizeof obs / sizeof *obs, 1.0, 2, 0);
    struct action_random random = {.seed = 3, .first_row = 4, .step = 5};
    const struct model_input input = {.observation = obs, .observation_stride = LD * sizeof *obs};
    model_act(&learner, MAX_ROWS, &input, &random, actions[0], log_prob[0], 1);
    model_act(&actor, MAX_ROWS, &input, &random, actions[1], log_prob[1], 1);
    CU_ASSERT_EQUAL(memcmp(actions[0], actions[1], sizeof actions[0]), 0);
    CU_ASSERT_EQUAL(memcmp(log_prob[0], log_prob[1], sizeof log_prob[0]), 0);
    arena_destroy(&arena);
  }
}

/* networks may be as deep as the option allows, with a critic and deviations */
static void test_deepest(void) {
  struct model_options options;
  CHECK_OK_FATAL(option_set_defaults(&model_option_table, &options));
  options.hidden_sizes.count = OPTION_LIST_MAX;
  for (int i = 0; i < OPTION_LIST_MAX; i++) options.hidden_sizes.values[i] = 2;
  const muster_space box = {.kind = MUSTER_SPACE_BOX, .rank = 1, .shape = {2}};
  for (int shares = 0; shares < 2; shares++) {
    struct arena *arena = NULL;
    struct model model;
    CHECK_OK_FATAL(arena_create(&arena));
    options.share_trunk = shares == 1;
    CHECK_OK(model_create(&options, &box, &box, MODEL_CRITIC_V, arena, &model));
    CU_ASSERT_EQUAL(model.parameters.tensors, shares ? 2 * OPTION_LIST_MAX + 5 : 4 * OPTION_LIST_MAX + 5);
    arena_destroy(&arena);
  }
}

/* an action space that no network exists for */
static void test_unsupported(void) {
  struct arena *arena = NULL;
  CHECK_OK_FATAL(arena_create(&arena));
  struct model_options options;
  CHECK_OK_FATAL(option_set_defaults(&model_option_table, &options));
  const muster_space box = {.kind = MUSTER_SPACE_BOX, .rank = 1, .shape = {2}};
  const muster_space image = {.kind = MUSTER_SPACE_BOX_U8, .rank = 1, .shape = {2}};
  struct model model;
  CHECK_FAILS(model_create(&options, &box, &image, MODEL_CRITIC_V, arena, &model), MUSTER_ERROR_USAGE, "action space");
  arena_destroy(&arena);
}

/* --- lists of layers --- */

static void set_list(struct option_text_list *list, const char *const *texts) {
  *list = (struct option_text_list){0};
  for (; *texts != NULL; texts++) snprintf(list->items[list->count++], OPTION_ITEM_SIZE, "%s", *texts);
}

static const muster_space grid_space = {.kind = MUSTER_SPACE_BOX, .rank = 3, .shape = {3, 4, 2}};
static const int32_t twelve[] = {12};
static const muster_space cell_actions = {.kind = MUSTER_SPACE_DISCRETE, .counts = twelve};

/* a model of these options has the tensors, the initial parameters and the outputs of the one of the short form */
static void check_same(const struct model_options *brief, const struct model_options *listed) {
  const struct model_options *const options[] = {brief, listed};
  struct arena *arena = NULL;
  CHECK_OK_FATAL(arena_create(&arena));
  struct model models[2];
  float observations[5 * 24];
  fill_normal(observations, 5 * 24, 1.0, 4, 0);
  const float *net[2], *value[2];
  size_t net_ld[2], value_ld[2];
  for (int i = 0; i < 2; i++) {
    CHECK_OK_FATAL(model_create(options[i], &grid_space, &cell_actions, MODEL_CRITIC_V, arena, &models[i]));
    CHECK_OK_FATAL(model_initialize(&models[i], options[i], 9));
    model_pack(&models[i], true);
    net[i] = model_forward_tile(&models[i], 5, observations, 24 * sizeof(float), &net_ld[i], &value[i], &value_ld[i]);
  }
  CU_ASSERT_EQUAL_FATAL(models[0].parameters.tensors, models[1].parameters.tensors);
  for (int k = 0; k < models[0].parameters.tensors; k++)
    CU_ASSERT_STRING_EQUAL(models[0].parameters.tensor[k].name, models[1].parameters.tensor[k].name);
  CU_ASSERT_EQUAL_FATAL(models[0].parameters.count, models[1].parameters.count);
  CU_ASSERT_EQUAL(
      memcmp(models[0].parameters.values, models[1].parameters.values, models[0].parameters.count * sizeof(float)), 0);
  for (size_t r = 0; r < 5; r++) {
    CU_ASSERT_EQUAL(memcmp(net[0] + r * net_ld[0], net[1] + r * net_ld[1], 12 * sizeof(float)), 0);
    CU_ASSERT_EQUAL(value[0][r * value_ld[0]], value[1][r * value_ld[1]]);
  }
  arena_destroy(&arena);
}

static void test_short_form(void) {
  struct model_options brief, listed;
  CHECK_OK_FATAL(option_set_defaults(&model_option_table, &brief));
  listed = brief;
  brief.hidden_sizes = (struct option_int_list){2, {20, 9}};
  set_list(&listed.network, (const char *[]){"dense 20", "tanh", "dense 9", "tanh", NULL});
  check_same(&brief, &listed);
  brief.share_trunk = listed.share_trunk = true;
  check_same(&brief, &listed);
  brief.share_trunk = listed.share_trunk = false;

  /* no hidden layers at all */
  brief.hidden_sizes.count = listed.network.count = 0;
  check_same(&brief, &listed);

  /* a policy of convolutions and a dense value network */
  brief.hidden_sizes = (struct option_int_list){2, {6, 4}};
  brief.kernel_size = 3;
  brief.activation = 1;
  set_list(&listed.network, (const char *[]){"conv2d 6 3", "relu", "conv2d 4 3", "relu", NULL});
  set_list(&listed.value_network, (const char *[]){"dense 6", "relu", "dense 4", "relu", NULL});
  listed.head = MODEL_HEAD_CONV2D;
  check_same(&brief, &listed);
}

/* convolutions with strides below dense layers, another value network, and what contradicts */
static void test_lists(void) {
  struct model_options options;
  CHECK_OK_FATAL(option_set_defaults(&model_option_table, &options));
  struct arena *arena = NULL;
  CHECK_OK_FATAL(arena_create(&arena));
  struct model model;
  set_list(&options.network, (const char *[]){"conv2d 5 3 2", "relu", "dense 7", "tanh", NULL});
  set_list(&options.value_network, (const char *[]){"dense 3", NULL});
  CHECK_OK_FATAL(model_create(&options, &grid_space, &cell_actions, MODEL_CRITIC_V, arena, &model));
  const struct parameter *dense = find(&model, "policy/1/weight"), *value = find(&model, "value/1/weight");
  CU_ASSERT_FATAL(dense != NULL && value != NULL);
  CU_ASSERT_TRUE(dense->shape[0] == 7 && dense->shape[1] == 2 * 2 * 5);
  CU_ASSERT_TRUE(value->shape[0] == 1 && value->shape[1] == 3);
  CU_ASSERT_EQUAL(model.network[MODEL_VALUE].layer[0].activation, ACTIVATION_NONE);

#define FAILS(part)                                                                                                    \
  CHECK_FAILS(model_create(&options, &grid_space, &cell_actions, MODEL_CRITIC_V, arena, &model), MUSTER_ERROR_USAGE,   \
              part)
  options.head = MODEL_HEAD_CONV2D;
  FAILS("policy.head: conv2d has outputs for each cell of a grid, and the layers of policy.network make a vector of 7");
  set_list(&options.network, (const char *[]){"conv2d 5 3 4", NULL});
  CHECK_OK(model_create(&options, &grid_space, &cell_actions, MODEL_CRITIC_V, arena, &model));
  options.head = MODEL_HEAD_DENSE;
  set_list(&options.value_network, (const char *[]){"dense 3", "conv2d 3 3", NULL});
  FAILS("policy.value_network: conv2d: reads a grid [rows, columns, channels], and there is a vector of 3");
  options.kernel_size = 3;
  FAILS("policy.kernel_size: 3 is short for a list of layers, and policy.network is one; expects 0");
  options.kernel_size = 0;
  options.share_trunk = true;
  FAILS("policy.value_network: with policy.share_trunk the hidden layers are shared; expects null");
  const muster_space vector = {.kind = MUSTER_SPACE_BOX, .rank = 1, .shape = {6}};
  options.share_trunk = false;
  CHECK_FAILS(model_create(&options, &vector, &cell_actions, MODEL_CRITIC_V, arena, &model), MUSTER_ERROR_USAGE,
              "policy.network: conv2d: reads a grid");
  arena_destroy(&arena);
}

/* --- initial weights --- */

/* checks that the smaller side of a weight is orthogonal with this gain */
static void check_gain(const struct model *model, const char *name, double gain) {
  const struct parameter *tensor = find(model, name);
  CU_ASSERT_PTR_NOT_NULL_FATAL(tensor);
  const float *w = model->parameters.values + tensor->offset;
  size_t out = tensor->shape[0], in = tensor->shape[1], small = out < in ? out : in, large = out < in ? in : out;
  for (size_t i = 0; i < small; i++)
    for (size_t j = 0; j <= i; j++) {
      double dot = 0;
      for (size_t k = 0; k < large; k++)
        dot += out < in ? (double)w[i * in + k] * w[j * in + k] : (double)w[k * in + i] * w[k * in + j];
      CU_ASSERT_TRUE(fabs(dot - (i == j ? gain * gain : 0.0)) <= 1e-6 * gain * gain);
    }
}

static void check_zero(const struct model *model, const char *name) {
  const struct parameter *tensor = find(model, name);
  CU_ASSERT_PTR_NOT_NULL_FATAL(tensor);
  for (size_t i = 0; i < tensor->count; i++) CU_ASSERT_EQUAL(model->parameters.values[tensor->offset + i], 0.0f);
}

static void test_orthogonal_init(void) {
  struct arena *arena = NULL;
  CHECK_OK_FATAL(arena_create(&arena));
  struct model_options options;
  CHECK_OK_FATAL(option_set_defaults(&model_option_table, &options));
  CU_ASSERT_TRUE(options.ortho_init);
  for (size_t i = 0; i < SHAPES; i++) {
    struct model model;
    create_model(&shapes[i], MODEL_CRITIC_V, arena, &model);
    CHECK_OK_FATAL(model_initialize(&model, &options, 9));
    for (int k = 0; k < model.parameters.tensors; k++) {
      const struct parameter *tensor = &model.parameters.tensor[k];
      if (tensor->rank == 1) {
        check_zero(&model, tensor->name);
        continue;
      }
      /* the last layer of policy and value is the head */
      char network[8];
      int layer, last = shapes[i].share_trunk ? 0 : shapes[i].layers;
      CU_ASSERT_EQUAL_FATAL(sscanf(tensor->name, "%7[^/]/%d/", network, &layer), 2);
      bool head = strcmp(network, "trunk") != 0 && layer == last;
      check_gain(&model, tensor->name, !head ? sqrt(2.0) : (strcmp(network, "policy") == 0 ? 0.01 : 1.0));
    }

    /* the same for the same seed alone; policy and value networks differ */
    struct model twin;
    create_model(&shapes[i], MODEL_CRITIC_V, arena, &twin);
    CHECK_OK_FATAL(model_initialize(&twin, &options, 9));
    CU_ASSERT_EQUAL(memcmp(model.parameters.values, twin.parameters.values, model.parameters.count * sizeof(float)), 0);
    CHECK_OK_FATAL(model_initialize(&twin, &options, 10));
    CU_ASSERT_NOT_EQUAL(memcmp(model.parameters.values, twin.parameters.values, model.parameters.count * sizeof(float)),
                        0);
  }
  struct model model;
  create_model(&shapes[0], MODEL_CRITIC_V, arena, &model);
  CHECK_OK_FATAL(model_initialize(&model, &options, 9));
  CU_ASSERT_NOT_EQUAL(memcmp(model.parameters.values, model.parameters.values + model.policy_count, 64 * sizeof(float)),
                      0);
  arena_destroy(&arena);
}

/* torch.nn.Linear: weights and biases uniform in +-1 / sqrt(in) */
static void test_uniform_init(void) {
  struct arena *arena = NULL;
  CHECK_OK_FATAL(arena_create(&arena));
  struct model_options options;
  CHECK_OK_FATAL(option_set_defaults(&model_option_table, &options));
  options.ortho_init = false;
  struct model model;
  create_model(&shapes[0], MODEL_CRITIC_V, arena, &model);
  CHECK_OK_FATAL(model_initialize(&model, &options, 9));
  for (int k = 0; k < model.parameters.tensors; k += 2) {
    double bound = 1.0 / sqrt((double)model.parameters.tensor[k].shape[1]), largest = 0;
    for (int part = k; part < k + 2; part++) {
      const struct parameter *tensor = &model.parameters.tensor[part];
      for (size_t i = 0; i < tensor->count; i++)
        largest = fmax(largest, fabs(model.parameters.values[tensor->offset + i]));
    }
    CU_ASSERT_TRUE(largest <= bound * (1 + 1e-7) && largest > 0.9 * bound);
  }
  arena_destroy(&arena);
}

/* --- rows --- */

enum { MAX_CHOICES = 20, MAX_ACTION = 16 };

/* observations and masks of MAX_ROWS rows, with strides of their own */
struct rows {
  float obs[MAX_ROWS * LD];
  uint8_t mask[MAX_ROWS * MAX_CHOICES];
  bool masks;
};

static struct model_input rows_input(const struct rows *rows, size_t first) {
  const struct action_mask mask = {rows->masks ? rows->mask + first * MAX_CHOICES : NULL, MAX_CHOICES};
  return (struct model_input){rows->obs + first * LD, LD * sizeof *rows->obs, mask};
}

/* log-probabilities by the learner's path of rows picked in any order */
static void learner_log_prob(struct model *model, const struct rows *rows, const char *actions, const uint32_t *pick,
                             size_t n, float *log_prob) {
  float gathered[TILE * 32];
  uint8_t masks[TILE * MAX_CHOICES];
  char gathered_actions[TILE * MAX_ACTION];
  for (size_t r = 0; r < n; r++) {
    memcpy(gathered + r * model->obs_dim, rows->obs + pick[r] * LD, model->obs_dim * sizeof *gathered);
    memcpy(masks + r * MAX_CHOICES, rows->mask + pick[r] * MAX_CHOICES, MAX_CHOICES);
    memcpy(gathered_actions + r * model->action_bytes, actions + pick[r] * model->action_bytes, model->action_bytes);
  }
  size_t net_ld, value_ld;
  const struct action_mask mask = {rows->masks ? masks : NULL, MAX_CHOICES};
  const float *value,
      *net = model_forward_tile(model, n, gathered, model->obs_dim * sizeof(float), &net_ld, &value, &value_ld);
  model->head.distribution->evaluate(&model->head, n, net, net_ld, mask, gathered_actions);
  memcpy(log_prob, model->head.log_prob, n * sizeof *log_prob);
}

/* the whole batch at once, then every part of it by itself: the same bits, whatever the place, the number of rows, the
 * stride, and the path */
static void check_rows(const struct network_shape *shape, uint64_t seed) {
  struct arena *arena = NULL;
  CHECK_OK_FATAL(arena_create(&arena));
  struct model model;
  create_model(shape, MODEL_CRITIC_V, arena, &model);
  randomize_model(&model, seed);
  static struct rows rows;
  float log_prob[MAX_ROWS], values[MAX_ROWS];
  char actions[MAX_ROWS * MAX_ACTION], modes[MAX_ROWS * MAX_ACTION];
  const size_t bytes = model.action_bytes;
  CU_ASSERT_FATAL(bytes <= MAX_ACTION && model.head.choices <= MAX_CHOICES);
  fill_normal(rows.obs, MAX_ROWS * LD, 1.5, seed, 1000);
  rows.masks = shape->masks;
  for (size_t i = 0; i < MAX_ROWS * MAX_CHOICES; i++) rows.mask[i] = i % 3 != seed % 3;
  struct action_random random = {.seed = seed, .first_row = 50, .step = 3};
  const struct model_input all = rows_input(&rows, 0);
  model_act(&model, MAX_ROWS, &all, &random, actions, log_prob, 1);
  model_act(&model, MAX_ROWS, &all, NULL, modes, NULL, 0);
  model_values(&model, MAX_ROWS, rows.obs, LD * sizeof(float), values);

  /* any range by itself, log-probabilities written with a stride */
  static const size_t firsts[] = {0, 1, 7, 8, 63, 64, 100, 139};
  for (size_t i = 0; i < sizeof firsts / sizeof *firsts; i++) {
    for (size_t n = 1; firsts[i] + n <= MAX_ROWS; n += n < 70 ? 1 : 31) {
      size_t first = firsts[i], wrong = 0;
      float part[2 * MAX_ROWS], part_values[MAX_ROWS];
      char part_actions[MAX_ROWS * MAX_ACTION], part_modes[MAX_ROWS * MAX_ACTION];
      const struct model_input input = rows_input(&rows, first);
      random.first_row = 50 + (uint32_t)first;
      model_act(&model, n, &input, &random, part_actions, part, 2);
      model_act(&model, n, &input, NULL, part_modes, NULL, 0);
      model_values(&model, n, input.observation, input.observation_stride, part_values);
      for (size_t r = 0; r < n; r++) wrong += part[2 * r] != log_prob[first + r] || part_values[r] != values[first + r];
      CU_ASSERT_EQUAL(wrong, 0);
      CU_ASSERT_EQUAL(memcmp(part_actions, actions + first * bytes, n * bytes), 0);
      CU_ASSERT_EQUAL(memcmp(part_modes, modes + first * bytes, n * bytes), 0);
    }
  }

  /* the learner's path, rows in a random order */
  for (uint32_t sequence = 0; sequence < 20; sequence++) {
    uint32_t order[MAX_ROWS];
    float found[TILE];
    random_permutation(seed, RANDOM_MINIBATCH, sequence, order, MAX_ROWS);
    size_t n = 1 + 13 * sequence % TILE, wrong = 0;
    learner_log_prob(&model, &rows, actions, order, n, found);
    for (size_t r = 0; r < n; r++) wrong += found[r] != log_prob[order[r]];
    CU_ASSERT_EQUAL(wrong, 0);
  }
  arena_destroy(&arena);
}

static void test_rows(void) {
  for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
    if (!linear_select(sets[i])) continue;
    for (size_t k = 0; k < SHAPES; k++) check_rows(&shapes[k], 20 + k);
  }
  CU_ASSERT_TRUE(linear_select(NULL));
}

static const struct check_case cases[] = {
    {"layout", test_layout},
    {"an actor's model is a prefix", test_policy_only},
    {"the deepest networks", test_deepest},
    {"an action space that no network is for", test_unsupported},
    {"the short form of a list of layers", test_short_form},
    {"lists of layers", test_lists},
    {"orthogonal initial weights", test_orthogonal_init},
    {"uniform initial weights", test_uniform_init},
    {"a row's numbers do not depend on the others", test_rows},
};

CHECK_MAIN("model", cases)
