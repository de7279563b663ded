#include "train/histograms.h"

#include <stdio.h>

muster_status histograms_create(const struct model *model, const struct trajectory *rollout, struct arena *arena,
                                struct histograms *histograms) {
  *histograms = (struct histograms){.model = model, .rollout = rollout};
  if (rollout == NULL) return MUSTER_OK;
  return ARENA_TAKE(arena, rollout->n_rows * rollout->n_steps, "histogram of actions", &histograms->actions);
}

static muster_status add(struct events *events, int64_t step, const char *group, const char *name, const float *values,
                         size_t n) {
  char tag[128];
  snprintf(tag, sizeof tag, "%s/%s", group, name);
  const struct histogram histogram = histogram_make(values, n);
  return events_add_histogram(events, step, tag, &histogram);
}

/* gathers one element of all actions that count; returns their number */
static size_t gather_actions(const struct histograms *histograms, size_t element) {
  const struct trajectory *rollout = histograms->rollout;
  const struct policy_head *head = &histograms->model->head;
  const int32_t *choices = rollout->action;
  const float *reals = rollout->action;
  size_t n = 0;
  for (size_t row = 0; row < rollout->n_rows; row++)
    for (size_t t = 0; t < (size_t)rollout->length[row]; t++) {
      size_t index = (row * rollout->n_steps + t) * head->elements + element;
      histograms->actions[n++] = head->counts != NULL ? (float)choices[index] : reals[index];
    }
  return n;
}

muster_status histograms_add(const struct histograms *histograms, struct events *events, int64_t step) {
  const struct parameters *parameters = &histograms->model->parameters;
  for (int i = 0; i < parameters->tensors; i++) {
    const struct parameter *tensor = &parameters->tensor[i];
    MUSTER_TRY(add(events, step, "parameters", tensor->name, parameters->values + tensor->offset, tensor->count));
    MUSTER_TRY(add(events, step, "gradients", tensor->name, parameters->gradients + tensor->offset, tensor->count));
  }
  const size_t elements = histograms->rollout != NULL ? histograms->model->head.elements : 0;
  for (size_t element = 0; element < elements; element++) {
    char name[32] = "actions";
    if (elements > 1) snprintf(name, sizeof name, "actions/%zu", element);
    MUSTER_TRY(add(events, step, "rollout", name, histograms->actions, gather_actions(histograms, element)));
  }
  return MUSTER_OK;
}
