/* A training run, from the command line's wishes to the summary. */
#ifndef RUN_TRAIN_H
#define RUN_TRAIN_H

#include "comm/comm.h"

struct train_request {
  const char *config_path;
  const char *const *sets; /* --set key=value, [n_sets] */
  size_t n_sets;
  const char *run_dir; /* NULL: run.dir, or a new folder */
  bool resume;
};

/* Trains. Collective. On failure `*together` tells whether all ranks have come to know of it: then they may end in
 * order, and the status of a rank that did not cause it has an empty message. Otherwise the caller has to abort the
 * job. */
MUSTER_CHECKED muster_status train(struct comm *comm, const struct train_request *request, bool *together);

#endif
