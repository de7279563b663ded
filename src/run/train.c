#include "run/train.h"

#include "math/blas.h"
#include "math/linear.h"
#include "run/interrupt.h"
#include "run/learner.h"
#include "run/trace.h"

#include <stdlib.h>
#include <string.h>

/* a run on this rank; one of learner and actor, or both */
struct training {
  struct comm *comm;
  struct run_config config;
  struct run_folder folder; /* on the learner */
  struct worker worker;
  struct learner learner;
  struct actor actor;
  struct model policy; /* of a rank that only acts */
};

/* --- stages of the set-up; each may fail on one rank alone --- */

/* rank 0 reads the config and prepares the folder; all get the config */
static muster_status read_config(struct training *training, const struct train_request *request) {
  if (comm_rank(training->comm) != 0) return MUSTER_OK;
  int ranks = comm_size(training->comm);
  MUSTER_TRY(run_config_load(request->config_path, request->sets, request->n_sets, ranks, &training->config));
  return run_folder_prepare(&training->config, request->run_dir, request->resume, &training->folder);
}

static muster_status broadcast_config(struct training *training) {
  MUSTER_TRY(comm_broadcast(training->comm, &training->config, sizeof training->config, 0));
  return comm_broadcast(training->comm, training->folder.path, sizeof training->folder.path, 0);
}

static muster_status create_worker(struct training *training) {
  blas_set_threads((int)training->config.ranks.blas_threads);
  const int wanted = training->config.ranks.kernels;
  if (wanted > 0 && !linear_select(run_kernel_names[wanted]))
    return status_error(MUSTER_ERROR_USAGE, "ranks.kernels: %s: this processor cannot run them; expects auto, or %s",
                        run_kernel_names[wanted], linear_selected());
  return worker_create(&training->worker, &training->config, training->folder.path, training->comm);
}

static muster_status create_roles(struct training *training) {
  struct worker *worker = &training->worker;
  const muster_env_spec *spec = env_pool_spec(worker->pool);
  struct model *model = &training->policy;
  if (worker->topology.learns) {
    MUSTER_TRY(learner_create(worker, &training->folder, &training->learner));
    model = &training->learner.model;
  } else {
    MUSTER_TRY(
        model_create(&worker->config.policy, &spec->observation, &spec->action, MODEL_ACTOR, worker->arena, model));
    MUSTER_TRY(normalizer_prepare(&worker->config.normalize, worker->arena, &model->encoder));
  }
  return worker->topology.acts ? actor_create(worker, model, &training->actor) : MUSTER_OK;
}

/* the actors get the environments' states when a run is resumed, and start their environments */
static muster_status start_envs(struct training *training) {
  struct worker *worker = &training->worker;
  bool resumed = worker->topology.learns && training->learner.resumed;
  MUSTER_TRY(comm_broadcast(worker->comm, &resumed, sizeof resumed, worker->topology.learner));
  if (resumed) MUSTER_TRY(exchange_scatter(worker->state_exchange));
  return worker->topology.acts ? actor_start_envs(&training->actor, resumed) : MUSTER_OK;
}

static muster_status write_layout(struct training *training) {
  struct worker *worker = &training->worker;
  char(*hosts)[COMM_HOST_SIZE] = calloc((size_t)worker->topology.ranks, sizeof *hosts);
  if (hosts == NULL)
    return status_error(MUSTER_ERROR_MEMORY, "out of memory: names of %d hosts", worker->topology.ranks);
  muster_status status = comm_gather_hosts(worker->comm, hosts);
  if (status == MUSTER_OK && worker->topology.learns)
    status = run_folder_write_config(&training->folder, &worker->config, &worker->topology, hosts);
  free(hosts);
  return status;
}

static muster_status prepare_trace(struct training *training) {
  const struct learner *learner = &training->learner;
  return trace_prepare(&training->worker, learner->report.start, learner->iteration);
}

/* --- the run --- */

/* lets all ranks know whether a stage failed on any of them; one of them keeps its message */
static muster_status agree(struct training *training, muster_status status) {
  bool speaks;
  int exit_code = comm_agree_exit_code(training->comm, status_exit_code(status), &speaks);
  if (speaks || exit_code == 0) return status;
  muster_status_clear(&status);
  return status_error(exit_code == 2 ? MUSTER_ERROR_USAGE : MUSTER_ERROR_COMM, "%s", "");
}

static muster_status set_up(struct training *training, const struct train_request *request) {
  MUSTER_TRY(agree(training, read_config(training, request)));
  MUSTER_TRY(agree(training, broadcast_config(training)));
  MUSTER_TRY(agree(training, create_worker(training)));
  MUSTER_TRY(agree(training, create_roles(training)));
  const struct model *model = training->worker.topology.learns ? &training->learner.model : &training->policy;
  MUSTER_TRY(agree(training, worker_connect(&training->worker, model)));
  MUSTER_TRY(agree(training, start_envs(training)));
  MUSTER_TRY(agree(training, write_layout(training)));
  return agree(training, prepare_trace(training));
}

static muster_status run(struct training *training) {
  const struct topology *topology = &training->worker.topology;
  struct actor *actor = topology->acts ? &training->actor : NULL;
  worker_start_clock(&training->worker);
  if (!topology->learns) {
    MUSTER_TRY(actor_run(actor));
    return actor_finish(actor);
  }
  muster_status status = learner_run(&training->learner, actor);
  if (status != MUSTER_OK) trace_write_alone(&training->worker);
  return status != MUSTER_OK ? status : learner_finish(&training->learner);
}

muster_status train(struct comm *comm, const struct train_request *request, struct train_outcome *outcome) {
  *outcome = (struct train_outcome){.together = false};
  struct training *training = calloc(1, sizeof *training);
  if (training == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory");
  training->comm = comm;
  interrupt_catch();
  muster_status status = set_up(training, request);
  outcome->together = true;
  /* a run that never began leaves nothing behind, so that the same command may be given again */
  if (status != MUSTER_OK) run_folder_discard(&training->folder);
  if (status == MUSTER_OK) {
    status = run(training);
    outcome->together = status == MUSTER_OK;
    if (status == MUSTER_OK && training->worker.order->stop == STOP_REQUEUE) outcome->exit_code = RUN_EXIT_REQUEUE;
    if (status == MUSTER_OK && training->worker.order->stop == STOP_DEAD) outcome->exit_code = 1;
  }
  learner_release(&training->learner);
  worker_release(&training->worker);
  run_folder_release(&training->folder);
  free(training);
  return status;
}
