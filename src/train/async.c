#include "train/async.h"

#include "comm/watchdog.h"
#include "env/values.h"
#include "train/crash_dump.h"
#include "train/interrupt.h"
#include "train/message.h"

#include <math.h>
#include <string.h>

/* --- an actor --- */

/* what is in every message */
static struct message make_head(const struct actor *actor, enum message_kind kind, int64_t version) {
  const struct worker *worker = actor->worker;
  int flags = (actor->has_faults ? FLAG_FAULT : 0) | (actor->envs_are_dead ? FLAG_DEAD : 0);
  return (struct message){.kind = kind,
                          .flags = interrupt_pending() | flags,
                          .version = version,
                          .next_version = worker->command->iteration,
                          .rollouts = actor->rollouts,
                          .seconds = actor->seconds};
}

static muster_status find_place(struct worker *worker, void **place) {
  watchdog_enter(worker->comm, WATCH_WAIT, worker->command->iteration + 1);
  stages_enter(&worker->stages, STAGE_GATHER);
  return channel_slot(worker->channel, place);
}

static muster_status send_states_message(struct actor *actor) {
  struct worker *worker = actor->worker;
  void *place;
  MUSTER_TRY(find_place(worker, &place));
  stages_enter(&worker->stages, STAGE_CHECKPOINT);
  struct message *message = place;
  if (worker->command->send_states == SEND_FOR_CHECKPOINT) interrupt_saved();
  actor_save_states(actor);
  *message = make_head(actor, MESSAGE_STATES, worker->command->iteration);
  MUSTER_TRY(channel_send(worker->channel, message_write_states(worker, message)));
  stages_enter(&worker->stages, STAGE_OTHER);
  return MUSTER_OK;
}

/* hands over the rollout, or its gradient, and takes the newest order */
static muster_status send_rollout_message(struct actor *actor, const double *terms) {
  struct worker *worker = actor->worker;
  const int64_t version = worker->command->iteration;
  const struct parameters *parameters = &actor->model->parameters;
  void *place;
  bool is_new;
  stages_mark(&worker->stages, EVENT_ROLLOUT);
  MUSTER_TRY(find_place(worker, &place));
  struct message *message = place;
  const float *gradient = terms != NULL ? parameters->gradients : NULL;
  struct message head = make_head(actor, terms != NULL ? MESSAGE_GRADIENT : MESSAGE_ROLLOUT, version);
  size_t bytes = message_write_rollout(worker, gradient, parameters->count, message);
  MUSTER_TRY(channel_refresh(worker->channel, &is_new));
  if (is_new && !worker->topology.learns) actor_take_parameters(actor);
  head.next_version = worker->command->iteration;
  head.rollout_bytes = message->rollout_bytes;
  if (terms != NULL) memcpy(head.terms, terms, sizeof head.terms);
  *message = head;
  MUSTER_TRY(channel_send(worker->channel, bytes));
  stages_enter(&worker->stages, STAGE_OTHER);
  return MUSTER_OK;
}

/* the gradient of the rollout; a numerical fault is handled as run.on_nan says */
static muster_status compute_gradient(struct actor *actor, double *terms) {
  const struct worker *worker = actor->worker;
  if (actor->has_faults) return MUSTER_OK;
  muster_status status = actor->type->gradient(actor->algorithm, terms);
  if (muster_status_code(status) != MUSTER_ERROR_NUMERIC) return status;
  const struct run_options *options = &worker->config.run;
  if (options->on_nan == ON_NAN_STOP || actor->crash_dump_files++ < CRASH_DUMP_FILES)
    crash_dump_write(worker, worker->rollout, actor->model, NULL, 0, muster_status_message(status));
  if (options->on_nan == ON_NAN_STOP) return status;
  log_warn(&worker->logger, "%s; this gradient is left out", muster_status_message(status));
  muster_status_clear(&status);
  actor->has_faults = true;
  return MUSTER_OK;
}

/* a slice of an evaluation */
static bool asks_for_episodes(const struct command *command) {
  return command->evaluation == EVALUATION_BEGINS || command->evaluation == EVALUATION_GOES_ON;
}

static muster_status send_episodes_message(struct actor *actor) {
  struct worker *worker = actor->worker;
  void *place;
  MUSTER_TRY(evaluator_play(worker->evaluator, actor->model));
  MUSTER_TRY(find_place(worker, &place));
  struct message *message = place;
  *message = make_head(actor, MESSAGE_EPISODES, worker->command->iteration);
  MUSTER_TRY(channel_send(worker->channel, message_write_episodes(worker, message)));
  stages_enter(&worker->stages, STAGE_OTHER);
  return MUSTER_OK;
}

/* what the command at hand asks for: episodes, the states of the environments, or one more rollout */
static muster_status take_turn(struct actor *actor) {
  struct worker *worker = actor->worker;
  if (asks_for_episodes(worker->command)) return send_episodes_message(actor);
  if (worker->command->send_states) return send_states_message(actor);
  actor->rollouts++;
  MUSTER_TRY(actor_roll_out(actor));
  double terms[ALGORITHM_MAX_TERMS] = {0};
  bool computes = worker->plan.asynchronous == ASYNCHRONOUS_GRADIENTS;
  if (computes) MUSTER_TRY(compute_gradient(actor, terms));
  MUSTER_TRY(send_rollout_message(actor, computes ? terms : NULL));
  stages_end_iteration(&worker->stages, trajectory_steps(worker->rollout));
  return MUSTER_OK;
}

static muster_status await_command(struct actor *actor) {
  struct worker *worker = actor->worker;
  watchdog_enter(worker->comm, WATCH_WAIT, worker->command->iteration + 1);
  stages_enter(&worker->stages, STAGE_BROADCAST);
  MUSTER_TRY(channel_await_command(worker->channel));
  stages_mark(&worker->stages, EVENT_COMMAND);
  actor_take_parameters(actor);
  stages_enter(&worker->stages, STAGE_OTHER);
  return MUSTER_OK;
}

/* after the last rollout: the evaluation of a run that is finished */
static muster_status end(struct actor *actor) {
  struct worker *worker = actor->worker;
  const struct command *command = worker->command;
  bool evaluates = command->stop == STOP_FINISHED && worker->evaluator != NULL;
  if (evaluates) MUSTER_TRY(await_command(actor));
  while (evaluates && command->evaluation != EVALUATION_ENDS) {
    MUSTER_TRY(take_turn(actor));
    MUSTER_TRY(await_command(actor));
  }
  return channel_drain(worker->channel);
}

muster_status async_act(struct actor *actor) {
  const struct command *command = actor->worker->command;
  MUSTER_TRY(await_command(actor));
  actor->rollouts = command->rollouts;
  for (;;) {
    const bool evaluates = asks_for_episodes(command), stops = command->stop != STOP_NOT;
    const bool pauses = command->send_states || evaluates;
    MUSTER_TRY(take_turn(actor));
    if (stops && !evaluates) return end(actor);
    if (pauses) MUSTER_TRY(await_command(actor));
  }
}

/* --- the learner's part of it --- */

muster_status async_create(struct learner *learner) {
  struct worker *worker = learner->worker;
  struct arena *arena = worker->arena;
  const size_t ranks = (size_t)worker->topology.ranks;
  struct async *async;
  MUSTER_TRY(ARENA_TAKE(arena, 1, "asynchronous learner", &async));
  MUSTER_TRY(ARENA_TAKE(arena, worker->batch->n_envs, "versions", &async->versions));
  MUSTER_TRY(ARENA_TAKE(arena, ranks, "versions", &async->under_way));
  MUSTER_TRY(ARENA_TAKE(arena, CHANNEL_SLOTS * ranks, "deliveries", &async->held));
  async->capacity = (int64_t)worker->batch->n_envs;
  learner->async = async;
  /* from here on the batch has as many environments as there are trajectories in it */
  worker->batch->n_envs = worker->batch->n_rows = 0;
  return MUSTER_OK;
}

int64_t async_give_up(struct learner *learner) { return learner->async->rollouts += CHANNEL_SLOTS + 1; }

static void set_trajectories(struct learner *learner, int64_t n) {
  struct trajectory *batch = learner->worker->batch;
  learner->async->trajectories = n;
  batch->n_envs = (size_t)n;
  batch->n_rows = (size_t)n * batch->agents;
}

static void empty_batch(struct learner *learner) {
  set_trajectories(learner, 0);
  learner->worker->batch->final_observations.count = 0;
}

/* trajectories that may wait in a checkpoint: where actors send gradients, none do */
static int64_t most_waiting(const struct learner *learner) {
  return learner->worker->plan.asynchronous == ASYNCHRONOUS_GRADIENTS ? 0 : learner->async->capacity;
}

int async_state(struct learner *learner, struct tensor list[ASYNC_STATE]) {
  struct async *async = learner->async;
  struct trajectory *batch = learner->worker->batch;
  const struct final_observations *final_observations = &batch->final_observations;
  const size_t n = (size_t)async->trajectories, rows = batch->n_rows, steps = batch->n_steps;
  const size_t count = (size_t)final_observations->count, bytes = batch->agents * batch->obs_bytes;
  async->final_observations = final_observations->count;
  const struct tensor all[] = {
      {"waiting/trajectories", TENSOR_I64, 0, {0}, &async->trajectories, RANGE(0, (double)most_waiting(learner))},
      {"waiting/finals", TENSOR_I64, 0, {0}, &async->final_observations, RANGE(0, (double)(n * steps))},
      {"waiting/rollouts", TENSOR_I64, 0, {0}, &async->rollouts, RANGE(0, RANGE_COUNT_MAX / (double)steps)},
      {"waiting/dropped", TENSOR_I64, 0, {0}, &async->lag.dropped, RANGE_COUNT},
      {"waiting/reported_steps", TENSOR_I64, 0, {0}, &learner->reported_steps, RANGE_COUNT},
      {"waiting/version", TENSOR_I64, 1, {n}, async->versions, RANGE(0, (double)learner->iteration)},
      {"waiting/observation", TENSOR_U8, 2, {rows, trajectory_obs_stride(batch)}, batch->observation, RANGE_ANY},
      {"waiting/mask", TENSOR_U8, 2, {rows, trajectory_mask_stride(batch)}, batch->mask, RANGE_ANY},
      {"waiting/action", TENSOR_U8, 2, {rows, steps * batch->action_bytes}, batch->action, RANGE_ANY},
      {"waiting/log_prob", TENSOR_F32, 2, {rows, steps}, batch->log_prob, RANGE_FINITE},
      {"waiting/reward", TENSOR_F32, 2, {rows, steps}, batch->reward, RANGE_FINITE},
      {"waiting/ended", TENSOR_U8, 2, {n, steps}, batch->ended, RANGE(0, ENV_TERMINATED | ENV_TRUNCATED)},
      {"waiting/length", TENSOR_I32, 1, {rows}, batch->length, RANGE(1, (double)steps)},
      {"waiting/final_trajectory", TENSOR_I32, 1, {count}, final_observations->environment, RANGE(0, (double)n - 1)},
      {"waiting/final_step", TENSOR_I32, 1, {count}, final_observations->step, RANGE(0, (double)steps - 1)},
      {"waiting/final_observation", TENSOR_U8, 2, {count, bytes}, final_observations->observation, RANGE_ANY},
  };
  _Static_assert(sizeof all / sizeof *all == ASYNC_STATE, "room for all tensors");
  memcpy(list, all, sizeof all);
  return (int)(sizeof all / sizeof *all);
}

muster_status async_restore_counts(struct learner *learner, struct checkpoint_reader *reader) {
  struct async *async = learner->async;
  struct tensor list[ASYNC_STATE];
  for (int i = 0; i < ASYNC_COUNTS; i++) {
    /* each of them decides about the range of the next */
    async_state(learner, list);
    MUSTER_TRY(checkpoint_restore_tensor(reader, &list[i]));
  }
  set_trajectories(learner, async->trajectories);
  learner->worker->batch->final_observations.count = (int32_t)async->final_observations;
  return MUSTER_OK;
}

/* values that are none of their space; trajectories follow each other without gaps */
static muster_status check_values(const char *name, const muster_space *space, size_t rows, const void *values) {
  const size_t n = rows * muster_space_elements(space), wrong = space_find_wrong(space, values, n);
  if (wrong == n) return MUSTER_OK;
  char what[64];
  space_describe_wrong(space, values, wrong, what, sizeof what);
  return status_error(MUSTER_ERROR_FORMAT, "%s: value %zu is %s", name, wrong, what);
}

muster_status async_check(const struct learner *learner) {
  const struct trajectory *batch = learner->worker->batch;
  const muster_env_spec *spec = env_pool_spec(learner->worker->pool);
  const size_t rows = batch->n_rows, steps = batch->n_steps,
               final_observations = (size_t)batch->final_observations.count * batch->agents;
  MUSTER_TRY(check_values("waiting/observation", &spec->observation, rows * (steps + 1), batch->observation));
  MUSTER_TRY(check_values("waiting/action", &spec->action, rows * steps, batch->action));
  return check_values("waiting/final_observation", &spec->observation, final_observations,
                      batch->final_observations.observation);
}

/* --- taking messages --- */

/* the rollout of a message, behind what is in the batch, where it stays unless it is of no use */
static muster_status take_rollout(struct learner *learner, int rank, const struct message *message) {
  struct worker *worker = learner->worker;
  struct async *async = learner->async;
  struct trajectory *batch = worker->batch;
  const struct env_range range = topology_envs(&worker->topology, rank);
  const size_t first_env = (size_t)range.first, n = (size_t)range.count, at = (size_t)async->trajectories;
  const int32_t final_observations = batch->final_observations.count;
  if (at + n > (size_t)async->capacity)
    return status_error(MUSTER_ERROR_FORMAT, "%zu trajectories wait, beside which %zu more have no room", at, n);
  bool is_gradient = message->kind == MESSAGE_GRADIENT;
  trajectory_unpack(message_content(message), is_gradient ? TRAJECTORY_OUTCOME : TRAJECTORY_WHOLE, n, first_env, batch,
                    at);
  struct trajectory rollout = trajectory_window(batch, at, n);
  rollout.first_env = first_env;
  episodes_add_rollout(&learner->episodes, &rollout);
  learner->total_steps += trajectory_steps(&rollout);
  learner->collected_steps = learner->total_steps;
  for (size_t i = 0; i < n; i++) learner->env_restarts += rollout.restarts[i];

  bool has_faults = (message->flags & FLAG_FAULT) != 0;
  bool is_old = !is_gradient && learner->iteration - message->version > worker->plan.max_policy_lag;
  learner->skipped_updates += has_faults;
  async->lag.dropped += is_old && !has_faults ? (int64_t)n : 0;
  if (has_faults || is_old || is_gradient) {
    batch->final_observations.count = final_observations;
    return MUSTER_OK;
  }
  normalizer_scale_rewards(&learner->normalizer, &rollout);
  for (size_t i = 0; i < n; i++) async->versions[at + i] = message->version;
  set_trajectories(learner, async->trajectories + (int64_t)n);
  return MUSTER_OK;
}

static void take_states(struct learner *learner, int rank, const struct message *message) {
  struct worker *worker = learner->worker;
  const struct env_range range = topology_envs(&worker->topology, rank);
  memcpy(worker->batch_env_states + (size_t)range.first * worker->env_state_bytes, message_content(message),
         (size_t)range.count * worker->env_state_bytes);
}

/* what every message tells; what it brings is taken by kind */
static void note_message(struct learner *learner, int rank, const struct message *message) {
  struct async *async = learner->async;
  learner->flags |= message->flags & ~FLAG_FAULT;
  async->under_way[rank] = message->next_version;
  if (message->rollouts > async->rollouts) async->rollouts = message->rollouts;
  if (message->kind == MESSAGE_STATES || message->kind == MESSAGE_EPISODES) return;
  const double seconds = message->seconds, actors = learner->worker->topology.actors;
  const struct gather_work work = {seconds / actors, seconds / actors, seconds};
  report_rollout(&learner->report, &work, learner->worker->topology.actors);
}

/* waits for the next message; a rank that acts and learns makes it first */
static muster_status next_message(struct learner *learner, struct held_message *next) {
  struct worker *worker = learner->worker;
  if (learner->actor != NULL) MUSTER_TRY(take_turn(learner->actor));
  const void *message;
  size_t bytes;
  watchdog_enter(worker->comm, WATCH_WAIT, learner->iteration + 1);
  stages_enter(&worker->stages, STAGE_GATHER);
  MUSTER_TRY(channel_next(worker->channel, &next->rank, &message, &bytes));
  next->message = message;
  return MUSTER_OK;
}

/* the oldest of those that were held back, else the next one */
static muster_status first_message(struct learner *learner, struct held_message *next) {
  struct async *async = learner->async;
  if (async->n_held == 0) return next_message(learner, next);
  *next = async->held[0];
  memmove(async->held, async->held + 1, (size_t)--async->n_held * sizeof *async->held);
  return MUSTER_OK;
}

static muster_status take_into_batch(struct learner *learner, const struct held_message *taken) {
  struct worker *worker = learner->worker;
  watchdog_enter(worker->comm, WATCH_UPDATE, learner->iteration + 1);
  note_message(learner, taken->rank, taken->message);
  MUSTER_TRY(take_rollout(learner, taken->rank, taken->message));
  MUSTER_TRY(channel_credit(worker->channel, taken->rank));
  stages_enter(&worker->stages, STAGE_OTHER);
  return MUSTER_OK;
}

/* --- collecting a batch --- */

/* whether what an actor delivers next would be too old after the next update */
static bool is_urgent(const struct learner *learner, int rank) {
  const struct rollout_plan *plan = &learner->worker->plan;
  if (!plan->block_on_lag || !topology_rank_acts(&learner->worker->topology, rank)) return false;
  return learner->iteration + 1 - learner->async->under_way[rank] > plan->max_policy_lag;
}

static bool any_is_urgent(const struct learner *learner) {
  for (int rank = 0; rank < learner->worker->topology.ranks; rank++)
    if (is_urgent(learner, rank)) return true;
  return false;
}

/* Takes messages until there are enough trajectories, and, where an update waits for old ones, until no actor's next
 * one would be too old: what others deliver meanwhile is held back for the next update. */
static muster_status collect_batch(struct learner *learner) {
  struct async *async = learner->async;
  const int64_t enough = (int64_t)learner->worker->plan.batch;
  struct held_message next;
  while (async->trajectories < enough) {
    MUSTER_TRY(first_message(learner, &next));
    MUSTER_TRY(take_into_batch(learner, &next));
  }
  int held = 0;
  while (any_is_urgent(learner)) {
    if (held < async->n_held) {
      next = async->held[held];
      memmove(async->held + held, async->held + held + 1, (size_t)(--async->n_held - held) * sizeof *async->held);
    } else {
      MUSTER_TRY(next_message(learner, &next));
    }
    if (is_urgent(learner, next.rank)) {
      MUSTER_TRY(take_into_batch(learner, &next));
      continue;
    }
    memmove(async->held + held + 1, async->held + held, (size_t)(async->n_held - held) * sizeof *async->held);
    async->held[held++] = next;
    async->n_held++;
  }
  return MUSTER_OK;
}

static void count_lag(struct policy_lag *lag, int64_t version, int64_t acted, int64_t trajectories) {
  const int64_t behind = version - acted;
  if (lag->trajectories == 0 || behind < lag->min) lag->min = behind;
  if (lag->trajectories == 0 || behind > lag->max) lag->max = behind;
  lag->sum += (double)behind * (double)trajectories;
  lag->trajectories += trajectories;
}

/* --- updates --- */

static muster_status learn(struct learner *learner) {
  struct worker *worker = learner->worker;
  struct batch_head *head = worker->batch_head;
  head->is_skipped = false;
  head->progress_remaining = learner_progress_remaining(learner, worker->config.general.total_steps);
  learner->iteration++;
  learner->collected = learner->iteration;
  return learner_learn(learner);
}

/* a row that still waits for an evaluation comes before the next update */
static muster_status flush_row(struct learner *learner) {
  return learner->row_waits ? learner_write_row(learner, NULL) : MUSTER_OK;
}

/* one update from the next trajectories */
static muster_status learn_from_batch(struct learner *learner) {
  struct async *async = learner->async;
  MUSTER_TRY(collect_batch(learner));
  MUSTER_TRY(flush_row(learner));
  watchdog_enter(learner->worker->comm, WATCH_UPDATE, learner->iteration + 1);
  stages_mark(&learner->worker->stages, EVENT_ROLLOUT);
  stages_enter(&learner->worker->stages, STAGE_ADVANTAGES);
  for (int64_t i = 0; i < async->trajectories; i++) count_lag(&async->lag, learner->iteration, async->versions[i], 1);
  return learn(learner);
}

/* one step with the next gradient */
static muster_status learn_from_gradient(struct learner *learner) {
  struct async *async = learner->async;
  struct parameters *parameters = &learner->model.parameters;
  struct held_message next;
  MUSTER_TRY(first_message(learner, &next));
  const struct message *message = next.message;
  bool has_faults = (message->flags & FLAG_FAULT) != 0;
  memcpy(parameters->gradients, message_gradient(message), parameters->count * sizeof(float));
  memcpy(async->terms, message->terms, sizeof async->terms);
  const int64_t trajectories = topology_envs(&learner->worker->topology, next.rank).count, version = message->version;
  MUSTER_TRY(take_into_batch(learner, &next));
  if (has_faults) return MUSTER_OK;
  MUSTER_TRY(flush_row(learner));
  count_lag(&async->lag, learner->iteration, version, trajectories);
  return learn(learner);
}

static muster_status learn_from_next(struct learner *learner) {
  bool computes = learner->worker->plan.asynchronous == ASYNCHRONOUS_GRADIENTS;
  return computes ? learn_from_gradient(learner) : learn_from_batch(learner);
}

muster_status async_iterate(struct learner *learner) {
  MUSTER_TRY(learn_from_next(learner));
  empty_batch(learner);
  return MUSTER_OK;
}

/* A row of metrics, or, where an evaluation is due, the wish for a pause: the row waits for it. */
static muster_status report(struct learner *learner) {
  struct async *async = learner->async;
  async->evaluation_waits |= learner_evaluation_is_due(learner);
  learner->owes_evaluation |= async->evaluation_waits;
  learner->row_waits = async->evaluation_waits;
  learner->reported_steps = learner->total_steps;
  learner_prepare_row(learner);
  MUSTER_TRY(learner_write_histograms(learner));
  return learner->row_waits ? MUSTER_OK : learner_write_row(learner, NULL);
}

/* the same as async_iterate(), and a row of metrics where there was an update */
static muster_status iterate(struct learner *learner) {
  const int64_t before = learner->iteration;
  MUSTER_TRY(learn_from_next(learner));
  if (learner->iteration > before) MUSTER_TRY(report(learner));
  empty_batch(learner);
  return MUSTER_OK;
}

/* --- evaluations: all actors wait for an order --- */

static muster_status take_episodes(struct learner *learner) {
  struct worker *worker = learner->worker;
  for (int taken = 0; taken < worker->topology.actors; taken++) {
    struct held_message next;
    MUSTER_TRY(first_message(learner, &next));
    note_message(learner, next.rank, next.message);
    evaluator_take_part(worker->evaluator, next.rank, message_content(next.message));
    MUSTER_TRY(channel_credit(worker->channel, next.rank));
  }
  return MUSTER_OK;
}

muster_status async_play_slices(struct learner *learner, bool *is_done) {
  struct worker *worker = learner->worker;
  enum command_evaluation evaluation = EVALUATION_BEGINS;
  for (*is_done = false; !*is_done && !learner_is_asked_to_end(learner); evaluation = EVALUATION_GOES_ON) {
    learner_command_evaluation(learner, evaluation);
    if (learner->actor == NULL) MUSTER_TRY(evaluator_play(worker->evaluator, NULL));
    MUSTER_TRY(channel_send_command(worker->channel));
    MUSTER_TRY(take_episodes(learner));
    *is_done = evaluator_is_done(worker->evaluator);
  }
  stages_enter(&worker->stages, STAGE_OTHER);
  return MUSTER_OK;
}

/* the evaluation that a pause was for, and the row that waits for it */
static muster_status evaluate_in_pause(struct learner *learner) {
  if (!learner->async->evaluation_waits) return MUSTER_OK;
  bool is_done;
  learner->async->evaluation_waits = false;
  MUSTER_TRY(async_play_slices(learner, &is_done));
  if (is_done) MUSTER_TRY(learner_take_evaluation(learner));
  if (learner->row_waits) return learner_write_row(learner, is_done ? &learner->evaluation : NULL);
  return is_done ? learner_write_evaluation(learner) : MUSTER_OK;
}

/* --- the loop --- */

static muster_status tell_command(struct learner *learner) {
  struct worker *worker = learner->worker;
  watchdog_enter(worker->comm, WATCH_WAIT, learner->iteration + 1);
  stages_enter(&worker->stages, STAGE_BROADCAST);
  learner_prepare_command(learner);
  struct command *command = worker->command;
  /* the end is a pause, too */
  learner->checkpoint_is_due |= command->stop != STOP_NOT;
  if (learner->checkpoint_is_due) command->send_states = SEND_FOR_CHECKPOINT;
  if (!learner->checkpoint_is_due && learner->async->evaluation_waits) command->send_states = SEND_FOR_BEST;
  command->rollouts = learner->async->rollouts;
  stages_mark(&worker->stages, EVENT_COMMAND);
  MUSTER_TRY(channel_send_command(worker->channel));
  stages_enter(&worker->stages, STAGE_OTHER);
  return MUSTER_OK;
}

/* Takes what comes until every actor has delivered its states: then nothing is under way. Gradients are learned from;
 * trajectories wait in the batch. */
static muster_status pause_actors(struct learner *learner) {
  struct worker *worker = learner->worker;
  bool computes = worker->plan.asynchronous == ASYNCHRONOUS_GRADIENTS;
  for (int paused = 0; paused < worker->topology.actors;) {
    struct async *async = learner->async;
    struct held_message next;
    MUSTER_TRY(first_message(learner, &next));
    if (next.message->kind != MESSAGE_STATES && computes) {
      async->held[async->n_held++] = next;
      MUSTER_TRY(iterate(learner));
    } else if (next.message->kind != MESSAGE_STATES) {
      MUSTER_TRY(take_into_batch(learner, &next));
    } else {
      /* which a rescue would write, too */
      watchdog_enter(worker->comm, WATCH_CHECKPOINT, learner->iteration + 1);
      stages_enter(&worker->stages, STAGE_CHECKPOINT);
      note_message(learner, next.rank, next.message);
      take_states(learner, next.rank, next.message);
      MUSTER_TRY(channel_credit(worker->channel, next.rank));
      paused++;
    }
  }
  stages_enter(&worker->stages, STAGE_OTHER);
  return MUSTER_OK;
}

muster_status async_lead(struct learner *learner) {
  struct worker *worker = learner->worker;
  const struct command *command = worker->command;
  for (int rank = 0; rank < worker->topology.ranks; rank++) learner->async->under_way[rank] = learner->iteration;
  if (learner->actor != NULL) learner->actor->rollouts = learner->async->rollouts;
  worker->command->rollouts = learner->async->rollouts;
  MUSTER_TRY(learner_make_up(learner));
  for (;;) {
    MUSTER_TRY(tell_command(learner));
    if (command->send_states) {
      MUSTER_TRY(pause_actors(learner));
      MUSTER_TRY(evaluate_in_pause(learner));
      MUSTER_TRY(learner_save(learner));
    }
    if (command->stop != STOP_NOT) {
      MUSTER_TRY(learner_evaluate_at_end(learner));
      return channel_drain(worker->channel);
    }
    if (command->send_states) continue;
    const int64_t before = learner->total_steps;
    MUSTER_TRY(iterate(learner));
    stages_end_iteration(&worker->stages, learner->total_steps - before);
  }
}
