/* Layers: what every entry of the registry must do, how lists name them, and networks made of them. */
#include "nn/layers/slope.h"
#include "nn/network.h"
#include "support/check.h"
#include "support/model.h"

enum { ROWS = 11, IN = 24, X_LD = 29, MAX_FLOATS = 256 };

/* ---- the registry ---- */

static void test_registry(void) {
  const struct layer_type *const *list = layer_list();
  CU_ASSERT_PTR_NOT_NULL_FATAL(list[0]);
  for (size_t i = 0; list[i] != NULL; i++) {
    CU_ASSERT_PTR_NULL_FATAL(layer_lacks(list[i]));
    struct layer_spec spec;
    CHECK_OK_FATAL(layer_spec_parse(list[i]->example, &spec));
    CU_ASSERT_PTR_EQUAL(spec.type, list[i]);
    CU_ASSERT_TRUE(strlen(list[i]->summary) > 0);
    for (size_t k = 0; k < i; k++) CU_ASSERT_NOT_EQUAL(strcmp(list[i]->name, list[k]->name), 0);
  }
}

/* of an incomplete table, the check names what it lacks; a list with such a table is refused */
static void test_lacks(void) {
  struct layer_type partial;
  const struct layer_type *const list[] = {&layer_tanh, &partial, NULL};
#define LACKS(member)                                                                                                  \
  do {                                                                                                                 \
    partial = layer_dense;                                                                                             \
    partial.member = NULL;                                                                                             \
    const char *lack = layer_lacks(&partial);                                                                          \
    CU_ASSERT_PTR_NOT_NULL_FATAL(lack);                                                                                \
    CU_ASSERT_STRING_EQUAL(lack, #member);                                                                             \
    CHECK_FAILS(layer_check_list(list), MUSTER_ERROR_INTERNAL, "is not whole: its table lacks " #member);              \
  } while (0)
  LACKS(name);
  LACKS(summary);
  LACKS(example);
  LACKS(shape);
  LACKS(add_parameters);
  LACKS(initialize);
  LACKS(forward);
  LACKS(backward);
  CHECK_FAILS(layer_check_list(list), MUSTER_ERROR_INTERNAL, "the layer 'dense' is not whole");
  CHECK_OK(layer_check_list(layer_list()));
}

static void test_texts(void) {
  struct layer_spec spec;
  CHECK_OK_FATAL(layer_spec_parse("  conv2d  8 3 ", &spec));
  CU_ASSERT_TRUE(spec.type == &layer_conv2d && spec.argument[0] == 8 && spec.argument[1] == 3 && spec.argument[2] == 1);
  CHECK_FAILS(layer_spec_parse("dens 64", &spec), MUSTER_ERROR_USAGE,
              "expects a layer such as dense 64 or tanh: the nearest one is 'dense'");
  CHECK_FAILS(layer_spec_parse("", &spec), MUSTER_ERROR_USAGE, "expects a layer");
  CHECK_FAILS(layer_spec_parse("banana", &spec), MUSTER_ERROR_USAGE, "there are 'dense', 'conv2d', ");
  static const char *const wrong[] = {"dense",     "dense 0", "dense -1",  "dense 65537",
                                      "dense 6.5", "dense x", "dense 1 2", "dense 99999999999999999999"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    CHECK_FAILS(layer_check(wrong[i]), MUSTER_ERROR_USAGE, "expects dense WIDTH, WIDTH from 1 to 65536");
  CHECK_OK_FATAL(layer_spec_parse("dropout 1e-3", &spec));
  CU_ASSERT_TRUE(spec.type == &layer_dropout && spec.argument[0] == 1e-3);
  static const char *const rates[] = {"dropout", "dropout 1", "dropout -0.1", "dropout nan", "dropout 0.1x"};
  for (size_t i = 0; i < sizeof rates / sizeof *rates; i++)
    CHECK_FAILS(layer_check(rates[i]), MUSTER_ERROR_USAGE, "expects dropout RATE, RATE from 0 to 0.99");
  CHECK_FAILS(layer_check("tanh 3"), MUSTER_ERROR_USAGE, "expects tanh");
  CHECK_FAILS(layer_check("conv2d 8"), MUSTER_ERROR_USAGE,
              "expects conv2d CHANNELS KERNEL [STRIDE], CHANNELS from 1 to 65536, KERNEL from 1 to 63, STRIDE from 1");
}

/* ---- networks ---- */

struct net {
  struct arena *arena;
  struct network network;
  struct parameters parameters;
  float *scratch[2], *x, *dy, *dx; /* of each row: X_LD floats, the padded output, the padded IN */
  size_t outputs;
  const struct layer_random *random; /* of its passes; NULL: nothing is random */
  struct layer_batch *batch;         /* likewise, over all their rows; NULL: they are over no minibatch */
};

/* `rows`: most rows of a pass */
static void create_net_for(const struct layer_list *list, bool trains, size_t rows, struct net *net) {
  *net = (struct net){0};
  CHECK_OK_FATAL(arena_create(&net->arena));
  network_start("policy", (struct layer_shape){3, 4, 2, true}, &net->network);
  CHECK_OK_FATAL(network_add(&net->network, list, &net->parameters, net->arena));
  CHECK_OK_FATAL(parameters_allocate(&net->parameters, net->arena));
  net->network.rows = rows;
  CHECK_OK_FATAL(network_allocate(&net->network, trains, NULL, net->arena));
  net->outputs = layer_shape_floats(net->network.output);
  CU_ASSERT_FATAL(net->outputs <= MAX_FLOATS);
  for (int i = 0; i < 2; i++)
    CHECK_OK_FATAL(ARENA_TAKE(net->arena, rows * network_widest(&net->network), "gradients", &net->scratch[i]));
  CHECK_OK_FATAL(ARENA_TAKE(net->arena, rows * X_LD, "inputs", &net->x));
  CHECK_OK_FATAL(ARENA_TAKE(net->arena, rows * linear_padded(net->outputs), "gradients", &net->dy));
  CHECK_OK_FATAL(ARENA_TAKE(net->arena, rows * linear_padded(IN), "gradients", &net->dx));
  for (int i = 0; i < net->parameters.tensors; i++) {
    const struct parameter *tensor = &net->parameters.tensor[i];
    double scale = tensor->rank == 2 ? 1.0 / sqrt((double)tensor->shape[1]) : 0.3;
    float *values = net->parameters.values + tensor->offset;
    fill_normal(values, tensor->count, scale, 3, (uint32_t)i);
    /* a variance is positive, and a mean may be */
    for (size_t k = 0; tensor->is_statistic && k < tensor->count; k++) values[k] = 0.5f + fabsf(values[k]);
  }
  fill_normal(net->x, ROWS * X_LD, 1.0, 3, 100);
  for (size_t r = 0; r < ROWS; r++)
    fill_normal(net->dy + r * linear_padded(net->outputs), net->outputs, 1.0, 4, (uint32_t)r);
  network_pack(&net->network, net->parameters.values, trains);
}

static void create_net(const struct layer_list *list, bool trains, struct net *net) {
  create_net_for(list, trains, TILE, net);
}

/* one that trains, with numbers in all of its rows */
static void create_net_of(const struct layer_list *list, size_t rows, struct net *net) {
  create_net_for(list, true, rows, net);
  fill_normal(net->x, rows * X_LD, 1.0, 8, 0);
  for (size_t r = 0; r < rows; r++)
    fill_normal(net->dy + r * linear_padded(net->outputs), net->outputs, 1.0, 9, (uint32_t)r);
}

static void create_from_texts(const char *const *texts, struct net *net) {
  struct layer_list list = {0};
  for (; *texts != NULL; texts++) {
    struct layer_spec spec;
    CHECK_OK_FATAL(layer_spec_parse(*texts, &spec));
    CHECK_OK_FATAL(layer_list_add(&list, spec));
  }
  create_net(&list, true, net);
}

static struct layer_pass pass_of(const struct net *net) {
  return (struct layer_pass){.values = net->parameters.values,
                             .rows = ROWS,
                             .x = net->x,
                             .x_ld = X_LD,
                             .random = net->random,
                             .batch = net->batch};
}

/* what backward() differentiates: sum(dy * y) */
static double objective(struct net *net) {
  const struct layer_pass pass = pass_of(net);
  size_t ld;
  double sum = 0;
  network_pack(&net->network, net->parameters.values, false);
  const float *y = network_forward(&net->network, &pass, &ld);
  for (size_t r = 0; r < ROWS; r++)
    for (size_t o = 0; o < net->outputs; o++)
      sum += (double)y[r * ld + o] * net->dy[r * linear_padded(net->outputs) + o];
  return sum;
}

/* the slope of the objective along one float; where there are statistics all rows move, or gradients are small, and
 * rounding errors count for less in a longer step */
static double slope(struct net *net, float *at) {
  const float h = network_has_statistics(&net->network) ? 1.0f / 128 : 1.0f / 512, before = *at;
  *at = before + h;
  double above = objective(net), width = (double)*at;
  *at = before - h;
  double below = objective(net);
  width -= (double)*at;
  *at = before;
  return (above - below) / width;
}

static void check_slopes(struct net *net, const char *what, float *values, const float *found, size_t n) {
  double *expected = malloc(n * sizeof *expected);
  for (size_t i = 0; i < n; i++) expected[i] = slope(net, values + i);
  double error = relative_error(found, expected, n);
  if (!(error <= 1e-3)) printf("\n    %s: relative error %g\n", what, error);
  CU_ASSERT_TRUE(error <= 1e-3);
  free(expected);
}

/* the gradient of the input has the same bits where those of the parameters are not wanted */
static void check_input_alone(struct net *net, const struct layer_pass *pass, const struct layer_return *back) {
  const size_t floats = TILE * linear_padded(IN);
  float *dx = malloc(floats * sizeof *dx);
  struct layer_return alone = *back;
  memcpy(dx, net->dx, floats * sizeof *dx);
  memset(net->dx, 0, floats * sizeof *dx);
  alone.gradients = NULL;
  size_t ld;
  network_forward(&net->network, pass, &ld);
  network_backward(&net->network, pass, &alone, net->scratch);
  for (size_t r = 0; r < ROWS; r++)
    CU_ASSERT_EQUAL(memcmp(net->dx + r * linear_padded(IN), dx + r * linear_padded(IN), IN * sizeof *dx), 0);
  free(dx);
}

/* where rows may be left out between the passes, the others have the same gradients of the input; else all are left */
static void check_selection(struct net *net, const struct layer_pass *pass, const struct layer_return *back) {
  enum { DX_LD = (IN + LINEAR_COLUMNS - 1) / LINEAR_COLUMNS * LINEAR_COLUMNS };
  const size_t floats = TILE * DX_LD, dy_ld = back->dy_ld;
  float *dx = malloc(floats * sizeof *dx), *dy = calloc(TILE * dy_ld, sizeof *dy);
  struct layer_return alone = *back;
  struct layer_pass some = *pass;
  uint32_t row[ROWS];
  size_t n = 0, ld;
  memcpy(dx, net->dx, floats * sizeof *dx);
  memset(net->dx, 0, floats * sizeof *dx);
  for (uint32_t r = 1; r < ROWS; r += r % 3 + 1) row[n++] = r;
  network_forward(&net->network, pass, &ld);
  if (!network_select_rows(&net->network, row, n))
    for (n = 0; n < ROWS; n++) row[n] = (uint32_t)n;
  for (size_t i = 0; i < n; i++) memcpy(dy + i * dy_ld, back->dy + row[i] * dy_ld, dy_ld * sizeof *dy);
  some.rows = n;
  alone.gradients = NULL;
  alone.dy = dy;
  network_backward(&net->network, &some, &alone, net->scratch);
  for (size_t i = 0; i < n; i++) CU_ASSERT_EQUAL(memcmp(net->dx + i * DX_LD, dx + row[i] * DX_LD, IN * sizeof *dx), 0);
  free(dx);
  free(dy);
}

/* gradients of all parameters and of the input against finite differences; gradients are added to what is there, and
 * rows beyond those of the pass do not count */
static void check_backward(struct net *net) {
  const struct layer_pass pass = pass_of(net);
  const size_t dy_ld = linear_padded(net->outputs);
  float *dy = malloc(TILE * dy_ld * sizeof *dy);
  const struct layer_return back = {
      .dy = dy, .dy_ld = dy_ld, .gradients = net->parameters.gradients, .dx = net->dx, .dx_ld = linear_padded(IN)};
  size_t ld;
  const size_t count = net->parameters.count;
  fill_normal(net->x + ROWS * X_LD, (TILE - ROWS) * X_LD, 1.0, 5, 0);
  const float *y = network_forward(&net->network, &pass, &ld);
  /* the gradient before the last layer's activation */
  memcpy(dy, net->dy, TILE * dy_ld * sizeof *dy);
  layer_apply_slope(network_activation(&net->network), ROWS, net->outputs, y, ld, dy, dy_ld);
  network_backward(&net->network, &pass, &back, net->scratch);
  float *once = malloc((count + 1) * sizeof *once);
  memcpy(once, net->parameters.gradients, count * sizeof *once);
  for (int i = 0; i < net->parameters.tensors; i++) {
    const struct parameter *tensor = &net->parameters.tensor[i];
    for (size_t k = 0; tensor->is_statistic && k < tensor->count; k++) CU_ASSERT_EQUAL(once[tensor->offset + k], 0);
    if (tensor->is_statistic) continue;
    check_slopes(net, tensor->name, net->parameters.values + tensor->offset, once + tensor->offset, tensor->count);
  }
  for (size_t r = 0; r < ROWS; r++) check_slopes(net, "dx", net->x + r * X_LD, net->dx + r * linear_padded(IN), IN);
  network_pack(&net->network, net->parameters.values, true);
  network_forward(&net->network, &pass, &ld);
  struct layer_return alone = back;
  alone.dx = NULL;
  network_backward(&net->network, &pass, &alone, net->scratch);
  for (size_t k = 0; k < count; k++) CHECK_CLOSE(net->parameters.gradients[k], 2.0 * once[k], 1e-5);
  check_input_alone(net, &pass, &back);
  check_selection(net, &pass, &back);
  free(once);
  free(dy);
}

/* a row gives the same bits alone, at another place, and, where nothing is random, in a network that does not train */
static void check_rows(const struct layer_list *list, struct net *net) {
  struct net other;
  create_net(list, net->random != NULL, &other);
  size_t ld;
  struct layer_pass pass = pass_of(net);
  const float *y = network_forward(&net->network, &pass, &ld);
  for (size_t first = 0; first < ROWS; first++) {
    struct layer_pass part = pass_of(&other);
    struct layer_random random = net->random != NULL ? *net->random : (struct layer_random){0};
    random.first_row += (uint32_t)first;
    part.random = net->random != NULL ? &random : NULL;
    part.x += first * X_LD;
    part.rows = first % 3 + 1 < ROWS - first ? first % 3 + 1 : ROWS - first;
    const float *again = network_forward(&other.network, &part, &ld);
    for (size_t r = 0; r < part.rows; r++)
      CU_ASSERT_EQUAL(memcmp(again + r * ld, y + (first + r) * ld, net->outputs * sizeof *y), 0);
  }
  arena_destroy(&other.arena);
}

/* the gradients of groups of rows are the sum over a tree of those of each group alone, whatever was there before */
static void check_groups(const struct layer_list *list, const struct layer_random *random) {
  static const struct linear_groups groups = {2, {TILE, 36}};
  struct net whole, part;
  create_net_of(list, BLOCK_ROWS, &whole);
  create_net_of(list, TILE, &part);
  const size_t count = whole.parameters.count, dy_ld = linear_padded(whole.outputs);
  struct layer_pass pass = pass_of(&whole);
  struct layer_return back = {.dy = whole.dy, .dy_ld = dy_ld, .gradients = whole.parameters.gradients};
  float *left = calloc(count + 1, sizeof *left);
  size_t ld;
  pass.rows = linear_groups_rows(&groups);
  pass.random = random;
  back.groups = &groups;
  for (size_t i = 0; i < count; i++) back.gradients[i] = 7.0f;
  network_forward(&whole.network, &pass, &ld);
  network_backward(&whole.network, &pass, &back, whole.scratch);
  for (size_t i = 0, first = 0; i < 2; first += groups.rows[i++]) {
    struct layer_random moved = random != NULL ? *random : (struct layer_random){0};
    struct layer_return own = {.dy = whole.dy + first * dy_ld, .dy_ld = dy_ld, .gradients = part.parameters.gradients};
    moved.first_row += (uint32_t)first;
    pass.x = whole.x + first * X_LD;
    pass.rows = groups.rows[i];
    if (random != NULL) pass.random = &moved;
    memcpy(left, own.gradients, count * sizeof *left);
    memset(own.gradients, 0, count * sizeof *left);
    network_forward(&part.network, &pass, &ld);
    network_backward(&part.network, &pass, &own, part.scratch);
  }
  for (size_t i = 0; i < count; i++) CU_ASSERT_EQUAL(back.gradients[i], left[i] + part.parameters.gradients[i]);
  free(left);
  arena_destroy(&whole.arena);
  arena_destroy(&part.arena);
}

/* ---- passes over a minibatch at once ---- */

/* one that nobody shares, in groups of rows; sums are added up in the order of the groups */
enum { MOST_SUMS = 2 * MAX_FLOATS, GROUPS = 3 };
struct own_batch {
  struct layer_batch batch;
  size_t first[GROUPS + 1], n;
  double sums[GROUPS * MOST_SUMS], joined[MOST_SUMS];
};

static double *take_sums(struct layer_batch *batch, size_t n) {
  struct own_batch *own = (struct own_batch *)batch;
  CU_ASSERT_FATAL(n <= MOST_SUMS);
  own->n = n;
  memset(own->sums, 0, sizeof own->sums);
  return own->sums;
}

static const double *join_sums(struct layer_batch *batch) {
  struct own_batch *own = (struct own_batch *)batch;
  memset(own->joined, 0, sizeof own->joined);
  for (size_t i = 0; i < batch->groups; i++)
    for (size_t k = 0; k < own->n; k++) own->joined[k] += own->sums[i * own->n + k];
  return own->joined;
}

static void create_batch(size_t rows, bool renormalizes, struct own_batch *own) {
  *own = (struct own_batch){
      .first = {0, rows / 3, rows / 2, rows},
      .batch = {.rows = rows, .renormalizes = renormalizes, .groups = GROUPS, .take = take_sums, .join = join_sums}};
  own->batch.first = own->first;
}

/* the way back in two halves gives the bits of that in one: of all rows at once, and of some of them alone */
static void check_halves(const struct layer_list *list, const struct layer_random *random) {
  enum { ALL = 100, SOME = TILE };
  struct net net;
  struct own_batch own;
  create_batch(ALL, false, &own);
  create_net_of(list, BLOCK_ROWS, &net);
  net.network.keeps_gradients = true;
  CHECK_OK_FATAL(network_allocate(&net.network, true, NULL, net.arena));
  network_pack(&net.network, net.parameters.values, true);
  const size_t count = net.parameters.count, dy_ld = linear_padded(net.outputs);
  const struct linear_groups groups = {2, {SOME, ALL - SOME}}, last = {1, {ALL - SOME}};
  struct layer_pass pass = pass_of(&net);
  struct layer_return back = {.dy = net.dy, .dy_ld = dy_ld, .gradients = net.parameters.gradients, .groups = &groups};
  float *found = calloc(count + 1, sizeof *found), *part = calloc(count + 1, sizeof *part);
  size_t ld;
  pass.rows = ALL;
  pass.random = random;
  pass.batch = &own.batch;
  network_forward(&net.network, &pass, &ld);
  network_backward_rows(&net.network, &pass, net.dy, dy_ld);
  network_sum_gradients(&net.network, &pass, net.dy, dy_ld, 0, &groups, found);
  network_sum_gradients(&net.network, &pass, net.dy, dy_ld, SOME, &last, part);
  /* layers with statistics do not sum groups on their way back: then the sums are others, of the same numbers */
  const bool has_statistics = network_has_statistics(&net.network);
  if (has_statistics) back.groups = NULL;
  network_backward(&net.network, &pass, &back, net.scratch);
  for (size_t i = 0; i < count; i++)
    CU_ASSERT_TRUE(fabsf(found[i] - back.gradients[i]) <= (has_statistics ? 1e-5f * (1 + fabsf(found[i])) : 0));
  memcpy(back.gradients, found, count * sizeof *found);
  const struct linear_groups first = {1, {SOME}};
  network_sum_gradients(&net.network, &pass, net.dy, dy_ld, 0, &first, found);
  for (size_t i = 0; i < count; i++) CU_ASSERT_EQUAL(found[i] + part[i], back.gradients[i]);
  free(found);
  free(part);
  arena_destroy(&net.arena);
}

/* each layer on top of a grid, alone and between others, in passes of both kinds */
static void test_every_entry(void) {
  for (const struct layer_type *const *type = layer_list(); *type != NULL; type++) {
    struct layer_spec entry;
    CHECK_OK_FATAL(layer_spec_parse((*type)->example, &entry));
    const struct layer_list alone = {.count = 1, .layer = {entry}};
    const struct layer_list between = {
        .count = 5,
        .layer = {{&layer_conv2d, {2, 3, 1}}, {&layer_tanh, {0}}, entry, {&layer_tanh, {0}}, {&layer_dense, {3}}}};
    const struct layer_list *const lists[] = {&alone, &between};
    static const struct layer_random random = {.seed = 7, .update = 3, .first_row = 100};
    for (size_t i = 0; i < 4; i++) {
      struct net net;
      create_net(lists[i % 2], true, &net);
      net.random = i < 2 ? NULL : &random;
      check_rows(lists[i % 2], &net);
      check_backward(&net);
      check_groups(lists[i % 2], net.random);
      check_halves(lists[i % 2], net.random);
      struct own_batch own;
      create_batch(ROWS, false, &own);
      net.batch = &own.batch;
      memset(net.parameters.gradients, 0, net.parameters.count * sizeof *net.parameters.gradients);
      check_backward(&net);
      arena_destroy(&net.arena);
    }
  }
}

/* an activation after a layer that can apply it adds no layer; anywhere else it adds one */
static void test_activations(void) {
  struct net net;
  create_from_texts((const char *[]){"dense 6", "tanh", "dense 3", NULL}, &net);
  CU_ASSERT_TRUE(net.network.layers == 2 && net.network.layer[0].activation == ACTIVATION_TANH);
  CU_ASSERT_EQUAL(network_activation(&net.network), ACTIVATION_NONE);
  arena_destroy(&net.arena);

  create_from_texts((const char *[]){"tanh", "dense 6", "tanh", "relu", "dense 3", NULL}, &net);
  CU_ASSERT_TRUE(net.network.layers == 4 && net.network.numbered == 2);
  CU_ASSERT_EQUAL(net.network.layer[3].number, 1);
  find_parameter(&net.parameters, "policy", 1, "weight");
  check_backward(&net);
  arena_destroy(&net.arena);
}

/* strides: ceil(cells / stride) windows along each side, zeros on both sides of the grid */
static void test_strides(void) {
  struct net net;
  create_from_texts((const char *[]){"conv2d 1 3 2", NULL}, &net);
  CU_ASSERT_TRUE(net.network.output.rows == 2 && net.network.output.columns == 2 && net.network.output.is_grid);
  /* the rows of cells 0, 2 are the middles of windows; of 4 columns windows reach from 0 to 2 and from 2 to 4 */
  size_t ld;
  const struct layer_pass pass = pass_of(&net);
  const float *y = network_forward(&net.network, &pass, &ld), *w = net.parameters.values;
  const float bias = w[find_parameter(&net.parameters, "policy", 0, "bias")->offset];
  for (size_t window = 0; window < 4; window++) {
    double sum = bias;
    for (size_t i = 0; i < 3; i++)
      for (size_t j = 0; j < 3; j++) {
        size_t row = window / 2 * 2 + i, column = window % 2 * 2 + j;
        for (size_t c = 0; c < 2 && row >= 1 && row <= 3 && column < 4; c++)
          sum += (double)w[(i * 3 + j) * 2 + c] * net.x[((row - 1) * 4 + column) * 2 + c];
      }
    CHECK_CLOSE(y[window], sum, 1e-6);
  }
  arena_destroy(&net.arena);
}

/* layer_norm against torch.nn.LayerNorm's formula in double: the biased variance, 1e-5 inside the root; and with the
 * activation above it, which it applies itself */
static void test_layer_norm(void) {
  struct net net;
  create_from_texts((const char *[]){"layer_norm", "relu", NULL}, &net);
  CU_ASSERT_TRUE(net.network.layers == 1 && net.network.output.is_grid);
  const float *gain = net.parameters.values + find_parameter(&net.parameters, "policy", 0, "gain")->offset;
  const float *bias = net.parameters.values + find_parameter(&net.parameters, "policy", 0, "bias")->offset;
  /* rows far from zero, and rows that hardly vary, where 1e-5 counts */
  for (size_t i = 0; i < IN; i++) net.x[1 * X_LD + i] += 100.0f;
  for (size_t i = 0; i < IN; i++) net.x[2 * X_LD + i] *= 1e-3f;
  size_t ld;
  const struct layer_pass pass = pass_of(&net);
  const float *y = network_forward(&net.network, &pass, &ld);
  for (size_t r = 0; r < ROWS; r++) {
    const float *x = net.x + r * X_LD;
    double mean = 0, variance = 0;
    for (size_t i = 0; i < IN; i++) mean += x[i] / (double)IN;
    for (size_t i = 0; i < IN; i++) variance += (x[i] - mean) * (x[i] - mean) / IN;
    for (size_t i = 0; i < IN; i++) {
      double expected = gain[i] * (x[i] - mean) / sqrt(variance + 1e-5) + bias[i];
      CHECK_CLOSE(y[r * ld + i], expected > 0 ? expected : 0, r == 1 ? 2e-5 : 1e-6);
    }
  }
  arena_destroy(&net.arena);
}

/* it begins as plain normalisation */
static void test_layer_norm_initial(void) {
  struct net net;
  create_from_texts((const char *[]){"layer_norm", NULL}, &net);
  CHECK_OK(network_initialize(&net.network, net.parameters.values, (struct layer_init){.orthogonal = true}, 1.0));
  for (size_t i = 0; i < 2 * IN; i++) CU_ASSERT_EQUAL(net.parameters.values[i], i < IN ? 1.0f : 0.0f);
  arena_destroy(&net.arena);
}

/* what batch_renorm makes of column i of x [ROWS], in double, by Ioffe 2017, algorithm 1; momentum 0.9 */
struct column {
  double mean, variance, ratio, offset;
};

static struct column column_of(const struct net *net, size_t i, double running_mean, double running_variance) {
  struct column column = {0, 0, 1, 0};
  for (size_t r = 0; r < ROWS; r++) column.mean += (double)net->x[r * X_LD + i] / ROWS;
  for (size_t r = 0; r < ROWS; r++) column.variance += pow(net->x[r * X_LD + i] - column.mean, 2) / ROWS;
  column.ratio = sqrt(column.variance + 1e-3) / sqrt(running_variance + 1e-3);
  column.ratio = fmin(fmax(column.ratio, 1.0 / 3), 3);
  column.offset = (column.mean - running_mean) / sqrt(running_variance + 1e-3);
  column.offset = fmin(fmax(column.offset, -5), 5);
  return column;
}

/* batch_renorm beside its formulas: in the warm-up, after it, and by running statistics; columns are such that r and d
 * are within their limits, and beyond each of them; and where the running statistics go */
static void test_batch_renorm(void) {
  struct net net;
  create_from_texts((const char *[]){"batch_renorm 0.9", "relu", NULL}, &net);
  CU_ASSERT_EQUAL(net.network.layers, 1);
  float *const values = net.parameters.values, *part[4];
  static const char *const names[] = {"gain", "bias", "mean", "variance"};
  for (int k = 0; k < 4; k++) part[k] = values + find_parameter(&net.parameters, "policy", 0, names[k])->offset;
  int within = 0, small = 0, large = 0, left = 0, right = 0;
  for (size_t i = 0; i < IN; i++) {
    static const float scales[] = {1, 0.1f, 8, 1}, shifts[] = {0, 0.5f, 0, 7, 0, -7};
    for (size_t r = 0; r < ROWS; r++) net.x[r * X_LD + i] = scales[i % 4] * net.x[r * X_LD + i] + shifts[i % 6];
    part[3][i] = 0.8f + 0.02f * (float)i;
  }
  for (int mode = 0; mode < 3; mode++) {
    struct own_batch own;
    size_t ld;
    create_batch(ROWS, mode == 1, &own);
    net.batch = mode < 2 ? &own.batch : NULL;
    const struct layer_pass pass = pass_of(&net);
    const float *y = network_forward(&net.network, &pass, &ld);
    for (size_t i = 0; i < IN; i++) {
      const double running_std = sqrt(part[3][i] + 1e-3);
      const struct column column = column_of(&net, i, part[2][i], part[3][i]);
      small += column.ratio == 1.0 / 3, large += column.ratio == 3, left += column.offset == -5,
          right += column.offset == 5, within += fabs(column.offset) < 5 && column.ratio < 3 && column.ratio > 1.0 / 3;
      for (size_t r = 0; r < ROWS; r++) {
        const double x = net.x[r * X_LD + i], h = (x - column.mean) / sqrt(column.variance + 1e-3);
        const double normal[] = {h, column.ratio * h + column.offset, (x - part[2][i]) / running_std};
        CHECK_CLOSE(y[r * ld + i], fmax(part[0][i] * normal[mode] + part[1][i], 0), 3e-6);
      }
    }
  }
  CU_ASSERT_TRUE(within > 0 && small > 0 && large > 0 && left > 0 && right > 0);
  float before[4 * IN];
  memcpy(before, values, sizeof before);
  /* what is frozen stays: all but the gain first, then nothing */
  net.parameters.has_frozen = true;
  for (int i = 1; i < 4; i++) net.parameters.tensor[i].is_frozen = true;
  network_follow(&net.network, &net.parameters);
  CU_ASSERT_EQUAL(memcmp(before, values, sizeof before), 0);
  net.parameters.has_frozen = false;
  network_follow(&net.network, &net.parameters);
  CU_ASSERT_EQUAL(memcmp(before, values, 2 * IN * sizeof *before), 0);
  for (size_t i = 0; i < IN; i++) {
    const double mean = before[2 * IN + i], variance = before[3 * IN + i];
    const struct column column = column_of(&net, i, mean, variance);
    CHECK_CLOSE(part[2][i], 0.9 * mean + 0.1 * column.mean, 1e-6);
    CHECK_CLOSE(part[3][i], 0.9 * variance + 0.1 * column.variance, 1e-6);
  }
  CU_ASSERT_TRUE(network_has_statistics(&net.network));
  arena_destroy(&net.arena);
}

/* it begins as batch normalisation by statistics that change nothing much */
static void test_batch_renorm_initial(void) {
  struct net net;
  create_from_texts((const char *[]){"batch_renorm", NULL}, &net);
  CHECK_OK(network_initialize(&net.network, net.parameters.values, (struct layer_init){.orthogonal = true}, 1.0));
  for (size_t i = 0; i < 4 * IN; i++)
    CU_ASSERT_EQUAL(net.parameters.values[i], i / IN == 0 || i / IN == 3 ? 1.0f : 0.0f);
  arena_destroy(&net.arena);
}

/* a pass that learns keeps a number with 1 - RATE, scaled up, and no other pass changes any */
static void test_dropout(void) {
  struct net net;
  size_t ld, dropped = 0, moved = 0, alike = 0;
  create_from_texts((const char *[]){"dropout 0.25", "dropout 0.25", NULL}, &net);
  const struct layer_random first = {.seed = 1}, second = {.seed = 1, .update = 1};
  struct layer_pass pass = pass_of(&net);
  const float *y = network_forward(&net.network, &pass, &ld);
  for (size_t r = 0; r < ROWS; r++) CU_ASSERT_EQUAL(memcmp(y + r * ld, net.x + r * X_LD, IN * sizeof *y), 0);

  const float *once = net.network.layer[0].output, *twice = net.network.layer[1].output;
  float before[ROWS * IN];
  pass.random = &first;
  network_forward(&net.network, &pass, &ld);
  for (size_t i = 0; i < ROWS * IN; i++) before[i] = once[i / IN * ld + i % IN];
  for (size_t i = 0; i < ROWS * IN; i++) {
    const double x = net.x[i / IN * X_LD + i % IN], x1 = before[i], x2 = twice[i / IN * ld + i % IN];
    if (x1 != 0) CHECK_CLOSE(x1, x / 0.75, 1e-6);
    if (x2 != 0) CHECK_CLOSE(x2, x1 / 0.75, 1e-6);
    dropped += x1 == 0;
    alike += (x1 == 0) == (x2 == 0);
  }
  pass.random = &second;
  network_forward(&net.network, &pass, &ld);
  for (size_t i = 0; i < ROWS * IN; i++) moved += before[i] != once[i / IN * ld + i % IN];
  /* 264 numbers: 66 and a deviation of 7 are dropped; two passes differ in 99 and 8; the second layer drops others */
  CU_ASSERT_TRUE(dropped > 66 - 28 && dropped < 66 + 28);
  CU_ASSERT_TRUE(moved > 99 - 32 && moved < 99 + 32);
  CU_ASSERT_TRUE(alike < ROWS * IN - 20);
  arena_destroy(&net.arena);
}

static void test_misfits(void) {
  struct arena *arena = NULL;
  CHECK_OK_FATAL(arena_create(&arena));
  struct network network;
  struct parameters parameters = {0};
  network_start("policy", (struct layer_shape){1, 1, 5, false}, &network);
  const struct layer_list conv = {.count = 1, .layer = {{&layer_conv2d, {8, 3, 1}}}};
  CHECK_FAILS(network_add(&network, &conv, &parameters, arena), MUSTER_ERROR_USAGE,
              "conv2d: reads a grid [rows, columns, channels], and there is a vector of 5; expects dense");
  network_start("policy", (struct layer_shape){3, 4, 2, true}, &network);
  const struct layer_list stride = {.count = 1, .layer = {{&layer_conv2d, {8, 3, 5}}}};
  CHECK_FAILS(network_add(&network, &stride, &parameters, arena), MUSTER_ERROR_USAGE,
              "conv2d: STRIDE 5 is beyond the grid of 3 x 4 cells; expects at most 4");
  struct layer_list list = {0};
  for (int i = 0; i < NETWORK_MAX_LAYERS; i++) CHECK_OK(layer_list_add(&list, (struct layer_spec){&layer_dense, {2}}));
  CHECK_FAILS(layer_list_add(&list, (struct layer_spec){&layer_dense, {2}}), MUSTER_ERROR_USAGE, "more than 64 layers");
  arena_destroy(&arena);
}

/* ---- a layer with memory: y = memory = x + memory / 2 ---- */

static muster_status leaky_shape(struct layer *layer, struct arena *arena) {
  (void)arena;
  layer->above = layer->below;
  layer->memory = layer->in;
  return MUSTER_OK;
}

static void leaky_forward(struct layer *layer, const struct layer_pass *pass) {
  for (size_t r = 0; r < pass->rows; r++)
    for (size_t i = 0; i < layer->in; i++) {
      float *memory = &pass->memory[r * pass->memory_ld + i];
      *memory = pass->x[r * pass->x_ld + i] + 0.5f * *memory;
      layer->output[r * linear_padded(layer->out) + i] = *memory;
    }
}

static void test_memory(void) {
  static const struct layer_type leaky = {.name = "leaky", .shape = leaky_shape, .forward = leaky_forward};
  const struct layer_list list = {.count = 3, .layer = {{&leaky, {0}}, {&layer_tanh, {0}}, {&leaky, {0}}}};
  struct net net;
  create_net(&list, false, &net);
  CU_ASSERT_EQUAL_FATAL(net.network.memory, 2 * IN);
  float memory[ROWS * (2 * IN + 1)] = {0};
  struct layer_pass pass = pass_of(&net);
  pass.memory = memory;
  pass.memory_ld = 2 * IN + 1;
  size_t ld;
  for (int step = 0; step < 2; step++) network_forward(&net.network, &pass, &ld);
  for (size_t r = 0; r < ROWS; r++)
    for (size_t i = 0; i < IN; i++) {
      const double x = net.x[r * X_LD + i];
      CHECK_CLOSE(memory[r * pass.memory_ld + i], 1.5 * x, 1e-6);
      CHECK_CLOSE(memory[r * pass.memory_ld + IN + i], tanh(1.5 * x) + 0.5 * tanh(x), 1e-5);
    }
  arena_destroy(&net.arena);
}

static const struct check_case cases[] = {
    {"registry", test_registry},
    {"what a table lacks", test_lacks},
    {"layers as texts", test_texts},
    {"what every layer does", test_every_entry},
    {"activations within and between layers", test_activations},
    {"strides of convolutions", test_strides},
    {"layer normalisation", test_layer_norm},
    {"layer normalisation at the start", test_layer_norm_initial},
    {"batch renormalisation", test_batch_renorm},
    {"batch renormalisation at the start", test_batch_renorm_initial},
    {"dropout", test_dropout},
    {"what does not fit", test_misfits},
    {"memory", test_memory},
};

CHECK_MAIN("layer", cases)
