#include "run/learner.h"

#include "base/clock.h"
#include "comm/watchdog.h"
#include "run/forensics.h"
#include "run/interrupt.h"
#include "run/snapshot.h"
#include "run/terminal.h"
#include "run/trace.h"
#include "store/durable.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

/* --- set-up --- */

static muster_status create_algorithm(struct learner *learner) {
  struct worker *worker = learner->worker;
  const struct run_config *config = &worker->config;
  const muster_env_spec *spec = env_pool_spec(worker->pool);
  MUSTER_TRY(algorithm_find(config->algorithm_name, &learner->type));
  MUSTER_TRY(model_create(&config->policy, &spec->observation, &spec->action, learner->type->critic(config->algorithm),
                          worker->arena, &learner->model));
  MUSTER_TRY(model_initialize(&learner->model, &config->policy, (uint64_t)config->general.seed));
  struct encoder *encoder = &learner->model.encoder;
  MUSTER_TRY(normalizer_prepare(&config->normalize, worker->arena, encoder));
  MUSTER_TRY(normalizer_create(&config->normalize, encoder, worker->rollout.n_rows,
                               learner->type->discount(config->algorithm), worker->arena, &learner->normalizer));
  struct algorithm_context context = {
      .options = config->algorithm,
      .model = &learner->model,
      .rollout = &worker->rollout,
      .seed = (uint64_t)config->general.seed,
      .arena = worker->arena,
      .stages = &worker->stages,
  };
  return learner->type->create(&context, &learner->algorithm);
}

muster_status learner_create(struct worker *worker, const struct run_folder *folder, struct learner *learner) {
  *learner = (struct learner){
      .worker = worker, .folder = folder, .checkpoint_steps = -1, .best_return = NAN, .best_steps = -1};
  MUSTER_TRY(create_algorithm(learner));
  MUSTER_TRY(episodes_create(worker->rollout.n_envs, worker->arena, &learner->episodes));

  /* the report comes first, since a checkpoint restores parts of it; its file is then cut back to the checkpoint */
  report_init(&learner->report, &worker->config, learner->type, env_pool_spec(worker->pool)->reward_threshold,
              &worker->stages);
  int64_t rows = -1;
  if (folder != NULL && folder->resumes) MUSTER_TRY(snapshot_restore(learner, &rows));
  int64_t missing = 0;
  if (folder != NULL) MUSTER_TRY(report_open(&learner->report, folder, rows, worker->arena, &missing));
  if (missing > 0)
    log_warn(&worker->logger, "%s lacks %lld rows that were in it when the checkpoint was written", folder->metrics,
             (long long)missing);
  if (worker->config.run.histograms > 0)
    MUSTER_TRY(histograms_create(&learner->model, &worker->rollout, worker->arena, &learner->histograms));
  model_pack(&learner->model, true);
  learner->checkpoint_clock = clock_seconds();
  return MUSTER_OK;
}

void learner_release(struct learner *learner) { report_close(&learner->report); }

/* --- the loop --- */

/* tells the watchdog what comes now */
static void enter(const struct learner *learner, enum watch_stage stage) {
  watchdog_enter(learner->worker->comm, stage, learner->iteration + 1);
}

static bool is_finished(const struct learner *learner) {
  return learner->total_steps >= learner->worker->config.general.total_steps;
}

/* whether isolated environments of any rank have died more often than env.max_restarts */
static bool envs_are_dead(const struct learner *learner) {
  if (learner->actor != NULL) return learner->actor->envs_are_dead;
  return (exchange_notes(learner->worker->rollout_exchange) & NOTE_DEAD) != 0;
}

/* whether the run ends here: environments are dead, all steps are done, a signal came to any rank, or its time is up */
static enum stop stop_reason(const struct learner *learner) {
  if (envs_are_dead(learner)) return STOP_DEAD;
  if (is_finished(learner)) return STOP_FINISHED;
  int asked = interrupt_pending() | exchange_notes(learner->worker->rollout_exchange);
  if ((asked & INTERRUPT_STOP) != 0) return STOP_ASKED;
  double limit = learner->worker->config.run.time_limit;
  bool time_is_up = limit > 0 && clock_seconds() - learner->report.start >= limit;
  return (asked & INTERRUPT_REQUEUE) != 0 || time_is_up ? STOP_REQUEUE : STOP_NOT;
}

static bool checkpoint_is_due(const struct learner *learner, enum stop stop) {
  if (learner->total_steps == learner->checkpoint_steps || learner->total_steps == 0) return false;
  if (stop != STOP_NOT) return true;
  const struct checkpoint_options *options = &learner->worker->config.checkpoint;
  int64_t since = learner->total_steps - (learner->checkpoint_steps > 0 ? learner->checkpoint_steps : 0);
  bool aged = options->interval > 0 && clock_seconds() - learner->checkpoint_clock >= options->interval;
  return (options->every > 0 && since >= options->every) || aged;
}

/* tells the actors what comes next, and hands them the policy */
static muster_status give_order(struct learner *learner) {
  struct worker *worker = learner->worker;
  stages_enter(&worker->stages, STAGE_BROADCAST);
  struct order *order = worker->order;
  enum stop stop = stop_reason(learner);
  order->iteration = learner->iteration;
  order->send_states = checkpoint_is_due(learner, stop);
  order->stop = (int32_t)stop;
  const struct model *model = &learner->model;
  memcpy(order->floats, model->parameters.values, model->policy_count * sizeof(float));
  if (model->encoder.statistics_count > 0)
    memcpy(order->floats + model->policy_count, model->encoder.statistics,
           model->encoder.statistics_count * sizeof(float));
  MUSTER_TRY(worker_broadcast_order(worker));
  stages_enter(&worker->stages, STAGE_OTHER);
  learner->actors_start = worker->stages.since;
  return MUSTER_OK;
}

/* collects the environments' states and writes a checkpoint, while the actors already roll out. One that cannot be
 * written costs nothing but itself: the run goes on and tries again at the next interval, unless it was the last. */
static muster_status save_checkpoint(struct learner *learner) {
  struct worker *worker = learner->worker;
  stages_enter(&worker->stages, STAGE_CHECKPOINT);
  if (learner->actor != NULL) actor_save_states(learner->actor);
  MUSTER_TRY(exchange_gather_begin(worker->state_exchange));
  MUSTER_TRY(exchange_gather_end(worker->state_exchange));
  enter(learner, WATCH_CHECKPOINT);
  learner->actors_start = clock_seconds();
  muster_status status = snapshot_write(learner);
  if (status != MUSTER_OK && worker->order->stop == STOP_NOT) {
    log_warn(&worker->logger, "no checkpoint at %lld steps: %s; training goes on, the next is tried in time",
             (long long)learner->total_steps, muster_status_message(status));
    muster_status_clear(&status);
  }
  learner->checkpoint_steps = learner->total_steps;
  learner->checkpoint_clock = clock_seconds();
  stages_enter(&worker->stages, STAGE_OTHER);
  return status;
}

/* gets the next rollout of all environments: from the actors, or by acting */
static muster_status collect_rollout(struct learner *learner) {
  struct worker *worker = learner->worker;
  if (learner->actor != NULL) MUSTER_TRY(actor_roll_out(learner->actor));
  enter(learner, WATCH_WAIT);
  stages_enter(&worker->stages, STAGE_GATHER);
  MUSTER_TRY(exchange_gather_begin(worker->rollout_exchange));
  MUSTER_TRY(exchange_gather_end(worker->rollout_exchange));
  enter(learner, WATCH_UPDATE);
  learner->report.rollout_messages = exchange_messages(worker->rollout_exchange);

  /* nothing could be complete before the slowest actor had finished, on whichever node */
  struct exchange_work work = exchange_work(worker->rollout_exchange);
  if (learner->actor != NULL)
    work.shortest = work.longest = work.sum = learner->actor->seconds;
  else
    stages_assign(&worker->stages, STAGE_WAIT, learner->actors_start + work.longest);
  stages_mark(&worker->stages, EVENT_ROLLOUT);
  stages_enter(&worker->stages, STAGE_OTHER);
  report_rollout(&learner->report, &work, worker->topology.actors);
  const struct trajectory *rollout = &worker->rollout;
  learner->iteration++;
  learner->total_steps += trajectory_steps(rollout);
  for (size_t n = 0; n < rollout->n_envs; n++) learner->env_restarts += worker->restarts[n];
  return MUSTER_OK;
}

static bool rollout_has_faults(const struct learner *learner) {
  if (learner->actor != NULL) return learner->actor->has_faults;
  return (exchange_notes(learner->worker->rollout_exchange) & NOTE_FAULT) != 0;
}

/* a numerical fault of the update: evidence is kept; then the run ends, or, as run.on_nan says, goes on without it */
static muster_status handle_fault(struct learner *learner, muster_status status) {
  const struct worker *worker = learner->worker;
  struct tensor intermediates[ALGORITHM_MAX_STATE];
  int n = learner->type->intermediates(learner->algorithm, intermediates);
  if (worker->config.run.on_nan == ON_NAN_STOP || learner->skipped_updates < FORENSIC_FILES)
    forensics_write(worker, &learner->model, intermediates, n, muster_status_message(status));
  if (worker->config.run.on_nan == ON_NAN_STOP) return status;
  log_warn(&worker->logger, "%s; the update is skipped", muster_status_message(status));
  muster_status_clear(&status);
  learner->skipped_updates++;
  return MUSTER_OK;
}

static muster_status check_parameters(const struct learner *learner) {
  const struct parameters *parameters = &learner->model.parameters;
  const char *name = parameters_find_not_finite(parameters, parameters->values);
  if (name == NULL) return MUSTER_OK;
  return status_error(MUSTER_ERROR_NUMERIC, "the parameter %s is not finite: a smaller learning_rate may help", name);
}

/* the update itself, between the two halves of normalisation: rewards are scaled before it; observations count after
 * it, since it needs the statistics that the actors had */
static muster_status learn(struct learner *learner, double progress_remaining) {
  stages_enter(&learner->worker->stages, STAGE_ADVANTAGES);
  normalizer_scale_rewards(&learner->normalizer, &learner->worker->rollout);
  MUSTER_TRY(learner->type->update(learner->algorithm, progress_remaining, learner->metrics));
  normalizer_observe(&learner->normalizer, &learner->worker->rollout);
  return MUSTER_OK;
}

/* advantages, epochs and minibatches: the algorithm's part */
static muster_status update_policy(struct learner *learner) {
  double total = (double)learner->worker->config.general.total_steps;
  double progress_remaining = fmax(0.0, 1.0 - (double)learner->total_steps / total);
  episodes_add_rollout(&learner->episodes, &learner->worker->rollout);
  for (int i = 0; i < ALGORITHM_MAX_METRICS; i++) learner->metrics[i] = NAN;
  muster_status status = MUSTER_OK;
  if (rollout_has_faults(learner) || envs_are_dead(learner))
    learner->skipped_updates++;
  else
    status = learn(learner, progress_remaining);
  status =
      status_wrap(status, "update %lld at %lld steps", (long long)learner->iteration, (long long)learner->total_steps);
  if (muster_status_code(status) == MUSTER_ERROR_NUMERIC) status = handle_fault(learner, status);
  if (status == MUSTER_OK) status = check_parameters(learner);
  stages_enter(&learner->worker->stages, STAGE_OTHER);
  return status;
}

static muster_status evaluate(struct learner *learner, struct evaluation *evaluation) {
  stages_enter(&learner->worker->stages, STAGE_EVALUATION);
  const struct run_config *config = &learner->worker->config;
  muster_env_setting settings[OPTION_MAP_MAX + 1];
  run_config_env_settings(config, settings);
  struct evaluation_request request = {
      .type = learner->worker->env.type,
      .settings = settings,
      .wrappers = run_config_env_wrappers(config),
      .seed = (uint64_t)config->general.seed,
      .episodes = config->evaluation.episodes,
      .deterministic = config->evaluation.deterministic,
      .steps = watchdog_steps(learner->worker->comm),
  };
  enter(learner, WATCH_EVALUATION);
  MUSTER_TRY(evaluation_run(&learner->model, &request, evaluation));
  enter(learner, WATCH_UPDATE);
  stages_enter(&learner->worker->stages, STAGE_OTHER);
  return MUSTER_OK;
}

/* a row that cannot be written waits for the next one, or for a checkpoint; that is said once each time it starts */
static muster_status keep_reporting(struct learner *learner, muster_status status) {
  bool waits = muster_status_code(status) == MUSTER_ERROR_IO;
  if (waits && !learner->rows_wait)
    log_warn(&learner->worker->logger, "%s; training goes on, the rows wait in memory until they can be written",
             muster_status_message(status));
  if (waits) muster_status_clear(&status);
  learner->rows_wait = waits;
  return status;
}

/* an evaluation when `evaluation.every` steps have passed, histograms, a row of metrics, progress */
static muster_status report_progress(struct learner *learner) {
  const struct trajectory *rollout = &learner->worker->rollout;
  int64_t every = learner->worker->config.evaluation.every;
  int64_t before = learner->total_steps - trajectory_steps(rollout);
  bool evaluates = every > 0 && learner->total_steps / every > before / every;
  struct evaluation evaluation;
  if (evaluates) MUSTER_TRY(evaluate(learner, &evaluation));
  int64_t histograms = learner->worker->config.run.histograms;
  if (histograms > 0 && learner->iteration % histograms == 0)
    MUSTER_TRY(histograms_add(&learner->histograms, learner->report.events, learner->total_steps));
  struct iteration_report iteration = {
      .iteration = learner->iteration,
      .total_steps = learner->total_steps,
      .episodes = episodes_summarize(&learner->episodes),
      .algorithm_metrics = learner->metrics,
      .skipped_updates = learner->skipped_updates,
      .env_restarts = learner->env_restarts,
      .evaluation = evaluates ? &evaluation : NULL,
  };
  return keep_reporting(learner, report_iteration(&learner->report, &iteration, is_finished(learner)));
}

muster_status learner_iterate(struct learner *learner) {
  MUSTER_TRY(collect_rollout(learner));
  return update_policy(learner);
}

muster_status learner_run(struct learner *learner, struct actor *actor) {
  struct worker *worker = learner->worker;
  learner->actor = actor;
  for (;;) {
    MUSTER_TRY(give_order(learner));
    if (worker->order->send_states) MUSTER_TRY(save_checkpoint(learner));
    if (worker->order->stop != STOP_NOT) return MUSTER_OK;
    MUSTER_TRY(learner_iterate(learner));
    MUSTER_TRY(report_progress(learner));
    stages_end_iteration(&worker->stages, trajectory_steps(&worker->rollout));
  }
}

/* --- when another rank is lost --- */

/* The states of the environments are with the actors, so those of this moment are not to be had any more. Where each
 * iteration starts its episodes afresh nothing is missing; elsewhere the episodes that were being played are lost, and
 * the next ones get numbers that no episode has had. */
static void give_up_states(struct learner *learner) {
  struct worker *worker = learner->worker;
  const struct trajectory *rollout = &worker->rollout;
  bool whole = worker->plan.whole_episodes;
  uint32_t episode = (uint32_t)(whole ? learner->iteration : learner->iteration * (int64_t)rollout->n_steps + 1);
  for (size_t n = 0; n < rollout->n_envs; n++)
    env_pool_save_lost(worker->pool, (int32_t)n, episode, worker->env_states + n * worker->env_state_bytes);
  episodes_restart(&learner->episodes);
  normalizer_restart(&learner->normalizer);
}

void learner_rescue(struct learner *learner) {
  struct worker *worker = learner->worker;
  char path[RUN_PATH_SIZE + 96];
  checkpoint_path(learner->folder->checkpoints, learner->total_steps, path, sizeof path);
  bool is_written = learner->total_steps == 0 || access(path, F_OK) == 0;
  if (!is_written) give_up_states(learner);
  muster_status status = is_written ? MUSTER_OK : snapshot_write(learner);
  if (status != MUSTER_OK)
    log_error(&worker->logger, "no checkpoint at %lld steps: %s; the newest one stays", (long long)learner->total_steps,
              muster_status_message(status));
  else if (is_written)
    log_info(&worker->logger, "the newest checkpoint has all of the %lld steps so far",
             (long long)learner->total_steps);
  else
    log_info(&worker->logger, "wrote %s, %s", path,
             worker->plan.whole_episodes ? "from which the run can be repeated bit for bit"
                                         : "without the states of the environments, which the lost rank had: a resumed "
                                           "run starts fresh episodes; to repeat the run bit for bit instead, remove "
                                           "this checkpoint and resume from the one before");
  log_info(&worker->logger, "to go on: build/muster train %s --run-dir %s --resume", learner->folder->config,
           learner->folder->path);
  muster_status_clear(&status);
}

/* --- the end --- */

static void print_result(const struct learner *learner, const struct evaluation *evaluation) {
  const struct report *report = &learner->report;
  double seconds = report_seconds(report);
  char steps[32], rate[32];
  terminal_format_count(learner->total_steps, steps, sizeof steps);
  terminal_format_count((int64_t)((double)learner->total_steps / seconds), rate, sizeof rate);
  printf("\ntrained     %s steps in %.2f s (%s steps/s)\n", steps, seconds, rate);
  if (report->solved_steps >= 0) {
    terminal_format_count(report->solved_steps, steps, sizeof steps);
    printf("solved      after %s steps, %.2f s (mean return of 100 episodes >= %g)\n", steps, report->solved_seconds,
           report->reward_threshold);
  }
  printf("evaluation  return %.2f +- %.2f (min %g, max %g) over %lld episodes, %s\n", evaluation->mean_return,
         evaluation->std_return, evaluation->min_return, evaluation->max_return, (long long)evaluation->episodes,
         learner->worker->config.evaluation.deterministic ? "deterministic" : "stochastic");
  printf("run folder  %s\n", learner->folder->path);
}

static void print_next(const struct learner *learner) {
  const char *folder = learner->folder->path;
  printf("\nnext:\n");
  printf("  build/muster eval %s\n", folder);
  printf("  build/muster inspect %s/checkpoints/latest\n", folder);
  printf("  less %s/metrics.csv\n", folder);
}

/* a run that was asked to end is told how to go on */
static void print_interrupted(const struct learner *learner) {
  if (learner->worker->order->stop == STOP_DEAD)
    log_error(&learner->worker->logger,
              "processes of environments died more often than env.max_restarts (%lld) allows; mend the environment",
              (long long)learner->worker->config.env_host.max_restarts);
  printf("\ninterrupted after %lld of %lld steps; %s. To go on:\n  build/muster train %s --run-dir %s --resume\n",
         (long long)learner->total_steps, (long long)learner->worker->config.general.total_steps,
         learner->total_steps > 0 ? "the checkpoint is written" : "there was nothing to write yet",
         learner->folder->config, learner->folder->path);
}

/* where the time went: the table, and the trace if there is one */
static muster_status tell_times(struct learner *learner, const struct timings *timings) {
  putchar('\n');
  MUSTER_TRY(timings_print(stdout, timings));
  char path[DURABLE_PATH_SIZE];
  MUSTER_TRY(trace_write(learner->worker, path, sizeof path));
  if (path[0] != '\0') printf("\ntrace       %s (for https://ui.perfetto.dev)\n", path);
  return MUSTER_OK;
}

/* summary and messages; a run that was asked to end has no evaluation: whoever asks wants it to end now */
static muster_status tell_result(struct learner *learner, const struct evaluation *evaluation,
                                 const struct timings *timings) {
  MUSTER_TRY(report_write_summary(&learner->report, learner->folder, timings, learner->total_steps,
                                  episodes_summarize(&learner->episodes), evaluation));
  if (evaluation != NULL) {
    MUSTER_TRY(report_end(&learner->report, learner->total_steps));
    print_result(learner, evaluation);
  }
  MUSTER_TRY(tell_times(learner, timings));
  if (evaluation != NULL)
    print_next(learner);
  else
    print_interrupted(learner);
  fflush(stdout);
  return MUSTER_OK;
}

muster_status learner_finish(struct learner *learner) {
  struct evaluation evaluation;
  bool finished = learner->worker->order->stop == STOP_FINISHED;
  if (finished) MUSTER_TRY(evaluate(learner, &evaluation));
  struct timings timings;
  enter(learner, WATCH_WAIT);
  muster_status status = timings_collect(learner->worker, &timings);
  if (status == MUSTER_OK) status = tell_result(learner, finished ? &evaluation : NULL, &timings);
  timings_release(&timings);
  return status;
}
