/* From the action that a policy drew to the one that the environment gets, where actions are Box (float32). */
#ifndef ENV_BOUNDS_H
#define ENV_BOUNDS_H

#include "base/status.h"
#include "muster/random.h"
#include "muster/space.h"

#include <stdbool.h>

/* Values of the option env.action_bounds. */
enum action_bounds {
  ACTION_BOUNDS_CLIP,    /* clipped to [low, high] */
  ACTION_BOUNDS_RESCALE, /* clipped to [-1, 1], then mapped to [low, high] */
  ACTION_BOUNDS_NONE     /* as drawn */
};

/* Whether actions of this space change; USAGE error when they cannot be rescaled, for want of finite bounds. */
MUSTER_CHECKED muster_status action_bounds_check(enum action_bounds bounds, const muster_space *action, bool *changes);

/* to[rows, elements] = from[rows, elements] within the bounds of the space; the arrays may be the same. Only where
 * action_bounds_check() said that they change. Finite wherever the bounds and what was drawn are. */
void action_bounds_apply(enum action_bounds bounds, const muster_space *action, size_t rows, const float *from,
                         float *to);

/* Draws an element of a Box action from those within its bounds that lie nearest to 0: not further than 10, or 1 on a
 * side without a bound. */
float action_bounds_draw(const muster_space *action, size_t element, muster_random *random);

#endif
