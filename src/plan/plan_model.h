/* What an iteration of a run takes at any number of ranks and in any layout of them, from what its parts take here:
 * LogGP (Alexandrov, Ionescu, Schauser, Scheiman 1995) for messages, and stages that follow each other, or, where
 * actors do not wait for the update, run at the same time. Arithmetic alone; docs/planning.md has the equations. */
#ifndef PLAN_PLAN_MODEL_H
#define PLAN_PLAN_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#define PLAN_MAX_POINTS 40
#define PLAN_MAX_LEARNERS 64 /* that a group has at most */

/* Messages between two ranks: L, o and G of LogGP. */
struct plan_link {
  double latency;  /* seconds that a message is under way, or that a rank takes to wake up for it */
  double overhead; /* seconds that a rank is busy with a message, whatever its size */
  double gap;      /* seconds for each byte */
};

/* Seconds of a rollout by an actor with so many environments, alone on its core. */
struct plan_point {
  int32_t envs;
  double seconds;
};

/* Who waits for whom. */
enum plan_mode { PLAN_LOCKSTEP, PLAN_PIPELINED, PLAN_ASYNCHRONOUS };
extern const char *const plan_mode_names[];

/* The costs of a config, on the cores and within a node of this machine. An iteration is a rollout of all environments
 * with its update; of an asynchronous algorithm: as many updates as it takes to learn from one. */
struct plan_costs {
  enum plan_mode mode;
  int32_t num_envs;
  double steps;                           /* of all environments in an iteration */
  double alone_rollout;                   /* seconds of a rollout of all environments on the rank that also learns */
  double alone_gradient;                  /* seconds of its gradients, where actors compute them; else 0 */
  double update;                          /* seconds of an update on one learner */
  double optimizer_steps, gradient_bytes; /* of an update; of a gradient */
  double micro_batches;                   /* that a minibatch is cut into: so many learners have work */
  double own_step;                        /* seconds of an optimizer step that each learner does on its own */
  double command_bytes, rollout_bytes;    /* of a command; of the rollout of all environments */
  double crowding;                        /* how many times as long a rollout takes while others go on at the node */
  double busy;                            /* share of a rollout in which a core computes: a simulator may sleep */
  double time_slice; /* seconds that the kernel leaves a rank its core while another waits for it */
  int n_points;
  struct plan_point rollout[PLAN_MAX_POINTS]; /* in ascending order of environments */
  struct plan_link node;                      /* between ranks of a node */
  double meet, share; /* seconds in which two learners of a node meet, and read and add the gradient of one more */
};

struct plan_cluster {
  int cores_per_node, ranks_per_node;
  struct plan_link network; /* between nodes */
};

/* what is assumed of a network: 2 us, 1 us, 100 Gbit/s */
#define PLAN_NETWORK                                                                                                   \
  { 2e-6, 1e-6, 1 / 12.5e9 }

struct plan_layout {
  int ranks, learners;
  bool colocated;   /* those that learn act, too */
  int32_t num_envs; /* of the whole run; steps, update and rollout bytes grow with them */
};

enum plan_stage { PLAN_ROLLOUT, PLAN_EXCHANGE, PLAN_UPDATE, PLAN_STAGES };
extern const char *const plan_stage_names[PLAN_STAGES];

struct plan_prediction {
  struct plan_layout layout;
  int actors, nodes;
  int32_t envs; /* of the actor that has most */
  double stage[PLAN_STAGES], seconds, steps_per_second;
  enum plan_stage bottleneck;
};

/* Seconds of a rollout with so many environments: between two points on a line, behind the last one in proportion. */
double plan_rollout_seconds(const struct plan_costs *costs, double envs);

/* Needs at least one environment for each actor. */
struct plan_prediction plan_predict(const struct plan_costs *costs, const struct plan_cluster *cluster,
                                    const struct plan_layout *layout);

/* Which layouts are compared. */
struct plan_choice {
  int max_ranks;
  bool all_ranks;         /* those of max_ranks alone, else any fewer as well */
  int32_t envs_per_actor; /* as of plan_layout_of() */
  int max_learners;       /* apart from actors; 1 of an asynchronous algorithm */
  bool may_colocate;
};

/* Any number of ranks up to so many, in any layout that the mode has. */
struct plan_choice plan_choice_of(const struct plan_costs *costs, int max_ranks, int32_t envs_per_actor);

/* The fastest layout; of those that are equally fast the first with fewer ranks and learners. */
struct plan_prediction plan_best(const struct plan_costs *costs, const struct plan_cluster *cluster,
                                 const struct plan_choice *choice);

/* A layout whose environments are those of the config (envs_per_actor 0), or so many for each actor. */
struct plan_layout plan_layout_of(const struct plan_costs *costs, int ranks, int learners, bool colocated,
                                  int32_t envs_per_actor);

/* Ranks that act. */
int plan_actors(int ranks, int learners, bool colocated);

/* The numbers of ranks that a plan shows: 1, 2, 3, then powers of two, then the last one. Returns how many. */
int plan_rows(int max_ranks, int rows[PLAN_MAX_POINTS]);

#endif
