/* What actor-critics with a replay share (replay_learning.h): critics Q(s, a) learn from drawn steps towards targets
 * that slow copies of the networks give, and the policy learns to act so that the critics' values are large (Silver et
 * al. 2014). An algorithm adds its targets, and how its policy improves.
 *
 *   critics  L = sum over the critics of mean w squares (Q_i(s, a) - y)^2
 *   policy   every policy_delay updates: a loss of the critics' values of its own actions
 *   copies   copy += tau * (learned - copy), every target_update_interval updates
 *
 * Networks: "q1", "q2", ... are the critics, "target_q1", ... their copies, "target_policy" the policy's, where the
 * algorithm has one. Critics read the observation and behind it the action, of which each element goes from -1 to 1
 * whatever the bounds are; or, of a Discrete action, they have an output for every choice.
 *
 * An update runs the minibatch in blocks of tiles of 64 steps, twice: once for the critics, and where the policy is due
 * once for the policy, after the critics' step. A block goes through one network after the other, layer by layer, so
 * that a layer's weights are read from memory once for all its steps. Nothing is run forward twice: targets are found
 * once for all critics; and where the least value counts, a row goes backward through that critic alone. Networks whose
 * layers have statistics over the minibatch are run over all of it at once instead (whole_minibatch.h). */
#ifndef ALGO_CRITIC_LEARNING_H
#define ALGO_CRITIC_LEARNING_H

#include "algo/divided_step.h"
#include "algo/gradient_sum.h"
#include "algo/replay_learning.h"
#include "nn/optimizer.h"

#define CRITICS_MAX 20

/* The choices of action_noise (enum action_noise), ended by NULL. */
extern const char *const action_noise_names[];

/* Sums over a minibatch. All are doubles: they are the terms of a gradient_sum. */
struct critic_losses {
  double loss, value; /* of all critics; Q(s, a), their mean */
};
struct actor_losses {
  double loss, log_prob; /* by the algorithm's definition; of its actions, or of all actions by their probability */
};

struct critic_learning;
struct whole_minibatch;

/* What an algorithm adds. */
struct critic_rules {
  float squares; /* the factor of squared errors; critics of quantiles have the loss of quantile regression instead */
  /* For the block of steps first .. first + rows - 1 of the minibatch, which are in learning->base.tile: fills
   * learning->targets [rows, n_targets]. */
  void (*find_targets)(struct critic_learning *learning, size_t first, size_t rows);
  /* The end of find_targets(), where `values` are those of what follows and next_log_probs those of its actions: fills
   * learning->targets. Of algorithms whose networks may have statistics over the minibatch; NULL otherwise. */
  void (*weigh_next)(struct critic_learning *learning, size_t rows);
  /* For the same steps, in groups, with their observations: fills the policy's part of `gradient` with the sum over
   * these groups (gradient_of_groups) of that of its loss, whose mean over the minibatch is wanted, and adds to the
   * sums of losses of each group. With `gradient` NULL it fills learning->d_net alone. */
  void (*improve)(struct critic_learning *learning, size_t first, const struct linear_groups *groups,
                  const void *observations, float *gradient, struct actor_losses *losses);
  /* Optional: what follows the policy's step, from the sums over the minibatch. */
  muster_status (*finish)(struct critic_learning *learning, const struct actor_losses *losses, double learning_rate);
};

/* How the minibatch goes through the networks where it does so at once (whole_minibatch.h): the sums of gradients and
 * losses of the critics, of the policy, over the steps that were drawn; with what else an update leaves there: errors
 * of steps, observations. Collective over the group. */
struct critic_passes {
  muster_status (*sum_critics)(struct critic_learning *learning, float *gradient, struct critic_losses *losses);
  muster_status (*sum_actor)(struct critic_learning *learning, float *gradient, struct actor_losses *losses);
};

/* Noises of one update, each of its own. */
enum critic_noise { CRITIC_NOISE_NEXT, CRITIC_NOISE_NOW };

/* Fills noise [elements, TILE] with standard normal numbers for steps first .. first + rows - 1 of the minibatch, at
 * most a tile. */
typedef void (*critic_noise_drawing)(struct critic_learning *learning, enum critic_noise which, size_t first,
                                     size_t rows, float *noise);

/* The state of an algorithm begins with this. */
struct critic_learning {
  struct replay_learning base;
  size_t n_critics, atoms; /* outputs of a critic for each value: 1, or quantiles of the return */
  struct model_network *critic[CRITICS_MAX], *target[CRITICS_MAX];
  struct model_network *next_policy; /* that chooses the next actions: the policy, or its copy */
  struct optimizer critics_optimizer, actor_optimizer;
  struct divided_step critics_step, actor_step;
  struct gradient_sum critics_sum, actor_sum;
  char *observations;         /* [batch_size, obs_bytes] of the minibatch, of this member's steps */
  uint8_t *masks;             /* [batch_size, mask_bytes] likewise; NULL: actions are not masked */
  double actor_loss;          /* the last one; NAN before */
  struct layer_random random; /* of the critics' layers that drop numbers, for the block that is computed now */

  /* set by the algorithm's create() */
  const struct critic_rules *rules;
  int64_t policy_delay, target_update_interval; /* both 1 unless it says otherwise */
  size_t n_targets;                             /* of each step: 1, or as many as `targets` has room for */
  critic_noise_drawing draw_noise;              /* normals_of_minibatch() unless it says otherwise */
  /* where layers have statistics over the minibatch, set by whole_minibatch_create(); else NULL */
  const struct critic_passes *passes;
  struct whole_minibatch *whole;
  int64_t renorm_warmup_steps; /* updates before their running statistics count */

  /* of the block that is computed now */
  float *targets;               /* [BLOCK_ROWS, n_targets] */
  float *actions, *d_actions;   /* [BLOCK_ROWS, elements] */
  float *unit_actions, *d_unit; /* [BLOCK_ROWS, elements] of which each is from -1 to 1 */
  float *noise;                 /* [elements, TILE] of one tile */
  const float *next_log_probs;  /* [rows] of the actions that follow, for weigh_next() */
  const float *net;             /* [rows, net_ld] the policy's outputs, where they are there already; else NULL */
  size_t net_ld;
  size_t n_run;                     /* how many critics or copies were run last */
  const float *values[CRITICS_MAX]; /* [rows, value_ld] outputs of critics or copies */
  size_t value_ld;
  float *d_values[CRITICS_MAX]; /* [BLOCK_ROWS, value_ld], or of a whole minibatch with what follows */
  float *d_net;                 /* [BLOCK_ROWS, d_net_ld] */
  size_t d_net_ld;
  float d_log_prob[BLOCK_ROWS];
};

/* What actor-critics with a replay do unless an algorithm says otherwise: rollouts of train_freq steps of every
 * environment go into the replay, before learning_starts steps with random actions, and gradient_steps updates follow.
 * Its networks are the critics and their copies. A checkpoint holds the optimizers, the replay and the counters. */
extern const struct algorithm_base critic_learning_base;

/* For .networks: critics, their copies, and a copy of the policy. */
const struct model_network_spec *critic_learning_networks_with_policy(const void *options);

/* For .networks: critics without copies, for targets by the critics themselves. */
const struct model_network_spec *critic_learning_networks_without_copies(const void *options);

/* For .update. Fills the metrics below. */
MUSTER_CHECKED muster_status critic_learning_update(struct critic_learning *learning, double progress_remaining,
                                                    double *metrics);

/* --- for rules --- */

/* Takes observations [rows] and actions [rows, elements] as what critics read next; of Discrete actions, the
 * observations alone. */
void critic_learning_take(struct critic_learning *learning, size_t rows, const void *observations, const void *actions);

/* The action masks [rows, choices] of the steps from `first` on, for .improve; NULL: actions are not masked. */
const uint8_t *critic_learning_masks(const struct critic_learning *learning, size_t first);

/* Runs so many critics, or their copies, over what was taken: fills `values`. Layers that drop numbers do so, in the
 * copies, in the critics' own step and in the policy's step with numbers of their own, as in DroQ (Hiraoka et al.
 * 2022); the policy's do not. */
void critic_learning_run(struct critic_learning *learning, struct model_network *const *networks, size_t n);

/* The policy's, or its copy's, actions at observations [rows], with the noise; fills `actions` and head->log_probs. */
void critic_learning_act(struct critic_learning *learning, struct model_network *policy, enum critic_noise which,
                         size_t first, size_t rows, const void *observations);

/* The smallest of the values of row r that were run, each of one output. */
float critic_learning_least(const struct critic_learning *learning, size_t r, size_t *which);

/* How the critics' values make one. */
enum critic_choice { CRITIC_FIRST, CRITIC_LEAST, CRITIC_MEAN };

/* For .improve, where actions are a Box: the policy's gradient through the critics' values of its actions,
 *   loss  mean of  alpha log pi(a|s) - Q(s, a),   Q by `choice` */
void critic_learning_climb(struct critic_learning *learning, enum critic_choice choice, double alpha, size_t first,
                           const struct linear_groups *groups, const void *observations, float *gradient,
                           struct actor_losses *losses);

/* The end of .improve, from d_net: fills the policy's part of `gradient`. */
void critic_learning_fill_gradient(struct critic_learning *learning, const struct linear_groups *groups,
                                   float *gradient);

/* --- for whole_minibatch.c --- */

/* Actions [rows, elements] within their bounds as numbers from -1 to 1, in learning->unit_actions. */
void critic_learning_scale_actions(struct critic_learning *learning, size_t rows, const float *actions);

/* Keeps what the policy's part of the update reads of the steps first .. first + rows - 1, which are in the tile. */
void critic_learning_keep_inputs(struct critic_learning *learning, size_t first, size_t rows);

/* What layers drop that drop numbers, in the critics' or the policy's half of an update, from this row on. */
void critic_learning_set_random(struct critic_learning *learning, bool improves, size_t first_row);

/* What the loss of one critic for a block of steps reads, and where it adds to. */
struct critic_block {
  const float *values, *weights;
  float *d_values, *errors;
  float inverse_n;
};

/* Rows r .. end - 1 of the block, towards learning->targets: adds to the losses, the errors, and fills the d_values,
 * which are zero before. */
void critic_learning_find_loss(const struct critic_learning *learning, const struct critic_block *block, size_t r,
                               size_t end, struct critic_losses *losses);

/* --- metrics --- */

enum {
  CRITIC_METRIC_ACTOR_LOSS,
  CRITIC_METRIC_CRITIC_LOSS,
  CRITIC_METRIC_VALUE,
  CRITIC_METRIC_LEARNING_RATE,
  CRITIC_METRIC_N_UPDATES,
  CRITIC_METRICS = CRITIC_METRIC_N_UPDATES + REPLAY_METRICS
};

#define CRITIC_METRIC_NAMES                                                                                            \
  "train/actor_loss", "train/critic_loss", "train/q_value", "train/learning_rate", REPLAY_METRIC_NAMES

/* For an algorithm that has no others. */
extern const char *const critic_learning_metrics[CRITIC_METRICS + 1];

#endif
