/* What all algorithms share that learn from a replay (experience/replay.h), whatever they learn: gathered rollouts go
 * into it, updates follow once there is enough to learn from, and every update draws a minibatch of steps, which it
 * gathers in tiles of 64. value_learning.h and critic_learning.h build on it. */
#ifndef ALGO_REPLAY_LEARNING_H
#define ALGO_REPLAY_LEARNING_H

#include "algo/algorithm.h"
#include "algo/prioritized_replay.h"
#include "algo/replay_exchange.h"
#include "config/option.h"
#include "experience/replay_log.h"

/* The options that all of them have (their rows are in options.h): the struct of an algorithm's options begins with
 * them. */
struct replay_learning_settings {
  int64_t buffer_size, capacity; /* capacity: 0 or OPTION_NULL_INT for buffer_size */
  int64_t learning_starts, train_freq, gradient_steps, batch_size, n_steps, target_update_interval;
  double gamma, tau, max_grad_norm;
  struct option_schedule learning_rate;
  char optimizer[OPTION_STRING_SIZE]; /* its name; "": Adam */
  double optimizer_epsilon;
  struct prioritized_options replay; /* off where an algorithm has no such rows */
  bool asynchronous;
  double samples_per_insert, tolerance; /* of an asynchronous run: struct rate_limits */
};

struct replay_learning;

/* Fills learning->drawn with the steps of the next update, and learning->weights. */
typedef void (*replay_learning_drawing)(struct replay_learning *learning, double progress_remaining);

/* The state of an algorithm begins with this. */
struct replay_learning {
  const void *options; /* the algorithm's own, which begin with the settings; borrowed */
  struct replay_learning_settings settings;
  struct model *model; /* borrowed */
  bool is_packed;      /* its networks, which happens when the first update begins, and where their parameters change */
  struct stages *stages; /* borrowed; may be NULL */
  const struct trajectory *rollout;
  struct replay replay;
  struct replay_log log; /* of the replay, for checkpoints */
  struct prioritized_replay prioritized;
  struct replay_exchange exchange;
  struct replay_tile tile; /* the steps that are computed now */
  uint64_t seed;
  int64_t steps, updates;       /* of all environments that went into the replay; updates so far */
  uint64_t *drawn;              /* [batch_size] */
  const float *weights;         /* [batch_size] of the steps that were drawn */
  replay_learning_drawing draw; /* as the options say, unless the algorithm's create() says otherwise */
};

/* How many steps of all environments the replay keeps. */
int64_t replay_learning_capacity(const struct replay_learning_settings *settings);

/* --- for the members of an algorithm_base --- */

MUSTER_CHECKED muster_status replay_learning_check(const struct document *document, const void *options,
                                                   int64_t num_envs);
struct rollout_needs replay_learning_needs(const void *options);
double replay_learning_discount(const void *options);
MUSTER_CHECKED muster_status replay_learning_create(const struct algorithm_context *context,
                                                    struct replay_learning *learning);
/* Lists the replay, its priorities and the counters; returns how many tensors these are. */
int replay_learning_state(struct replay_learning *learning, struct tensor *list);
/* The rollout goes into the replay; `updates` follow, once there are more than learning_starts steps. */
MUSTER_CHECKED muster_status replay_learning_take_rollout(void *algorithm, double progress_remaining, int64_t *updates);
struct replay_log *replay_learning_log(void *algorithm);
/* Lists the steps that the last update drew. */
int replay_learning_intermediates(void *algorithm, struct tensor *list);

/* The metrics of a replay: updates so far, and the steps that the replay holds; and their names. */
enum { REPLAY_METRICS = 2 };
#define REPLAY_METRIC_NAMES "train/n_updates", "replay/size"
void replay_learning_measure(const struct replay_learning *learning, double metrics[REPLAY_METRICS]);

/* --- an update --- */

/* Begins one: packs the networks, where that is still to be done, draws its steps, and brings those that other learners
 * hold. Collective over the group. */
MUSTER_CHECKED muster_status replay_learning_begin_update(struct replay_learning *learning, double progress_remaining);

/* Gathers `rows` <= BLOCK_ROWS of the steps that were drawn, from `first` on, into the tile. */
void replay_learning_gather(struct replay_learning *learning, size_t first, size_t rows);

/* Where the errors of the steps go that were drawn, from `first` on: by how much each value is wrong, for its
 * priority. */
float *replay_learning_errors(struct replay_learning *learning, size_t first);

/* Ends an update, whose gradients have been applied: the steps get their new priorities, and the update is counted.
 * Collective over the group. */
MUSTER_CHECKED muster_status replay_learning_end_update(struct replay_learning *learning);

/* The NUMERIC error of an update whose loss of this name is not finite; OK otherwise. */
MUSTER_CHECKED muster_status replay_learning_check_loss(const struct replay_learning *learning, const char *name,
                                                        double loss);

#endif
