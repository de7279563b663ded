#include "bench/job.h"

muster_status job_create(const char *text, struct worker *worker) {
  struct run_config config;
  *worker = (struct worker){0};
  MUSTER_TRY(run_config_parse("muster bench", text, &config));
  return job_create_for(&config, worker);
}

muster_status job_begin(const struct run_config *config, struct worker *worker) {
  struct comm *comm;
  *worker = (struct worker){0};
  MUSTER_TRY(comm_create_alone(&comm));
  worker->comm = comm;
  MUSTER_TRY(worker_create(worker, config, NULL, "", comm));
  worker->logger.level = LOG_WARN;
  return MUSTER_OK;
}

muster_status job_create_for(const struct run_config *config, struct worker *worker) {
  MUSTER_TRY(job_begin(config, worker));
  return worker_connect(worker, NULL);
}

void job_release(struct worker *worker) {
  struct comm *comm = worker->comm;
  worker_release(worker);
  comm_destroy(&comm);
}
