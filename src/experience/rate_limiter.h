/* The ratio of learning to acting where nobody waits for anybody, in the sense of Reverb (Cassirer et al. 2021, section
 * 2.3, SampleToInsertRatio). Steps of environments are inserted into a replay, updates sample steps from it. The
 * balance says how many samples the steps so far still allow:
 *
 *   balance = (inserts - base_inserts) * samples_per_insert - (samples - base_samples)
 *
 * Whoever would bring it out of [-buffer, buffer] has to wait: actors while it is too large, the learner while it is
 * too small, or there are not more than min_size steps. Before that all steps are let in. The base is at min_size steps
 * and no samples; where a resumed run has another ratio, at what there was then.
 *
 * Of messages with at most m steps, and updates with b samples, one can always go on while
 * 2 * buffer >= m * samples_per_insert + b: rate_limits_least_tolerance(). */
#ifndef EXPERIENCE_RATE_LIMITER_H
#define EXPERIENCE_RATE_LIMITER_H

#include "store/checkpoint.h"

#include <stdbool.h>
#include <stdint.h>

/* What an algorithm wants. Steps are those of environments. */
struct rate_limits {
  double samples_per_insert; /* how often a step is sampled; NAN: as in step, by the two lines below */
  int64_t gradient_steps;    /* updates after a rollout of all environments; -1: as many as it has steps */
  int64_t batch_size;        /* samples of an update */
  double tolerance;          /* steps that either side may be ahead; NAN: rate_limits_default_tolerance() */
  int64_t min_size;          /* steps before the first update */
};

/* samples_per_insert in numbers, where all environments make so many steps in a rollout. */
double rate_limits_ratio(const struct rate_limits *limits, int64_t rollout_steps);
/* How small a tolerance may be: with less, both sides could have to wait. And the one where none is given: twice that,
 * or a tenth of min_size where that is more (as in Acme). */
double rate_limits_least_tolerance(const struct rate_limits *limits, int64_t rollout_steps);
double rate_limits_default_tolerance(const struct rate_limits *limits, int64_t rollout_steps);

struct rate_limiter {
  double samples_per_insert, buffer; /* buffer: in samples */
  int64_t batch_size, min_size;
  int64_t updates_at_once; /* that follow a rollout of all environments in step; at least 1 */
  double base_ratio;       /* the ratio that the base belongs to */
  int64_t inserts, samples, base_inserts, base_samples;
  int64_t waits_for_steps, waits_for_updates; /* how often the learner had to wait, and messages of actors */
};

struct rate_limiter rate_limiter_create(const struct rate_limits *limits, int64_t rollout_steps);

/* The balance, in samples. */
double rate_limiter_balance(const struct rate_limiter *limiter);
/* How often the steps after base_inserts have been sampled; NAN: there are none. */
double rate_limiter_reached(const struct rate_limiter *limiter);

/* Whether so many more steps may come in, and whether an update may be made. */
bool rate_limiter_admits(const struct rate_limiter *limiter, int64_t steps);
bool rate_limiter_allows_update(const struct rate_limiter *limiter);

/* Count steps that came in, and an update. */
void rate_limiter_insert(struct rate_limiter *limiter, int64_t steps);
void rate_limiter_update(struct rate_limiter *limiter);

/* Lists the counts as tensors "limiter/...", for a checkpoint. rate_limiter_restored() is to be called when they were
 * read: where the ratio is another one than before, it counts from now on. */
#define RATE_LIMITER_STATE 7
int rate_limiter_state(struct rate_limiter *limiter, struct tensor list[RATE_LIMITER_STATE]);
void rate_limiter_restored(struct rate_limiter *limiter);

#endif
