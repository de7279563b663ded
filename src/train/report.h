/* What a run tells: rows of metrics.csv and TensorBoard's event file, the progress line, the summary. Only on the
 * learner. */
#ifndef TRAIN_REPORT_H
#define TRAIN_REPORT_H

#include "algo/algorithm.h"
#include "comm/gather.h"
#include "runs/folder.h"
#include "store/events.h"
#include "store/metrics.h"
#include "train/episodes.h"
#include "train/evaluation.h"
#include "train/timings.h"

struct report {
  const struct run_config *config;
  const struct algorithm_type *algorithm;
  const char **columns; /* [n_columns] of metrics.csv, and the tags of TensorBoard */
  int n_columns;
  struct metrics *metrics;
  struct events *events;  /* NULL: without TensorBoard */
  bool terminal;          /* a person watches: one live line */
  double start;           /* clock when this process started to train */
  double earlier_seconds; /* wall time of the run before it was resumed */
  int64_t earlier_steps;  /* steps of the run before it was resumed */
  int64_t keep_rows;      /* rows of metrics.csv that a run which goes on has; -1: it begins */
  int64_t told_steps;     /* those of the last iteration before */
  double last_shown;      /* clock */
  double last_row;        /* clock */
  int64_t last_row_steps;
  bool tells_lag;             /* rows have columns for it */
  double reward_threshold;    /* NAN: none */
  int64_t solved_steps;       /* -1: not yet */
  double solved_seconds;      /* wall time of the run; NAN: not yet */
  int64_t rollout_messages;   /* that brought rollouts from other nodes, since this process started */
  struct stages *stages;      /* where the learner's time goes; borrowed */
  double row_seconds[STAGES]; /* what they were at the last row */
  struct {
    double min, mean, max;
  } rollout; /* seconds that an actor took for the rollouts since the last row */
  struct {
    int64_t made, whole;
  } steps; /* of the rollouts since the last row; what they are when no actor is cut off */
};

/* How far the policies that acted were behind the one that learned from them, in updates, since the last row; and how
 * many trajectories were thrown away since the run began. */
struct policy_lag {
  int64_t min, max, trajectories;
  double sum;
  int64_t dropped;
};

/* What is reported after an iteration. */
struct iteration_report {
  int64_t iteration, total_steps;
  int64_t steps, whole_steps; /* of this rollout; what they are when no actor is cut off */
  struct episodes_summary episodes;
  const double *algorithm_metrics; /* in the order of algorithm->metrics */
  int64_t skipped_updates, env_restarts;
  const struct evaluation *evaluation; /* NULL: none this time */
  bool owes_evaluation;                /* one was due: the row is written, for a resumed run to complete it */
  struct policy_lag *lag;              /* begins anew with each row that tells of it */
};

/* Starts the run's clock. `tells_lag`: rows have columns for the policies' lag. */
void report_init(struct report *report, const struct run_config *config, const struct algorithm_type *algorithm,
                 double reward_threshold, bool tells_lag, struct stages *stages);
/* Opens metrics.csv, with keep_rows >= 0 cut back to so many rows, and begins an event file; those that are there are
 * cut back to told_steps. `*missing_rows`: of the rows metrics.csv lacks so many, which this program never causes.
 */
MUSTER_CHECKED muster_status report_open(struct report *report, const struct run_folder *folder, struct arena *arena,
                                         int64_t *missing_rows);
void report_close(struct report *report);

/* Wall time of the run so far, over all its resumptions. */
double report_seconds(const struct report *report);

/* Notes how long so many actors took for a rollout. */
void report_rollout(struct report *report, const struct gather_work *work, int actors);

/* Notes whether the run counts as solved: mean return of the last hundred episodes at the environment's threshold. Then
 * writes a row when one is due (log_interval, an evaluation, `last`), and shows progress. Error IO when the row could
 * not be written: it is kept and written with the next one. */
MUSTER_CHECKED muster_status report_iteration(struct report *report, const struct iteration_report *iteration,
                                              bool last);

/* Adds an evaluation, which the run owed when it was interrupted, to the iteration's row; where there is none, that
 * gets a row of its own. Errors as above. */
MUSTER_CHECKED muster_status report_evaluation(struct report *report, int64_t iteration, int64_t total_steps,
                                               const struct evaluation *evaluation);

/* Brings the rows so far to the disk, those that wait too: before a checkpoint is written that counts on them. */
MUSTER_CHECKED muster_status report_sync(struct report *report);

/* Tells TensorBoard that the run has come to its end. */
MUSTER_CHECKED muster_status report_end(struct report *report, int64_t total_steps);

/* Writes summary.json, atomically. `final_evaluation`: NULL where there was none. */
MUSTER_CHECKED muster_status report_write_summary(struct report *report, const struct run_folder *folder,
                                                  const struct timings *timings, int64_t total_steps,
                                                  struct episodes_summary episodes, bool is_finished,
                                                  const struct evaluation *final_evaluation);

#endif
