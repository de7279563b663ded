#include "experience/rate_limiter.h"

#include <math.h>

/* --- limits --- */

double rate_limits_ratio(const struct rate_limits *limits, int64_t rollout_steps) {
  if (!isnan(limits->samples_per_insert)) return limits->samples_per_insert;
  const double updates = limits->gradient_steps < 0 ? (double)rollout_steps : (double)limits->gradient_steps;
  return updates * (double)limits->batch_size / (double)rollout_steps;
}

double rate_limits_least_tolerance(const struct rate_limits *limits, int64_t rollout_steps) {
  const double ratio = rate_limits_ratio(limits, rollout_steps);
  return ratio > 0 ? ((double)rollout_steps + (double)limits->batch_size / ratio) / 2 : 0;
}

double rate_limits_default_tolerance(const struct rate_limits *limits, int64_t rollout_steps) {
  return fmax(2 * rate_limits_least_tolerance(limits, rollout_steps), 0.1 * (double)limits->min_size);
}

/* --- the limiter --- */

struct rate_limiter rate_limiter_create(const struct rate_limits *limits, int64_t rollout_steps) {
  const double ratio = rate_limits_ratio(limits, rollout_steps);
  const bool is_given = !isnan(limits->tolerance);
  const double tolerance = is_given ? limits->tolerance : rate_limits_default_tolerance(limits, rollout_steps);
  const double updates = ratio * (double)rollout_steps / (double)limits->batch_size;
  return (struct rate_limiter){
      .samples_per_insert = ratio,
      .buffer = tolerance * ratio,
      .batch_size = limits->batch_size,
      .min_size = limits->min_size,
      .updates_at_once = updates < 1 ? 1 : llround(updates),
      .base_ratio = ratio,
      .base_inserts = limits->min_size,
  };
}

double rate_limiter_balance(const struct rate_limiter *limiter) {
  return (double)(limiter->inserts - limiter->base_inserts) * limiter->samples_per_insert -
         (double)(limiter->samples - limiter->base_samples);
}

double rate_limiter_reached(const struct rate_limiter *limiter) {
  const int64_t inserts = limiter->inserts - limiter->base_inserts;
  return inserts > 0 ? (double)(limiter->samples - limiter->base_samples) / (double)inserts : (double)NAN;
}

/* of a sample: how far rounding may go */
#define SLACK 1e-6

bool rate_limiter_admits(const struct rate_limiter *limiter, int64_t steps) {
  if (limiter->inserts <= limiter->min_size) return true;
  return rate_limiter_balance(limiter) + (double)steps * limiter->samples_per_insert <= limiter->buffer + SLACK;
}

bool rate_limiter_allows_update(const struct rate_limiter *limiter) {
  if (limiter->inserts <= limiter->min_size || !(limiter->samples_per_insert > 0)) return false;
  return rate_limiter_balance(limiter) - (double)limiter->batch_size >= -limiter->buffer - SLACK;
}

void rate_limiter_insert(struct rate_limiter *limiter, int64_t steps) { limiter->inserts += steps; }

void rate_limiter_update(struct rate_limiter *limiter) { limiter->samples += limiter->batch_size; }

/* --- what a checkpoint holds of it --- */

int rate_limiter_state(struct rate_limiter *limiter, struct tensor list[RATE_LIMITER_STATE]) {
  int n = 0;
  list[n++] = (struct tensor){"limiter/inserts", TENSOR_I64, 0, {0}, &limiter->inserts, RANGE_COUNT};
  list[n++] = (struct tensor){"limiter/samples", TENSOR_I64, 0, {0}, &limiter->samples, RANGE_COUNT};
  list[n++] = (struct tensor){"limiter/base_inserts", TENSOR_I64, 0, {0}, &limiter->base_inserts, RANGE_COUNT};
  list[n++] = (struct tensor){"limiter/base_samples", TENSOR_I64, 0, {0}, &limiter->base_samples, RANGE_COUNT};
  list[n++] =
      (struct tensor){"limiter/base_ratio", TENSOR_F64, 0, {0}, &limiter->base_ratio, RANGE(0, RANGE_COUNT_MAX)};
  list[n++] = (struct tensor){"limiter/waits_for_steps", TENSOR_I64, 0, {0}, &limiter->waits_for_steps, RANGE_COUNT};
  list[n++] =
      (struct tensor){"limiter/waits_for_updates", TENSOR_I64, 0, {0}, &limiter->waits_for_updates, RANGE_COUNT};
  return n;
}

void rate_limiter_restored(struct rate_limiter *limiter) {
  if (limiter->base_ratio == limiter->samples_per_insert) return;
  limiter->base_ratio = limiter->samples_per_insert;
  limiter->base_inserts = limiter->inserts > limiter->min_size ? limiter->inserts : limiter->min_size;
  limiter->base_samples = limiter->samples;
}
