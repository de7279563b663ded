/* The learner: gathers rollouts, updates the policy, broadcasts it, reports, and writes checkpoints. Where several
 * ranks learn, one leads and does all of that; the others take part in the updates only (learner_follow()). */
#ifndef TRAIN_LEARNER_H
#define TRAIN_LEARNER_H

#include "base/shell.h"
#include "runs/folder.h"
#include "train/actor.h"
#include "train/episodes.h"
#include "train/evaluator.h"
#include "train/gathering.h"
#include "train/histograms.h"
#include "train/recorded_schedule.h"
#include "train/replay_files.h"
#include "train/report.h"
#include "train/stopping.h"
#include "train/transport.h"

#define LEARNER_MAX_STATE (PARAMETERS_MAX_TENSORS + ALGORITHM_MAX_STATE + NORMALIZER_STATE)

/* The best policy so far, by the mean return of evaluations; of training, where there are no evaluations. */
struct best {
  double score;          /* NAN: none yet */
  int64_t steps;         /* total_steps at that moment; -1: none yet */
  int64_t is_evaluation; /* 1: by an evaluation; 0: by training */
};

struct learner {
  struct run *run; /* borrowed, as the next two are */
  struct gathering *gathering;
  struct transport *transport;
  const struct run_folder *folder;
  struct actor *actor; /* of a rank that learns and acts; NULL: it only learns */
  struct model model;
  struct normalizer normalizer;
  const struct algorithm_type *type;
  void *algorithm;
  struct replay_files replay_files; /* of an algorithm with a replay */
  struct algorithm_means metrics;   /* of the updates of the last iteration */
  struct episodes episodes;
  struct report report;
  struct histograms histograms; /* if run.histograms asks for them */
  bool resumed;
  int64_t iteration, total_steps;     /* rollouts and steps that were learned from */
  int64_t collected, collected_steps; /* the same with those of the batch */
  int64_t reported_steps;             /* total_steps at the last report */
  int64_t reported_iteration;         /* iteration at the last report, where the schedule has some without */
  int flags;                          /* of the actors, with the last rollouts: enum interrupt, FLAG_... */
  struct policy_lag policy_lag;       /* of the trajectories that were learned from, where the schedule reports it */
  void *schedule_data;                /* of the schedule, which knows its type */
  struct recorded_schedule recorded;  /* what has come when, where the schedule records that */
  int64_t recorded_rows;              /* of it, in the checkpoint that the run goes on from; -1: none */
  const struct rate_limiter *limiter; /* the schedule's; NULL: it has none */
  int64_t checkpoint_steps;           /* total_steps of the newest checkpoint; -1: none */
  double checkpoint_clock;
  double actors_start;     /* clock when the actors could begin their rollouts */
  int64_t skipped_updates; /* for numerical faults */
  int64_t env_restarts;    /* of isolated environments, in this process of the run */
  bool checkpoint_is_due;  /* at the present command */
  struct best best, previous_best;
  bool best_is_new; /* the best is the present policy, which is in no checkpoint yet; before it was previous_best */
  bool best_waits;  /* its checkpoint is still to be named best.h5 */
  struct stopping stopping;
  struct evaluation evaluation; /* the last one */
  int64_t evaluated;            /* iteration of that evaluation; -1: none */
  bool has_final_evaluation;    /* it is the one at the end of the run */
  int64_t owes_evaluation;      /* an evaluation was due and could not be finished: a resumed run begins with it */
  struct iteration_report row;  /* of the last iteration */
  int64_t summarized;           /* episodes.finished when row.episodes was computed */
  bool row_waits;               /* for its evaluation */
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

/* Copies the leading rank's state to all that learn together. Collective over the group. */
MUSTER_CHECKED muster_status learner_join(struct learner *learner);

/* Lists what is learned, the same on all that learn together: parameters, the algorithm's state, the normaliser's;
 * returns the number of tensors. */
int learner_state(struct learner *learner, struct tensor list[LEARNER_MAX_STATE]);

/* The part of a run of so many steps that is left, from 1 at its start to 0: schedules of options go by it. */
double learner_progress_remaining(const struct learner *learner, int64_t total_steps);

/* --- the steps of an iteration on the leading rank, which a schedule calls in its order --- */

/* Prepares the next command: to stop, to send states for a checkpoint, or to roll out with this policy. Then broadcasts
 * it, where actors wait for the learner. */
void learner_begin_command(struct learner *learner);
MUSTER_CHECKED muster_status learner_send_command(struct learner *learner);

/* Both, one after the other. */
MUSTER_CHECKED muster_status learner_give_command(struct learner *learner);

/* Gathers the states of the environments, if the command asks for them. */
MUSTER_CHECKED muster_status learner_take_states(struct learner *learner);

/* Writes a checkpoint of the learner as it is, with these states; IO error when it cannot be written. */
MUSTER_CHECKED muster_status learner_write_checkpoint(struct learner *learner);

/* The same if the command has asked for it. One that cannot be written costs nothing
 * but itself: the run goes on and tries again at the next interval, unless it was the last. */
MUSTER_CHECKED muster_status learner_save(struct learner *learner);

/* Gathers the rollouts of all environments, after this rank's own actor has finished its. Neither what is learned nor
 * its counters change. */
MUSTER_CHECKED muster_status learner_collect(struct learner *learner);

/* Learns from the batch: advantages, epochs and minibatches. */
MUSTER_CHECKED muster_status learner_update(struct learner *learner);

/* The core of that: calls the schedule's update(), once the head of the batch is filled, handles faults as run.on_nan
 * says, and adds the metrics that need no update. */
MUSTER_CHECKED muster_status learner_learn(struct learner *learner);

/* For schedule->update: one update, whose metrics become part of the iteration's. */
MUSTER_CHECKED muster_status learner_make_update(struct learner *learner);

/* For schedule->update: as many updates from the batch as the algorithm asks for. */
MUSTER_CHECKED muster_status learner_update_from_batch(struct learner *learner);

/* Reports the iteration: histograms, an evaluation if one is due, a row of metrics, the progress line. */
MUSTER_CHECKED muster_status learner_report(struct learner *learner);

/* Its parts: fills the row but for the evaluation; then writes it, with an evaluation or (NULL) without. */
void learner_prepare_row(struct learner *learner);
MUSTER_CHECKED muster_status learner_write_histograms(struct learner *learner);
MUSTER_CHECKED muster_status learner_write_row(struct learner *learner, const struct evaluation *evaluation);
/* Adds the evaluation to a row that was written without it. */
MUSTER_CHECKED muster_status learner_write_evaluation(struct learner *learner);

/* An update on a rank that learns and does not lead: gets the batch and learns from it. */
MUSTER_CHECKED muster_status learner_follow(struct learner *learner);

/* Evaluates the policy as the config says, with all actors, which wait meanwhile. `*is_done` is false where it was
 * broken off, since the run was asked to end. */
MUSTER_CHECKED muster_status learner_evaluate(struct learner *learner, bool *is_done);

/* Whether an evaluation is due after the update from the batch. */
bool learner_evaluation_is_due(const struct learner *learner);

/* Plays the evaluation that was broken off when the run ended, before a resumed run goes on. */
MUSTER_CHECKED muster_status learner_make_up(struct learner *learner);

/* The evaluation at the end of a run that is finished, unless the last one was of the same policy. Where it is broken
 * off the run counts as interrupted: the command's `stop` then says so, on all ranks. */
MUSTER_CHECKED muster_status learner_evaluate_at_end(struct learner *learner);

/* The command line that resumes the run as it was started, with the same number of ranks. */
struct shell_command learner_resume_command(const struct learner *learner);

/* Called by the watchdog (comm/watchdog.h) when another rank is lost: writes a checkpoint of what is learned, if
 * `is_whole` says that no update is under way, and logs how to resume the run. */
void learner_emergency_checkpoint(struct learner *learner, bool is_whole);

/* After the loop: writes the summary and prints the results. Collective with actor_finish(). */
MUSTER_CHECKED muster_status learner_finish(struct learner *learner);

#endif
