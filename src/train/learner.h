/* The learner: gathers rollouts, updates the policy, broadcasts it, reports and keeps checkpoints. Where several ranks
 * learn, one leads and does all of that; the others follow it through the updates (learner_follow()). */
#ifndef TRAIN_LEARNER_H
#define TRAIN_LEARNER_H

#include "base/shell.h"
#include "runs/folder.h"
#include "train/actor.h"
#include "train/episodes.h"
#include "train/evaluator.h"
#include "train/gathering.h"
#include "train/histograms.h"
#include "train/report.h"
#include "train/transport.h"

#define LEARNER_MAX_STATE (PARAMETERS_MAX_TENSORS + ALGORITHM_MAX_STATE + NORMALIZER_STATE)

/* What the best checkpoint is the best by: the mean return of evaluations where there are any, else of training. */
struct best {
  double score;          /* NAN: none yet */
  int64_t steps;         /* total_steps of that checkpoint; -1: none yet */
  int64_t is_evaluation; /* 0: of training */
};

struct learner {
  struct run *run; /* borrowed, as the next two are */
  struct gathering *gathering;
  struct transport *transport;
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
  int64_t iteration, total_steps;     /* rollouts and steps that were learned from */
  int64_t collected, collected_steps; /* the same with those of the batch at hand */
  int64_t reported_steps;             /* total_steps at the last report */
  int flags;                          /* what actors noted with the rollouts at hand (enum interrupt, NOTE_...) */
  struct policy_lag policy_lag;       /* of what was learned from, where the schedule reports it */
  void *schedule_data;                /* what the schedule keeps, of its own type */
  int64_t checkpoint_steps;           /* total_steps of the newest checkpoint; -1: none */
  double checkpoint_clock;
  double actors_start;     /* clock when the actors could begin with their rollouts */
  int64_t skipped_updates; /* left out for a numerical fault */
  int64_t env_restarts;    /* of processes of isolated environments, since this process began */
  bool checkpoint_is_due;  /* at the command at hand */
  struct best best, previous_best;
  bool best_is_new; /* what is learned now is the best, and is not in a checkpoint yet; before it was previous_best */
  bool best_waits;  /* whether its checkpoint is still to be named best.h5 */
  struct evaluation evaluation; /* the last one */
  int64_t evaluated;            /* iteration at that moment; -1: there was none */
  bool has_final_evaluation;    /* it is that of the end */
  int64_t owes_evaluation;      /* one was due and could not be played to its end: a resumed run makes up for it */
  struct iteration_report row;  /* of the last iteration */
  int64_t summarized;           /* episodes that had ended when the row's were summed up */
  bool row_waits;               /* for an evaluation */
  bool rows_wait;               /* rows of metrics.csv could not be written so far */
};

/* Builds the model and the algorithm, and initialises them from the seed; a run that goes on is then restored by
 * run_checkpoint_restore(). `folder`: where the rank that leads writes to; NULL: nothing is written. Takes memory from
 * the run's arena, and nothing of the transport, which is created afterwards. On failure learner_release() is still to
 * be called. */
MUSTER_CHECKED muster_status learner_create(struct gathering *gathering, struct transport *transport,
                                            const struct run_folder *folder, struct learner *learner);
void learner_release(struct learner *learner);

/* Opens metrics.csv and the event files of the folder; those of a run that goes on are cut back to its checkpoint. Only
 * on the rank that leads, and only when all of the checkpoint was found right, on all ranks: until then the folder
 * stays as it is. */
MUSTER_CHECKED muster_status learner_open_files(struct learner *learner);

/* Gives those that learn together the state of the one that leads. Collective over the group. */
MUSTER_CHECKED muster_status learner_join(struct learner *learner);

/* Lists what is learned, the same on all that learn together: parameters, the algorithm's state, the normaliser's;
 * returns the number of tensors. */
int learner_state(struct learner *learner, struct tensor list[LEARNER_MAX_STATE]);

/* What is left of a run of so many steps, from 1 at its start down to 0, which drives the schedules. */
double learner_progress_remaining(const struct learner *learner, int64_t total_steps);

/* --- the steps of an iteration on the rank that leads; a schedule puts them in order --- */

/* Writes into the command what comes next: the stop, a checkpoint, or a rollout with this policy. Then it is broadcast,
 * where actors wait. */
void learner_begin_command(struct learner *learner);
MUSTER_CHECKED muster_status learner_send_command(struct learner *learner);

/* Both. */
MUSTER_CHECKED muster_status learner_give_command(struct learner *learner);

/* Gathers the states of the environments, if the command has asked for them. */
MUSTER_CHECKED muster_status learner_take_states(struct learner *learner);

/* Writes a checkpoint of the learner as it is, with these states; IO error when it cannot be written. */
MUSTER_CHECKED muster_status learner_write_checkpoint(struct learner *learner);

/* The same if the command has asked for it. One that cannot be written costs nothing
 * but itself: the run goes on and tries again at the next interval, unless it was the last. */
MUSTER_CHECKED muster_status learner_save(struct learner *learner);

/* Gets the next rollout of all environments, which this rank's own actor has finished. What is learned stays as it is,
 * counters included. */
MUSTER_CHECKED muster_status learner_collect(struct learner *learner);

/* Learns from it: advantages, epochs and minibatches. Adds to report.seconds what the stages took. */
MUSTER_CHECKED muster_status learner_update(struct learner *learner);

/* The core of it: the schedule's update() with the batch whose head is filled; faults are handled as run.on_nan says.
 */
MUSTER_CHECKED muster_status learner_learn(struct learner *learner);

/* As in struct schedule: so many updates from the batch as the algorithm asks for. */
MUSTER_CHECKED muster_status learner_update_from_batch(struct learner *learner);

/* An evaluation when `evaluation.every` steps have passed, histograms, a row of metrics, progress. */
MUSTER_CHECKED muster_status learner_report(struct learner *learner);

/* The parts of it: what the row tells beside the evaluation; then it is written with one that is at hand, or (NULL)
 * without. */
void learner_prepare_row(struct learner *learner);
MUSTER_CHECKED muster_status learner_write_histograms(struct learner *learner);
MUSTER_CHECKED muster_status learner_write_row(struct learner *learner, const struct evaluation *evaluation);
/* And a row of the evaluation alone, of which the iteration's row came without. */
MUSTER_CHECKED muster_status learner_write_evaluation(struct learner *learner);

/* The part in an update of a rank that learns and does not lead: gets the batch and learns from it. */
MUSTER_CHECKED muster_status learner_follow(struct learner *learner);

/* Evaluates the policy as the config says, with all actors, which wait for it, unless this run or any rank is asked to
 * end meanwhile: then `*is_done` is false. */
MUSTER_CHECKED muster_status learner_evaluate(struct learner *learner, bool *is_done);

/* Whether an evaluation comes after what is collected so far has been learned from. */
bool learner_evaluation_is_due(const struct learner *learner);

/* Where a run ended in the midst of an evaluation, the one that goes on begins with it. */
MUSTER_CHECKED muster_status learner_make_up(struct learner *learner);

/* The evaluation at the end of a run that is finished, unless the last one was of the same policy. Where that is asked
 * to end, so is the run: the command's `stop` then says so, on all ranks. */
MUSTER_CHECKED muster_status learner_evaluate_at_end(struct learner *learner);

/* What a user types to go on with the run as it was started, at the same number of ranks. */
struct shell_command learner_resume_command(const struct learner *learner);

/* What is left to do when another rank is lost (comm/watchdog.h), while the lead waits: writes a checkpoint of what was
 * learned so far, unless that is in the midst of a change, and says how to go on. */
void learner_emergency_checkpoint(struct learner *learner, bool is_whole);

/* After the loop: writes the summary and prints what a user wants to see at the end. Collective with actor_finish(). */
MUSTER_CHECKED muster_status learner_finish(struct learner *learner);

#endif
