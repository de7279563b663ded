/* Histograms of what a run learns and does, for TensorBoard: parameters and gradients by tensor, actions by element. */
#ifndef TRAIN_HISTOGRAMS_H
#define TRAIN_HISTOGRAMS_H

#include "base/arena.h"
#include "experience/trajectory.h"
#include "nn/model.h"
#include "store/events.h"

struct histograms {
  const struct model *model;        /* borrowed */
  const struct trajectory *rollout; /* borrowed; NULL: this rank does not know the actions */
  float *actions;                   /* [rows * T] room for one element of the actions */
};

/* Takes its memory from the arena. `rollout` NULL: without actions. */
MUSTER_CHECKED muster_status histograms_create(const struct model *model, const struct trajectory *rollout,
                                               struct arena *arena, struct histograms *histograms);

/* Adds parameters/<tensor>, gradients/<tensor> (of the last minibatch, before the clip) and rollout/actions, or
 * rollout/actions/<element>, as the policy drew them. */
MUSTER_CHECKED muster_status histograms_add(const struct histograms *histograms, struct events *events, int64_t step);

#endif
