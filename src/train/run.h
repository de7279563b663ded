/* What every rank of a run has, whatever its role: the config, its place among the ranks, its environments. All is
 * constant after set-up, except for clocks and environments. What only an actor has is in train/actor.h, what only a
 * learner has in train/learner.h and train/gathering.h, what goes between them in train/transport.h. */
#ifndef TRAIN_RUN_H
#define TRAIN_RUN_H

#include "base/log.h"
#include "comm/clock_offset.h"
#include "comm/comm.h"
#include "comm/topology.h"
#include "env/pool.h"
#include "setup/config.h"
#include "train/schedule.h"

struct repeated_schedule;

/* The events of a traced run, and where its trace begins. */
struct trace_base {
  struct stage_event *events; /* [capacity]; NULL: there is no trace */
  size_t capacity;
  struct clock_offset offset; /* to the learner's clock, at the start */
  double zero;                /* the learner: clock_seconds() before any rank's stages began */
  int64_t iteration;          /* the learner: iterations before this process began */
};

struct run {
  struct run_config config;
  struct comm *comm;  /* borrowed */
  const char *folder; /* path, borrowed */
  struct topology topology;
  struct rollout_needs needs;      /* of the algorithm */
  const struct schedule *schedule; /* who waits for whom */
  struct logger logger;
  struct arena *arena;
  struct env_source env;        /* what the environments are */
  struct curriculum curriculum; /* of the environments of training */
  struct env_pool *pool;        /* this rank's environments; one on a rank that does not act, for its description */
  size_t env_state_bytes;
  struct trace_base trace;
  struct repeated_schedule *repeated; /* of another run, which this one repeats; borrowed; NULL: none */

  struct phases *phases; /* what this rank does, and where its time goes; of `comm` */
  /* seconds in the policy and in the environments, of the steps that are timed: one in many */
  struct {
    double policy, environments;
  } looked_at;
};

/* The config must be the same everywhere. `placed` (NULL: rank 0 learns, environments go in the order of ranks) is
 * copied, what it points to borrowed. Collective. On failure run_release() is still to be called. */
MUSTER_CHECKED muster_status run_create(const struct run_config *config, const struct topology *placed,
                                        const char *folder, struct comm *comm, struct run *run);

/* Creates environments of the run, with its wrappers. */
MUSTER_CHECKED muster_status run_create_pool(const struct run *run, struct env_range range, struct env_pool **out);

/* Starts the clock of this rank's stages: its loop begins. */
void run_start_clock(struct run *run);

/* Frees what the rank has in common with others, after all else; not `comm`. */
void run_release(struct run *run);

#endif
