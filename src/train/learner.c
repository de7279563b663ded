#include "train/learner.h"

#include "base/clock.h"
#include "base/format.h"
#include "comm/ending.h"
#include "store/durable.h"
#include "train/crash_dump.h"
#include "train/interrupt.h"
#include "train/repeated_schedule.h"
#include "train/run_checkpoint.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

/* --- the steps of an iteration --- */

/* begins a phase of the next iteration */
static void enter(const struct learner *learner, enum phase phase) {
  phases_enter(learner->run->phases, phase, learner->iteration + 1);
}

/* goes over to another phase of the same iteration */
static void go_on(const struct learner *learner, enum phase phase) { phases_go_on(learner->run->phases, phase); }

static bool is_finished(const struct learner *learner) {
  const struct repeated_schedule *repeated = learner->run->repeated;
  if (repeated != NULL) return learner->iteration >= repeated->updates;
  return learner->collected_steps >= learner->run->config.general.total_steps;
}

/* Whether a criterion of `stop` ends the run here. Where commands are given ahead that is one rollout after it held, in
 * a resumed run, too: the same place. */
static bool is_stopped(const struct learner *learner) {
  const struct stopping *stopping = &learner->stopping;
  if (stopping->criterion == STOP_BY_NONE) return false;
  return !learner->run->schedule->commands_ahead || stopping->steps < learner->collected_steps;
}

/* whether isolated environments of any rank have died more often than env.max_restarts */
static bool envs_are_dead(const struct learner *learner) {
  if (learner->actor != NULL && learner->actor->envs_are_dead) return true;
  return (learner->flags & FLAG_DEAD) != 0;
}

/* whether a signal to any rank, or the time limit, asks for the end */
static enum stop asked_stop(const struct learner *learner) {
  int asked = interrupt_pending() | learner->flags;
  if ((asked & INTERRUPT_STOP) != 0) return STOP_ASKED;
  double limit = learner->run->config.run.time_limit;
  bool time_is_up = limit > 0 && clock_seconds() - learner->report.start >= limit;
  return (asked & INTERRUPT_REQUEUE) != 0 || time_is_up ? STOP_REQUEUE : STOP_NOT;
}

static bool is_asked_to_end(const struct learner *learner) { return asked_stop(learner) != STOP_NOT; }

/* whether the run ends here: environments are dead, all steps are done, or somebody asks for it */
static enum stop stop_reason(const struct learner *learner) {
  if (envs_are_dead(learner)) return STOP_DEAD;
  return is_finished(learner) || is_stopped(learner) ? STOP_FINISHED : asked_stop(learner);
}

/* whether evaluations decide which policy is the best */
static bool evaluates(const struct learner *learner) {
  return learner->transport->evaluator != NULL && learner->run->config.evaluation.every > 0;
}

bool learner_evaluation_is_due(const struct learner *learner) {
  const int64_t every = learner->run->config.evaluation.every;
  return evaluates(learner) && learner->collected_steps / every > learner->reported_steps / every;
}

static bool checkpoint_is_due(const struct learner *learner, enum stop stop) {
  const int64_t steps = learner->collected_steps;
  /* the best policy is written before it changes */
  if (learner->best_is_new && learner->run->config.checkpoint.keep_best) return true;
  if (steps == learner->checkpoint_steps || steps == 0) return false;
  if (stop != STOP_NOT) return true;
  const struct checkpoint_options *options = &learner->run->config.checkpoint;
  int64_t since = steps - (learner->checkpoint_steps > 0 ? learner->checkpoint_steps : 0);
  bool aged = options->interval > 0 && clock_seconds() - learner->checkpoint_clock >= options->interval;
  bool is_asked = ((interrupt_pending() | learner->flags) & INTERRUPT_SAVE) != 0;
  return (options->every > 0 && since >= options->every) || aged || is_asked;
}

/* the policy into the command: parameters, then the statistics that observations are normalised with */
static void write_policy(struct learner *learner) {
  const struct model *model = &learner->model;
  const struct transport *transport = learner->transport;
  const size_t parameters = transport->command_parameters, statistics = model->encoder.statistics_count;
  float *floats = transport->command->floats;
  if (transport->command_floats == 0) return;
  memcpy(floats, model->parameters.values, parameters * sizeof(float));
  if (statistics > 0) memcpy(floats + parameters, model->encoder.statistics, statistics * sizeof(float));
}

void learner_begin_command(struct learner *learner) {
  struct command *command = learner->transport->command;
  phases_enter(learner->run->phases, PHASE_COMMAND, learner->collected + 1);
  enum stop stop = stop_reason(learner);
  learner->checkpoint_is_due = checkpoint_is_due(learner, stop);
  command->iteration = learner->collected;
  command->steps = learner->collected_steps;
  command->send_states = learner->checkpoint_is_due ? SEND_FOR_CHECKPOINT : SEND_NOTHING;
  command->evaluation = EVALUATION_NONE;
  command->stop = (int32_t)stop;
  if (learner->checkpoint_is_due) {
    interrupt_saved();
    learner->flags &= ~INTERRUPT_SAVE;
  }
  write_policy(learner);
}

muster_status learner_send_command(struct learner *learner) {
  MUSTER_TRY(transport_broadcast_command(learner->transport));
  go_on(learner, PHASE_LOOP);
  learner->actors_start = learner->run->phases->clock.since;
  return MUSTER_OK;
}

muster_status learner_give_command(struct learner *learner) {
  learner_begin_command(learner);
  return learner_send_command(learner);
}

muster_status learner_take_states(struct learner *learner) {
  if (!learner->transport->command->send_states) return MUSTER_OK;
  go_on(learner, PHASE_STATES);
  if (learner->actor != NULL) actor_save_states(learner->actor);
  MUSTER_TRY(gather_begin(learner->transport->state_gather));
  MUSTER_TRY(gather_end(learner->transport->state_gather));
  learner->actors_start = clock_seconds();
  go_on(learner, PHASE_LOOP);
  return MUSTER_OK;
}

/* makes the present policy the best, if its score is higher */
static void judge(struct learner *learner, double score, int64_t is_evaluation) {
  const struct best *best = &learner->best;
  /* a run that repeats another one has no checkpoint to be the best */
  if (learner->run->repeated != NULL) return;
  bool is_first = isnan(best->score) || best->is_evaluation < is_evaluation;
  if (!is_first && !(score > best->score)) return;
  learner->previous_best = *best;
  learner->best = (struct best){score, learner->total_steps, is_evaluation};
  learner->best_is_new = true;
}

muster_status learner_write_checkpoint(struct learner *learner) {
  /* without evaluations the returns of training decide which policy is the best */
  if (!evaluates(learner) && !learner->best.is_evaluation)
    judge(learner, episodes_summarize(&learner->episodes).mean_return, 0);
  return run_checkpoint_write(learner);
}

muster_status learner_save(struct learner *learner) {
  struct run *run = learner->run;
  if (!learner->transport->command->send_states) return MUSTER_OK;
  if (!learner->checkpoint_is_due && !learner->best_is_new) return MUSTER_OK;
  enter(learner, PHASE_CHECKPOINT);
  muster_status status = learner_write_checkpoint(learner);
  if (status != MUSTER_OK && learner->transport->command->stop == STOP_NOT) {
    log_warn(&run->logger, "no checkpoint at %lld step%s: %s; training goes on, the next is tried in time",
             (long long)learner->total_steps, plural((double)learner->total_steps), muster_status_message(status));
    muster_status_clear(&status);
  }
  learner->checkpoint_steps = learner->total_steps;
  learner->checkpoint_clock = clock_seconds();
  go_on(learner, PHASE_LOOP);
  return status;
}

/* adds to the batch what this rank's own actor has not written into it */
static void add_own_part(struct learner *learner) {
  const struct topology *topology = &learner->run->topology;
  struct trajectory *batch = &learner->gathering->batch;
  const struct actor *actor = learner->actor;
  if (actor == NULL || actor->rollout == batch) return;
  if (topology->ranks == 1) batch->final_observations.count = 0;
  trajectory_append_final_observations(actor->rollout, batch);
  const size_t first = (size_t)topology_envs(topology, topology->rank).first;
  if (!actor->is_in_place) trajectory_copy_rows(actor->rollout, first, batch);
}

/* how long actors worked for the rollouts */
static struct gather_work actors_work(struct learner *learner) {
  struct run *run = learner->run;
  struct gather_work work = gather_work(learner->transport->rollout_gather);
  /* until the slowest actor had finished, this rank waited */
  if (learner->actor == NULL) {
    stages_assign(&run->phases->clock, STAGE_WAIT, learner->actors_start + work.longest);
    return work;
  }
  const double seconds = learner->actor->seconds;
  const struct gather_work own = {seconds, seconds, seconds};
  if (work.longest == 0) return own;
  gather_work_join(&work, &own);
  return work;
}

muster_status learner_collect(struct learner *learner) {
  struct run *run = learner->run;
  enter(learner, PHASE_GATHER);
  MUSTER_TRY(gather_begin(learner->transport->rollout_gather));
  MUSTER_TRY(preemption_await(learner->transport->preemption));
  MUSTER_TRY(gather_end(learner->transport->rollout_gather));
  add_own_part(learner);
  learner->flags = gather_flags(learner->transport->rollout_gather);
  learner->report.rollout_messages = gather_messages(learner->transport->rollout_gather);
  struct gather_work work = actors_work(learner);
  stages_mark(&run->phases->clock, EVENT_ROLLOUT);
  go_on(learner, PHASE_LOOP);
  report_rollout(&learner->report, &work, run->topology.actors);
  learner->collected = learner->iteration + 1;
  learner->collected_steps = learner->total_steps + trajectory_steps(&learner->gathering->batch);
  return MUSTER_OK;
}

static bool rollout_has_faults(const struct learner *learner) {
  if (learner->actor != NULL && learner->actor->has_faults) return true;
  return (learner->flags & FLAG_FAULT) != 0;
}

/* a numerical fault in the update: a crash dump is written; then, as run.on_nan says, the run ends, or goes on without
 * this update */
static muster_status handle_fault(struct learner *learner, muster_status status) {
  const struct run *run = learner->run;
  struct tensor intermediates[ALGORITHM_MAX_STATE];
  int n = algorithm_intermediates(learner->type, learner->algorithm, intermediates);
  if (run->config.run.on_nan == ON_NAN_STOP || learner->skipped_updates < CRASH_DUMP_FILES)
    crash_dump_write(run, learner->transport->command->iteration, &learner->gathering->batch, &learner->model,
                     intermediates, n, muster_status_message(status));
  if (run->config.run.on_nan == ON_NAN_STOP) return status;
  log_warn(&run->logger, "%s; the update is skipped", muster_status_message(status));
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

muster_status learner_make_update(struct learner *learner) {
  const double progress = learner->gathering->head->progress_remaining;
  return algorithm_update(learner->type, learner->algorithm, progress, &learner->metrics);
}

/* what asks for the end of the run after this iteration; NULL: nothing does */
static const char *what_asks_to_end(const struct learner *learner) {
  const double limit = learner->run->config.stop.seconds;
  const int wishes = (interrupt_pending() | learner->flags) & INTERRUPT_ENDS;
  if (is_asked_to_end(learner)) return interrupt_describe(wishes != 0 ? wishes : INTERRUPT_TIME);
  return limit > 0 && report_seconds(&learner->report) >= limit ? "stop.seconds" : NULL;
}

/* The end waits for the updates of an iteration, which may be many: where that takes a second or more, this is said
 * once. `start`: when the first of them began. Returns whether the run is asked to end. */
static bool say_what_is_left(const struct learner *learner, int64_t made, int64_t updates, double start) {
  const char *cause = what_asks_to_end(learner);
  if (cause == NULL) return false;
  const double seconds = (clock_seconds() - start) / (double)made * (double)(updates - made);
  if (seconds >= 1)
    log_info(
        &learner->run->logger,
        "the run was asked to end by %s: it does when the %lld update%s that are left of this iteration are made, in "
        "about %.0f s",
        cause, (long long)(updates - made), plural((double)(updates - made)), seconds);
  return true;
}

/* as many updates as the algorithm asks for; then the statistics of observations are renewed: the updates need those
 * that the actors had */
muster_status learner_update_from_batch(struct learner *learner) {
  const struct gathering *gathering = learner->gathering;
  const double progress = gathering->head->progress_remaining;
  int64_t updates;
  MUSTER_TRY(algorithm_take_rollout(learner->type, learner->algorithm, progress, &updates));
  const struct topology *topology = &learner->run->topology;
  bool is_said = topology->rank != topology->learner;
  const double start = clock_seconds();
  for (int64_t i = 0; i < updates; i++) {
    MUSTER_TRY(learner_make_update(learner));
    if (!is_said && i + 1 < updates) is_said = say_what_is_left(learner, i + 1, updates, start);
  }
  normalizer_observe(&learner->normalizer, &gathering->batch);
  return MUSTER_OK;
}

/* updates as the schedule does; afterwards no learner uses the batch any more */
static muster_status learn(struct learner *learner) {
  const struct gathering *gathering = learner->gathering;
  muster_status status = gathering->head->is_skipped ? MUSTER_OK : learner->run->schedule->update(learner);
  if (gathering->group != NULL && (status == MUSTER_OK || muster_status_code(status) == MUSTER_ERROR_NUMERIC)) {
    muster_status met = group_gather(gathering->group, NULL, NULL);
    if (status == MUSTER_OK) return met;
    muster_status_clear(&met);
  }
  return status;
}

/* completes the batch, with its head and normalised rewards, and brings it to all that learn */
static muster_status share_batch(struct learner *learner) {
  struct run *run = learner->run;
  struct batch_head *head = learner->gathering->head;
  go_on(learner, PHASE_UPDATE);
  head->progress_remaining = learner_progress_remaining(learner, run->config.general.total_steps);
  head->is_skipped = rollout_has_faults(learner) || envs_are_dead(learner);
  if (!head->is_skipped) normalizer_scale_rewards(&learner->normalizer, &learner->gathering->batch);
  return gathering_share(learner->gathering);
}

/* counts the steps and episodes of the batch */
static void count_batch(struct learner *learner) {
  const struct trajectory *batch = &learner->gathering->batch;
  learner->iteration = learner->collected;
  learner->total_steps = learner->collected_steps;
  for (size_t n = 0; n < batch->n_envs; n++) learner->env_restarts += batch->restarts[n];
  episodes_add_rollout(&learner->episodes, batch);
}

muster_status learner_update(struct learner *learner) {
  enter(learner, PHASE_STATISTICS);
  count_batch(learner);
  MUSTER_TRY(share_batch(learner));
  learner->skipped_updates += learner->gathering->head->is_skipped;
  return learner_learn(learner);
}

/* what a replay has no room for is written before the next rollout */
static muster_status keep_up_files(struct learner *learner) {
  const struct replay_log *log = learner->replay_files.log;
  if (log == NULL || replay_log_waiting(log) == NULL) return MUSTER_OK;
  go_on(learner, PHASE_CHECKPOINT);
  muster_status status = replay_files_keep_up(&learner->replay_files);
  go_on(learner, PHASE_STATISTICS);
  return status;
}

muster_status learner_learn(struct learner *learner) {
  algorithm_forget_means(&learner->metrics);
  muster_status status = learn(learner);
  status = status_wrap(status, "iteration %lld at %lld step%s", (long long)learner->iteration,
                       (long long)learner->total_steps, plural((double)learner->total_steps));
  if (muster_status_code(status) == MUSTER_ERROR_NUMERIC) status = handle_fault(learner, status);
  /* whatever the schedule is, and also where updates were skipped */
  if (status == MUSTER_OK) algorithm_measure(learner->type, learner->algorithm, learner->metrics.mean);
  if (status == MUSTER_OK) status = check_parameters(learner);
  go_on(learner, PHASE_STATISTICS);
  return status == MUSTER_OK ? keep_up_files(learner) : status;
}

muster_status learner_follow(struct learner *learner) {
  struct run *run = learner->run;
  phases_enter(run->phases, PHASE_GATHER, learner->transport->command->iteration + 1);
  MUSTER_TRY(gathering_share(learner->gathering));
  phases_go_on(run->phases, PHASE_UPDATE);
  muster_status status = learn(learner);
  bool is_skipped = muster_status_code(status) == MUSTER_ERROR_NUMERIC && run->config.run.on_nan == ON_NAN_SKIP;
  if (is_skipped) muster_status_clear(&status);
  if (status == MUSTER_OK) status = check_parameters(learner);
  phases_go_on(run->phases, PHASE_STATISTICS);
  /* the leading rank has met the same fault, writes the crash dump, and ends the job */
  if (muster_status_code(status) == MUSTER_ERROR_NUMERIC) ending_await();
  return status;
}

/* --- evaluations --- */

/* prepares a command of an evaluation */
static void command_evaluation(struct learner *learner, enum command_evaluation evaluation) {
  learner->transport->command->evaluation = evaluation;
  write_policy(learner);
}

static muster_status play_slices(struct learner *learner, bool *is_done) {
  enum command_evaluation evaluation = EVALUATION_BEGINS;
  for (*is_done = false; !*is_done && !is_asked_to_end(learner); evaluation = EVALUATION_GOES_ON) {
    command_evaluation(learner, evaluation);
    MUSTER_TRY(learner->run->schedule->play_slice(learner));
    *is_done = evaluator_is_done(learner->transport->evaluator);
  }
  go_on(learner, PHASE_LOOP);
  return MUSTER_OK;
}

static muster_status end_evaluation(struct learner *learner) {
  command_evaluation(learner, EVALUATION_ENDS);
  MUSTER_TRY(learner->run->schedule->end_evaluation(learner));
  go_on(learner, PHASE_LOOP);
  return MUSTER_OK;
}

static muster_status take_evaluation(struct learner *learner) {
  MUSTER_TRY(evaluator_summarize(learner->transport->evaluator, &learner->evaluation));
  learner->owes_evaluation = 0;
  learner->evaluated = learner->iteration;
  if (!evaluates(learner)) return MUSTER_OK;
  judge(learner, learner->evaluation.mean_return, 1);
  stopping_count_evaluation(&learner->stopping, learner->best.steps == learner->total_steps);
  return MUSTER_OK;
}

muster_status learner_evaluate(struct learner *learner, bool *is_done) {
  learner->owes_evaluation = 1;
  MUSTER_TRY(play_slices(learner, is_done));
  if (!learner->run->schedule->next_command_ends_evaluation) MUSTER_TRY(end_evaluation(learner));
  enter(learner, PHASE_STATISTICS);
  return *is_done ? take_evaluation(learner) : MUSTER_OK;
}

/* writes the last checkpoint again, where the evaluation after it has made it the best; the states of the environments
 * are still those of that moment */
static muster_status save_best(struct learner *learner) {
  if (!learner->best_is_new || !learner->run->config.checkpoint.keep_best) return MUSTER_OK;
  enter(learner, PHASE_CHECKPOINT);
  muster_status status = learner_write_checkpoint(learner);
  go_on(learner, PHASE_LOOP);
  return status;
}

muster_status learner_make_up(struct learner *learner) {
  bool is_done = false;
  if (!evaluates(learner)) learner->owes_evaluation = 0;
  if (!learner->owes_evaluation) return MUSTER_OK;
  MUSTER_TRY(learner_evaluate(learner, &is_done));
  go_on(learner, PHASE_LOOP);
  if (!is_done) return MUSTER_OK;
  MUSTER_TRY(learner_write_evaluation(learner));
  return save_best(learner);
}

muster_status learner_evaluate_at_end(struct learner *learner) {
  if (learner->transport->command->stop != STOP_FINISHED || learner->transport->evaluator == NULL) return MUSTER_OK;
  bool is_known = learner->evaluated == learner->iteration, is_done = is_known;
  if (!is_known) MUSTER_TRY(play_slices(learner, &is_done));
  if (!is_done) learner->transport->command->stop = (int32_t)asked_stop(learner);
  MUSTER_TRY(end_evaluation(learner));
  learner->has_final_evaluation = is_done;
  if (is_done && !is_known) MUSTER_TRY(take_evaluation(learner));
  return is_done ? save_best(learner) : MUSTER_OK;
}

/* a row that cannot be written waits until the next one or a checkpoint; a warning is logged when that begins */
static muster_status keep_reporting(struct learner *learner, muster_status status) {
  bool waits = muster_status_code(status) == MUSTER_ERROR_IO;
  if (waits && !learner->rows_wait)
    log_warn(&learner->run->logger, "%s; training goes on, the rows wait in memory until they can be written",
             muster_status_message(status));
  if (waits) muster_status_clear(&status);
  learner->rows_wait = waits;
  return status;
}

/* of the last episodes; computed again only where another has ended, since in short rollouts mostly none has */
static struct episodes_summary summarize_episodes(struct learner *learner) {
  const int64_t finished = learner->episodes.finished;
  if (learner->row.episodes.count > 0 && finished == learner->summarized) return learner->row.episodes;
  learner->summarized = finished;
  return episodes_summarize(&learner->episodes);
}

void learner_prepare_row(struct learner *learner) {
  const struct trajectory *batch = &learner->gathering->batch;
  const struct episodes_summary episodes = summarize_episodes(learner);
  learner->row = (struct iteration_report){
      .iteration = learner->iteration,
      .total_steps = learner->total_steps,
      .steps = trajectory_steps(batch),
      .whole_steps = (int64_t)(batch->n_envs * batch->n_steps),
      .episodes = episodes,
      .algorithm_metrics = learner->metrics.mean,
      .skipped_updates = learner->skipped_updates,
      .env_restarts = learner->env_restarts,
      .lag = &learner->policy_lag,
      .limiter = learner->limiter,
  };
}

/* whether the run is to end now: by the best evaluation, else by the last episodes, once there are enough */
static void decide_stop(struct learner *learner) {
  const struct run *run = learner->run;
  const struct episodes_summary *episodes = &learner->row.episodes;
  const bool is_known = evaluates(learner) ? learner->best.is_evaluation : episodes->count == EPISODES_WINDOW;
  const double known = evaluates(learner) ? learner->best.score : episodes->mean_return;
  const struct stopping_facts facts = {.total_steps = learner->total_steps,
                                       .mean_return = is_known ? known : (double)NAN,
                                       .seconds = report_seconds(&learner->report)};
  /* a run that repeats another one ends where that did */
  if (run->repeated == NULL) stopping_decide(&learner->stopping, &run->config.stop, &facts);
  learner->row.stopping = &learner->stopping;
}

muster_status learner_write_row(struct learner *learner, const struct evaluation *evaluation) {
  decide_stop(learner);
  learner->row.evaluation = evaluation;
  learner->row.owes_evaluation = learner->owes_evaluation;
  learner->row_waits = false;
  return keep_reporting(learner,
                        report_iteration(&learner->report, &learner->row, is_finished(learner) || is_stopped(learner)));
}

muster_status learner_write_evaluation(struct learner *learner) {
  decide_stop(learner);
  return keep_reporting(learner, report_evaluation(&learner->report, learner->iteration, learner->total_steps,
                                                   &learner->evaluation, &learner->stopping));
}

muster_status learner_write_histograms(struct learner *learner) {
  const int64_t every = learner->run->config.run.histograms;
  if (every == 0 || learner->iteration % every != 0) return MUSTER_OK;
  return histograms_add(&learner->histograms, learner->report.events, learner->total_steps);
}

muster_status learner_report(struct learner *learner) {
  bool is_done = false;
  learner->row_waits = learner_evaluation_is_due(learner);
  learner->reported_steps = learner->total_steps;
  learner_prepare_row(learner);
  MUSTER_TRY(learner_write_histograms(learner));
  if (learner->row_waits) MUSTER_TRY(learner_evaluate(learner, &is_done));
  return learner_write_row(learner, is_done ? &learner->evaluation : NULL);
}

/* --- when another rank is lost --- */

/* The actors have the states of the environments, so those of this moment cannot be saved. Where each iteration starts
 * new episodes nothing is missing; elsewhere the episodes that had not ended are lost, and the next ones get numbers
 * that no episode has had. */
static void give_up_states(struct learner *learner) {
  struct run *run = learner->run;
  const int64_t n_steps = (int64_t)run->needs.n_steps;
  bool whole = run->needs.whole_episodes;
  /* no environment has made more steps than that, nor begun so many episodes */
  const int64_t most_steps = run->schedule->give_up_rollouts(learner) * n_steps;
  uint32_t episode = (uint32_t)(whole ? learner->iteration : most_steps + 1);
  for (size_t n = 0; n < (size_t)run->config.env.num_envs; n++)
    env_pool_save_lost(run->pool, (int32_t)n, episode, learner->gathering->env_states + n * run->env_state_bytes);
  episodes_restart(&learner->episodes);
  normalizer_restart(&learner->normalizer);
}

/* what the emergency checkpoint holds, for the message */
static const char *what_is_saved(const struct learner *learner) {
  const struct run *run = learner->run;
  if (run->needs.whole_episodes) return "from which the run can be repeated bit for bit";
  bool is_deterministic = run->schedule->is_deterministic || run->topology.ranks == 1;
  return is_deterministic
             ? "without the states of the environments, which the lost rank had: a resumed run starts fresh episodes; "
               "to "
               "repeat the run bit for bit instead, remove this checkpoint and resume from the one before"
             : "without the states of the environments, which the lost rank had: a resumed run starts fresh episodes";
}

/* writes the emergency checkpoint, unless there is one of these steps already */
static void save_rest(struct learner *learner) {
  struct run *run = learner->run;
  if (run->repeated != NULL) {
    log_info(&run->logger, "a run that repeats another one has no checkpoint before its end");
    return;
  }
  char path[RUN_PATH_SIZE + 96];
  checkpoint_path(learner->folder->checkpoints, learner->total_steps, path, sizeof path);
  bool is_written = learner->total_steps == 0 || access(path, F_OK) == 0;
  muster_status row = learner->row_waits ? learner_write_row(learner, NULL) : MUSTER_OK;
  muster_status_clear(&row);
  if (!is_written) give_up_states(learner);
  muster_status status = is_written ? MUSTER_OK : learner_write_checkpoint(learner);
  if (status != MUSTER_OK)
    log_error(&run->logger, "no checkpoint at %lld step%s: %s; the newest one stays", (long long)learner->total_steps,
              plural((double)learner->total_steps), muster_status_message(status));
  else if (learner->total_steps == 0)
    log_info(&run->logger, "there was nothing to write yet");
  else if (is_written)
    log_info(&run->logger, "the newest checkpoint has all of the %lld step%s so far", (long long)learner->total_steps,
             plural((double)learner->total_steps));
  else
    log_info(&run->logger, "wrote %s, %s", path, what_is_saved(learner));
  muster_status_clear(&status);
}

struct shell_command learner_resume_command(const struct learner *learner) {
  const struct run_folder *folder = learner->folder;
  char config[RUN_PATH_SIZE + 32];
  snprintf(config, sizeof config, "%s/config.yaml", folder->path);
  struct shell_command command = shell_train(learner->run->topology.ranks);
  size_t length = strlen(command.text);
  snprintf(command.text + length, sizeof command.text - length, " %s --run-dir %s --resume", shell_quote(config).text,
           shell_quote(folder->path).text);
  return command;
}

void learner_emergency_checkpoint(struct learner *learner, bool is_whole) {
  const struct logger *logger = &learner->run->logger;
  const struct run_folder *folder = learner->folder;
  if (is_whole)
    save_rest(learner);
  else
    log_info(
        logger,
        "what is learned is in the midst of iteration %lld, which has no end now: the newest checkpoint in %s stays",
        (long long)learner->collected, folder->path);
  log_info(logger, "to go on: %s", learner_resume_command(learner).text);
}
