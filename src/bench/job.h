/* A job of one rank that acts and learns, set up as `muster train` does it but without MPI, so that a figure of one
 * core is the same under mpirun. */
#ifndef BENCH_JOB_H
#define BENCH_JOB_H

#include "train/worker.h"

/* Fills a worker for a config in YAML. job_release() is called afterwards in any case. USAGE errors as of
 * run_config_parse() and worker_create(). */
MUSTER_CHECKED muster_status job_create(const char *config, struct worker *worker);
/* The same for a config that has been read. */
MUSTER_CHECKED muster_status job_create_for(const struct run_config *config, struct worker *worker);
/* The same without worker_connect(), which is still to be called, with the model. */
MUSTER_CHECKED muster_status job_begin(const struct run_config *config, struct worker *worker);
void job_release(struct worker *worker);

#endif
