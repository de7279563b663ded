/* Asynchronous: the learner's loop. It takes messages as they come, learns once there are enough of them, and gives a
 * command with its new policy. Actors send trajectories, or gradients of their own rollouts: two schedules, which
 * differ in what is done with a message. */
#include "train/asynchronous.h"

#include <string.h>

/* --- taking messages --- */

static void take_states(struct learner *learner, int rank, const struct message *message) {
  struct run *run = learner->run;
  const struct env_range range = topology_envs(&run->topology, rank);
  memcpy(learner->gathering->env_states + (size_t)range.first * run->env_state_bytes, message_content(message),
         (size_t)range.count * run->env_state_bytes);
}

/* the header of a message; its content is taken by its kind */
static void note_message(struct learner *learner, int rank, const struct message *message) {
  struct asynchronous_learner *async = learner->schedule_data;
  learner->flags |= message->flags & ~FLAG_FAULT;
  async->under_way[rank] = message->next_version;
  if (message->rollouts > async->rollouts) async->rollouts = message->rollouts;
  if (message->kind == MESSAGE_STATES || message->kind == MESSAGE_EPISODES) return;
  const double seconds = message->seconds, actors = learner->run->topology.actors;
  const struct gather_work work = {seconds / actors, seconds / actors, seconds};
  report_rollout(&learner->report, &work, learner->run->topology.actors);
}

/* waits for the next message; a rank that acts and learns sends it first */
static muster_status next_message(struct learner *learner, struct held_message *next) {
  if (learner->actor != NULL) MUSTER_TRY(asynchronous_take_turn(learner->actor));
  const void *message;
  size_t bytes;
  phases_enter(learner->run->phases, PHASE_GATHER, learner->iteration + 1);
  MUSTER_TRY(channel_next(learner->transport->channel, &next->rank, &message, &bytes));
  next->message = message;
  return MUSTER_OK;
}

/* the oldest that was held back, else the next one */
static muster_status first_message(struct learner *learner, struct held_message *next) {
  struct asynchronous_learner *async = learner->schedule_data;
  if (async->n_held == 0) return next_message(learner, next);
  *next = async->held[0];
  memmove(async->held, async->held + 1, (size_t)--async->n_held * sizeof *async->held);
  return MUSTER_OK;
}

static muster_status take_into_batch(struct learner *learner, const struct held_message *taken) {
  struct phases *phases = learner->run->phases;
  phases_enter(phases, PHASE_TAKE, learner->iteration + 1);
  note_message(learner, taken->rank, taken->message);
  MUSTER_TRY(asynchronous_take_rollout(learner, taken->rank, taken->message));
  MUSTER_TRY(channel_credit(learner->transport->channel, taken->rank));
  phases_go_on(phases, PHASE_STATISTICS);
  return MUSTER_OK;
}

/* --- collecting a batch --- */

/* whether the next message of an actor would be too old after the next update */
static bool is_urgent(const struct learner *learner, int rank) {
  const struct rollout_needs *needs = &learner->run->needs;
  if (!needs->block_on_lag || !topology_rank_acts(&learner->run->topology, rank)) return false;
  return learner->iteration + 1 - asynchronous_of(learner)->under_way[rank] > needs->max_policy_lag;
}

static bool any_is_urgent(const struct learner *learner) {
  for (int rank = 0; rank < learner->run->topology.ranks; rank++)
    if (is_urgent(learner, rank)) return true;
  return false;
}

/* Takes messages until there are enough trajectories. With on_lag: block it then waits for actors whose next message
 * would otherwise be too old; messages of others that come meanwhile are held back for the next update. */
static muster_status collect_batch(struct learner *learner) {
  struct asynchronous_learner *async = learner->schedule_data;
  const int64_t enough = (int64_t)learner->run->needs.batch;
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
  struct run *run = learner->run;
  struct batch_head *head = learner->gathering->head;
  head->is_skipped = false;
  head->progress_remaining = learner_progress_remaining(learner, run->config.general.total_steps);
  learner->iteration++;
  learner->collected = learner->iteration;
  return learner_learn(learner);
}

/* a row that still waits for its evaluation is written before the next update */
static muster_status flush_row(struct learner *learner) {
  return learner->row_waits ? learner_write_row(learner, NULL) : MUSTER_OK;
}

/* one update from the next trajectories */
static muster_status learn_from_batch(struct learner *learner) {
  struct asynchronous_learner *async = learner->schedule_data;
  MUSTER_TRY(collect_batch(learner));
  MUSTER_TRY(flush_row(learner));
  stages_mark(&learner->run->phases->clock, EVENT_ROLLOUT);
  phases_enter(learner->run->phases, PHASE_UPDATE, learner->iteration + 1);
  for (int64_t i = 0; i < async->trajectories; i++)
    count_lag(&learner->policy_lag, learner->iteration, async->versions[i], 1);
  return learn(learner);
}

/* one step with a gradient */
static muster_status learn_from_gradient(struct learner *learner, const struct held_message *taken) {
  struct asynchronous_learner *async = learner->schedule_data;
  struct parameters *parameters = &learner->model.parameters;
  const struct message *message = taken->message;
  bool has_faults = (message->flags & FLAG_FAULT) != 0;
  memcpy(parameters->gradients, message_gradient(message), parameters->count * sizeof(float));
  memcpy(async->terms, message->terms, sizeof async->terms);
  const int64_t trajectories = topology_envs(&learner->run->topology, taken->rank).count, version = message->version;
  MUSTER_TRY(take_into_batch(learner, taken));
  if (has_faults) return MUSTER_OK;
  MUSTER_TRY(flush_row(learner));
  count_lag(&learner->policy_lag, learner->iteration, version, trajectories);
  return learn(learner);
}

static muster_status learn_from_next_gradient(struct learner *learner) {
  struct held_message next;
  MUSTER_TRY(first_message(learner, &next));
  return learn_from_gradient(learner, &next);
}

/* A row of metrics; where an evaluation is due, the row waits for it, and the actors are asked to pause. */
static muster_status report(struct learner *learner) {
  struct asynchronous_learner *async = learner->schedule_data;
  async->evaluation_waits |= learner_evaluation_is_due(learner);
  learner->owes_evaluation |= async->evaluation_waits;
  learner->row_waits = async->evaluation_waits;
  learner->reported_steps = learner->total_steps;
  learner_prepare_row(learner);
  MUSTER_TRY(learner_write_histograms(learner));
  return learner->row_waits ? MUSTER_OK : learner_write_row(learner, NULL);
}

/* reports the update, if there was one since `before`, and empties the batch */
static muster_status end_iteration(struct learner *learner, int64_t before) {
  if (learner->iteration > before) MUSTER_TRY(report(learner));
  asynchronous_empty_batch(learner);
  return MUSTER_OK;
}

/* --- evaluations: all actors wait for a command --- */

static muster_status take_episodes(struct learner *learner) {
  struct run *run = learner->run;
  for (int taken = 0; taken < run->topology.actors; taken++) {
    struct held_message next;
    MUSTER_TRY(first_message(learner, &next));
    note_message(learner, next.rank, next.message);
    evaluator_take_part(learner->transport->evaluator, next.rank, message_content(next.message));
    MUSTER_TRY(channel_credit(learner->transport->channel, next.rank));
  }
  return MUSTER_OK;
}

static muster_status play_slice(struct learner *learner) {
  if (learner->actor == NULL)
    MUSTER_TRY(evaluator_play(learner->transport->evaluator, learner->transport->command, NULL));
  MUSTER_TRY(channel_send_command(learner->transport->channel));
  return take_episodes(learner);
}

static muster_status end_evaluation(struct learner *learner) {
  return channel_send_command(learner->transport->channel);
}

/* the evaluation that the actors pause for, and the row that waits for it */
static muster_status evaluate_in_pause(struct learner *learner) {
  if (!asynchronous_of(learner)->evaluation_waits) return MUSTER_OK;
  bool is_done;
  asynchronous_of(learner)->evaluation_waits = false;
  MUSTER_TRY(learner_evaluate(learner, &is_done));
  if (learner->row_waits) return learner_write_row(learner, is_done ? &learner->evaluation : NULL);
  return is_done ? learner_write_evaluation(learner) : MUSTER_OK;
}

/* --- the loop --- */

static muster_status tell_command(struct learner *learner) {
  struct phases *phases = learner->run->phases;
  learner_begin_command(learner);
  struct command *command = learner->transport->command;
  /* at the end the actors pause, too */
  learner->checkpoint_is_due |= command->stop != STOP_NOT;
  if (learner->checkpoint_is_due) command->send_states = SEND_FOR_CHECKPOINT;
  if (!learner->checkpoint_is_due && asynchronous_of(learner)->evaluation_waits) command->send_states = SEND_FOR_BEST;
  command->rollouts = asynchronous_of(learner)->rollouts;
  stages_mark(&phases->clock, EVENT_COMMAND);
  MUSTER_TRY(channel_send_command(learner->transport->channel));
  phases_go_on(phases, PHASE_LOOP);
  return MUSTER_OK;
}

/* Takes messages until every actor has sent its states: then none is under way. */
static muster_status pause_actors(struct learner *learner) {
  struct run *run = learner->run;
  for (int paused = 0; paused < run->topology.actors;) {
    struct held_message next;
    MUSTER_TRY(first_message(learner, &next));
    if (next.message->kind != MESSAGE_STATES) {
      MUSTER_TRY(asynchronous_of(learner)->sent->take_in_pause(learner, &next));
    } else {
      /* which an emergency checkpoint would write, too */
      phases_enter(run->phases, PHASE_CHECKPOINT, learner->iteration + 1);
      note_message(learner, next.rank, next.message);
      take_states(learner, next.rank, next.message);
      MUSTER_TRY(channel_credit(learner->transport->channel, next.rank));
      paused++;
    }
  }
  phases_go_on(run->phases, PHASE_STATISTICS);
  return MUSTER_OK;
}

static muster_status lead(struct learner *learner) {
  struct run *run = learner->run;
  const struct command *command = learner->transport->command;
  const struct asynchronous_learner *async = learner->schedule_data;
  for (int rank = 0; rank < run->topology.ranks; rank++) async->under_way[rank] = learner->iteration;
  if (learner->actor != NULL) learner->actor->rollouts = async->rollouts;
  learner->transport->command->rollouts = async->rollouts;
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
      return channel_drain(learner->transport->channel);
    }
    if (command->send_states) continue;
    const int64_t steps = learner->total_steps, updates = learner->iteration;
    MUSTER_TRY(async->sent->learn_from_next(learner));
    MUSTER_TRY(end_iteration(learner, updates));
    stages_end_iteration(&run->phases->clock, learner->total_steps - steps);
  }
}

/* not reached: a config with several learners is refused */
static muster_status follow(struct learner *learner) {
  (void)learner;
  return status_error(MUSTER_ERROR_INTERNAL, "one rank alone learns where nobody waits");
}

/* those that each actor may have sent, and the one that it makes */
static int64_t give_up_rollouts(struct learner *learner) {
  return asynchronous_of(learner)->rollouts += CHANNEL_SLOTS + 1;
}

static muster_status iterate(struct learner *learner) {
  MUSTER_TRY(asynchronous_of(learner)->sent->learn_from_next(learner));
  asynchronous_empty_batch(learner);
  return MUSTER_OK;
}

static muster_status connect(struct transport *transport, const struct endpoints *ends) {
  const struct run *run = transport->run;
  const size_t room = run->topology.acts ? message_room(ends->actor) : 0;
  return channel_create(run->comm, &run->topology, room, transport->command, ends->command_bytes, &transport->channel);
}

static muster_status prepare_learner(struct learner *learner, const struct sent *sent) {
  struct run *run = learner->run;
  struct arena *arena = run->arena;
  const size_t ranks = (size_t)run->topology.ranks;
  struct asynchronous_learner *async;
  MUSTER_TRY(ARENA_TAKE(arena, 1, "asynchronous learner", &async));
  MUSTER_TRY(ARENA_TAKE(arena, learner->gathering->batch.n_envs, "versions", &async->versions));
  MUSTER_TRY(ARENA_TAKE(arena, ranks, "versions", &async->under_way));
  MUSTER_TRY(ARENA_TAKE(arena, CHANNEL_SLOTS * ranks, "held messages", &async->held));
  async->capacity = (int64_t)learner->gathering->batch.n_envs;
  async->sent = sent;
  learner->schedule_data = async;
  /* from now on n_envs is the number of trajectories that wait in the batch */
  learner->gathering->batch.n_envs = learner->gathering->batch.n_rows = 0;
  return MUSTER_OK;
}

/* --- actors send trajectories, which wait in the batch until there are enough for an update --- */

static const struct sent sent_trajectories = {.learn_from_next = learn_from_batch, .take_in_pause = take_into_batch};

static muster_status prepare_for_trajectories(struct learner *learner) {
  return prepare_learner(learner, &sent_trajectories);
}

/* the trajectories of an update, and all that actors may have sent or under way */
static size_t batch_of_trajectories(const struct run *run) {
  return run->needs.batch + (CHANNEL_SLOTS + 1) * (size_t)run->config.env.num_envs;
}

const struct schedule schedule_asynchronous = {
    .name = "asynchronous",
    .reports_policy_lag = true,
    .next_command_ends_evaluation = true,
    .batch_envs = batch_of_trajectories,
    .connect = connect,
    .prepare_learner = prepare_for_trajectories,
    .prepare_actor = schedule_no_actor,
    .lead = lead,
    .follow = follow,
    .act = asynchronous_act,
    .begin_rollout = asynchronous_begin_rollout,
    .before_step = asynchronous_before_step,
    .update = learner_update_from_batch,
    .iterate = iterate,
    .play_slice = play_slice,
    .end_evaluation = end_evaluation,
    .state = asynchronous_state,
    .restore_counts = asynchronous_restore_counts,
    .restored = asynchronous_restored,
    .give_up_rollouts = give_up_rollouts,
};

/* --- actors send gradients, each of which is a step of the optimizer --- */

static muster_status learn_in_pause(struct learner *learner, const struct held_message *taken) {
  const int64_t before = learner->iteration;
  MUSTER_TRY(learn_from_gradient(learner, taken));
  return end_iteration(learner, before);
}

static const struct sent sent_gradients = {.learn_from_next = learn_from_next_gradient,
                                           .take_in_pause = learn_in_pause};

static muster_status prepare_for_gradients(struct learner *learner) {
  return prepare_learner(learner, &sent_gradients);
}

static size_t batch_of_gradients(const struct run *run) { return (size_t)run->config.env.num_envs; }

static muster_status apply_gradient(struct learner *learner) {
  return learner->type->apply(learner->algorithm, learner->gathering->head->progress_remaining,
                              asynchronous_of(learner)->terms, learner->metrics);
}

const struct schedule schedule_asynchronous_gradients = {
    .name = "asynchronous",
    .actors_compute_gradients = true,
    .reports_policy_lag = true,
    .next_command_ends_evaluation = true,
    .batch_envs = batch_of_gradients,
    .connect = connect,
    .prepare_learner = prepare_for_gradients,
    .prepare_actor = asynchronous_prepare_gradients,
    .lead = lead,
    .follow = follow,
    .act = asynchronous_act,
    .begin_rollout = asynchronous_begin_rollout,
    .before_step = asynchronous_before_step,
    .update = apply_gradient,
    .iterate = iterate,
    .play_slice = play_slice,
    .end_evaluation = end_evaluation,
    .state = asynchronous_state,
    .restore_counts = asynchronous_restore_counts,
    .restored = asynchronous_restored,
    .give_up_rollouts = give_up_rollouts,
};
