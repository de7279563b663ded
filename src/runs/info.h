/* What can be read about a run from its folder. Only files are read, so the run may be on another host, or over. */
#ifndef RUNS_INFO_H
#define RUNS_INFO_H

#include "config/document.h"
#include "store/json_read.h"
#include "store/metrics_read.h"

#include <sys/stat.h>

enum run_state {
  RUN_WAITING,     /* it has no row of metrics yet */
  RUN_RUNNING,     /* its process holds the folder's lock, and rows come */
  RUN_STALLED,     /* the same, but no row for a time in which there should have been several */
  RUN_FINISHED,    /* summary.json says that all steps are done and that the run was evaluated */
  RUN_INTERRUPTED, /* summary.json says that it was asked to stop before all steps were done */
  RUN_DIED         /* nobody holds the lock, and no summary covers the last row */
};

/* columns of metrics.csv that the code itself uses */
#define COLUMN_STEPS "time/total_timesteps"
#define COLUMN_SECONDS "time/time_elapsed"
#define COLUMN_RETURN "rollout/ep_rew_mean"

#define RUN_INFO_TEXT 512

struct run_info {
  char *path;     /* owned */
  char name[256]; /* the last part of the path */
  bool is_run;    /* the folder contains files of a run */
  enum run_state state;

  /* config.yaml */
  struct document *config; /* without entries where there is none yet */
  char *about;             /* the comments at its top, a line each; NULL: none yet */
  char started[32], learner_host[RUN_INFO_TEXT];
  int ranks, hosts; /* 0: not known */
  int64_t seed;     /* 0 where the config does not say */

  /* metrics.csv; NAN where not known */
  struct metrics_table *metrics;  /* without columns where there is none yet */
  double steps, seconds;          /* at the last row; without rows, steps are 0 */
  double mean_return, std_return; /* of the last hundred episodes of training */
  double steps_per_second;        /* over the last rows, checkpoints and evaluations between them included */
  double seconds_left;            /* at this speed */
  double row_age;                 /* seconds since the file last changed */

  /* summary.json; NAN where not known */
  struct json_value *summary; /* NULL while the run goes on, and where it was written before the last row */
  double evaluation_return, evaluation_std;
  double average_speed;   /* steps per second over the run; without a summary, up to the last row */
  double solved_at_steps; /* may come from an earlier part of a resumed run */

  char checkpoint[64];   /* the newest one; "": none */
  double checkpoint_age; /* seconds */

  muster_status failure;                 /* the first file that could not be read; MUSTER_OK: none */
  struct stat metrics_seen, config_seen; /* the files' state when they were last read */
};

/* The word for a state: "running", ... */
const char *run_state_name(enum run_state state);

/* Whether a folder is one of a run: it has config.yaml, metrics.csv or checkpoints. */
bool run_info_is_run(const char *path);

/* Keeps a copy of the path; reads nothing. */
MUSTER_CHECKED muster_status run_info_create(const char *path, struct run_info **out);
void run_info_destroy(struct run_info **info); /* accepts NULL inside */

/* Reads the files that have changed. Where one cannot be read, `failure` says so, and what was read before remains. */
void run_info_refresh(struct run_info *info);
/* Returns the failure and clears it in the run. Errors: IO, FORMAT, USAGE, with the file. */
MUSTER_CHECKED muster_status run_info_take_failure(struct run_info *info);

/* A value of the config by its dotted key, "" where there is none; and the same as a number, NAN where it is not
 * one. */
const char *run_info_option(const struct run_info *info, const char *key);
double run_info_number(const struct run_info *info, const char *key);
bool run_info_has_config(const struct run_info *info);

/* For a column time/<stage>_seconds of metrics.csv: the stage, and its seconds summed over all rows. False for any
 * other column. */
bool run_info_stage(const struct run_info *info, size_t column, char name[32], double *seconds);

#endif
