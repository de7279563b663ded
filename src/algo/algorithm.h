/* The algorithm interface: how a rollout becomes an update. One file each, one line in the registry; ppo.c is the
 * annotated template. An algorithm knows no MPI and no files: it is handed the gathered rollout and the model. */
#ifndef ALGO_ALGORITHM_H
#define ALGO_ALGORITHM_H

#include "algo/learner_group.h"
#include "base/stages.h"
#include "config/document.h"
#include "experience/rate_limiter.h"
#include "experience/replay_log.h"
#include "nn/model.h"
#include "store/checkpoint.h"

#define ALGORITHM_MAX_METRICS 32
#define ALGORITHM_MAX_STATE (20 + REPLAY_STATE)
#define ALGORITHM_MAX_TERMS 8

/* What actors send that do not wait for the learner. */
enum asynchronous {
  ASYNCHRONOUS_NONE,         /* they do wait: one rollout of all environments for each update */
  ASYNCHRONOUS_TRAJECTORIES, /* rollouts as they are full, of older policies too, for update() */
  ASYNCHRONOUS_REPLAY,       /* the same, for take_rollout(), one by one; how many updates follow, the limits say */
  ASYNCHRONOUS_GRADIENTS     /* gradients of their own rollouts, by gradient(), for apply() */
};

/* What an algorithm needs of the rollouts that it learns from, and so of the actors. */
struct rollout_needs {
  size_t n_steps; /* of each environment in one rollout, at most */
  /* Every environment starts afresh with the rollout, and its first episode alone counts: until it ends, or is cut as
   * truncated after n_steps. */
  bool whole_episodes;
  int32_t group_size; /* with whole episodes: neighbouring environments that start in the same state; 0 or 1: none */
  size_t replay;      /* steps of all environments that it keeps to learn from again, as they came; 0: it keeps none */
  int64_t warm_up;    /* with a replay: steps of all environments after which updates begin */
  size_t minibatch;   /* with a replay: steps that an update draws from it */
  /* of a table with a number for each observation and action, a pair: bytes for each pair, and further ones for each
   * pair and row of a rollout; 0: it keeps none */
  size_t pair_bytes, row_pair_bytes;
  bool is_brief; /* a rollout has few steps, so there are very many of them */
  enum asynchronous asynchronous;
  /* with ASYNCHRONOUS_TRAJECTORIES: */
  size_t batch;              /* an update begins once it has so many: rollouts of one environment */
  int64_t max_policy_lag;    /* updates that a trajectory's policy may be behind; INT64_MAX: no limit */
  bool block_on_lag;         /* older ones are waited for before they become so; otherwise they are thrown away */
  struct rate_limits limits; /* with ASYNCHRONOUS_REPLAY */
};

/* What an algorithm works on. All is borrowed, and lives longer than the algorithm. */
struct algorithm_context {
  const void *options; /* the struct that its table describes; 0 in what has no option */
  struct model *model;
  /* What was gathered, with rewards as they are to be learned from. It never has more environments than at create();
   * with fewer, update() learns from those, and take_rollout() gets those from number rollout->first_env on. */
  const struct trajectory *rollout;
  uint64_t seed;
  struct arena *arena;
  struct stages *stages;             /* is told when minibatches begin; may be NULL */
  const struct learner_group *group; /* NULL: it learns alone */
  bool keeps_log;                    /* checkpoints are written here: a replay keeps a log for them */
};

struct algorithm_base;

/* An algorithm. All members up to `update` are required but for those marked as optional, which may be 0 or NULL:
 * algorithm_find() refuses a type that lacks any of them. */
struct algorithm_type {
  const char *name, *summary;
  const struct algorithm_base *base; /* what it shares with others of its kind */
  const struct option_table *options;
  size_t options_size;        /* of the struct that the table describes, which begins with the base's */
  size_t size;                /* optional: of its state, which begins with the base's; 0: it has no more than that */
  bool corrects_lag;          /* optional: it may learn from what an older policy did */
  const char *const *metrics; /* columns that update() fills, ended by NULL; at most ALGORITHM_MAX_METRICS */
  const struct option_table *policy; /* optional: defaults of its policy (MODEL_DEFAULTS); NULL: model_option_table's */

  /* One update from the rollout. `progress_remaining` in [0, 1] drives the schedules. Fills metrics[] in the order of
   * `metrics`; NAN where there is nothing to say. NUMERIC error when a loss or gradient is not finite: parameters and
   * optimizer are then as before the failing step. Collective over the group. */
  muster_status (*update)(void *algorithm, double progress_remaining, double *metrics);
  /* With ASYNCHRONOUS_GRADIENTS, NULL otherwise: update() in two halves, of which actors do the first on their own
   * rollouts. gradient() leaves the gradient in model->parameters.gradients, and in terms[] what apply() makes metrics
   * of; NUMERIC error when the loss is not finite. */
  muster_status (*gradient)(void *algorithm, double terms[ALGORITHM_MAX_TERMS]);
  /* One step with the gradient in model->parameters.gradients, wherever it was computed; reads no rollout. Otherwise as
   * update(). */
  muster_status (*apply)(void *algorithm, double progress_remaining, const double terms[ALGORITHM_MAX_TERMS],
                         double *metrics);

  /* Optional: what it does in addition to the function of its base with the same name, after that. */
  muster_status (*check)(const struct document *document, const void *options, int64_t num_envs);
  void (*needs)(const void *options, struct rollout_needs *needs);
  muster_status (*create)(const struct algorithm_context *context, void *algorithm);
  int (*state)(void *algorithm, struct tensor *list);
  /* Optional: what it needs of the policy; `request` is zero before. */
  void (*request)(const void *options, struct policy_request *request);
  /* Optional: in place of the base's. */
  const struct model_network_spec *(*networks)(const void *options);
  muster_status (*take_rollout)(void *algorithm, double progress_remaining, int64_t *updates);
  /* Optional, after the base's function of the same name. */
  void (*measure)(const void *algorithm, double *metrics);
};

/* What all algorithms of one kind do, each in a file of its own: policy_gradient_base of policy_gradient.h, which
 * learns from each rollout as it comes; value_learning_base of value_learning.h and critic_learning_base of
 * critic_learning.h, which put it into a replay and learn from that. Every member is required but for those marked
 * as optional. `options` and `algorithm` are an algorithm's own structs, which begin with those of the base. */
struct algorithm_base {
  const char *name;
  size_t options_size, size; /* of the structs with which options and state begin */

  /* Checks that need several options, or the number of environments; errors through document_error(). */
  muster_status (*check)(const struct document *document, const void *options, int64_t num_envs);
  struct rollout_needs (*needs)(const void *options);
  /* The networks that the model has besides the policy (nn/model.h). */
  const struct model_network_spec *(*networks)(const void *options);
  /* The discount factor of returns, which normalize.norm_reward takes. */
  double (*discount)(const void *options);
  /* Fills the zeroed state. Takes what it needs from the context's arena, which also ends its life. Collective over the
   * group. */
  muster_status (*create)(const struct algorithm_context *context, void *algorithm);
  /* Lists the state that a checkpoint must hold besides the model's parameters, as named views of live memory; returns
   * the number of tensors. */
  int (*state)(void *algorithm, struct tensor *list);
  /* Takes in what was gathered, the rollout, and says how many updates follow: none, one or many, the same on all that
   * learn together. Called once for each gathering, before them. `progress_remaining` as in update(). Collective over
   * the group. */
  muster_status (*take_rollout)(void *algorithm, double progress_remaining, int64_t *updates);
  /* Lists what the last update made of the rollout (values, advantages, ...), for a crash dump; likewise. */
  int (*intermediates)(void *algorithm, struct tensor *list);
  /* Optional: the log of the replay that it learns from, by which checkpoints hold it; the log is not kept unless the
   * context says so. NULL: it has no replay. */
  struct replay_log *(*replay_log)(void *algorithm);
  /* Optional: fills the metrics that need no update, which may be the only ones while there are none. Called after the
   * updates of a gathering, with the means of their metrics. */
  void (*measure)(const void *algorithm, double *metrics);
};

/* The functions of a type: those of its base, and what it adds to them or has in their place. */
MUSTER_CHECKED muster_status algorithm_check(const struct algorithm_type *type, const struct document *document,
                                             const void *options, int64_t num_envs);
struct rollout_needs algorithm_needs(const struct algorithm_type *type, const void *options);
const struct model_network_spec *algorithm_networks(const struct algorithm_type *type, const void *options);
struct policy_request algorithm_request(const struct algorithm_type *type, const void *options);
MUSTER_CHECKED muster_status algorithm_take_rollout(const struct algorithm_type *type, void *algorithm,
                                                    double progress_remaining, int64_t *updates);
void algorithm_measure(const struct algorithm_type *type, const void *algorithm, double *metrics);

/* The metrics of several updates, as Stable-Baselines3 logs them: the mean over those updates that say something. */
struct algorithm_means {
  double mean[ALGORITHM_MAX_METRICS];    /* NAN: no update has said anything */
  double updates[ALGORITHM_MAX_METRICS]; /* how many have */
};

/* Empties them. */
void algorithm_forget_means(struct algorithm_means *means);

/* The type's update(), whose metrics go into the means. */
MUSTER_CHECKED muster_status algorithm_update(const struct algorithm_type *type, void *algorithm,
                                              double progress_remaining, struct algorithm_means *means);
double algorithm_discount(const struct algorithm_type *type, const void *options);
/* The state comes from the context's arena. Collective over the group. */
MUSTER_CHECKED muster_status algorithm_create(const struct algorithm_type *type,
                                              const struct algorithm_context *context, void **algorithm);
struct replay_log *algorithm_replay_log(const struct algorithm_type *type, void *algorithm); /* may be NULL */
int algorithm_state(const struct algorithm_type *type, void *algorithm, struct tensor list[ALGORITHM_MAX_STATE]);
int algorithm_intermediates(const struct algorithm_type *type, void *algorithm,
                            struct tensor list[ALGORITHM_MAX_STATE]);

/* The first member that is required and not there ("update", or "base.needs"); NULL: it is whole. */
const char *algorithm_lacks(const struct algorithm_type *type);

/* Whether all types of a list that ends with NULL are whole; the error (INTERNAL) names the type and what it lacks. */
MUSTER_CHECKED muster_status algorithm_check_list(const struct algorithm_type *const *list);

/* All algorithms, ended by NULL; and one by name, whose error names the nearest (USAGE), or what it lacks (INTERNAL).
 */
const struct algorithm_type *const *algorithm_list(void);
MUSTER_CHECKED muster_status algorithm_find(const char *name, const struct algorithm_type **out);

#endif
