#include "train/train.h"

#include "base/clock.h"
#include "base/path.h"
#include "comm/ending.h"
#include "comm/watchdog.h"
#include "math/blas.h"
#include "math/linear.h"
#include "train/dry_run.h"
#include "train/interrupt.h"
#include "train/repeated_schedule.h"
#include "train/run_checkpoint.h"
#include "train/run_options.h"
#include "train/trace.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* a run on this rank, which learns, or acts, or both */
struct training {
  struct comm *comm;
  double start;              /* clock when this process began the run */
  struct document *document; /* the config as it was read, while it is checked; on rank 0 */
  char home[PATH_MAX];       /* the working directory, before any simulator has changed it */
  struct run_config config;
  struct placement placement;
  struct run_folder folder; /* on the learner */
  struct run run;
  struct gathering gathering; /* on ranks that learn */
  struct transport transport;
  struct learner learner;
  struct actor actor;
  struct model policy; /* of a rank that only acts */
  struct repeated_schedule repeated;
  int stages; /* of the set-up that are done */
};

/* --- stages of the set-up; each may fail on one rank alone --- */

/* rank 0 reads the config */
static muster_status read_config(struct training *training, const struct train_request *request) {
  if (comm_rank(training->comm) != 0) return MUSTER_OK;
  int ranks = comm_size(training->comm);
  MUSTER_TRY(allowed_changes_check(&request->allowed));
  return run_config_open(request->config_path, request->sets, request->n_sets, ranks, &training->config,
                         &training->document);
}

static muster_status share_config(struct training *training) {
  return comm_broadcast(training->comm, &training->config, sizeof training->config, 0);
}

/* whether there is such an environment, and it can be created; that may take long */
static muster_status check_environment(struct training *training) {
  if (training->document == NULL) return MUSTER_OK;
  muster_status status = run_config_check_environment(training->document, &training->config);
  document_destroy(&training->document);
  return status;
}

/* from the config all ranks find out who acts and who learns */
static muster_status place_ranks(struct training *training, const struct train_request *request) {
  struct comm *comm = training->comm;
  struct run_config *config = &training->config;
  bool chooses = config->ranks.layout == LAYOUT_AUTO && request->choose_layout != NULL && comm_size(comm) > 1;
  if (chooses) MUSTER_TRY(request->choose_layout(comm, config));
  return placement_gather(&training->config, training->comm, &training->placement);
}

/* the leading rank writes into the folder and holds its lock until its process ends */
static muster_status prepare_folder(struct training *training, const struct train_request *request) {
  if (!training->placement.topology.leads) return MUSTER_OK;
  struct run_folder *folder = &training->folder;
  if (request->dry_run)
    return run_folder_preview(&training->config, request->run_dir, training->home, request->resume, folder);
  return run_folder_prepare(&training->config, request->run_dir, training->home, request->resume, folder);
}

static void discard_folder(void *folder, bool is_whole) {
  (void)is_whole;
  run_folder_discard(folder);
}

/* --- the watchdog --- */

/* what signals and the time limit have asked of this rank */
static int requests_pending(void *context) {
  const struct training *training = context;
  const double limit = training->config.run.time_limit;
  bool time_is_up = limit > 0 && clock_seconds() - training->start >= limit;
  return (interrupt_pending() & INTERRUPT_ENDS) | (time_is_up ? INTERRUPT_TIME : 0);
}

/* signals alone, before the config is known */
static int signals_pending(void *context) {
  (void)context;
  return interrupt_pending() & INTERRUPT_ENDS;
}

/* The watchdog does not watch steps of environments in processes that have a time limit for a step: those are started
 * again when they hang. `topology` NULL: who learns is not known yet; in most jobs it is rank 0. */
static muster_status create_watchdog(struct training *training, const struct topology *topology) {
  const struct run_config *config = &training->config;
  if (config->run.watchdog == 0) return MUSTER_OK;
  const int rank = comm_rank(training->comm);
  bool learns = topology != NULL ? topology->learns : rank == 0;
  const struct watchdog_options options = {
      .seconds = config->run.watchdog,
      .spares_steps = config->env_host.isolation == ISOLATION_PROCESS && config->env_host.step_timeout > 0,
      .environment = training->config.env.name,
      .requests = {requests_pending, interrupt_exit_code, interrupt_describe, training},
      .learner = topology != NULL ? topology->learner : 0,
      .group = topology != NULL ? topology->group : NULL,
      .learners = topology != NULL ? topology->learners : 1,
      .logger = {LOG_INFO, learns ? "learner" : "actor", rank},
  };
  return watchdog_create(training->comm, &options);
}

/* the leading rank reads the schedule that is to be repeated; then all get it */
static muster_status read_schedule(struct training *training, const struct train_request *request) {
  if (request->replay_schedule == NULL || !training->placement.topology.leads) return MUSTER_OK;
  if (training->folder.resumes)
    return status_error(
        MUSTER_ERROR_USAGE,
        "--replay-schedule repeats a run from its beginning, and %s holds one that would go on; expects "
        "a new --run-dir",
        training->folder.path);
  char run[RUN_PATH_SIZE];
  path_absolute(training->home, request->replay_schedule, run, sizeof run);
  return repeated_schedule_read(run, &training->config, &training->repeated);
}

static muster_status share_schedule(struct training *training, const struct train_request *request) {
  if (request->replay_schedule == NULL) return MUSTER_OK;
  return repeated_schedule_share(training->comm, training->placement.topology.learner, training->config.env.num_envs,
                                 &training->repeated);
}

static muster_status create_run(struct training *training) {
  const struct topology *topology = &training->placement.topology;
  char *place = training->folder.place;
  MUSTER_TRY(comm_broadcast(training->comm, place, sizeof training->folder.place, topology->learner));
  blas_set_threads((int)training->config.ranks.blas_threads);
  const int wanted = training->config.ranks.kernels;
  if (wanted > 0 && !linear_select(run_kernel_names[wanted]))
    return status_error(MUSTER_ERROR_USAGE, "ranks.kernels: %s: this processor cannot run them; expects auto, or %s",
                        run_kernel_names[wanted], linear_selected());
  MUSTER_TRY(run_create(&training->config, topology, place, training->comm, &training->run));
  return gathering_create(&training->run, &training->gathering);
}

/* the model of a rank that only acts: the policy, or all of it, where actors compute gradients */
static muster_status create_policy(struct training *training) {
  struct run *run = &training->run;
  const muster_env_spec *spec = env_pool_spec(run->pool);
  const struct run_config *config = &run->config;
  const bool computes = run->schedule->actors_compute_gradients;
  const struct model_network_spec *critics =
      computes ? algorithm_networks(run_config_algorithm(config), config->algorithm) : NULL;
  MUSTER_TRY(model_create(&config->policy, &spec->observation, &spec->action, critics, run->arena, &training->policy));
  return normalizer_prepare(&config->normalize, run->arena, &training->policy.encoder);
}

/* for a dry run: a run that would go on has all that it took from a source, which need not be there any more */
static muster_status spare_source(struct training *training) {
  const struct run_folder *folder = &training->folder;
  char checkpoints[sizeof folder->checkpoints], newest[RUN_PATH_SIZE] = "";
  if (!folder->resumes) return MUSTER_OK;
  snprintf(checkpoints, sizeof checkpoints, "%s/" RUN_CHECKPOINT_FOLDER, folder->place);
  MUSTER_TRY(checkpoint_newest_name(checkpoints, newest, sizeof newest));
  if (newest[0] != '\0') training->run.config.train.from[0] = '\0';
  return MUSTER_OK;
}

static muster_status create_roles(struct training *training, const struct train_request *request) {
  const struct topology *topology = &training->run.topology;
  struct gathering *gathering = &training->gathering;
  struct transport *transport = &training->transport;
  struct learner *learner = &training->learner;
  const struct run_folder *folder = &training->folder;
  if (topology->leads && request->dry_run) MUSTER_TRY(spare_source(training));
  if (topology->learns)
    MUSTER_TRY(learner_create(gathering, transport, request->dry_run ? NULL : folder, learner));
  else
    MUSTER_TRY(create_policy(training));
  if (topology->leads && folder->resumes && !request->dry_run)
    MUSTER_TRY(run_checkpoint_restore(learner, &request->allowed));
  struct model *model = topology->learns ? &learner->model : &training->policy;
  if (!topology->acts) return MUSTER_OK;
  MUSTER_TRY(actor_create(gathering, transport, model, &training->actor));
  if (request->replay_schedule == NULL) return MUSTER_OK;
  return repeated_schedule_divide(&training->repeated, &training->actor);
}

/* NULL on a rank that does not act */
static struct actor *actor_of(struct training *training) {
  return training->run.topology.acts ? &training->actor : NULL;
}

/* ranks that learn together start from the same state */
static muster_status join_learners(struct training *training) {
  return training->run.topology.learns ? learner_join(&training->learner) : MUSTER_OK;
}

/* sends the actors the states of their environments, if the run is resumed, and starts all environments */
static muster_status start_envs(struct training *training) {
  struct run *run = &training->run;
  const struct learner *learner = &training->learner;
  int64_t steps = run->topology.leads && learner->resumed ? learner->total_steps : -1;
  MUSTER_TRY(comm_broadcast(run->comm, &steps, sizeof steps, run->topology.learner));
  bool resumed = steps >= 0;
  if (resumed) MUSTER_TRY(gather_scatter_back(training->transport.state_gather));
  if (!run->topology.acts) return MUSTER_OK;
  /* an episode that starts now, and states that are loaded, have the options of now */
  muster_status status = resumed ? run_set_options(run, steps) : MUSTER_OK;
  if (run->repeated == NULL && status == MUSTER_OK) status = actor_start_envs(&training->actor, resumed);
  for (int i = 0; run->repeated != NULL && status == MUSTER_OK && i < run->repeated->n_parts; i++)
    status = actor_start_envs(&run->repeated->parts[i], false);
  if (!resumed) return status;
  char checkpoint[64];
  checkpoint_path("checkpoints", steps, checkpoint, sizeof checkpoint);
  return status_wrap(status, "cannot resume %s/%s: environments/states", training->folder.path, checkpoint);
}

/* no file of a resumed run is changed before all ranks have restored their part */
static muster_status open_files(struct training *training) {
  if (!training->placement.topology.leads) return MUSTER_OK;
  MUSTER_TRY(learner_open_files(&training->learner));
  return run_checkpoint_publish(&training->learner);
}

/* warned of at the start, since it shows late: where episodes do not end there are no returns */
static void warn_endless(const struct run *run) {
  if (env_pool_spec(run->pool)->max_steps > 0) return;
  log_warn(
      &run->logger,
      "%s has no limit on the steps of an episode: what never ends has no return, and evaluations cut it at %d steps; "
      "env.max_steps sets a limit",
      run->config.env.name, EVALUATION_FALLBACK_STEPS);
}

static muster_status write_layout(struct training *training) {
  const struct placement *placement = &training->placement;
  if (!placement->topology.leads) return MUSTER_OK;
  /* with what was noted of the source of a warm start */
  MUSTER_TRY(run_folder_write_config(&training->folder, &training->run.config, placement));
  placement_write_map(placement, stdout);
  fputc('\n', stdout);
  fflush(stdout);
  placement_write_warnings(placement, &training->config.ranks, stderr);
  if (training->folder.lacks_locks)
    log_warn(&training->run.logger, "the file system of %s has no locks: see to it that no second run writes there",
             training->folder.path);
  warn_endless(&training->run);
  return MUSTER_OK;
}

static muster_status prepare_trace(struct training *training) {
  const struct learner *learner = &training->learner;
  return trace_prepare(&training->run, learner->report.start, learner->iteration);
}

/* --- the run --- */

/* called when a rank is lost: the learner saves what it has learned ... */
static void save_learned(void *training, bool is_whole) {
  learner_emergency_checkpoint(&((struct training *)training)->learner, is_whole);
}

/* ... and another rank, when the leading one is lost, says what is left */
static void tell_newest(void *context, bool is_whole) {
  (void)is_whole;
  struct training *training = context;
  log_info(&training->run.logger, "the newest checkpoint in %s stays; --resume goes on from it",
           training->folder.place);
}

/* tells all ranks whether a stage of the set-up failed on any of them; one of those that know why keeps its message */
static muster_status agree(struct training *training, muster_status status) {
  bool knows = muster_status_message(status)[0] != '\0', speaks;
  struct phases *phases = comm_phases(training->comm);
  phases_enter(phases, PHASE_AGREEMENT, training->stages);
  int exit_code = comm_agree_exit_code(training->comm, status_exit_code(status), knows, &speaks);
  phases_enter(phases, PHASE_SETUP, ++training->stages);
  if (speaks || exit_code == 0) return status;
  muster_status_clear(&status);
  return status_error(exit_code == 2 ? MUSTER_ERROR_USAGE : MUSTER_ERROR_COMM, "%s", "");
}

/* From here on lost ranks are noticed, and environments that hang. Until the ranks are connected a deadline stands in.
 */
static muster_status watch(struct training *training, const struct topology *topology) {
  muster_status status = agree(training, create_watchdog(training, topology));
  return status == MUSTER_OK ? agree(training, watchdog_connect(training->comm)) : status;
}

static const char not_met[] =
    "muster: the ranks have not met in time: a rank or a host is gone, or the config cannot be read from its disk";

/* the stages before there is a watchdog: the config says how long it waits */
static muster_status meet(struct training *training, const struct train_request *request) {
  const struct ending_requests signals = {signals_pending, interrupt_exit_code, interrupt_describe, NULL};
  struct deadline *deadline = deadline_start_heeding(ending_start_timeout(), 1, not_met, &signals);
  muster_status status = agree(training, read_config(training, request));
  if (status == MUSTER_OK) status = agree(training, share_config(training));
  if (status == MUSTER_OK) status = watch(training, NULL);
  deadline_cancel(&deadline);
  return status;
}

/* the leading rank is the one that watches: moves the watchdog there, if it is another than before */
static muster_status appoint(struct training *training) {
  const struct topology *topology = &training->placement.topology;
  if (topology->learner == 0 && topology->learners == 1) return MUSTER_OK;
  struct deadline *deadline = deadline_start(ending_start_timeout(), 1, not_met);
  watchdog_destroy(training->comm);
  muster_status status = watch(training, topology);
  deadline_cancel(&deadline);
  return status;
}

static muster_status set_up(struct training *training, const struct train_request *request) {
  MUSTER_TRY(meet(training, request));
  MUSTER_TRY(agree(training, check_environment(training)));
  MUSTER_TRY(agree(training, place_ranks(training, request)));
  MUSTER_TRY(appoint(training));
  watchdog_on_loss(training->comm, discard_folder, &training->folder);
  MUSTER_TRY(agree(training, prepare_folder(training, request)));
  MUSTER_TRY(agree(training, read_schedule(training, request)));
  MUSTER_TRY(agree(training, share_schedule(training, request)));
  MUSTER_TRY(agree(training, create_run(training)));
  if (request->replay_schedule != NULL) training->run.repeated = &training->repeated;
  MUSTER_TRY(agree(training, create_roles(training, request)));
  MUSTER_TRY(agree(training, join_learners(training)));
  const struct model *model = training->run.topology.learns ? &training->learner.model : &training->policy;
  MUSTER_TRY(agree(training, transport_create(model, &training->gathering, actor_of(training), &training->transport)));
  if (request->dry_run) return MUSTER_OK;
  MUSTER_TRY(agree(training, start_envs(training)));
  MUSTER_TRY(agree(training, open_files(training)));
  MUSTER_TRY(agree(training, write_layout(training)));
  return agree(training, prepare_trace(training));
}

static muster_status carry_out(struct training *training, const struct train_request *request) {
  const struct topology *topology = &training->run.topology;
  if (request->dry_run) return dry_run(&training->run, &training->placement, &training->learner, &training->folder);
  struct actor *actor = actor_of(training);
  struct learner *learner = &training->learner;
  const struct schedule *schedule = training->run.schedule;
  learner->actor = actor;
  watchdog_on_loss(training->comm, topology->leads ? save_learned : tell_newest, training);
  run_start_clock(&training->run);
  if (!topology->leads) {
    MUSTER_TRY(topology->learns ? schedule->follow(learner) : schedule->act(actor));
    return actor_finish(&training->run);
  }
  muster_status status = schedule->lead(learner);
  if (status != MUSTER_OK) trace_write_alone(&training->run);
  return status != MUSTER_OK ? status : learner_finish(learner);
}

/* The exit code of a run that ended in order. Who wants the end of a run that will be requeued may have said so to a
 * rank that had no more rollouts to send it with: what any rank has heard by now counts. */
static int end_in_order(const struct training *training) {
  enum stop stop = (enum stop)training->transport.command->stop;
  if (stop == STOP_DEAD) return 1;
  if (stop != STOP_REQUEUE) return 0;
  return comm_any(training->comm, (interrupt_pending() & INTERRUPT_STOP) != 0) ? 0 : RUN_EXIT_REQUEUE;
}

muster_status train(struct comm *comm, const struct train_request *request, struct train_outcome *outcome) {
  *outcome = (struct train_outcome){.together = false};
  struct training *training = outcome->training = calloc(1, sizeof *training);
  if (training == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory");
  training->comm = comm;
  training->start = clock_seconds();
  path_here(training->home, sizeof training->home);
  interrupt_catch();
  muster_status status = set_up(training, request);
  outcome->together = true;
  /* a run that never began leaves nothing behind, so that the same command may be given again */
  if (status != MUSTER_OK) run_folder_discard(&training->folder);
  if (status == MUSTER_OK) {
    status = carry_out(training, request);
    outcome->together = status == MUSTER_OK;
    if (status == MUSTER_OK) outcome->exit_code = end_in_order(training);
  }
  /* nothing is left to be saved */
  watchdog_on_loss(comm, NULL, NULL);
  phases_enter(comm_phases(comm), PHASE_RELEASE, 0);
  return status;
}

static void release(struct training *training) {
  learner_release(&training->learner);
  transport_release(&training->transport);
  gathering_release(&training->gathering);
  repeated_schedule_release(&training->repeated);
  run_release(&training->run);
  placement_release(&training->placement);
  run_folder_release(&training->folder);
  document_destroy(&training->document);
}

/* the watchdog looked into it until now */
static void forget(struct train_outcome *outcome) {
  free(outcome->training);
  outcome->training = NULL;
}

void train_release(struct train_outcome *outcome, struct comm *comm) {
  if (outcome->training != NULL) release(outcome->training);
  watchdog_destroy(comm);
  forget(outcome);
}

void train_end(struct train_outcome *outcome, struct comm **comm) {
  if (outcome->training != NULL) release(outcome->training);
  comm_destroy(comm);
  forget(outcome);
}
