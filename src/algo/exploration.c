#include "algo/exploration.h"

#include <assert.h>

double exploration_rate(const struct exploration *exploration, double progress_remaining) {
  if (!exploration->eps.is_null) return option_schedule_value(&exploration->eps, progress_remaining);
  const double part = 1.0 - progress_remaining, fall = exploration->final_eps - exploration->initial_eps;
  if (part >= exploration->fraction) return exploration->final_eps;
  return exploration->initial_eps + part / exploration->fraction * fall;
}

void exploration_set(struct model *model, double rate) {
  assert(model->head.own_count == 1);
  model->parameters.values[model->own_offset] = (float)rate;
}
