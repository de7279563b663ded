/* How the action that the environment gets is made from the one that the policy drew, where actions are Box
 * (float32). */
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

/* Tells whether actions of this space are changed at all; USAGE error when they are to be rescaled, but have no finite
 * bounds. */
MUSTER_CHECKED muster_status action_bounds_check(enum action_bounds bounds, const muster_space *action, bool *changes);

/* Writes from[rows, elements], brought within the bounds of the space, to to[rows, elements]; the arrays may be the
 * same. Only for spaces whose actions are changed (action_bounds_check()). A result is finite if its bounds and the
 * drawn number are. */
void action_bounds_apply(enum action_bounds bounds, const muster_space *action, size_t rows, const float *from,
                         float *to);

/* Draws an element of a Box action within its bounds, around the allowed value nearest to 0: at most 10 away from that
 * value, or 1 on a side without a bound. */
float action_bounds_draw(const muster_space *action, size_t element, muster_random *random);

#endif
