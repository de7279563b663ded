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

/* calls `visit` for the pieces of frozen parameters, or of the others, among those of the block from `first` on, so
 * many
 */
static void visit_pieces(const struct parameters *parameters, bool is_frozen, size_t first, size_t count,
                         void (*visit)(void *context, size_t first, size_t count), void *context) {
  const size_t end = first + count;
  for (int i = 0; i < parameters->tensors; i++) {
    const struct parameter *tensor = &parameters->tensor[i];
    const size_t from = tensor->offset > first ? tensor->offset : first;
    const size_t to = tensor->offset + tensor->count < end ? tensor->offset + tensor->count : end;
    if (tensor->is_frozen == is_frozen && from < to) visit(context, from, to - from);
  }
}

static void clear_gradient(void *context, size_t first, size_t count) {
  const struct parameters *parameters = context;
  memset(parameters->gradients + first, 0, count * sizeof *parameters->gradients);
}

/* where a step writes what it moves: `values` of the block from its parameter `at` on */
struct stepped {
  const struct optimizer *optimizer;
  const struct parameters *parameters;
  float *values;
  size_t at;
};

static void step_piece(void *context, size_t first, size_t count) {
  const struct stepped *stepped = context;
  optimizer_step_part(stepped->optimizer, first - stepped->optimizer->first, count,
                      stepped->values + (first - stepped->at), stepped->parameters->gradients + first);
}

/* steps all of them, but for what is frozen */
static void step_unfrozen(const struct optimizer *optimizer, const struct parameters *parameters, size_t first,
                          size_t count, float *values) {
  struct stepped stepped = {optimizer, parameters, values, first};
  if (parameters->has_frozen)
    visit_pieces(parameters, false, first, count, step_piece, &stepped);
  else
    step_piece(&stepped, first, count);
}

/* how the parameters of the block from `first` on, so many, get their new values: by a step, or from who moved them */
struct move {
  const struct divided_step *step;
  struct parameters *parameters;
};

static void move_by_step(void *context, size_t first, size_t count) {
  const struct move *move = context;
  step_unfrozen(move->step->optimizer, move->parameters, first, count, move->parameters->values + first);
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
  step_unfrozen(optimizer, parameters, at, count, step->moved + first);
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
  /* what is frozen has no part in the gradient's norm */
  if (parameters->has_frozen)
    visit_pieces(parameters, true, optimizer->first, optimizer->count, clear_gradient, parameters);
  MUSTER_TRY(optimizer_clip(optimizer, parameters, settings->max_grad_norm, &scale, gradient_norm));
  optimizer_begin_step(optimizer, scale, settings->learning_rate);
  if (step->moved != NULL) {
    MUSTER_TRY(move_part(step, parameters));
    renewal.change = take_moved;
  }
  model_renew(model, &renewal);
  return MUSTER_OK;
}
