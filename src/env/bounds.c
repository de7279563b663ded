#include "env/bounds.h"

#include <math.h>

muster_status action_bounds_check(enum action_bounds bounds, const muster_space *action, bool *changes) {
  bool bounded = action->kind == MUSTER_SPACE_BOX && action->low != NULL && action->high != NULL;
  *changes = bounded && bounds != ACTION_BOUNDS_NONE;
  if (action->kind != MUSTER_SPACE_BOX || bounds != ACTION_BOUNDS_RESCALE) return MUSTER_OK;
  for (size_t i = 0; i < muster_space_elements(action); i++)
    if (!bounded || !isfinite(action->low[i]) || !isfinite(action->high[i]))
      return status_error(MUSTER_ERROR_USAGE,
                          "env.action_bounds: rescale needs finite bounds, which element %zu of the action lacks; "
                          "expects clip or none",
                          i);
  return MUSTER_OK;
}

static float within(float value, float low, float high) { return value < low ? low : (value > high ? high : value); }

/* from [-1, 1] to [low, high], as a weighted mean of the bounds: their difference could be too large for a float */
static float rescale(float value, float low, float high) {
  const double share = 0.5 * ((double)value + 1.0);
  return (float)((1.0 - share) * (double)low + share * (double)high);
}

void action_bounds_apply(enum action_bounds bounds, const muster_space *action, size_t rows, const float *from,
                         float *to) {
  size_t elements = muster_space_elements(action);
  for (size_t r = 0; r < rows; r++, from += elements, to += elements)
    for (size_t i = 0; i < elements; i++) {
      float low = action->low[i], high = action->high[i], value = from[i];
      if (bounds == ACTION_BOUNDS_RESCALE) value = rescale(within(value, -1.0f, 1.0f), low, high);
      to[i] = within(value, low, high);
    }
}

float action_bounds_draw(const muster_space *action, size_t element, muster_random *random) {
  const float low = action->low != NULL ? action->low[element] : -INFINITY;
  const float high = action->high != NULL ? action->high[element] : INFINITY;
  const double middle = within(0.0f, low, high);
  const double least = fmax(low, middle - (action->low != NULL ? 10.0 : 1.0));
  const double most = fmin(high, middle + (action->high != NULL ? 10.0 : 1.0));
  return within((float)muster_random_uniform(random, least, most), low, high);
}
