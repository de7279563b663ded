/* What all algorithms share that learn the values of Discrete actions from a replay (replay_learning.h). An algorithm
 * adds its target and its loss.
 *
 *   target y = R + discount * v(next observation; target network),  R and discount of a window of n_steps
 *   L = mean loss(Q(s, a; theta), y)
 *
 * The policy network's outputs are the values of the actions. A minibatch is run in tiles of 64 steps. */
#ifndef ALGO_VALUE_LEARNING_H
#define ALGO_VALUE_LEARNING_H

#include "algo/divided_step.h"
#include "algo/gradient_sum.h"
#include "algo/replay_learning.h"
#include "nn/optimizer.h"

/* Sums over a minibatch. All are doubles: they are the terms of a gradient_sum. */
struct value_losses {
  double loss, value; /* by the algorithm's definition; Q(s, a) */
};

struct value_learning;

/* The outputs of the networks for one tile, whose steps are in learning->base.tile. */
struct value_pass {
  const float *values,
      *next_values; /* [tile rows, ld] of the learned network at the step; of the target network next */
  size_t ld, next_ld;
  const int32_t *next_actions; /* [tile rows] the greedy actions next, as `chooses_next` says */
  float inverse_n;             /* 1 / minibatch */
  const float *weights;        /* [tile rows] of the losses */
  float *errors;               /* [tile rows] to be filled: by how much each value is wrong, for its priority */
};

/* By whose values the greedy action of the next observation is chosen. */
enum value_choice { CHOICE_NONE, CHOICE_BY_TARGET, CHOICE_BY_LEARNED };

/* Fills learning->d_values[tile rows, d_ld], which is 0 before, with dL/d values, and adds to the sums. */
typedef void (*value_loss)(struct value_learning *learning, const struct value_pass *pass, struct value_losses *losses);

/* The state of an algorithm begins with this; many have no more. */
struct value_learning {
  struct replay_learning base;
  struct model_network *target;
  struct optimizer optimizer;
  struct divided_step step;
  struct gradient_sum sum;

  /* set by the algorithm's create() */
  enum value_choice chooses_next;
  bool counts_steps_to_target; /* target_update_interval counts steps of all environments, not updates */

  /* of the tile that is computed now, whose steps are in base.tile */
  float *d_values; /* [TILE, d_ld] */
  size_t d_ld;
  int32_t next_actions[TILE];
};

/* What learning values does unless an algorithm says otherwise: rollouts of train_freq steps of every environment go
 * into the replay, and gradient_steps updates follow once there are learning_starts of them; there is no critic besides
 * the policy network, of which "target" is a copy. A checkpoint holds the optimizer, the replay and the counters. */
extern const struct algorithm_base value_learning_base;

/* The base's take_rollout(), for an algorithm that does more then. */
MUSTER_CHECKED muster_status value_learning_take_rollout(void *algorithm, double progress_remaining, int64_t *updates);

/* For .update: one step of the optimizer on batch_size steps of the replay; then the target network, where it is due.
 * Fills the metrics below. */
MUSTER_CHECKED muster_status value_learning_update(struct value_learning *learning, value_loss loss,
                                                   double progress_remaining, double *metrics);

/* --- metrics --- */

enum {
  VALUE_METRIC_LOSS,
  VALUE_METRIC_VALUE,
  VALUE_METRIC_GRADIENT_NORM,
  VALUE_METRIC_LEARNING_RATE,
  VALUE_METRIC_N_UPDATES,
  VALUE_METRICS = VALUE_METRIC_N_UPDATES + REPLAY_METRICS
};

#define VALUE_METRIC_NAMES                                                                                             \
  "train/loss", "train/q_value", "train/gradient_norm", "train/learning_rate", REPLAY_METRIC_NAMES

/* For an algorithm that has no others. */
extern const char *const value_learning_metrics[VALUE_METRICS + 1];

#endif
