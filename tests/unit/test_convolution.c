/* The convolution against its formula in double: outputs, gradients, what does not fit. And models of convolutions and
 * dense layers, listed as in a config, against PyTorch (tests/golden/networks.h5). */
#include "nn/network.h"
#include "support/check.h"
#include "support/golden.h"
#include "support/model.h"

enum { MAX_ROWS = 64, MAX_CELLS = 36, MAX_CHANNELS = 32, LAYERS = 3 };

/* a grid, a kernel, and layers of these widths; the last layer is the head, with the outputs of a cell */
struct problem {
  int32_t grid[3];
  size_t kernel_size, rows, width[LAYERS];
  enum activation activation;
};

static const struct problem problems[] = {
    {{3, 3, 2}, 3, 9, {7, 4, 1}, ACTIVATION_TANH},  {{5, 5, 3}, 5, 3, {6, 17, 1}, ACTIVATION_RELU},
    {{1, 7, 1}, 3, 20, {5, 5, 2}, ACTIVATION_TANH}, {{2, 3, 4}, 7, 11, {4, 5, 3}, ACTIVATION_RELU},
    {{4, 9, 2}, 1, 9, {8, 3, 18}, ACTIVATION_TANH}, {{6, 6, 1}, 3, 2, {16, 6, 5}, ACTIVATION_RELU},
    {{1, 1, 3}, 3, 64, {4, 4, 4}, ACTIVATION_TANH},
};
enum { PROBLEMS = sizeof problems / sizeof *problems };

struct net {
  struct arena *arena;
  struct network network;
  struct parameters parameters;
  float *x; /* [rows, elements] */
  float *scratch[2];
  size_t cells, elements, outputs;
};

static void create_net(const struct problem *p, uint64_t seed, struct net *net) {
  *net = (struct net){.cells = (size_t)(p->grid[0] * p->grid[1])};
  net->elements = net->cells * (size_t)p->grid[2];
  net->outputs = net->cells * p->width[LAYERS - 1];
  CU_ASSERT_FATAL(net->cells <= MAX_CELLS && p->rows <= MAX_ROWS);
  const struct layer_spec activation = {p->activation == ACTIVATION_TANH ? &layer_tanh : &layer_relu, {0}};
  struct layer_list list = {0};
  for (int i = 0; i < LAYERS; i++) {
    bool head = i == LAYERS - 1;
    CU_ASSERT_FATAL((i > 0 ? (int32_t)p->width[i - 1] : p->grid[2]) <= MAX_CHANNELS && p->width[i] <= MAX_CHANNELS);
    const int64_t kernel_size = head ? 1 : (int64_t)p->kernel_size;
    CHECK_OK_FATAL(layer_list_add(&list, (struct layer_spec){&layer_conv2d, {(int64_t)p->width[i], kernel_size, 1}}));
    if (!head) CHECK_OK_FATAL(layer_list_add(&list, activation));
  }
  CHECK_OK_FATAL(arena_create(&net->arena));
  network_start("policy", (struct layer_shape){(size_t)p->grid[0], (size_t)p->grid[1], (size_t)p->grid[2], true},
                &net->network);
  CHECK_OK_FATAL(network_add(&net->network, &list, &net->parameters, net->arena));
  CU_ASSERT_EQUAL_FATAL(net->network.layers, LAYERS);
  CU_ASSERT_EQUAL_FATAL(layer_shape_floats(net->network.output), net->outputs);
  CHECK_OK_FATAL(parameters_allocate(&net->parameters, net->arena));
  CHECK_OK_FATAL(network_allocate(&net->network, true, NULL, net->arena));
  for (int i = 0; i < 2; i++)
    CHECK_OK_FATAL(ARENA_TAKE(net->arena, TILE * network_widest(&net->network), "gradients", &net->scratch[i]));
  CHECK_OK_FATAL(ARENA_TAKE(net->arena, MAX_ROWS * net->elements, "observations", &net->x));
  for (int i = 0; i < net->parameters.tensors; i++) {
    const struct parameter *tensor = &net->parameters.tensor[i];
    double scale = tensor->rank == 2 ? 1.0 / sqrt((double)tensor->shape[1]) : 0.3;
    fill_normal(net->parameters.values + tensor->offset, tensor->count, scale, seed, (uint32_t)i);
  }
  fill_normal(net->x, p->rows * net->elements, 1.0, seed, 100);
  network_pack(&net->network, net->parameters.values, true);
}

typedef double layer_cells[MAX_CELLS][MAX_CHANNELS];

/* one output of a layer at a cell, from the definition: kernel_size x kernel_size weights around it (1 x 1 for the
 * head), zero outside the grid */
static double naive_output(const struct problem *p, const struct net *net, int i, const double *values,
                           layer_cells below, int32_t cell, size_t o) {
  const struct parameter *weights = find_parameter(&net->parameters, "policy", i, "weight");
  const int32_t size = i == LAYERS - 1 ? 1 : (int32_t)p->kernel_size;
  const int32_t channels = (int32_t)weights->shape[1] / (size * size);
  double sum = values[find_parameter(&net->parameters, "policy", i, "bias")->offset + o];
  for (int32_t k = 0; k < size; k++)
    for (int32_t j = 0; j < size; j++) {
      const int32_t row = cell / p->grid[1] + k - size / 2, column = cell % p->grid[1] + j - size / 2;
      if (row < 0 || row >= p->grid[0] || column < 0 || column >= p->grid[1]) continue;
      const double *weight = values + weights->offset + o * weights->shape[1] + (size_t)((k * size + j) * channels);
      for (int32_t c = 0; c < channels; c++) sum += weight[c] * below[row * p->grid[1] + column][c];
    }
  if (i == LAYERS - 1) return sum;
  return p->activation == ACTIVATION_TANH ? tanh(sum) : fmax(sum, 0.0);
}

/* outputs [rows, outputs] */
static void naive_forward(const struct problem *p, const struct net *net, const double *values, double *y) {
  for (size_t r = 0; r < p->rows; r++) {
    layer_cells below, above;
    for (size_t i = 0; i < net->elements; i++)
      below[i / (size_t)p->grid[2]][i % (size_t)p->grid[2]] = net->x[r * net->elements + i];
    for (int i = 0; i < LAYERS; i++) {
      for (size_t cell = 0; cell < net->cells; cell++)
        for (size_t o = 0; o < p->width[i]; o++)
          above[cell][o] = naive_output(p, net, i, values, below, (int32_t)cell, o);
      memcpy(below, above, sizeof below);
    }
    for (size_t o = 0; o < net->outputs; o++)
      y[r * net->outputs + o] = below[o / p->width[LAYERS - 1]][o % p->width[LAYERS - 1]];
  }
}

static const float *forward(struct net *net, size_t rows, size_t *ld) {
  const struct layer_pass pass = {.values = net->parameters.values, .rows = rows, .x = net->x, .x_ld = net->elements};
  return network_forward(&net->network, &pass, ld);
}

static void test_forward(void) {
  for (int i = 0; i < PROBLEMS; i++) {
    const struct problem *p = &problems[i];
    struct net net;
    create_net(p, 100 + (uint64_t)i, &net);
    double *values = malloc(net.parameters.count * sizeof *values);
    double *expected = malloc(p->rows * net.outputs * sizeof *expected);
    for (size_t k = 0; k < net.parameters.count; k++) values[k] = net.parameters.values[k];
    naive_forward(p, &net, values, expected);
    size_t ld;
    const float *y = forward(&net, p->rows, &ld);
    for (size_t r = 0; r < p->rows; r++)
      CU_ASSERT_TRUE(relative_error(y + r * ld, expected + r * net.outputs, net.outputs) <= 2e-6);
    free(values);
    free(expected);
    arena_destroy(&net.arena);
  }
}

/* the gradient of sum(dy * y) against central differences in double */
static void check_gradient(const struct problem *p, uint64_t seed) {
  struct net net;
  create_net(p, seed, &net);
  const size_t count = net.parameters.count, ld = linear_padded(net.outputs);
  float *dy = calloc(MAX_ROWS * ld, sizeof *dy);
  double *values = malloc(count * sizeof *values), *expected = malloc(count * sizeof *expected);
  double *y = malloc(p->rows * net.outputs * sizeof *y);
  for (size_t r = 0; r < p->rows; r++) fill_normal(dy + r * ld, net.outputs, 1.0, seed, 2 + (uint32_t)r);
  for (size_t k = 0; k < count; k++) values[k] = net.parameters.values[k];
  const double h = 1e-5;
  for (size_t k = 0; k < count; k++) {
    expected[k] = 0.0;
    for (int side = -1; side <= 1; side += 2) {
      values[k] = net.parameters.values[k] + side * h;
      naive_forward(p, &net, values, y);
      for (size_t r = 0; r < p->rows; r++)
        for (size_t o = 0; o < net.outputs; o++)
          expected[k] += side * y[r * net.outputs + o] * dy[r * ld + o] / (2 * h);
    }
    values[k] = net.parameters.values[k];
  }
  size_t y_ld;
  forward(&net, p->rows, &y_ld);
  const struct layer_pass pass = {.values = net.parameters.values, .rows = p->rows, .x = net.x, .x_ld = net.elements};
  const struct layer_return back = {.dy = dy, .dy_ld = ld, .gradients = net.parameters.gradients};
  network_backward(&net.network, &pass, &back, net.scratch);
  for (int i = 0; i < net.parameters.tensors; i++) {
    const struct parameter *tensor = &net.parameters.tensor[i];
    double error = relative_error(net.parameters.gradients + tensor->offset, expected + tensor->offset, tensor->count);
    if (!(error <= 1e-5)) printf("\n    %s: relative error %g\n", tensor->name, error);
    CU_ASSERT_TRUE(error <= 1e-5);
  }
  free(dy);
  free(values);
  free(expected);
  free(y);
  arena_destroy(&net.arena);
}

static void test_gradient(void) {
  for (int i = 0; i < PROBLEMS; i++) check_gradient(&problems[i], 200 + (uint64_t)i);
}

/* an observation that is moved by a cell gives outputs that are moved by a cell, except near the border */
static void test_translation(void) {
  const struct problem p = {{6, 6, 2}, 3, 2, {8, 1, 1}, ACTIVATION_TANH};
  struct net net;
  create_net(&p, 300, &net);
  for (int32_t cell = 7; cell < 36; cell++)
    memcpy(net.x + net.elements + cell * 2, net.x + (cell - 7) * 2, 2 * sizeof *net.x);
  size_t ld;
  const float *y = forward(&net, 2, &ld);
  for (int32_t row = 2; row < 3; row++)
    for (int32_t column = 2; column < 3; column++)
      CU_ASSERT_EQUAL(y[row * 6 + column], y[ld + (size_t)(row + 1) * 6 + (size_t)column + 1]);
  arena_destroy(&net.arena);
}

static void test_misfits(void) {
  struct arena *arena = NULL;
  CHECK_OK_FATAL(arena_create(&arena));
  struct model_options options = {0};
  CHECK_OK_FATAL(option_set_defaults(&model_option_table, &options));
  const muster_space vector = {.kind = MUSTER_SPACE_BOX, .rank = 1, .shape = {18}};
  const muster_space grid = {.kind = MUSTER_SPACE_BOX, .rank = 3, .shape = {3, 3, 2}};
  const int32_t nine[] = {9}, ten[] = {10};
  const muster_space cells = {.kind = MUSTER_SPACE_DISCRETE, .counts = nine};
  const muster_space others = {.kind = MUSTER_SPACE_DISCRETE, .counts = ten};
  struct model model;
  options.kernel_size = 3;
  CHECK_OK_FATAL(model_create(&options, &grid, &cells, model_critic_v, arena, &model));
  CHECK_FAILS(model_create(&options, &vector, &cells, model_critic_v, arena, &model), MUSTER_ERROR_USAGE,
              "[rows, columns, channels]");
  CHECK_FAILS(model_create(&options, &grid, &others, model_critic_v, arena, &model), MUSTER_ERROR_USAGE,
              "3 x 3 cells, and the actions need 10");
  CHECK_FAILS(model_create(&options, &grid, &grid, model_critic_v, arena, &model), MUSTER_ERROR_USAGE,
              "needs Discrete");
  options.share_trunk = true;
  CHECK_FAILS(model_create(&options, &grid, &cells, model_critic_v, arena, &model), MUSTER_ERROR_USAGE,
              "policy.share_trunk");
  options.share_trunk = false;
  options.hidden_sizes.count = 0;
  CHECK_FAILS(model_create(&options, &grid, &cells, model_critic_v, arena, &model), MUSTER_ERROR_USAGE,
              "policy.hidden_sizes");
  options.kernel_size = 4;
  CHECK_FAILS(model_create(&options, &grid, &cells, model_critic_v, arena, &model), MUSTER_ERROR_USAGE, "odd number");
  arena_destroy(&arena);
}

/* ---- against PyTorch ---- */

#define GOLDEN "networks.h5"

static struct golden read_golden(const char *group, const char *name) {
  char path[128];
  snprintf(path, sizeof path, "%s/%s", group, name);
  return golden_read(GOLDEN, path);
}

/* an attribute "conv2d 8 3, relu" as the option of a config; "null": there is none */
static void read_list(const char *group, const char *name, struct option_text_list *list) {
  char text[256];
  golden_text(GOLDEN, group, name, text, sizeof text);
  *list = (struct option_text_list){.is_null = strcmp(text, "null") == 0};
  if (list->is_null) return;
  for (char *rest = text, *item; (item = strtok_r(rest, ",", &rest)) != NULL;)
    snprintf(list->items[list->count++], OPTION_ITEM_SIZE, "%s", item);
}

/* the model of a group, with its weights */
static void create_listed(const char *group, const struct golden *observations, int32_t choices, struct arena *arena,
                          struct model *model) {
  struct model_options options = {0};
  CHECK_OK_FATAL(option_set_defaults(&model_option_table, &options));
  read_list(group, "network", &options.network);
  read_list(group, "value_network", &options.value_network);
  options.share_trunk = golden_attribute(GOLDEN, group, "share_trunk") != 0;
  options.head = golden_attribute(GOLDEN, group, "conv2d_head") != 0 ? MODEL_HEAD_CONV2D : MODEL_HEAD_DENSE;
  const bool image = golden_attribute(GOLDEN, group, "image") != 0;
  muster_space observation = {.kind = image ? MUSTER_SPACE_BOX_U8 : MUSTER_SPACE_BOX, .rank = 3};
  for (size_t i = 0; i < 3; i++) observation.shape[i] = (int32_t)observations->shape[i + 1];
  const muster_space action = {.kind = MUSTER_SPACE_DISCRETE, .counts = &choices};
  CHECK_OK_FATAL(model_create(&options, &observation, &action, model_critic_v, arena, model));
  for (int i = 0; i < model->parameters.tensors; i++) {
    const struct parameter *tensor = &model->parameters.tensor[i];
    char name[96];
    snprintf(name, sizeof name, "w/%s", tensor->name);
    struct golden weight = read_golden(group, name);
    CU_ASSERT_TRUE_FATAL(weight.n == tensor->count && weight.shape[0] == tensor->shape[0]);
    for (size_t k = 0; k < weight.n; k++) model->parameters.values[tensor->offset + k] = (float)weight.values[k];
    golden_free(&weight);
  }
  model_pack(model, true);
}

/* rows[n, ld] against a dataset [n, columns] */
static void check_rows(const char *group, const char *name, const float *rows, size_t ld) {
  struct golden golden = read_golden(group, name);
  const size_t n = golden.shape[0], columns = golden.n / n;
  float *packed = malloc(golden.n * sizeof *packed);
  for (size_t r = 0; r < n; r++) memcpy(packed + r * columns, rows + r * ld, columns * sizeof *packed);
  double error = relative_error(packed, golden.values, golden.n);
  if (!(error <= 1e-6)) printf("\n    %s/%s: relative error %g\n", group, name, error);
  CU_ASSERT_TRUE(error <= 1e-6);
  free(packed);
  golden_free(&golden);
}

/* a dataset [n, columns] as gradients [n, padded columns] */
static void read_gradient(const char *group, const char *name, float *rows) {
  struct golden golden = read_golden(group, name);
  const size_t columns = golden.n / golden.shape[0];
  for (size_t i = 0; i < golden.n; i++)
    rows[i / columns * linear_padded(columns) + i % columns] = (float)golden.values[i];
  golden_free(&golden);
}

static void check_listed(const char *group) {
  struct arena *arena = NULL;
  CHECK_OK_FATAL(arena_create(&arena));
  struct golden observations = read_golden(group, "observations"), net = read_golden(group, "net");
  const size_t rows = observations.shape[0], elements = observations.n / rows;
  static struct model model;
  create_listed(group, &observations, (int32_t)net.shape[1], arena, &model);
  static float floats[TILE * 1024], d_net[TILE * 64], d_value[TILE * 64];
  static uint8_t bytes[TILE * 1024];
  CU_ASSERT_FATAL(rows <= TILE && elements <= 1024 && linear_padded(net.shape[1]) <= 64);
  const bool image = model.encoder.kind == MUSTER_SPACE_BOX_U8;
  for (size_t i = 0; i < observations.n; i++) {
    floats[i] = (float)observations.values[i];
    bytes[i] = image ? (uint8_t)observations.values[i] : 0;
  }
  memset(d_net, 0, sizeof d_net);
  memset(d_value, 0, sizeof d_value);
  read_gradient(group, "d_net", d_net);
  read_gradient(group, "d_value", d_value);
  size_t net_ld, value_ld;
  const void *input = image ? (const void *)bytes : floats;
  const float *value, *y = model_forward_tile(&model, rows, input, model.encoder.bytes, &net_ld, &value, &value_ld);
  check_rows(group, "net", y, net_ld);
  check_rows(group, "value", value, value_ld);
  model_backward_tile(&model, d_net, d_value);
  for (int i = 0; i < model.parameters.tensors; i++) {
    const struct parameter *tensor = &model.parameters.tensor[i];
    char name[96];
    snprintf(name, sizeof name, "grad/%s", tensor->name);
    struct golden expected = read_golden(group, name);
    double error = relative_error(model.parameters.gradients + tensor->offset, expected.values, tensor->count);
    if (!(error <= 5e-6)) printf("\n    %s/%s: relative error %g\n", group, name, error);
    CU_ASSERT_TRUE(error <= 5e-6);
    golden_free(&expected);
  }
  golden_free(&observations);
  golden_free(&net);
  arena_destroy(&arena);
}

static void test_golden(void) {
  static const char *const groups[] = {"strides", "image", "own_value", "trunk", "steps_over"};
  for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) check_listed(groups[i]);
}

static const struct check_case cases[] = {
    {"outputs against the formula in double", test_forward},
    {"gradients against central differences in double", test_gradient},
    {"the same network for every cell", test_translation},
    {"what does not fit", test_misfits},
    {"listed layers against PyTorch", test_golden},
};

CHECK_MAIN("convolution", cases)
