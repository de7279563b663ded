#include "nn/optimizer.h"

#include "math/vector.h"

#include <math.h>

#define DECLARE(NAME, name) extern const struct optimizer_type optimizer_##name;
#define LIST(NAME, name) [OPTIMIZER_##NAME] = &optimizer_##name,
#define TEXT(NAME, name) [OPTIMIZER_##NAME] = #name,

OPTIMIZERS(DECLARE)

static const struct optimizer_type *const optimizers[] = {OPTIMIZERS(LIST) NULL};

const char *const optimizer_names[] = {OPTIMIZERS(TEXT) NULL};

const struct optimizer_type *const *optimizer_list(void) { return optimizers; }

const char *optimizer_lacks(const struct optimizer_type *type) {
  if (type->name == NULL) return "name";
  if (type->summary == NULL) return "summary";
  if (type->moments < 0 || type->moments > OPTIMIZER_MAX_MOMENTS) return "moments in the range";
  for (int i = 0; i < type->moments; i++)
    if (type->moment_names[i] == NULL) return "moment_names";
  return type->step == NULL ? "step" : NULL;
}

muster_status optimizer_create(const struct optimizer_type *type, size_t count, double epsilon, struct arena *arena,
                               struct optimizer *optimizer) {
  const char *lack = optimizer_lacks(type);
  if (lack != NULL)
    return status_error(MUSTER_ERROR_INTERNAL, "the optimizer '%s' is not whole: its table lacks %s",
                        type->name != NULL ? type->name : "?", lack);
  *optimizer = (struct optimizer){.type = type, .count = count, .epsilon = epsilon};
  for (int k = 0; k < type->moments; k++) {
    MUSTER_TRY(ARENA_TAKE(arena, count, "moments of the optimizer", &optimizer->moment[k]));
    for (size_t i = 0; i < count; i++) optimizer->moment[k][i] = type->initial_moment;
  }
  return MUSTER_OK;
}

void optimizer_step(struct optimizer *optimizer, float *parameters, const float *gradients, double gradient_scale,
                    double learning_rate) {
  optimizer->steps++;
  optimizer->type->step(optimizer, parameters, gradients, gradient_scale, learning_rate);
}

muster_status optimizer_clipped_step(struct optimizer *optimizer, struct parameters *parameters, double max_grad_norm,
                                     double learning_rate, double *gradient_norm) {
  double norm = sqrt(vector_sum_of_squares(parameters->count, parameters->gradients));
  *gradient_norm = norm;
  if (!isfinite(norm))
    return status_error(MUSTER_ERROR_NUMERIC, "the gradient of %s is not finite",
                        parameters_find_not_finite(parameters, parameters->gradients));
  double scale = max_grad_norm / (norm + 1e-6);
  optimizer_step(optimizer, parameters->values, parameters->gradients, scale < 1.0 ? scale : 1.0, learning_rate);
  return MUSTER_OK;
}

int optimizer_state(struct optimizer *optimizer, struct tensor list[OPTIMIZER_STATE]) {
  int n = 0;
  for (; n < optimizer->type->moments; n++) {
    list[n] = (struct tensor){
        optimizer->type->moment_names[n], TENSOR_F32, 1, {optimizer->count}, optimizer->moment[n], RANGE_FINITE};
    // squares of large gradients may have become infinite, which stands still
    if (n == optimizer->type->squares) list[n].range = RANGE(0, INFINITY);
  }
  list[n++] = (struct tensor){"optimizer/steps", TENSOR_I64, 0, {0}, &optimizer->steps, RANGE_COUNT};
  return n;
}
