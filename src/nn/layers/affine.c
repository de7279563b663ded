#include "nn/layers/affine.h"

#include "math/vector.h"

#include <math.h>

muster_status affine_add_parameters(struct affine *affine, struct parameters *parameters, const char *path) {
  MUSTER_TRY(parameters_add(parameters, path, "weight", 2, affine->out, affine->in, &affine->weight));
  return parameters_add(parameters, path, "bias", 1, affine->out, 1, &affine->bias);
}

muster_status affine_initialize(const struct affine *affine, float *values, const struct layer_init *init) {
  const size_t in = affine->in, out = affine->out;
  if (init->orthogonal)
    return parameters_fill_orthogonal(values + affine->weight, out, in, init->gain, init->seed, init->index);
  double bound = 1.0 / sqrt((double)in);
  parameters_fill_uniform(values + affine->weight, out * in, bound, init->seed, init->index);
  parameters_fill_uniform(values + affine->bias, out, bound, init->seed, init->index + 1);
  return MUSTER_OK;
}

muster_status affine_allocate(struct affine *affine, struct arena *arena) {
  size_t forward = linear_packed_floats(affine->in, affine->out);
  size_t transposed = linear_packed_transposed_floats(affine->in, affine->out);
  MUSTER_TRY(ARENA_TAKE(arena, forward, "packed weights", &affine->packed));
  return ARENA_TAKE(arena, transposed, "packed weights", &affine->packed_transposed);
}

void affine_pack(struct affine *affine, const float *values, bool for_training) {
  linear_pack(affine->in, affine->out, values + affine->weight, affine->packed);
  if (for_training) linear_pack_transposed(affine->in, affine->out, values + affine->weight, affine->packed_transposed);
}

/* Parts have about so many weights: what a step reads and writes of one fits into a second-level cache, and most of it
 * into a first-level one. */
#define PART_WEIGHTS 4096

static size_t outputs_of_part(const struct affine *affine) {
  const size_t outputs = PART_WEIGHTS / affine->in / LINEAR_PACK_OUTPUTS * LINEAR_PACK_OUTPUTS;
  return outputs > 0 ? outputs : LINEAR_PACK_OUTPUTS;
}

/* new values for so many parameters, and for those of the copy */
static void change(const struct layer_renewal *renewal, size_t first, size_t count, const size_t *copy) {
  renewal->change(renewal->context, first, count);
  if (copy != NULL) vector_follow(count, renewal->tau, renewal->values + first, renewal->values + *copy);
}

/* The packed weights of a copy follow in the same way, which is quicker than packing them anew, and gives the same
 * bits: those of these outputs lie together in packed form, too. */
static void follow_packed(const struct affine *affine, struct affine *copy, float tau, size_t first, size_t outputs) {
  const size_t in = affine->in, out = affine->out, begin = first * in;
  const size_t end = first + outputs == out ? linear_packed_floats(in, out) : begin + outputs * in;
  vector_follow(end - begin, tau, affine->packed + begin, copy->packed + begin);
}

void affine_renew(struct affine *affine, struct affine *copy, const struct layer_renewal *renewal) {
  const size_t in = affine->in, out = affine->out, most = outputs_of_part(affine);
  const float *weight = renewal->values + affine->weight;
  for (size_t first = 0, outputs; first < out; first += outputs) {
    outputs = out - first < most ? out - first : most;
    const size_t of_copy = copy != NULL ? copy->weight + first * in : 0;
    change(renewal, affine->weight + first * in, outputs * in, copy != NULL ? &of_copy : NULL);
    linear_pack_part(in, out, first, outputs, weight, affine->packed);
    linear_pack_transposed_part(in, out, first, outputs, weight, affine->packed_transposed);
    if (copy != NULL) follow_packed(affine, copy, renewal->tau, first, outputs);
  }
  change(renewal, affine->bias, out, copy != NULL ? &copy->bias : NULL);
}

void affine_find_gradients(const struct affine *affine, size_t rows, const float *x, size_t x_ld, const float *dy,
                           size_t dy_ld, const struct layer_return *back) {
  if (back->gradients == NULL) return;
  float *weight = back->gradients + affine->weight, *bias = back->gradients + affine->bias;
  if (back->groups != NULL)
    linear_sum_weight(back->groups, affine->in, affine->out, x, x_ld, dy, dy_ld, weight, bias);
  else
    linear_backward_weight(rows, affine->in, affine->out, x, x_ld, dy, dy_ld, weight, bias);
}

const char *affine_onnx(const struct affine *affine, const float *values, struct onnx *graph, const char *x) {
  const struct onnx_array shape = {NULL, ONNX_FLOAT, 2, {(int64_t)affine->out, (int64_t)affine->in}};
  const char *weight = onnx_constant(graph, &shape, values + affine->weight);
  const char *bias = onnx_vector(graph, affine->out, values + affine->bias);
  return onnx_node(graph, "Gemm", ONNX_LIST(x, weight, bias), ONNX_ATTRIBUTES(ONNX_INT("transB", 1)));
}
