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

/* how the parameters of the block from `first` on, so many, get their new values: by a step, or from who moved them */
struct move {
  const struct divided_step *step;
  struct parameters *parameters;
};

static void move_by_step(void *context, size_t first, size_t count) {
  const struct move *move = context;
  const struct optimizer *optimizer = move->step->optimizer;
  optimizer_step_part(optimizer, first - optimizer->first, count, move->parameters->values + first,
                      move->parameters->gradients + first);
}

static void take_moved(void *context, size_t first, size_t count) {
  const struct move *move = context;
  memcpy(move->parameters->values + first, move->step->moved + first - move->step->optimizer->first,
         count * sizeof *move->step->moved);
}

/* moves this member's part, and waits until the others have moved theirs */
static muster_status move_part(const struct divided_step *step, struct parameters *parameters) {
  const struct optimizer *optimizer = step->optimizer;
  const size_t first = optimizer->part_first, count = optimizer->part_count, at = optimizer->first + first;
  memcpy(step->moved + first, parameters->values + at, count * sizeof *step->moved);
  optimizer_step_part(optimizer, first, count, step->moved + first, parameters->gradients + at);
  return step->group->meet_on_node(step->group->context);
}

muster_status divided_step_make(struct divided_step *step, struct model *model, const struct step_settings *settings,
                                double *gradient_norm) {
  struct optimizer *optimizer = step->optimizer;
  struct parameters *parameters = &model->parameters;
  struct move move = {step, parameters};
  struct model_renewal renewal = {.first = optimizer->first,
                                  .count = optimizer->count,
                                  .change = move_by_step,
                                  .context = &move,
                                  .tau = settings->tau};
  double scale;
  MUSTER_TRY(optimizer_clip(optimizer, parameters, settings->max_grad_norm, &scale, gradient_norm));
  optimizer_begin_step(optimizer, scale, settings->learning_rate);
  if (step->moved != NULL) {
    MUSTER_TRY(move_part(step, parameters));
    renewal.change = take_moved;
  }
  model_renew(model, &renewal);
  return MUSTER_OK;
}
