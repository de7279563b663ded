/* Asynchronous: the learner's loop. It takes messages as they come, learns once there are enough of them, and gives a
 * command with its new policy. What is done with a message differs from schedule to schedule (struct sent). */
#include "train/asynchronous.h"

#include <string.h>

/* --- taking messages --- */

static void take_states(struct learner *learner, int rank, const struct message *message) {
  struct run *run = learner->run;
  const struct env_range range = topology_envs(&run->topology, rank);
  memcpy(learner->gathering->env_states + (size_t)range.first * run->env_state_bytes, message_content(message),
         (size_t)range.count * run->env_state_bytes);
}

/* waits for the next message; a rank that acts and learns sends it first */
muster_status asynchronous_next_message(struct learner *learner, struct held_message *next) {
  if (learner->actor != NULL) MUSTER_TRY(asynchronous_take_turn(learner->actor));
  const void *message;
  size_t bytes;
  int rank;
  phases_enter(learner->run->phases, PHASE_GATHER, learner->iteration + 1);
  MUSTER_TRY(channel_next(learner->transport->channel, &rank, &message, &bytes));
  *next = (struct held_message){.rank = rank, .message = message, .bytes = bytes};
  return MUSTER_OK;
}

/* the oldest that was held back, else the next one */
muster_status asynchronous_first_message(struct learner *learner, struct held_message *next) {
  struct asynchronous_learner *async = learner->schedule_data;
  if (async->n_held == 0) return asynchronous_next_message(learner, next);
  *next = async->held[0];
  memmove(async->held, async->held + 1, (size_t)--async->n_held * sizeof *async->held);
  return MUSTER_OK;
}

muster_status asynchronous_repeat(struct learner *learner) {
  struct repeated_schedule *schedule = learner->run->repeated;
  while (repeated_schedule_awaits(schedule, learner->iteration)) {
    struct held_message next;
    MUSTER_TRY(asynchronous_next_message(learner, &next));
    asynchronous_note_message(learner, next.rank, next.message);
    MUSTER_TRY(repeated_schedule_keep(schedule, next.message, next.bytes));
    MUSTER_TRY(channel_credit(learner->transport->channel, next.rank));
  }
  for (const struct recorded_row *row; (row = repeated_schedule_next(schedule, learner->iteration + 1)) != NULL;)
    MUSTER_TRY(asynchronous_of(learner)->sent->take(learner, &(struct held_message){.row = row}));
  return MUSTER_OK;
}

/* --- updates --- */

void asynchronous_count_lag(struct learner *learner, int64_t acted, int64_t trajectories) {
  struct policy_lag *lag = &learner->policy_lag;
  const int64_t behind = learner->iteration - acted;
  if (lag->trajectories == 0 || behind < lag->min) lag->min = behind;
  if (lag->trajectories == 0 || behind > lag->max) lag->max = behind;
  lag->sum += (double)behind * (double)trajectories;
  lag->trajectories += trajectories;
}

muster_status asynchronous_learn(struct learner *learner) {
  struct run *run = learner->run;
  struct batch_head *head = learner->gathering->head;
  head->is_skipped = false;
  head->progress_remaining = learner_progress_remaining(learner, run->config.general.total_steps);
  learner->iteration++;
  learner->collected = learner->iteration;
  return learner_learn(learner);
}

/* a row that still waits for its evaluation is written before the next update */
muster_status asynchronous_flush_row(struct learner *learner) {
  return learner->row_waits ? learner_write_row(learner, NULL) : MUSTER_OK;
}

/* A row of metrics; where an evaluation is due, the row waits for it, and the actors are asked to pause. */
static muster_status report(struct learner *learner) {
  struct asynchronous_learner *async = learner->schedule_data;
  /* what updates without new steps learn is in the next row */
  if (learner->total_steps == learner->reported_steps) return MUSTER_OK;
  async->evaluation_waits |= learner_evaluation_is_due(learner);
  learner->owes_evaluation |= async->evaluation_waits;
  learner->row_waits = async->evaluation_waits;
  learner->reported_steps = learner->total_steps;
  learner->reported_iteration = learner->iteration;
  learner_prepare_row(learner);
  MUSTER_TRY(learner_write_histograms(learner));
  return learner->row_waits ? MUSTER_OK : learner_write_row(learner, NULL);
}

/* reports the update, if there was one since `before`, and empties the batch */
muster_status asynchronous_end_iteration(struct learner *learner, int64_t before) {
  if (learner->iteration > before) MUSTER_TRY(report(learner));
  asynchronous_empty_batch(learner);
  return MUSTER_OK;
}

/* --- evaluations: all actors wait for a command --- */

static muster_status take_episodes(struct learner *learner) {
  struct run *run = learner->run;
  for (int taken = 0; taken < run->topology.actors; taken++) {
    struct held_message next;
    MUSTER_TRY(asynchronous_first_message(learner, &next));
    asynchronous_note_message(learner, next.rank, next.message);
    evaluator_take_part(learner->transport->evaluator, next.rank, message_content(next.message));
    MUSTER_TRY(channel_credit(learner->transport->channel, next.rank));
  }
  return MUSTER_OK;
}

muster_status asynchronous_play_slice(struct learner *learner) {
  if (learner->actor == NULL)
    MUSTER_TRY(evaluator_play(learner->transport->evaluator, learner->transport->command, NULL));
  MUSTER_TRY(channel_send_command(learner->transport->channel));
  return take_episodes(learner);
}

muster_status asynchronous_end_evaluation(struct learner *learner) {
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
  /* a run that repeats another one has trajectories that come later: no checkpoint could hold them */
  if (learner->run->repeated != NULL) {
    learner->checkpoint_is_due = false;
    command->send_states = SEND_NOTHING;
  }
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
    MUSTER_TRY(asynchronous_first_message(learner, &next));
    if (next.message->kind != MESSAGE_STATES) {
      MUSTER_TRY(asynchronous_of(learner)->sent->take(learner, &next));
    } else {
      /* which an emergency checkpoint would write, too */
      phases_enter(run->phases, PHASE_CHECKPOINT, learner->iteration + 1);
      asynchronous_note_message(learner, next.rank, next.message);
      take_states(learner, next.rank, next.message);
      MUSTER_TRY(channel_credit(learner->transport->channel, next.rank));
      paused++;
    }
  }
  /* what the pause at the end of the recorded run let in */
  if (run->repeated != NULL && learner->transport->command->stop == STOP_FINISHED)
    MUSTER_TRY(asynchronous_repeat(learner));
  phases_go_on(run->phases, PHASE_STATISTICS);
  return MUSTER_OK;
}

/* takes messages and learns, as the schedule does */
static muster_status take_turn(struct learner *learner) {
  const int64_t steps = learner->total_steps, updates = learner->iteration;
  MUSTER_TRY(asynchronous_of(learner)->sent->learn_from_next(learner));
  MUSTER_TRY(asynchronous_end_iteration(learner, updates));
  stages_end_iteration(&learner->run->phases->clock, learner->total_steps - steps);
  return MUSTER_OK;
}

/* a run that repeats another one only has its last checkpoint */
static bool can_save(const struct learner *learner) {
  return learner->run->repeated == NULL || learner->transport->command->stop == STOP_FINISHED;
}

muster_status asynchronous_lead(struct learner *learner) {
  struct run *run = learner->run;
  const struct command *command = learner->transport->command;
  const struct asynchronous_learner *async = learner->schedule_data;
  for (int rank = 0; rank < run->topology.ranks; rank++) async->under_way[rank] = learner->iteration;
  if (learner->actor != NULL) learner->actor->rollouts = async->rollouts;
  learner->transport->command->rollouts = async->rollouts;
  MUSTER_TRY(learner_make_up(learner));
  /* what was taken has changed the policy: no command may have it under the version of before */
  if (async->taken > 0 && learner->total_steps < run->config.general.total_steps) MUSTER_TRY(take_turn(learner));
  for (;;) {
    MUSTER_TRY(tell_command(learner));
    if (command->send_states) {
      MUSTER_TRY(pause_actors(learner));
      MUSTER_TRY(evaluate_in_pause(learner));
      if (command->stop == STOP_FINISHED)
        recorded_schedule_add(&learner->recorded, &(struct recorded_row){.first_env = RECORDED_END,
                                                                         .version = learner->iteration,
                                                                         .update = learner->iteration + 1});
      if (can_save(learner)) MUSTER_TRY(learner_save(learner));
    }
    if (command->stop != STOP_NOT) {
      MUSTER_TRY(learner_evaluate_at_end(learner));
      return channel_drain(learner->transport->channel);
    }
    if (!command->send_states || async->taken > 0) MUSTER_TRY(take_turn(learner));
  }
}

/* not reached: a config with several learners is refused */
muster_status asynchronous_follow(struct learner *learner) {
  (void)learner;
  return status_error(MUSTER_ERROR_INTERNAL, "one rank alone learns where nobody waits");
}

/* those that each actor may have sent, and the one that it makes */
int64_t asynchronous_give_up_rollouts(struct learner *learner) {
  recorded_schedule_add(&learner->recorded,
                        &(struct recorded_row){.first_env = RECORDED_STATES_LOST, .update = learner->iteration + 1});
  return asynchronous_of(learner)->rollouts += CHANNEL_SLOTS + 1;
}

muster_status asynchronous_iterate(struct learner *learner) {
  MUSTER_TRY(asynchronous_of(learner)->sent->learn_from_next(learner));
  asynchronous_empty_batch(learner);
  return MUSTER_OK;
}

muster_status asynchronous_connect(struct transport *transport, const struct endpoints *ends) {
  const struct run *run = transport->run;
  const size_t room = run->topology.acts ? message_room(ends->actor) : 0;
  return channel_create(run->comm, &run->topology, room, transport->command, ends->command_bytes, &transport->channel);
}

muster_status asynchronous_prepare_learner(struct learner *learner, const struct sent *sent) {
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
