/* Batch renormalisation (Ioffe 2017, algorithm 1): every column of a minibatch is normalised by its own mean and
 * variance, and what comes out is moved to where the running mean and variance would have put it:
 *
 *   h = (x - mean x) / s,   s = sqrt(mean (x - mean x)^2 + 0.001),   y = g (r h + d) + b
 *   r = s / s_run within [1/3, 3],   d = (mean x - m_run) / s_run within [-5, 5],   s_run = sqrt(v_run + 0.001)
 *
 * r and d count as constants on the way down, with N rows in the minibatch, whoever has them:
 *   dL/dg = sum (r h + d) dL/dy,   dL/db = sum dL/dy,   dL/dx = g r / s (dL/dy - mean dL/dy - h mean(h dL/dy))
 *
 * In a warm-up, as long as the running statistics are not known well, r is 1 and d 0: batch normalisation (Ioffe and
 * Szegedy 2015). The running statistics follow: m_run = MOMENTUM m_run + (1 - MOMENTUM) mean x, and v_run the variance
 * likewise. A pass over anything else than a whole minibatch normalises by them: mean m_run, s_run, r = 1, d = 0.
 *
 * The numbers 0.001, 3 and 5, the warm-up, and the variance with N in its denominator are those of CrossQ's programs.
 * Gain g and bias b are learned; g and v_run begin as 1, b and m_run as 0. A column is a cell of a grid. */
#include "math/vector.h"
#include "nn/layer.h"
#include "nn/layers/slope.h"

#include <math.h>
#include <string.h>

#define EPSILON 1e-3
#define RATIO_MAX 3.0
#define OFFSET_MAX 5.0

struct batch_renorm {
  size_t gain, bias, mean, variance;   /* offsets in the parameter block, each [n] */
  double *batch_mean, *batch_variance; /* [n] of the last pass over a minibatch */
  double *sums;                        /* [2, n] of some rows */
  /* [n] of the last forward pass: the mean and 1 / s that it normalised by, r and d */
  float *centre, *inverse, *ratio, *offset;
  float *factor, *shift, *d_mean, *slope; /* [n] of each pass, for vector_scale_columns() and its way back */
};

static muster_status batch_renorm_shape(struct layer *layer, struct arena *arena) {
  struct batch_renorm *norm;
  MUSTER_TRY(ARENA_TAKE(arena, 1, "a layer", &norm));
  layer->state = norm;
  layer->above = layer->below;
  return MUSTER_OK;
}

static muster_status batch_renorm_add_parameters(struct layer *layer, struct parameters *parameters, const char *path) {
  struct batch_renorm *norm = layer->state;
  const size_t n = layer->in;
  MUSTER_TRY(parameters_add(parameters, path, "gain", 1, n, 1, &norm->gain));
  MUSTER_TRY(parameters_add(parameters, path, "bias", 1, n, 1, &norm->bias));
  MUSTER_TRY(parameters_add_statistic(parameters, path, "mean", n, &norm->mean));
  return parameters_add_statistic(parameters, path, "variance", n, &norm->variance);
}

static muster_status batch_renorm_initialize(const struct layer *layer, float *values, const struct layer_init *init) {
  (void)init;
  const struct batch_renorm *norm = layer->state;
  for (size_t i = 0; i < layer->in; i++) {
    values[norm->gain + i] = values[norm->variance + i] = 1.0f;
    values[norm->bias + i] = values[norm->mean + i] = 0.0f;
  }
  return MUSTER_OK;
}

static muster_status batch_renorm_allocate(struct layer *layer, bool trains, struct arena *arena) {
  (void)trains;
  struct batch_renorm *norm = layer->state;
  float **const floats[] = {&norm->centre, &norm->inverse, &norm->ratio,  &norm->offset,
                            &norm->factor, &norm->shift,   &norm->d_mean, &norm->slope};
  MUSTER_TRY(ARENA_TAKE(arena, layer->in, "statistics", &norm->batch_mean));
  MUSTER_TRY(ARENA_TAKE(arena, layer->in, "statistics", &norm->batch_variance));
  MUSTER_TRY(ARENA_TAKE(arena, 2 * layer->in, "statistics", &norm->sums));
  for (size_t i = 0; i < sizeof floats / sizeof *floats; i++)
    MUSTER_TRY(ARENA_TAKE(arena, layer->in, "statistics", floats[i]));
  return MUSTER_OK;
}

static double deviation(double variance) { return sqrt(fmax(variance, 0) + EPSILON); }

static double within(double value, double least, double most) { return fmin(fmax(value, least), most); }

/* --- forward --- */

/* mean and variance of the columns of the whole minibatch */
static void find_statistics(struct layer *layer, const struct layer_pass *pass) {
  struct batch_renorm *norm = layer->state;
  struct layer_batch *batch = pass->batch;
  const size_t n = layer->in;
  double *sums = batch->take(batch, 2 * n);
  for (size_t i = 0; i < batch->groups; i++, sums += 2 * n)
    vector_add_moments(batch->first[i + 1] - batch->first[i], n, pass->x + batch->first[i] * pass->x_ld, pass->x_ld,
                       sums, sums + n);
  const double *all = batch->join(batch), rows = (double)batch->rows;
  for (size_t i = 0; i < n; i++) {
    norm->batch_mean[i] = all[i] / rows;
    norm->batch_variance[i] = fmax(all[n + i] / rows - norm->batch_mean[i] * norm->batch_mean[i], 0);
  }
}

/* what columns are normalised by: the running statistics, or those of a minibatch */
static void use_running(const struct layer *layer, const float *values) {
  const struct batch_renorm *norm = layer->state;
  for (size_t i = 0; i < layer->in; i++) {
    norm->centre[i] = values[norm->mean + i];
    norm->inverse[i] = (float)(1.0 / deviation(values[norm->variance + i]));
    norm->ratio[i] = 1.0f;
    norm->offset[i] = 0.0f;
  }
}

static void use_batch(const struct layer *layer, const float *values, bool renormalizes) {
  const struct batch_renorm *norm = layer->state;
  for (size_t i = 0; i < layer->in; i++) {
    const double mean = norm->batch_mean[i], std = deviation(norm->batch_variance[i]);
    const double running = deviation(values[norm->variance + i]), from_running = mean - values[norm->mean + i];
    norm->centre[i] = (float)mean;
    norm->inverse[i] = (float)(1.0 / std);
    norm->ratio[i] = renormalizes ? (float)within(std / running, 1 / RATIO_MAX, RATIO_MAX) : 1.0f;
    norm->offset[i] = renormalizes ? (float)within(from_running / running, -OFFSET_MAX, OFFSET_MAX) : 0.0f;
  }
}

/* factors and shifts of columns from that */
static void find_factors(const struct layer *layer, const float *values) {
  const struct batch_renorm *norm = layer->state;
  const float *gain = values + norm->gain, *bias = values + norm->bias;
  for (size_t i = 0; i < layer->in; i++) {
    norm->factor[i] = gain[i] * norm->ratio[i] * norm->inverse[i];
    norm->shift[i] = gain[i] * norm->offset[i] + bias[i];
  }
}

static void batch_renorm_forward(struct layer *layer, const struct layer_pass *pass) {
  const struct batch_renorm *norm = layer->state;
  const size_t n = layer->in, ld = linear_padded(n);
  if (pass->batch != NULL) {
    find_statistics(layer, pass);
    use_batch(layer, pass->values, pass->batch->renormalizes);
  } else {
    use_running(layer, pass->values);
  }
  find_factors(layer, pass->values);
  vector_scale_columns(pass->rows, n, norm->centre, norm->factor, norm->shift, pass->x, pass->x_ld, layer->output, ld);
  layer_activate(layer->activation, pass->rows, n, layer->output, ld);
}

/* --- backward --- */

/* gradients of gain and bias from these rows */
static void find_gradients(const struct layer *layer, const struct layer_pass *pass, const struct layer_return *back) {
  const struct batch_renorm *norm = layer->state;
  const size_t n = layer->in;
  double *sums = norm->sums, *products = norm->sums + n;
  float *d_gain = back->gradients + norm->gain, *d_bias = back->gradients + norm->bias;
  memset(sums, 0, 2 * n * sizeof *sums);
  vector_add_products(pass->rows, n, norm->centre, pass->x, pass->x_ld, back->dy, back->dy_ld, sums, products);
  for (size_t i = 0; i < n; i++) {
    d_gain[i] += (float)((double)norm->ratio[i] * norm->inverse[i] * products[i] + norm->offset[i] * sums[i]);
    d_bias[i] += (float)sums[i];
  }
}

/* what the statistics of a minibatch, which depend on all of its rows, take from the gradients of each */
static void find_shares(const struct layer *layer, const struct layer_pass *pass, const struct layer_return *back) {
  const struct batch_renorm *norm = layer->state;
  struct layer_batch *batch = pass->batch;
  const size_t n = layer->in;
  double *sums = batch->take(batch, 2 * n);
  for (size_t i = 0; i < batch->groups; i++, sums += 2 * n) {
    const size_t first = batch->first[i];
    vector_add_products(batch->first[i + 1] - first, n, norm->centre, pass->x + first * pass->x_ld, pass->x_ld,
                        back->dy + first * back->dy_ld, back->dy_ld, sums, sums + n);
  }
  const double *all = batch->join(batch), rows = (double)batch->rows;
  for (size_t i = 0; i < n; i++) {
    const double inverse = norm->inverse[i];
    norm->d_mean[i] = (float)(all[i] / rows);
    norm->slope[i] = (float)(inverse * inverse * all[n + i] / rows);
  }
}

static void batch_renorm_backward(struct layer *layer, const struct layer_pass *pass, const struct layer_return *back) {
  const struct batch_renorm *norm = layer->state;
  const size_t n = layer->in;
  if (back->gradients != NULL) find_gradients(layer, pass, back);
  if (back->dx == NULL) return;
  memset(norm->d_mean, 0, n * sizeof *norm->d_mean);
  memset(norm->slope, 0, n * sizeof *norm->slope);
  if (pass->batch != NULL) find_shares(layer, pass, back);
  for (size_t i = 0; i < n; i++) norm->factor[i] = pass->values[norm->gain + i] * norm->ratio[i] * norm->inverse[i];
  vector_scale_columns_back(pass->rows, n, norm->centre, norm->factor, norm->d_mean, norm->slope, pass->x, pass->x_ld,
                            back->dy, back->dy_ld, back->dx, back->dx_ld);
  layer_apply_slope(back->x_activation, pass->rows, n, pass->x, pass->x_ld, back->dx, back->dx_ld);
}

/* one running statistic, at this offset */
static void follow(const struct layer *layer, struct parameters *parameters, size_t offset, const double *of_batch) {
  const double momentum = layer->argument[0];
  float *running = parameters->values + offset;
  if (parameters_is_frozen(parameters, offset)) return;
  for (size_t i = 0; i < layer->in; i++) running[i] = (float)(momentum * running[i] + (1 - momentum) * of_batch[i]);
}

static void batch_renorm_follow(const struct layer *layer, struct parameters *parameters) {
  const struct batch_renorm *norm = layer->state;
  follow(layer, parameters, norm->mean, norm->batch_mean);
  follow(layer, parameters, norm->variance, norm->batch_variance);
}

static const char *batch_renorm_onnx(const struct layer *layer, const float *values, struct onnx *graph,
                                     const char *x) {
  const struct batch_renorm *norm = layer->state;
  use_running(layer, values);
  find_factors(layer, values);
  x = onnx_node(graph, "Sub", ONNX_LIST(x, onnx_vector(graph, layer->in, norm->centre)), NULL);
  x = onnx_node(graph, "Mul", ONNX_LIST(x, onnx_vector(graph, layer->in, norm->factor)), NULL);
  return onnx_node(graph, "Add", ONNX_LIST(x, onnx_vector(graph, layer->in, norm->shift)), NULL);
}

const struct layer_type layer_batch_renorm = {
    .name = "batch_renorm",
    .summary = "each column at mean 0 and deviation 1 over a minibatch, by running statistics elsewhere (batch_norm)",
    .argument = {{.name = "MOMENTUM", .min = 0, .max = 0.999999, .otherwise = 0.99, .is_fraction = true}},
    .example = "batch_renorm 0.9",
    .applies_activation = true,
    .shape = batch_renorm_shape,
    .add_parameters = batch_renorm_add_parameters,
    .initialize = batch_renorm_initialize,
    .allocate = batch_renorm_allocate,
    .forward = batch_renorm_forward,
    .backward = batch_renorm_backward,
    .follow = batch_renorm_follow,
    .onnx = batch_renorm_onnx,
};
