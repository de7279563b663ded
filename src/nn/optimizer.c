#include "nn/optimizer.h"

#include "base/nearest.h"
#include "base/registry.h"
#include "math/vector.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define LIST(type) &type,
static const struct optimizer_type *const optimizers[] = {OPTIMIZERS(LIST) NULL};

const struct optimizer_type *const *optimizer_list(void) { return optimizers; }

const char *optimizer_lacks(const struct optimizer_type *type) {
  if (type->name == NULL) return "name";
  if (type->summary == NULL) return "summary";
  if (type->moments < 0 || type->moments > OPTIMIZER_MAX_MOMENTS) return "moments in the range";
  for (int i = 0; i < type->moments; i++)
    if (type->moment_names[i] == NULL) return "moment_names";
  return type->step == NULL ? "step" : NULL;
}

static muster_status check_whole(const struct optimizer_type *type) {
  return registry_check_entry("optimizer", type->name, optimizer_lacks(type));
}

muster_status optimizer_check_list(const struct optimizer_type *const *list) {
  for (; *list != NULL; list++) MUSTER_TRY(check_whole(*list));
  return MUSTER_OK;
}

muster_status optimizer_find(const char *name, const struct optimizer_type **out) {
  struct nearest nearest = nearest_start(name);
  for (const struct optimizer_type *const *type = optimizers; *type != NULL; type++) {
    nearest_offer(&nearest, (*type)->name);
    if (strcmp((*type)->name, name) != 0) continue;
    *out = *type;
    return check_whole(*type);
  }
  return status_error(MUSTER_ERROR_USAGE, "expects an optimizer: %s", nearest_advise(&nearest).text);
}

muster_status optimizer_check(const char *name) {
  const struct optimizer_type *type;
  return optimizer_find(name, &type);
}

muster_status optimizer_create(const struct optimizer_type *type, size_t count, double epsilon, struct arena *arena,
                               struct optimizer *optimizer) {
  MUSTER_TRY(check_whole(type));
  *optimizer = (struct optimizer){.type = type, .count = count, .part_count = count, .epsilon = epsilon};
  for (int k = 0; k < type->moments; k++)
    snprintf(optimizer->names[k], sizeof optimizer->names[k], "%s", type->moment_names[k]);
  snprintf(optimizer->names[type->moments], sizeof optimizer->names[0], "optimizer/steps");
  for (int k = 0; k < type->moments; k++) {
    MUSTER_TRY(ARENA_TAKE(arena, count, "moments of the optimizer", &optimizer->moment[k]));
    for (size_t i = 0; i < count; i++) optimizer->moment[k][i] = type->initial_moment;
  }
  return MUSTER_OK;
}

void optimizer_narrow(struct optimizer *optimizer, const char *part, size_t first) {
  optimizer->first = first;
  for (int k = 0; k <= optimizer->type->moments; k++) {
    char plain[sizeof optimizer->names[k]];
    memcpy(plain, optimizer->names[k], sizeof plain);
    snprintf(optimizer->names[k], sizeof optimizer->names[k], "optimizer/%.12s/%.16s", part, strchr(plain, '/') + 1);
  }
}

muster_status optimizer_create_by_name(const char *name, size_t count, double epsilon, struct arena *arena,
                                       struct optimizer *optimizer) {
  const struct optimizer_type *type = &optimizer_adam;
  if (name[0] != '\0') MUSTER_TRY(optimizer_find(name, &type));
  return optimizer_create(type, count, epsilon, arena, optimizer);
}

void optimizer_begin_step(struct optimizer *optimizer, double gradient_scale, double learning_rate) {
  optimizer->steps++;
  optimizer->gradient_scale = gradient_scale;
  optimizer->learning_rate = learning_rate;
  if (optimizer->type->begin != NULL) optimizer->type->begin(optimizer, learning_rate);
}

void optimizer_step_part(const struct optimizer *optimizer, size_t first, size_t count, float *parameters,
                         const float *gradients) {
  struct optimizer part = *optimizer;
  part.count = count;
  for (int k = 0; k < optimizer->type->moments; k++) part.moment[k] += first;
  optimizer->type->step(&part, parameters, gradients, optimizer->gradient_scale, optimizer->learning_rate);
}

void optimizer_step(struct optimizer *optimizer, float *parameters, const float *gradients, double gradient_scale,
                    double learning_rate) {
  const size_t first = optimizer->part_first;
  optimizer_begin_step(optimizer, gradient_scale, learning_rate);
  optimizer_step_part(optimizer, first, optimizer->part_count, parameters + first, gradients + first);
}

muster_status optimizer_clip(const struct optimizer *optimizer, const struct parameters *parameters,
                             double max_grad_norm, double *gradient_scale, double *gradient_norm) {
  const float *gradients = parameters->gradients + optimizer->first;
  const bool needs_norm = gradient_norm != NULL || !isinf(max_grad_norm);
  const double norm = needs_norm ? sqrt(vector_sum_of_squares(optimizer->count, gradients)) : 0;
  if (gradient_norm != NULL) *gradient_norm = norm;
  if (needs_norm ? !isfinite(norm) : !vector_is_finite(optimizer->count, gradients))
    return status_error(MUSTER_ERROR_NUMERIC, "the gradient of %s is not finite",
                        parameters_find_not_finite(parameters, parameters->gradients));
  const double scale = max_grad_norm / (norm + 1e-6);
  *gradient_scale = scale < 1.0 ? scale : 1.0;
  return MUSTER_OK;
}

int optimizer_state(struct optimizer *optimizer, struct tensor list[OPTIMIZER_STATE]) {
  int n = 0;
  for (; n < optimizer->type->moments; n++) {
    list[n] =
        (struct tensor){optimizer->names[n], TENSOR_F32, 1, {optimizer->count}, optimizer->moment[n], RANGE_FINITE};
    if (optimizer->type->is_square[n]) list[n].range = RANGE(0, INFINITY);
  }
  list[n] = (struct tensor){optimizer->names[n], TENSOR_I64, 0, {0}, &optimizer->steps, RANGE_COUNT};
  return n + 1;
}
