/* A training run, from the arguments of the command line to the summary. */
#ifndef TRAIN_TRAIN_H
#define TRAIN_TRAIN_H

#include "comm/comm.h"
#include "setup/changes.h"
#include "setup/config.h"

struct train_request {
  const char *config_path;
  const char *const *sets; /* --set key=value, [n_sets] */
  size_t n_sets;
  const char *run_dir; /* NULL: run.dir, or a new folder */
  bool resume;
  struct allowed_changes allowed; /* options that may differ from those of the checkpoint */
  const char *replay_schedule;    /* the folder of a run whose schedule is repeated; NULL: none */
  bool dry_run;                   /* shows what would be done, and leaves nothing behind */
  /* Fills in ranks.learners and ranks.colocate, on every rank the same, where ranks.layout is auto; NULL: as if it were
   * not. Collective; fails on all ranks or on none. */
  muster_status (*choose_layout)(struct comm *comm, struct run_config *config);
};

struct train_outcome {
  bool together; /* whether all ranks know how it ended, so that they may end in order; else the job is to be aborted */
  int exit_code; /* of a run that did not fail: 0, or RUN_EXIT_REQUEUE */
  struct training *training; /* what train_end() frees */
};

/* Trains, or shows what would be done. Collective. Where all ranks fail together, the status has an empty message on
 * ranks that did not cause it. Afterwards all files are written; the environments, whose last call may crash or never
 * return, live until train_end(). */
MUSTER_CHECKED muster_status train(struct comm *comm, const struct train_request *request,
                                   struct train_outcome *outcome);

/* Destroys the environments, ends the watchdog and frees the rest, in a process that goes on. Collective. */
void train_release(struct train_outcome *outcome, struct comm *comm);

/* The same, and ends MPI. After the user was told how the run ended. Collective. */
void train_end(struct train_outcome *outcome, struct comm **comm);

#endif
