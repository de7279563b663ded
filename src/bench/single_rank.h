/* A run of one rank that acts and learns, set up as `muster train` does it but without MPI, so that figures of one core
 * are the same under mpirun. */
#ifndef BENCH_SINGLE_RANK_H
#define BENCH_SINGLE_RANK_H

#include "train/transport.h"

struct single_rank {
  struct comm *comm;
  struct run run;
  struct gathering gathering;
  struct transport transport;
};

/* Sets up the run for a config in YAML, or for one that was read. Actor and learner are created afterwards; or
 * single_rank_begin() is called and they are created before the transport, which the caller then creates.
 * single_rank_release() must be called even after a failure. USAGE errors as of run_config_parse() and run_create(). */
MUSTER_CHECKED muster_status single_rank_create(const char *config, struct single_rank *single);
MUSTER_CHECKED muster_status single_rank_create_for(const struct run_config *config, struct single_rank *single);
MUSTER_CHECKED muster_status single_rank_begin(const struct run_config *config, struct single_rank *single);
void single_rank_release(struct single_rank *single);

#endif
