/* The model behind a plan. It predicts the time of an iteration at any number of ranks and in any layout from the times
 * of its parts on this machine: LogGP (Alexandrov, Ionescu, Schauser, Scheiman 1995) for messages, and stages that
 * follow each other, or, where actors do not wait for the update, run at the same time. It only computes;
 * docs/planning.md has the equations. */
#ifndef PLAN_PLAN_MODEL_H
#define PLAN_PLAN_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#define PLAN_MAX_POINTS 40
#define PLAN_MAX_LEARNERS 64 /* the most learners in a group */

/* The cost of messages between two ranks: L, o and G of LogGP. */
struct plan_link {
  double latency;  /* seconds that a message is under way, or that a rank takes to wake up for it */
  double overhead; /* seconds that a rank is busy with a message, whatever its size */
  double gap;      /* seconds for each byte */
};

/* The time of a rollout by an actor with this number of environments, alone on its core. */
struct plan_point {
  int32_t envs;
  double seconds;
};

/* Who waits for whom. */
enum plan_mode { PLAN_LOCKSTEP, PLAN_PIPELINED, PLAN_ASYNCHRONOUS };
extern const char *const plan_mode_names[];

/* The costs of a config, on the cores and within a node of this machine. An iteration is a rollout of all environments
 * with its update; for an asynchronous algorithm, with all the updates that learn from it. */
struct plan_costs {
  enum plan_mode mode;
  int32_t num_envs;
  double steps;                           /* of all environments in an iteration */
  double alone_rollout;                   /* seconds of a rollout of all environments on the rank that also learns */
  double alone_gradient;                  /* seconds of that rollout's gradients, where actors compute them */
  double update;                          /* seconds of an update on one learner */
  double optimizer_steps, gradient_bytes; /* in an update; of one gradient */
  double micro_batches;                   /* parts into which a minibatch is cut; further learners have no work */
  double own_step;                        /* seconds of an optimizer step that each learner does on its own */
  double command_bytes, rollout_bytes;    /* of a command; of the rollout of all environments */
  double crowding;                        /* factor by which a rollout takes longer while the node's other actors are
                                             busy */
  double busy;                            /* share of a rollout in which a core computes; a simulator may sleep */
  double time_slice; /* seconds that the kernel leaves a rank its core while another waits for it */
  int n_points;
  struct plan_point rollout[PLAN_MAX_POINTS]; /* in ascending order of environments */
  struct plan_link node;                      /* between ranks of a node */
  double meet, share; /* seconds for two learners of a node to wait for each other; and to read and add one more
                         gradient */
};

struct plan_cluster {
  int cores_per_node, ranks_per_node;
  struct plan_link network; /* between nodes */
};

/* assumed for a network: latency 2 us, overhead 1 us, 100 Gbit/s */
#define PLAN_NETWORK                                                                                                   \
  { 2e-6, 1e-6, 1 / 12.5e9 }

struct plan_layout {
  int ranks, learners;
  bool colocated;   /* learners also act */
  int32_t num_envs; /* of the whole run; steps, update and rollout bytes grow with them */
};

enum plan_stage { PLAN_ROLLOUT, PLAN_EXCHANGE, PLAN_UPDATE, PLAN_STAGES };
extern const char *const plan_stage_names[PLAN_STAGES];

struct plan_prediction {
  struct plan_layout layout;
  int actors, nodes;
  int32_t envs; /* of the actor that has the most */
  double stage[PLAN_STAGES], seconds, steps_per_second;
  enum plan_stage bottleneck;
};

/* Seconds of a rollout with `envs` environments: on a straight line between two measured points, in proportion to the
 * environments beyond the last one. */
double plan_rollout_seconds(const struct plan_costs *costs, double envs);

/* Predicts the speed of a layout, which must have at least one environment for each actor. */
struct plan_prediction plan_predict(const struct plan_costs *costs, const struct plan_cluster *cluster,
                                    const struct plan_layout *layout);

/* Which layouts are compared. */
struct plan_choice {
  int max_ranks;
  bool all_ranks;         /* only layouts of max_ranks ranks; else also of fewer */
  int32_t envs_per_actor; /* as of plan_layout_of() */
  int max_learners;       /* learners that do not act; 1 for an asynchronous algorithm */
  bool may_colocate;
};

/* All layouts that the mode allows, of up to max_ranks ranks. */
struct plan_choice plan_choice_of(const struct plan_costs *costs, int max_ranks, int32_t envs_per_actor);

/* The fastest layout; of those that are equally fast the first with fewer ranks and learners. */
struct plan_prediction plan_best(const struct plan_costs *costs, const struct plan_cluster *cluster,
                                 const struct plan_choice *choice);

/* A layout with the environments of the config (envs_per_actor 0), or with envs_per_actor for each actor. */
struct plan_layout plan_layout_of(const struct plan_costs *costs, int ranks, int learners, bool colocated,
                                  int32_t envs_per_actor);

/* The number of ranks that act. */
int plan_actors(int ranks, int learners, bool colocated);

/* The numbers of ranks that a plan shows: 1, 2, 3, then powers of two, then the last one. Returns how many. */
int plan_rows(int max_ranks, int rows[PLAN_MAX_POINTS]);

#endif
