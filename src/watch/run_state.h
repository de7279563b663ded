/* What the folder of a run tells about it. Only files are read, so the run may be on another host, or over. */
#ifndef WATCH_RUN_STATE_H
#define WATCH_RUN_STATE_H

#include "store/metrics_read.h"

#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

enum run_condition {
  RUN_WAITING,     /* no row of metrics yet */
  RUN_RUNNING,     /* its process holds the folder's lock, and rows come */
  RUN_STALLED,     /* no row for a time in which there should have been several */
  RUN_FINISHED,    /* says summary.json */
  RUN_INTERRUPTED, /* likewise: it was asked to stop */
  RUN_DIED         /* nobody holds the lock, and no summary covers the last row */
};

#define RUN_STATE_TEXT 512

struct run_state {
  char *path; /* owned */
  enum run_condition condition;

  /* config.yaml */
  bool has_config;
  char env[RUN_STATE_TEXT], algorithm[64], started[32], learner_host[RUN_STATE_TEXT];
  long long seed, total_steps;
  int ranks, hosts; /* 0: not known */

  /* metrics.csv; NAN where not known */
  struct metrics_table *metrics; /* NULL: none yet */
  double steps, seconds, steps_per_second, seconds_left;
  double row_age; /* seconds since the file last changed */

  /* summary.json, where it covers the last row */
  double final_return, final_deviation; /* of the final evaluation; NAN: none */

  char checkpoint[64];   /* the newest one; "": none */
  double checkpoint_age; /* seconds */

  char trouble[RUN_STATE_TEXT]; /* what could not be read; "": nothing */

  struct stat metrics_seen, config_seen; /* as they were last read */
};

/* The word for it: "running", ... */
const char *run_condition_name(enum run_condition condition);

/* Whether a folder is one of a run: it has config.yaml, metrics.csv or checkpoints. */
bool run_state_is_run(const char *path);

/* Takes the path to heart, without reading anything. */
MUSTER_CHECKED muster_status run_state_create(const char *path, struct run_state **out);
void run_state_destroy(struct run_state **state); /* accepts NULL inside */

/* Reads what has changed. What cannot be read is told in `trouble`. */
void run_state_refresh(struct run_state *state);

#endif
