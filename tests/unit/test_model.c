/* The actor-critic model: its layout, its initial weights, and rows whose numbers depend on the row alone. */
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
  create_model(&shapes[0], model_critic_v, arena, &model);
  CU_ASSERT_EQUAL(model.parameters.tensors, 12);
  CU_ASSERT_EQUAL(model.parameters.count,
                  4 * 64 + 64 + 64 * 64 + 64 + 2 * 64 + 2 + 4 * 64 + 64 + 64 * 64 + 64 + 64 + 1);
  const struct parameter *head = find(&model, "policy/2/weight"), *value = find(&model, "value/0/weight");
  CU_ASSERT_FATAL(head != NULL && value != NULL);
  CU_ASSERT_TRUE(head->rank == 2 && head->shape[0] == 2 && head->shape[1] == 64);
  CU_ASSERT_EQUAL(value->offset, model.policy_count);

  /* with a trunk both heads are single layers */
  create_model(&shapes[3], model_critic_v, arena, &model);
  CU_ASSERT_EQUAL(model.parameters.tensors, 8);
  CU_ASSERT_PTR_NOT_NULL(find(&model, "trunk/1/bias"));
  CU_ASSERT_PTR_NOT_NULL(find(&model, "policy/0/weight"));
  CU_ASSERT_PTR_NOT_NULL(find(&model, "value/0/bias"));
  CU_ASSERT_PTR_NULL(find(&model, "policy/1/weight"));
  arena_destroy(&arena);
}

/* an actor's model is the first part of a learner's, and acts the same */
static void test_policy_only(void) {
  for (size_t i = 0; i < SHAPES; i++) {
    struct arena *arena = NULL;
    CHECK_OK_FATAL(arena_create(&arena));
    struct model learner, actor;
    create_model(&shapes[i], model_critic_v, arena, &learner);
    create_model(&shapes[i], NULL, arena, &actor);
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
  struct model_options options = {0};
  CHECK_OK_FATAL(option_set_defaults(&model_option_table, &options));
  options.hidden_sizes.count = OPTION_LIST_MAX;
  for (int i = 0; i < OPTION_LIST_MAX; i++) options.hidden_sizes.values[i] = 2;
  const muster_space box = {.kind = MUSTER_SPACE_BOX, .rank = 1, .shape = {2}};
  for (int form = 0; form < 4; form++) {
    struct arena *arena = NULL;
    struct model model;
    CHECK_OK_FATAL(arena_create(&arena));
    const bool shares = form % 2 == 1, normalises = form / 2 == 1;
    options.share_trunk = shares;
    options.request.hidden = (struct hidden_request){.dropout = normalises ? 0.1 : 0, .layer_norm = normalises};
    options.request.critics = options.request.hidden;
    CHECK_OK(model_create(&options, &box, &box, model_critic_v, arena, &model));
    const int tensors = (shares ? 1 : 2) * (normalises ? 4 : 2) * OPTION_LIST_MAX;
    CU_ASSERT_EQUAL(model.parameters.tensors, tensors + 5);
    arena_destroy(&arena);
  }
}

/* an action space that no network supports */
static void test_unsupported(void) {
  struct arena *arena = NULL;
  CHECK_OK_FATAL(arena_create(&arena));
  struct model_options options = {0};
  CHECK_OK_FATAL(option_set_defaults(&model_option_table, &options));
  const muster_space box = {.kind = MUSTER_SPACE_BOX, .rank = 1, .shape = {2}};
  const muster_space image = {.kind = MUSTER_SPACE_BOX_U8, .rank = 1, .shape = {2}};
  struct model model;
  CHECK_FAILS(model_create(&options, &box, &image, model_critic_v, arena, &model), MUSTER_ERROR_USAGE, "action space");
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

/* a model with these options has the same tensors, initial parameters and outputs as that of the short form */
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
    CHECK_OK_FATAL(model_create(options[i], &grid_space, &cell_actions, model_critic_v, arena, &models[i]));
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
  struct model_options brief = {0}, listed = {0};
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

/* what an algorithm requests of hidden layers comes before their activations; of the trunk, where there is one */
static void test_requested_layers(void) {
  struct model_options brief = {0}, listed = {0};
  CHECK_OK_FATAL(option_set_defaults(&model_option_table, &brief));
  listed = brief;
  brief.hidden_sizes = (struct option_int_list){2, {20, 9}};
  static const char *const plain[] = {"dense 20", "tanh", "dense 9", "tanh", NULL};
  static const char *const normalised[] = {"dense 20", "layer_norm", "tanh", "dense 9", "layer_norm", "tanh", NULL};
  static const char *const dropping[] = {"dense 20",    "dropout 0.1", "layer_norm", "tanh", "dense 9",
                                         "dropout 0.1", "layer_norm",  "tanh",       NULL};
  set_list(&listed.network, normalised);
  set_list(&listed.value_network, plain);
  brief.request.hidden.layer_norm = true;
  check_same(&brief, &listed);

  listed.value_network.is_null = true;
  brief.share_trunk = listed.share_trunk = true;
  check_same(&brief, &listed);

  brief.share_trunk = listed.share_trunk = false;
  brief.request = (struct policy_request){.critics = {.dropout = 0.1, .layer_norm = true}};
  set_list(&listed.network, plain);
  set_list(&listed.value_network, dropping);
  check_same(&brief, &listed);
}

/* convolutions with strides below dense layers, another value network, and options that contradict each other */
static void test_lists(void) {
  struct model_options options = {0};
  CHECK_OK_FATAL(option_set_defaults(&model_option_table, &options));
  struct arena *arena = NULL;
  CHECK_OK_FATAL(arena_create(&arena));
  struct model model;
  set_list(&options.network, (const char *[]){"conv2d 5 3 2", "relu", "dense 7", "tanh", NULL});
  set_list(&options.value_network, (const char *[]){"dense 3", NULL});
  CHECK_OK_FATAL(model_create(&options, &grid_space, &cell_actions, model_critic_v, arena, &model));
  const struct parameter *dense = find(&model, "policy/1/weight"), *value = find(&model, "value/1/weight");
  CU_ASSERT_FATAL(dense != NULL && value != NULL);
  CU_ASSERT_TRUE(dense->shape[0] == 7 && dense->shape[1] == 2 * 2 * 5);
  CU_ASSERT_TRUE(value->shape[0] == 1 && value->shape[1] == 3);
  CU_ASSERT_EQUAL(model.value->network.layer[0].activation, ACTIVATION_NONE);

#define FAILS(part)                                                                                                    \
  CHECK_FAILS(model_create(&options, &grid_space, &cell_actions, model_critic_v, arena, &model), MUSTER_ERROR_USAGE,   \
              part)
  options.head = MODEL_HEAD_CONV2D;
  FAILS("policy.head: conv2d has outputs for each cell of a grid, and the layers of policy.network make a vector of 7");
  set_list(&options.network, (const char *[]){"conv2d 5 3 4", NULL});
  CHECK_OK(model_create(&options, &grid_space, &cell_actions, model_critic_v, arena, &model));
  options.head = MODEL_HEAD_DENSE;
  set_list(&options.value_network, (const char *[]){"dense 3", "conv2d 3 3", NULL});
  FAILS("policy.value_network: conv2d: reads a grid [rows, columns, channels], and there is a vector of 3");
  options.share_trunk = true;
  FAILS("policy.value_network: with policy.share_trunk the hidden layers are shared; expects null");
  const muster_space vector = {.kind = MUSTER_SPACE_BOX, .rank = 1, .shape = {6}};
  options.share_trunk = false;
  CHECK_FAILS(model_create(&options, &vector, &cell_actions, model_critic_v, arena, &model), MUSTER_ERROR_USAGE,
              "policy.network: conv2d: reads a grid");
  arena_destroy(&arena);
}

/* where layers are listed, options of the short form must be those that the algorithm has by default */
static void test_short_form_beside_list(void) {
  struct model_options options = {0};
  const struct option_table *own = MODEL_DEFAULTS("some", "[400, 300]", "relu", "false");
  CHECK_OK_FATAL(option_set_defaults(&model_option_table, &options));
  set_list(&options.network, (const char *[]){"dense 7", "tanh", NULL});
#define REFUSES(key, defaults)                                                                                         \
  CHECK_FAILS(model_options_check_short_form(&options, defaults), MUSTER_ERROR_USAGE,                                  \
              "policy." key ": is short for a list of layers, and policy.network is one; expects only one of them")
  CHECK_OK(model_options_check_short_form(&options, NULL));
  REFUSES("activation", own);
  CHECK_OK_FATAL(option_set_defaults(own, &options));
  CU_ASSERT_TRUE(options.hidden_sizes.values[0] == 400 && !options.ortho_init && options.kernel_size == 0);
  CHECK_OK(model_options_check_short_form(&options, own));
  options.hidden_sizes.values[1]++;
  REFUSES("hidden_sizes", own);
  options.kernel_size = 3;
  REFUSES("kernel_size", own);
  options.network.is_null = true;
  CHECK_OK(model_options_check_short_form(&options, own));
}

/* --- other networks, as algorithms ask for them --- */

/* the networks of TD3: a policy with a target copy, and two critics of actions with target copies */
static const struct model_network_spec twin_critics[] = {
    {.name = "q1", .reads = MODEL_READS_ACTION},    {.name = "q2", .reads = MODEL_READS_ACTION},
    {.name = "target_policy", .copy_of = "policy"}, {.name = "target_q1", .copy_of = "q1"},
    {.name = "target_q2", .copy_of = "q2"},         {0}};
enum { CRITIC_ROWS = 13, CRITIC_OBS = 5, CRITIC_ACTION = 2 };

static const struct network_shape critic_shape = {
    .obs_dim = CRITIC_OBS, .layers = 2, .hidden = {12, 9}, .kind = MUSTER_SPACE_BOX, .elements = CRITIC_ACTION};

/* what a network is made of: its own part of the block, after the policy's; copies come last and equal what they
 * copy */
static void test_list(void) {
  struct arena *arena = NULL;
  CHECK_OK_FATAL(arena_create(&arena));
  struct model model, plain;
  struct model_options options = {0};
  CHECK_OK_FATAL(option_set_defaults(&model_option_table, &options));
  create_model(&critic_shape, twin_critics, arena, &model);
  create_model(&critic_shape, model_critic_v, arena, &plain);
  CHECK_OK_FATAL(model_initialize(&model, &options, 9));
  CHECK_OK_FATAL(model_initialize(&plain, &options, 9));
  CU_ASSERT_TRUE_FATAL(model.networks == 7 && model.value == NULL && model_value_outputs(&model) == 0);
  CU_ASSERT_TRUE(model.policy_count == plain.policy_count && plain.learned_count == plain.parameters.count);
  CU_ASSERT_EQUAL(memcmp(model.parameters.values, plain.parameters.values, plain.policy_count * sizeof(float)), 0);
  size_t end = model.policy_count;
  for (size_t i = 2; i < model.networks; i++) {
    const struct model_network *entry = &model.network[i];
    CU_ASSERT_TRUE(entry->first == end && entry->count > 0);
    CU_ASSERT_EQUAL(entry->copied != NULL, entry->first >= model.learned_count);
    end += entry->count;
    if (entry->copied == NULL) continue;
    const float *values = model.parameters.values;
    CU_ASSERT_EQUAL_FATAL(entry->count, entry->copied->count);
    CU_ASSERT_EQUAL(memcmp(values + entry->first, values + entry->copied->first, entry->count * sizeof *values), 0);
  }
  CU_ASSERT_EQUAL(end, model.parameters.count);
  const struct parameter *weight = find(&model, "q2/0/weight"), *copy = find(&model, "target_policy/2/bias");
  CU_ASSERT_FATAL(weight != NULL && copy != NULL && find(&model, "target_policy/log_std") == NULL);
  CU_ASSERT_TRUE(weight->shape[0] == 12 && weight->shape[1] == CRITIC_OBS + CRITIC_ACTION);
  CU_ASSERT_EQUAL(copy->shape[0], CRITIC_ACTION);

  /* the two critics start with different numbers */
  const struct model_network *q1 = model_find(&model, "q1"), *q2 = model_find(&model, "q2");
  CU_ASSERT_PTR_NULL(model_find(&model, "q3"));
  CU_ASSERT_NOT_EQUAL(
      memcmp(model.parameters.values + q1->first, model.parameters.values + q2->first, 12 * sizeof(float)), 0);

  /* copies come closer to what they copy, and nothing else moves */
  float *values = model.parameters.values;
  values[q1->first] += 1.0f;
  const struct model_network *target = model_find(&model, "target_q1");
  const float before = values[target->first];
  model_update_targets(&model, 0.25f);
  CHECK_CLOSE(values[target->first], 0.75 * before + 0.25 * values[q1->first], 1e-6);
  CHECK_CLOSE(values[target->first + 1], values[q1->first + 1], 1e-6);
  model_update_targets(&model, 1.0f);
  CU_ASSERT_EQUAL(values[target->first], values[q1->first]);
  arena_destroy(&arena);
}

/* what changes parameters in a test: it notes how often each is changed */
struct changing {
  float *values;
  int *times;
};

static void change_parameters(void *context, size_t first, size_t count) {
  const struct changing *changing = context;
  for (size_t i = first; i < first + count; i++) {
    changing->values[i] += 0.01f * (float)(i % 7) - 0.02f;
    changing->times[i]++;
  }
}

static const struct model_network_spec follower[] = {{.name = "target", .copy_of = "policy"}, {0}};

/* a model with these layers, twice the same; NULL: a dueling network */
static void create_twice(const char *const *layers, struct arena *arena, struct model model[2]) {
  struct model_options options = {0};
  CHECK_OK_FATAL(option_set_defaults(&model_option_table, &options));
  options.hidden_sizes = (struct option_int_list){2, {20, 35}};
  options.request = (struct policy_request){.distribution = "EpsilonGreedy", .dueling = layers == NULL};
  if (layers != NULL) set_list(&options.network, layers);
  for (int i = 0; i < 2; i++) {
    CHECK_OK_FATAL(model_create(&options, &grid_space, &cell_actions, follower, arena, &model[i]));
    randomize_model(&model[i], 11);
  }
}

/* outputs of policy and copy, and the gradients of the policy, which all read packed weights */
static void check_passes(struct model *model, struct model *expected) {
  enum { ROWS = 11 };
  const size_t stride = expected->encoder.elements * sizeof(float), outputs = expected->head.outputs;
  float *observations = malloc(ROWS * stride), dy[TILE * 64] = {0};
  CU_ASSERT_TRUE_FATAL(linear_padded(outputs) <= 64);
  fill_normal(observations, ROWS * expected->encoder.elements, 1.0, 13, 0);
  for (size_t r = 0; r < ROWS; r++) fill_normal(dy + r * linear_padded(outputs), outputs, 1.0, 14, (uint32_t)r);
  for (size_t i = 1; i < expected->networks; i++) {
    size_t ld;
    model_take(model, ROWS, observations, stride);
    model_take(expected, ROWS, observations, stride);
    const float *y = model_forward(model, &model->network[i], &ld),
                *wanted = model_forward(expected, &expected->network[i], &ld);
    for (size_t r = 0; r < ROWS; r++) CU_ASSERT_EQUAL(memcmp(y + r * ld, wanted + r * ld, outputs * sizeof *y), 0);
    if (&model->network[i] != model->policy) continue;
    model_backward(model, model->policy, dy, model->parameters.gradients, NULL);
    model_backward(expected, expected->policy, dy, expected->parameters.gradients, NULL);
    CU_ASSERT_EQUAL(
        memcmp(model->parameters.gradients, expected->parameters.gradients, expected->learned_count * sizeof(float)),
        0);
  }
  free(observations);
}

static void check_renewal(const char *const *layers, float tau) {
  struct arena *arena = NULL;
  struct model model[2];
  CHECK_OK_FATAL(arena_create(&arena));
  create_twice(layers, arena, model);
  const size_t learned = model[0].learned_count, count = model[0].parameters.count;
  int *times = calloc(count, sizeof *times);
  struct changing changing[2] = {{model[0].parameters.values, times}, {model[1].parameters.values, times}};
  model_renew(&model[0], &(struct model_renewal){0, learned, change_parameters, &changing[0], tau});
  for (size_t i = 0; i < count; i++) CU_ASSERT_EQUAL(times[i], i < learned ? 1 : 0);
  change_parameters(&changing[1], 0, learned);
  if (tau > 0) model_update_targets(&model[1], tau);
  model_pack(&model[1], true);
  CU_ASSERT_EQUAL(memcmp(model[0].parameters.values, model[1].parameters.values, count * sizeof(float)), 0);
  check_passes(&model[0], &model[1]);
  free(times);
  arena_destroy(&arena);
}

/* Networks that are changed part by part, followed and packed meanwhile, are those that are changed, followed and
 * packed one after the other: layers of a few outputs, of several parts, of parts with a rest. */
static void test_renewal(void) {
  static const char *const wide[] = {"dense 150", "relu", "dense 97", "tanh", NULL};
  static const char *const narrow[] = {"dense 3", "tanh", "dense 33", "relu", "dense 2", NULL};
  static const char *const other[] = {"conv2d 5 3 1", "relu", "layer_norm", "dense 140", "layer_norm", "relu", NULL};
  static const float taus[] = {0, 0.005f, 1};
  for (size_t i = 0; i < 3; i++) {
    check_renewal(wide, taus[i]);
    check_renewal(narrow, taus[i]);
    check_renewal(other, taus[i]);
    check_renewal(NULL, taus[i]);
  }
}

/* sum(dy * q(s, a)) of a critic */
static double critic_objective(struct model *model, struct model_network *critic, const float *observations,
                               const float *actions, const float *dy) {
  size_t ld;
  double sum = 0;
  model_pack(model, true);
  model_take_with_actions(model, CRITIC_ROWS, observations, CRITIC_OBS * sizeof(float), actions);
  const float *q = model_forward(model, critic, &ld);
  for (size_t r = 0; r < CRITIC_ROWS; r++) sum += (double)dy[r * linear_padded(1)] * q[r * ld];
  return sum;
}

/* the gradients of a critic's parameters and of its actions against central differences; a target that sees the same
 * actions changes none of them */
static void test_critic_of_actions(void) {
  struct arena *arena = NULL;
  CHECK_OK_FATAL(arena_create(&arena));
  struct model model;
  create_model(&critic_shape, twin_critics, arena, &model);
  randomize_model(&model, 3);
  float observations[CRITIC_ROWS * CRITIC_OBS], actions[CRITIC_ROWS * CRITIC_ACTION], dy[TILE * LINEAR_COLUMNS] = {0};
  float d_actions[CRITIC_ROWS * CRITIC_ACTION], again[CRITIC_ROWS * CRITIC_ACTION];
  fill_normal(observations, CRITIC_ROWS * CRITIC_OBS, 1.0, 4, 0);
  fill_normal(actions, CRITIC_ROWS * CRITIC_ACTION, 1.0, 4, 1);
  CU_ASSERT_FATAL(linear_padded(1) <= LINEAR_COLUMNS);
  for (size_t r = 0; r < CRITIC_ROWS; r++) fill_normal(dy + r * linear_padded(1), 1, 1.0, 4, 2 + (uint32_t)r);
  struct model_network *q1 = model_find(&model, "q1"), *target = model_find(&model, "target_q2");
  size_t ld;
  critic_objective(&model, q1, observations, actions, dy);
  model_forward(&model, target, &ld);
  model_backward(&model, q1, dy, model.parameters.gradients, d_actions);
  for (size_t k = 0; k < model.parameters.count; k++)
    if (k < q1->first || k >= q1->first + q1->count) CU_ASSERT_EQUAL(model.parameters.gradients[k], 0.0f);

  /* without gradients of parameters: the same gradients of the actions */
  float *untouched = malloc(model.parameters.count * sizeof *untouched);
  memcpy(untouched, model.parameters.gradients, model.parameters.count * sizeof *untouched);
  model_forward(&model, q1, &ld);
  model_backward(&model, q1, dy, NULL, again);
  CU_ASSERT_EQUAL(memcmp(again, d_actions, sizeof again), 0);
  CU_ASSERT_EQUAL(memcmp(untouched, model.parameters.gradients, model.parameters.count * sizeof *untouched), 0);
  free(untouched);

  const float h = 1.0f / 512;
  double *expected = malloc(q1->count * sizeof *expected), expected_actions[CRITIC_ROWS * CRITIC_ACTION];
  for (size_t k = 0; k < q1->count + CRITIC_ROWS * CRITIC_ACTION; k++) {
    float *at = k < q1->count ? model.parameters.values + q1->first + k : actions + (k - q1->count);
    const float before = *at;
    *at = before + h;
    double above = critic_objective(&model, q1, observations, actions, dy);
    *at = before - h;
    double slope = (above - critic_objective(&model, q1, observations, actions, dy)) / (2 * h);
    *at = before;
    if (k < q1->count)
      expected[k] = slope;
    else
      expected_actions[k - q1->count] = slope;
  }
  CU_ASSERT_TRUE(relative_error(model.parameters.gradients + q1->first, expected, q1->count) <= 1e-3);
  CU_ASSERT_TRUE(relative_error(d_actions, expected_actions, CRITIC_ROWS * CRITIC_ACTION) <= 1e-3);
  free(expected);
  arena_destroy(&arena);
}

/* The loss of a deterministic policy gradient, -sum Q(s, pi(s)): the critic's gradient of the actions goes on through
 * the policy, and only the policy's parameters get a gradient; the same with passes of single networks and with those
 * of tiles. */
static void test_policy_through_critic(void) {
  struct arena *arena = NULL;
  CHECK_OK_FATAL(arena_create(&arena));
  struct model model;
  create_model(&critic_shape, twin_critics, arena, &model);
  randomize_model(&model, 5);
  float observations[CRITIC_ROWS * CRITIC_OBS], actions[CRITIC_ROWS * CRITIC_ACTION];
  float dy[TILE * LINEAR_COLUMNS] = {0}, d_actions[CRITIC_ROWS * CRITIC_ACTION], d_net[TILE * LINEAR_COLUMNS] = {0};
  fill_normal(observations, CRITIC_ROWS * CRITIC_OBS, 1.0, 6, 0);
  for (size_t r = 0; r < CRITIC_ROWS; r++) dy[r * linear_padded(1)] = -1.0f;
  struct model_network *q1 = model_find(&model, "q1");
  const struct model_network *policy = model.policy;
  const size_t stride = CRITIC_OBS * sizeof(float);
  size_t ld, q_ld;
  double *expected = calloc(policy->count, sizeof *expected);
  const float h = 1.0f / 512;
  for (size_t k = 0; k < 2 * policy->count; k++) {
    float *at = model.parameters.values + policy->first + k / 2, before = *at, side = k % 2 == 0 ? h : -h;
    *at = before + side;
    model_pack(&model, true);
    const float *net = model_policy(&model, CRITIC_ROWS, observations, stride, &ld);
    for (size_t i = 0; i < CRITIC_ROWS * CRITIC_ACTION; i++)
      actions[i] = net[i / CRITIC_ACTION * ld + i % CRITIC_ACTION];
    expected[k / 2] += critic_objective(&model, q1, observations, actions, dy) / (2 * side);
    *at = before;
  }
  model_pack(&model, true);
  const float *net = model_policy(&model, CRITIC_ROWS, observations, stride, &ld);
  for (size_t i = 0; i < CRITIC_ROWS * CRITIC_ACTION; i++) actions[i] = net[i / CRITIC_ACTION * ld + i % CRITIC_ACTION];
  model_take_with_actions(&model, CRITIC_ROWS, observations, stride, actions);
  model_forward(&model, q1, &q_ld);
  model_backward(&model, q1, dy, NULL, d_actions);
  for (size_t i = 0; i < CRITIC_ROWS * CRITIC_ACTION; i++)
    d_net[i / CRITIC_ACTION * linear_padded(CRITIC_ACTION) + i % CRITIC_ACTION] = d_actions[i];
  model_backward(&model, model.policy, d_net, model.parameters.gradients, NULL);
  CU_ASSERT_TRUE(relative_error(model.parameters.gradients + policy->first, expected, policy->count) <= 1e-3);
  for (size_t k = model.policy_count; k < model.parameters.count; k++)
    CU_ASSERT_EQUAL(model.parameters.gradients[k], 0.0f);
  free(expected);
  arena_destroy(&arena);
}

/* with a shared trunk, a pass of one network gives the same as that of a tile in which the other one has no gradient */
static void test_single_passes_share_a_trunk(void) {
  struct arena *arena = NULL;
  CHECK_OK_FATAL(arena_create(&arena));
  struct model models[2];
  float observations[9 * 6], d_net[TILE * LINEAR_COLUMNS] = {0}, d_value[TILE * LINEAR_COLUMNS] = {0};
  fill_normal(observations, 9 * 6, 1.0, 8, 0);
  for (size_t r = 0; r < 9; r++) fill_normal(d_net + r * linear_padded(3), 3, 1.0, 8, 1 + (uint32_t)r);
  size_t ld, value_ld;
  const float *value;
  for (int i = 0; i < 2; i++) {
    create_model(&shapes[3], model_critic_v, arena, &models[i]);
    randomize_model(&models[i], 7);
    model_forward_tile(&models[i], 9, observations, 6 * sizeof(float), &ld, &value, &value_ld);
  }
  model_backward_tile(&models[0], d_net, d_value);
  model_backward(&models[1], models[1].policy, d_net, models[1].parameters.gradients, NULL);
  CU_ASSERT_TRUE(models[0].trunk->count > 0);
  for (size_t k = 0; k < models[0].parameters.count; k++)
    CU_ASSERT_EQUAL(models[0].parameters.gradients[k], models[1].parameters.gradients[k]);
  arena_destroy(&arena);
}

static void test_list_misfits(void) {
  struct model_options options = {0};
  CHECK_OK_FATAL(option_set_defaults(&model_option_table, &options));
  const muster_space box = {.kind = MUSTER_SPACE_BOX, .rank = 1, .shape = {2}};
  CHECK_OK(model_check(&options, &box, &box, twin_critics));
  CHECK_FAILS(model_check(&options, &grid_space, &cell_actions, twin_critics), MUSTER_ERROR_USAGE, "needs Box");
  CHECK_FAILS(model_check(&options, &box, &box, model_critic_q), MUSTER_ERROR_USAGE, "needs Discrete actions");
  options.share_trunk = true;
  CHECK_FAILS(model_check(&options, &box, &box, twin_critics), MUSTER_ERROR_USAGE,
              "policy.share_trunk: q1 shares no layers; expects false");
  options.share_trunk = false;
  set_list(&options.value_network, (const char *[]){"conv2d 3 3", NULL});
  CHECK_FAILS(model_check(&options, &grid_space, &box, twin_critics), MUSTER_ERROR_USAGE,
              "policy.value_network: conv2d: reads a grid [rows, columns, channels], and there is a vector of 26");
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
  struct model_options options = {0};
  CHECK_OK_FATAL(option_set_defaults(&model_option_table, &options));
  CU_ASSERT_TRUE(options.ortho_init);
  for (size_t i = 0; i < SHAPES; i++) {
    struct model model;
    create_model(&shapes[i], model_critic_v, arena, &model);
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

    /* the same only for the same seed; policy and value networks differ */
    struct model twin;
    create_model(&shapes[i], model_critic_v, arena, &twin);
    CHECK_OK_FATAL(model_initialize(&twin, &options, 9));
    CU_ASSERT_EQUAL(memcmp(model.parameters.values, twin.parameters.values, model.parameters.count * sizeof(float)), 0);
    CHECK_OK_FATAL(model_initialize(&twin, &options, 10));
    CU_ASSERT_NOT_EQUAL(memcmp(model.parameters.values, twin.parameters.values, model.parameters.count * sizeof(float)),
                        0);
  }
  struct model model;
  create_model(&shapes[0], model_critic_v, arena, &model);
  CHECK_OK_FATAL(model_initialize(&model, &options, 9));
  CU_ASSERT_NOT_EQUAL(memcmp(model.parameters.values, model.parameters.values + model.policy_count, 64 * sizeof(float)),
                      0);
  arena_destroy(&arena);
}

/* torch.nn.Linear: weights and biases uniform in +-1 / sqrt(in) */
static void test_uniform_init(void) {
  struct arena *arena = NULL;
  CHECK_OK_FATAL(arena_create(&arena));
  struct model_options options = {0};
  CHECK_OK_FATAL(option_set_defaults(&model_option_table, &options));
  options.ortho_init = false;
  struct model model;
  create_model(&shapes[0], model_critic_v, arena, &model);
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

/* observations and masks of MAX_ROWS rows, with their own strides */
struct rows {
  float obs[MAX_ROWS * LD];
  uint8_t mask[MAX_ROWS * MAX_CHOICES];
  bool masks;
};

static struct model_input rows_input(const struct rows *rows, size_t first) {
  const struct action_mask mask = {rows->masks ? rows->mask + first * MAX_CHOICES : NULL, MAX_CHOICES};
  return (struct model_input){rows->obs + first * LD, LD * sizeof *rows->obs, mask};
}

/* log-probabilities as the learner computes them, for rows in any order */
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

/* the whole batch at once, then every part of it separately: the same bits, whatever the position, the number of rows,
 * the stride, and the path */
static void check_rows(const struct network_shape *shape, uint64_t seed) {
  struct arena *arena = NULL;
  CHECK_OK_FATAL(arena_create(&arena));
  struct model model;
  create_model(shape, model_critic_v, arena, &model);
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

  /* any range separately, log-probabilities written with a stride */
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

  /* as the learner computes them, rows in a random order */
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
    {"an action space that no network supports", test_unsupported},
    {"the short form of a list of layers", test_short_form},
    {"requested layers", test_requested_layers},
    {"lists of layers", test_lists},
    {"short form beside a list", test_short_form_beside_list},
    {"a list of networks", test_list},
    {"what lists of networks ask for", test_list_misfits},
    {"a network that is changed part by part", test_renewal},
    {"a critic that reads actions", test_critic_of_actions},
    {"a policy's gradient through a critic", test_policy_through_critic},
    {"one network above a shared trunk", test_single_passes_share_a_trunk},
    {"orthogonal initial weights", test_orthogonal_init},
    {"uniform initial weights", test_uniform_init},
    {"a row's numbers do not depend on the others", test_rows},
};

CHECK_MAIN("model", cases)
