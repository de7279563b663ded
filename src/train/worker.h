/* What every rank of a run has, whatever its role: the config, its place in the job, its part of the rollout, and the
 * means to exchange it. */
#ifndef TRAIN_WORKER_H
#define TRAIN_WORKER_H

#include "algo/learner_group.h"
#include "base/log.h"
#include "comm/broadcast.h"
#include "comm/channel.h"
#include "comm/clock_offset.h"
#include "comm/gather.h"
#include "comm/group.h"
#include "comm/preemption.h"
#include "env/pool.h"
#include "experience/trajectory.h"
#include "setup/config.h"
#include "train/schedule.h"

/* What the learner tells the actors before each rollout: a header and, behind it, the policy's parameters and the
 * statistics that its observations are normalised with, broadcast as one message. */
struct command {
  int64_t iteration;   /* rollouts finished before the one that it asks for; also the version of the policy */
  int32_t send_states; /* first send the states of the environments: enum send_states */
  int32_t stop;        /* enum stop: no rollout, end */
  int64_t rollouts;    /* of an asynchronous run: the number that actors count theirs from */
  int32_t evaluation;  /* enum command_evaluation */
  int32_t unused;
  int64_t padding[4]; /* parameters start at the next cache line */
  float floats[];     /* [policy_count] parameters, then the encoder's statistics */
};

/* What an order says of evaluations. One that begins, goes on or ends speaks of nothing else: its policy is played for
 * a slice of time, then another such order comes, until one that ends. */
enum command_evaluation {
  EVALUATION_NONE,
  EVALUATION_BEGINS,
  EVALUATION_GOES_ON,
  EVALUATION_ENDS,
  EVALUATION_FOLLOWS /* behind the rollout that the command asks for, where the learner learns meanwhile */
};

/* What states of environments are for: a checkpoint is due, or comes if the evaluation that follows is the best. */
enum send_states { SEND_NOTHING, SEND_FOR_CHECKPOINT, SEND_FOR_BEST };

/* Whether it asks for a slice of an evaluation, or ends one, and for nothing else. */
static inline bool command_is_of_evaluation(const struct command *command) {
  return command->evaluation == EVALUATION_BEGINS || command->evaluation == EVALUATION_GOES_ON ||
         command->evaluation == EVALUATION_ENDS;
}

/* Why a run ends. */
enum stop {
  STOP_NOT,
  STOP_FINISHED,
  STOP_ASKED,
  STOP_REQUEUE,
  STOP_DEAD /* isolated environments have died more often than env.max_restarts */
};

/* What an actor flags beside the bits of enum interrupt: its rollout holds a fault; environments stay dead. */
enum { FLAG_FAULT = 4, FLAG_DEAD = 8 };

/* What a traced run keeps, and where its trace counts from. */
struct trace_base {
  struct stage_event *events; /* [capacity]; NULL: there is no trace */
  size_t capacity;
  struct clock_offset offset; /* to the learner's clock, at the start */
  double zero;                /* the learner: clock_seconds() before any rank's stages began */
  int64_t iteration;          /* the learner: iterations before this process began */
};

/* What the learning rank that leads tells the others with a batch. */
struct batch_head {
  double progress_remaining;  /* of the run, in [0, 1] */
  int32_t final_observations; /* last observations of truncated episodes in the batch */
  int32_t is_skipped;         /* nothing is learned from it */
};

struct worker {
  struct stages stages; /* where this rank's time goes */
  struct trace_base trace;
  /* seconds of rollouts in the policy and in the environments, of those steps that are looked at: one in many */
  struct {
    double policy, environments;
  } looked_at;
  struct run_config config;
  struct comm *comm;      /* borrowed */
  const char *run_folder; /* path, borrowed */
  struct topology topology;
  struct logger logger;
  struct arena *arena;
  struct env_source env;     /* what the environments are */
  struct env_pool *pool;     /* this rank's environments; on a learner that does not act one, to ask what they are */
  struct command *command;   /* as last broadcast */
  size_t command_parameters; /* floats of parameters in an order: the policy's, or all where actors compute gradients */
  size_t command_floats;     /* the same with the statistics behind them */
  struct rollout_plan plan;  /* what the algorithm wants */
  const struct schedule *schedule; /* who waits for whom */

  /* of this rank's environments; NULL on one that only learns. On a rank that does both these are rows of the batch,
   * unless the algorithm learns from one rollout while the next one is under way. */
  struct trajectory *rollout;
  bool is_in_place;          /* they are */
  unsigned char *env_states; /* [environments of the rollout, env_state_bytes], as last saved */
  size_t env_state_bytes;

  /* of all environments, on ranks that learn; where several do, in memory that those of a node share. Of an
   * asynchronous run: the trajectories that wait to be learned from. */
  struct trajectory *batch;
  unsigned char *batch_env_states; /* [N, env_state_bytes]; only on the rank that leads */
  struct group *group;             /* NULL: one rank learns alone */
  struct learner_group learners;   /* the same for the algorithm */
  struct batch_head *batch_head;   /* in front of the batch in shared memory */
  struct trajectory own, whole;    /* what rollout and batch point to */
  struct arena *shared;            /* over the memory of the batch; NULL: alone */
  struct broadcast *command_broadcast;
  struct gather *rollout_gather; /* where actors and learner wait for each other; else NULL, as the one before */
  struct preemption *preemption; /* where rollouts end before all actors are done; NULL: they do not */
  struct gather *state_gather;
  struct channel *channel;     /* where they do not (train/asynchronous.h) */
  struct evaluator *evaluator; /* train/evaluator.h; NULL: there are no evaluations */
};

/* Sets up what all ranks share. The config must be the same everywhere. `placed` (NULL: rank 0 learns, environments
 * go in the order of ranks) is copied, what it points to borrowed. Collective. Afterwards every rank calls
 * worker_connect(). On failure worker_release() is still to be called. */
MUSTER_CHECKED muster_status worker_create(struct worker *worker, const struct run_config *config,
                                           const struct topology *placed, const char *run_folder, struct comm *comm);

/* Hands the batch of the rank that leads to all that learn, on all nodes, with its head; the others learn how many
 * final_observations it has. Collective over the group; nothing where one learns alone. */
MUSTER_CHECKED muster_status worker_share_batch(struct worker *worker);

/* Gives the worker its order, sized for this model's policy (NULL: for none), and its exchanges. Collective. */
MUSTER_CHECKED muster_status worker_connect(struct worker *worker, const struct model *model);

/* The broadcast and the gather of schedules whose actors wait for the learner. Collective. */
MUSTER_CHECKED muster_status worker_connect_rollouts(struct worker *worker, size_t command_bytes);

/* Bytes of a rollout of so many environments, as an actor sends it, without last observations of truncated episodes. */
size_t worker_rollout_bytes(const struct worker *worker, size_t n_envs);

/* Starts the clock of this rank's stages: its loop begins. */
void worker_start_clock(struct worker *worker);

/* Broadcasts the learner's order. Collective. Counts as STAGE_BROADCAST, waiting for it as STAGE_WAIT; an actor on
 * another node cannot tell the message from the wait before it, and counts both as that. */
MUSTER_CHECKED muster_status worker_broadcast_command(struct worker *worker);

/* The same for an command that speaks of an evaluation, between a rollout's end and the command that follows it. */
MUSTER_CHECKED muster_status worker_broadcast_evaluation(struct worker *worker);

/* Frees what the worker holds, but not the job. */
void worker_release(struct worker *worker);

#endif
