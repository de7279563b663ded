/* muster bench: how fast each part of the program is, compared with a limit of the machine, which the same process
 * measures. */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include "base/status.h"
#include "comm/comm.h"

#include <stdbool.h>

struct bench_request {
  const char *const *parts; /* [n_parts] names, "all" among them; borrowed */
  int n_parts;
  bool json;  /* one JSON array instead of a table */
  bool quick; /* few repetitions of small sizes: to see that it works, not to measure */
};

/* Runs the parts in their order; rank 0 writes the figures to standard output. The other ranks take part where they are
 * needed. Collective. `*together`: whether all ranks know how it ended; else the job is to be aborted. Errors: USAGE
 * (an unknown part, too few ranks), and those of the parts. */
MUSTER_CHECKED muster_status bench_run(struct comm *comm, const struct bench_request *request, bool *together);

#endif
