/* The actors of asynchronous runs: each sends what its command asks for, and goes on with the newest command. */
#include "train/asynchronous.h"
#include "train/crash_dump.h"
#include "train/interrupt.h"

#include <string.h>

/* --- set-up --- */

muster_status asynchronous_prepare_gradients(struct actor *actor) {
  struct run *run = actor->run;
  actor->type = run_config_algorithm(&run->config);
  const struct algorithm_context context = {
      .options = run->config.algorithm,
      .model = actor->model,
      .rollout = actor->rollout,
      .seed = (uint64_t)run->config.general.seed,
      .arena = run->arena,
      .stages = &run->phases->clock,
  };
  return algorithm_create(actor->type, &context, &actor->algorithm);
}

/* --- a rollout --- */

/* each actor counts its own: others may have made fewer or more */
void asynchronous_begin_rollout(struct actor *actor) { actor->rollouts++; }

muster_status asynchronous_before_step(struct actor *actor, size_t t, bool *is_over) {
  (void)t;
  *is_over = false;
  return channel_progress(actor->transport->channel);
}

/* --- messages --- */

/* what is in every message */
static struct message make_head(const struct actor *actor, enum message_kind kind, int64_t version) {
  int flags = (actor->has_faults ? FLAG_FAULT : 0) | (actor->envs_are_dead ? FLAG_DEAD : 0);
  return (struct message){.kind = kind,
                          .flags = interrupt_pending() | flags,
                          .version = version,
                          .next_version = actor->transport->command->iteration,
                          .rollouts = actor->rollouts,
                          .first_env = (int32_t)actor->rollout->first_env,
                          .n_envs = (int32_t)actor->rollout->n_envs,
                          .seconds = actor->seconds};
}

static muster_status find_slot(struct actor *actor, void **slot) {
  phases_enter(actor->run->phases, PHASE_GATHER, actor->transport->command->iteration + 1);
  return channel_slot(actor->transport->channel, slot);
}

static muster_status send_states_message(struct actor *actor) {
  struct phases *phases = actor->run->phases;
  void *slot;
  MUSTER_TRY(find_slot(actor, &slot));
  phases_go_on(phases, PHASE_STATES);
  struct message *message = slot;
  if (actor->transport->command->send_states == SEND_FOR_CHECKPOINT) interrupt_saved();
  struct repeated_schedule *repeated = actor->run->repeated;
  if (repeated == NULL) actor_save_states(actor);
  for (int i = 0; repeated != NULL && i < repeated->n_parts; i++) actor_save_states(&repeated->parts[i]);
  *message = make_head(actor, MESSAGE_STATES, actor->transport->command->iteration);
  MUSTER_TRY(channel_send(actor->transport->channel, message_write_states(actor, message)));
  phases_go_on(phases, PHASE_LOOP);
  return MUSTER_OK;
}

/* sends the rollout, or its gradient, and takes the newest command */
static muster_status send_rollout_message(struct actor *actor, const double *terms) {
  struct run *run = actor->run;
  const int64_t version = actor->transport->command->iteration;
  const struct parameters *parameters = &actor->model->parameters;
  void *slot;
  bool is_new;
  stages_mark(&run->phases->clock, EVENT_ROLLOUT);
  MUSTER_TRY(find_slot(actor, &slot));
  struct message *message = slot;
  const float *gradient = terms != NULL ? parameters->gradients : NULL;
  struct message head = make_head(actor, terms != NULL ? MESSAGE_GRADIENT : MESSAGE_ROLLOUT, version);
  size_t bytes = message_write_rollout(actor, gradient, parameters->count, message);
  MUSTER_TRY(channel_refresh(actor->transport->channel, &is_new));
  if (is_new && !run->topology.learns) actor_take_parameters(actor);
  head.next_version = actor->transport->command->iteration;
  head.rollout_bytes = message->rollout_bytes;
  if (terms != NULL) memcpy(head.terms, terms, sizeof head.terms);
  *message = head;
  MUSTER_TRY(channel_send(actor->transport->channel, bytes));
  phases_go_on(run->phases, PHASE_LOOP);
  return MUSTER_OK;
}

/* the gradient of the rollout; a numerical fault is handled as run.on_nan says */
static muster_status compute_gradient(struct actor *actor, double *terms) {
  const struct run *run = actor->run;
  if (actor->has_faults) return MUSTER_OK;
  muster_status status = actor->type->gradient(actor->algorithm, terms);
  if (muster_status_code(status) != MUSTER_ERROR_NUMERIC) return status;
  const struct run_options *options = &run->config.run;
  if (options->on_nan == ON_NAN_STOP || actor->crash_dump_files++ < CRASH_DUMP_FILES)
    crash_dump_write(run, actor->transport->command->iteration, actor->rollout, actor->model, NULL, 0,
                     muster_status_message(status));
  if (options->on_nan == ON_NAN_STOP) return status;
  log_warn(&run->logger, "%s; this gradient is left out", muster_status_message(status));
  muster_status_clear(&status);
  actor->has_faults = true;
  return MUSTER_OK;
}

/* whether for a slice of an evaluation */
static bool asks_for_episodes(const struct command *command) {
  return command->evaluation == EVALUATION_BEGINS || command->evaluation == EVALUATION_GOES_ON;
}

static muster_status send_episodes_message(struct actor *actor) {
  void *slot;
  MUSTER_TRY(evaluator_play(actor->transport->evaluator, actor->transport->command, actor->model));
  MUSTER_TRY(find_slot(actor, &slot));
  struct message *message = slot;
  *message = make_head(actor, MESSAGE_EPISODES, actor->transport->command->iteration);
  MUSTER_TRY(channel_send(actor->transport->channel, message_write_episodes(actor, message)));
  phases_go_on(actor->run->phases, PHASE_LOOP);
  return MUSTER_OK;
}

static muster_status await_command(struct actor *actor) {
  struct phases *phases = actor->run->phases;
  phases_enter(phases, PHASE_COMMAND, actor->transport->command->iteration + 1);
  MUSTER_TRY(channel_await_command(actor->transport->channel));
  stages_mark(&phases->clock, EVENT_COMMAND);
  actor_take_parameters(actor);
  phases_go_on(phases, PHASE_LOOP);
  return MUSTER_OK;
}

/* rolls out the environments of an actor, or of a part of it, and sends what came of it */
static muster_status roll_out(struct actor *actor) {
  struct run *run = actor->run;
  MUSTER_TRY(actor_roll_out(actor));
  double terms[ALGORITHM_MAX_TERMS] = {0};
  const bool computes = run->schedule->actors_compute_gradients;
  if (computes) MUSTER_TRY(compute_gradient(actor, terms));
  MUSTER_TRY(send_rollout_message(actor, computes ? terms : NULL));
  stages_end_iteration(&run->phases->clock, trajectory_steps(actor->rollout));
  return MUSTER_OK;
}

muster_status asynchronous_take_turn(struct actor *actor) {
  const struct command *command = actor->transport->command;
  struct repeated_schedule *repeated = actor->run->repeated;
  if (asks_for_episodes(command)) return send_episodes_message(actor);
  if (command->send_states) return send_states_message(actor);
  if (repeated == NULL) return roll_out(actor);
  struct actor *due = repeated_schedule_due(repeated, command->iteration);
  return due != NULL ? roll_out(due) : await_command(actor);
}

/* after the last rollout: the evaluation of a run that is finished */
static muster_status end(struct actor *actor) {
  const struct command *command = actor->transport->command;
  bool evaluates = command->stop == STOP_FINISHED && actor->transport->evaluator != NULL;
  if (evaluates) MUSTER_TRY(await_command(actor));
  while (evaluates && command->evaluation != EVALUATION_ENDS) {
    MUSTER_TRY(asynchronous_take_turn(actor));
    MUSTER_TRY(await_command(actor));
  }
  return channel_drain(actor->transport->channel);
}

muster_status asynchronous_act(struct actor *actor) {
  const struct command *command = actor->transport->command;
  MUSTER_TRY(await_command(actor));
  actor->rollouts = command->rollouts;
  for (;;) {
    const bool evaluates = asks_for_episodes(command), stops = command->stop != STOP_NOT;
    const bool pauses = command->send_states || evaluates;
    MUSTER_TRY(asynchronous_take_turn(actor));
    if (stops && !evaluates) return end(actor);
    if (pauses) MUSTER_TRY(await_command(actor));
  }
}
