/* The learner: gathers rollouts, updates the policy, broadcasts it, reports and keeps checkpoints. Where several ranks
 * learn, one leads and does all of that; the others follow it through the updates (run/follower.h). */
#ifndef RUN_LEARNER_H
#define RUN_LEARNER_H

#include "run/actor.h"
#include "run/episodes.h"
#include "run/folder.h"
#include "run/histograms.h"
#include "run/report.h"
#include "run/worker.h"

#define LEARNER_MAX_STATE (PARAMETERS_MAX_TENSORS + ALGORITHM_MAX_STATE + NORMALIZER_STATE)

struct learner {
  struct worker *worker; /* borrowed */
  const struct run_folder *folder;
  struct actor *actor; /* on a rank that acts, too; NULL where other ranks act */
  struct model model;
  struct normalizer normalizer;
  const struct algorithm_type *type;
  void *algorithm;
  double metrics[ALGORITHM_MAX_METRICS]; /* of the last update */
  struct episodes episodes;
  struct report report;
  struct histograms histograms; /* where run.histograms asks for them */
  bool resumed;
  int64_t iteration, total_steps; /* rollouts and steps finished */
  int64_t checkpoint_steps;       /* total_steps of the newest checkpoint; -1: none */
  double checkpoint_clock;
  double actors_start;     /* clock when the actors could begin with their rollouts */
  int64_t skipped_updates; /* left out for a numerical fault */
  int64_t env_restarts;    /* of processes of isolated environments, since this process began */
  double best_return;      /* of the checkpoints so far, by evaluation or training; NAN: none yet */
  int64_t best_steps;      /* total_steps of that checkpoint; -1: none yet */
  bool best_waits;         /* whether that checkpoint is still to be named best.h5 */
  bool rows_wait;          /* rows of metrics.csv could not be written so far */
};

/* Builds the model and the algorithm, and either initialises them from the seed or, where the folder holds a run with a
 * checkpoint, restores them (`resumed`; batch_env_states then hold the environments' states). With folder NULL nothing is
 * read or written: for a learner that only shows what it takes. Takes memory from the worker's arena. On failure
 * learner_release() is still to be called. */
MUSTER_CHECKED muster_status learner_create(struct worker *worker, const struct run_folder *folder,
                                            struct learner *learner);
void learner_release(struct learner *learner);

/* Gives those that learn together the state of the one that leads. Collective over the team. */
MUSTER_CHECKED muster_status learner_join(struct learner *learner);

/* Lists what is learned, the same on all that learn together: parameters, the algorithm's state, the normaliser's;
 * returns the number of tensors. */
int learner_state(struct learner *learner, struct tensor list[LEARNER_MAX_STATE]);

/* The heart of an iteration, without orders, reports and checkpoints: gets the next rollout and learns from it. Adds to
 * report.seconds what the stages took. */
MUSTER_CHECKED muster_status learner_iterate(struct learner *learner);

/* The part in an update of a rank that learns and does not lead: gets the batch and learns from it. */
MUSTER_CHECKED muster_status learner_follow(struct learner *learner);

/* Evaluates the policy as the config says. */
MUSTER_CHECKED muster_status learner_evaluate(struct learner *learner, struct evaluation *evaluation);

/* Trains until total_steps. `actor`: this rank's own, or NULL. Collective with actor_run(). */
MUSTER_CHECKED muster_status learner_run(struct learner *learner, struct actor *actor);

/* What is left to do when another rank is lost (comm/watchdog.h), while learner_run() waits: writes a checkpoint of
 * what was learned so far, and says how to go on. */
void learner_rescue(struct learner *learner);

/* After learner_run(): evaluates the policy, writes the summary and prints what a user wants to see at the end.
 * Collective with actor_finish(). */
MUSTER_CHECKED muster_status learner_finish(struct learner *learner);

#endif
