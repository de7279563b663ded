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
#include "train/stopping.h"
#include "train/timings.h"

struct report {
  const struct run_config *config;
  const struct algorithm_type *algorithm;
  const char **columns; /* [n_columns] of metrics.csv, and the tags of TensorBoard */
  int n_columns;
  struct metrics *metrics;
  struct events *events;  /* NULL: without TensorBoard */
  bool terminal;          /* standard output is a terminal: progress is one line that changes */
  double start;           /* clock when this process started to train */
  double earlier_seconds; /* wall time of the run before it was resumed */
  int64_t earlier_steps;  /* steps of the run before it was resumed */
  int64_t keep_rows;      /* of metrics.csv, in a run that goes on; -1: the run begins */
  int64_t told_steps;     /* at the last iteration before it was resumed */
  int64_t told_iteration; /* the last one that was reported */
  double last_shown;      /* clock */
  double last_row;        /* clock */
  int64_t last_row_steps;
  bool tells_lag;             /* rows have columns for the policy lag */
  bool tells_rates;           /* and for the ratio that a rate limiter keeps */
  bool tells_stop;            /* and for the criteria of `stop` */
  double reward_threshold;    /* NAN: none */
  int64_t solved_steps;       /* -1: not yet */
  double solved_seconds;      /* wall time of the run; NAN: not yet */
  int64_t rollout_messages;   /* that brought rollouts from other nodes to this process */
  struct stages *stages;      /* where the learner's time goes; borrowed */
  double row_seconds[STAGES]; /* its sums at the last row */
  struct {
    double min, mean, max;
  } rollout; /* seconds that an actor took for the rollouts since the last row */
  struct {
    int64_t made, whole;
  } steps; /* of the rollouts since the last row; `whole`: had no actor been cut off */
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
  int64_t steps, whole_steps; /* of this rollout; whole_steps: had no actor been cut off */
  struct episodes_summary episodes;
  const double *algorithm_metrics; /* in the order of algorithm->metrics */
  int64_t skipped_updates, env_restarts;
  const struct evaluation *evaluation; /* NULL: none this time */
  bool owes_evaluation;                /* one was due: a row is written, which a resumed run completes */
  struct policy_lag *lag;              /* set back by each row that reports it */
  const struct rate_limiter *limiter;  /* NULL: there is none */
  const struct stopping *stopping;
};

/* Starts the run's clock. `tells_lag`, `tells_rates`: rows have columns for the policy lag, and for the rate limiter.
 */
void report_init(struct report *report, const struct run_config *config, const struct algorithm_type *algorithm,
                 double reward_threshold, bool tells_lag, bool tells_rates, struct stages *stages);
/* Opens metrics.csv, which is cut back to keep_rows rows if that is not -1, and begins an event file; earlier ones are
 * cut back to told_steps. `*missing_rows`: how many of keep_rows metrics.csv lacks, since somebody has cut it. */
MUSTER_CHECKED muster_status report_open(struct report *report, const struct run_folder *folder, struct arena *arena,
                                         int64_t *missing_rows);
void report_close(struct report *report);

/* Wall time of the run so far, over all its resumptions. */
double report_seconds(const struct report *report);

/* Adds how long so many actors took for a rollout. */
void report_rollout(struct report *report, const struct gather_work *work, int actors);

/* Notes whether the run counts as solved: mean return of the last hundred episodes at the environment's threshold. Then
 * writes a row when one is due (log_interval, an evaluation, `last`), and shows progress. Error IO when the row could
 * not be written: it is kept and written with the next one. */
MUSTER_CHECKED muster_status report_iteration(struct report *report, const struct iteration_report *iteration,
                                              bool last);

/* Adds an evaluation to the row of its iteration, which was written without; where there is no such row, adds one for
 * the evaluation alone. Errors as above. */
MUSTER_CHECKED muster_status report_evaluation(struct report *report, int64_t iteration, int64_t total_steps,
                                               const struct evaluation *evaluation, const struct stopping *stopping);

/* Brings all rows to the disk, those that wait included: a checkpoint that counts them must not come first. */
MUSTER_CHECKED muster_status report_sync(struct report *report);

/* Tells TensorBoard that the run has come to its end. */
MUSTER_CHECKED muster_status report_end(struct report *report, int64_t total_steps);

/* Writes summary.json, atomically. `stopped_by`: what ended a run that is finished, else NULL. `final_evaluation`: NULL
 * where there was none. */
MUSTER_CHECKED muster_status report_write_summary(struct report *report, const struct run_folder *folder,
                                                  const struct timings *timings, int64_t total_steps,
                                                  struct episodes_summary episodes, bool is_finished,
                                                  const char *stopped_by, const struct evaluation *final_evaluation);

#endif
