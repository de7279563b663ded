#include "algo/divided_step.h"

#include <string.h>

/* floats of a cache line and more: members write to lines of their own, and vectors have no rest but at the end */
#define PART_ALIGNMENT 64

static size_t part_begins(const struct divided_step *step, size_t member) {
  const size_t count = step->optimizer->count;
  const size_t first = (count * member / step->group->node_size + PART_ALIGNMENT - 1) / PART_ALIGNMENT * PART_ALIGNMENT;
  return first < count ? first : count;
}

muster_status divided_step_create(struct optimizer *optimizer, const struct learner_group *group,
                                  struct divided_step *step) {
  const size_t count = optimizer->count, padded = (count + PART_ALIGNMENT - 1) / PART_ALIGNMENT * PART_ALIGNMENT;
  const int moments = optimizer->type->moments;
  *step = (struct divided_step){.optimizer = optimizer, .group = group};
  if (group == NULL || count < DIVIDED_STEP_LEAST) return MUSTER_OK;
  float *shared;
  MUSTER_TRY(group->share(group->context, (size_t)(moments + 1) * padded * sizeof *shared, (void **)&shared));
  if (group->node_size <= 1) return MUSTER_OK;
  step->moved = shared;
  for (int k = 0; k < moments; k++) {
    float *moment = shared + (size_t)(k + 1) * padded;
    memcpy(moment, optimizer->moment[k], count * sizeof *moment);
    optimizer->moment[k] = moment;
  }
  optimizer->part_first = part_begins(step, group->node_index);
  optimizer->part_count = part_begins(step, group->node_index + 1) - optimizer->part_first;
  return MUSTER_OK;
}

muster_status divided_step_make(struct divided_step *step, struct parameters *parameters, double max_grad_norm,
                                double learning_rate, double *gradient_norm) {
  const struct optimizer *optimizer = step->optimizer;
  float *values = parameters->values + optimizer->first, *moved = step->moved;
  const size_t first = optimizer->part_first, end = first + optimizer->part_count;
  MUSTER_TRY(optimizer_clipped_step(step->optimizer, parameters, max_grad_norm, learning_rate, gradient_norm));
  if (moved == NULL) return MUSTER_OK;
  memcpy(moved + first, values + first, (end - first) * sizeof *moved);
  MUSTER_TRY(step->group->meet_on_node(step->group->context));
  memcpy(values, moved, first * sizeof *moved);
  memcpy(values + end, moved + end, (optimizer->count - end) * sizeof *moved);
  return MUSTER_OK;
}
