/* Pipelined: actors make the next rollout while the learner learns from the last one. So each rollout is of a policy
 * that is one update old when it is learned from, and the command before an update carries the policy as it is then. */
#include "train/synchronous.h"

#include <string.h>

struct pipelined {
  size_t count;     /* floats of a policy with its statistics */
  float *acting;    /* [count] the policy of the command before the last update */
  bool is_restored; /* from a checkpoint: the next command is given with it */
};

static muster_status prepare_learner(struct learner *learner) {
  struct arena *arena = learner->run->arena;
  struct pipelined *pipelined;
  MUSTER_TRY(ARENA_TAKE(arena, 1, "the acting policy", &pipelined));
  pipelined->count = learner->model.policy_count + learner->model.encoder.statistics_count;
  learner->schedule_data = pipelined;
  return ARENA_TAKE(arena, pipelined->count, "the acting policy", &pipelined->acting);
}

/* --- the loops --- */

/* In addition to what every command says: an evaluation that is due after the next update comes after the rollout that
 * begins before it, so the states of environments are taken now, in case the policy becomes the best. And in a resumed
 * run the first command has the policy of the last command before, which is one update older than what is learned. */
static muster_status give_command(struct learner *learner) {
  struct pipelined *pipelined = learner->schedule_data;
  struct command *command = learner->transport->command;
  learner_begin_command(learner);
  const bool evaluates = learner_evaluation_is_due(learner);
  if (evaluates) command->evaluation = EVALUATION_FOLLOWS;
  if (evaluates && command->send_states == SEND_NOTHING) command->send_states = SEND_FOR_BEST;
  if (pipelined->is_restored) memcpy(command->floats, pipelined->acting, pipelined->count * sizeof(float));
  pipelined->is_restored = false;
  return learner_send_command(learner);
}

/* the policy of the command is part of the state after the update, not of the one before */
static muster_status update(struct learner *learner) {
  struct pipelined *pipelined = learner->schedule_data;
  phases_enter(learner->run->phases, PHASE_STATISTICS, learner->iteration + 1);
  memcpy(pipelined->acting, learner->transport->command->floats, pipelined->count * sizeof(float));
  return learner_update(learner);
}

/* the first rollout is made with the policy of its command; in a resumed run that is not the learner's */
static muster_status roll_out_first(struct learner *learner) {
  if (learner->actor == NULL) return MUSTER_OK;
  MUSTER_TRY(actor_roll_out_commanded(learner->actor));
  model_pack(&learner->model, true);
  return MUSTER_OK;
}

static muster_status lead(struct learner *learner) {
  struct run *run = learner->run;
  const struct command *command = learner->transport->command;
  MUSTER_TRY(learner_make_up(learner));
  MUSTER_TRY(give_command(learner));
  if (command->stop != STOP_NOT) return learner_evaluate_at_end(learner);
  MUSTER_TRY(roll_out_first(learner));
  for (;;) {
    MUSTER_TRY(learner_collect(learner));
    MUSTER_TRY(give_command(learner));
    MUSTER_TRY(learner_take_states(learner));
    /* the next rollout begins before the update that follows this one */
    if (command->stop == STOP_NOT && learner->actor != NULL) MUSTER_TRY(actor_roll_out(learner->actor));
    MUSTER_TRY(update(learner));
    MUSTER_TRY(learner_report(learner));
    MUSTER_TRY(learner_save(learner));
    stages_end_iteration(&run->phases->clock, trajectory_steps(&learner->gathering->batch));
    if (command->stop != STOP_NOT) return learner_evaluate_at_end(learner);
  }
}

static muster_status follow(struct learner *learner) {
  struct transport *transport = learner->transport;
  const struct command *command = transport->command;
  struct actor *actor = learner->actor;
  MUSTER_TRY(actor_await_command(transport, actor));
  if (command->stop != STOP_NOT) return actor_evaluate_at_end(transport, actor);
  MUSTER_TRY(roll_out_first(learner));
  for (;;) {
    MUSTER_TRY(actor_send_rollout(transport, actor));
    const int64_t steps = actor != NULL ? trajectory_steps(actor->rollout) : 0;
    MUSTER_TRY(actor_await_command(transport, actor));
    const bool evaluates = command->evaluation == EVALUATION_FOLLOWS;
    if (command->send_states) MUSTER_TRY(actor_send_states(transport, actor));
    if (command->stop == STOP_NOT && actor != NULL) MUSTER_TRY(actor_roll_out(actor));
    MUSTER_TRY(learner_follow(learner));
    if (evaluates) MUSTER_TRY(actor_await_evaluation(transport, actor));
    stages_end_iteration(&learner->run->phases->clock, steps);
    if (command->stop != STOP_NOT) return actor_evaluate_at_end(transport, actor);
  }
}

/* --- its part of a checkpoint --- */

static int list_state(struct learner *learner, struct tensor list[SCHEDULE_MAX_STATE]) {
  const struct pipelined *pipelined = learner->schedule_data;
  list[0] = (struct tensor){"pipeline/policy", TENSOR_F32, 1, {pipelined->count}, pipelined->acting, RANGE_FINITE};
  return 1;
}

static muster_status restored(struct learner *learner) {
  struct pipelined *pipelined = learner->schedule_data;
  pipelined->is_restored = true;
  return synchronous_restored(learner);
}

const struct schedule schedule_pipelined = {
    .name = "pipelined",
    .is_deterministic = true,
    .counts_together = true,
    .commands_ahead = true,
    .batch_envs = synchronous_batch_envs,
    .connect = synchronous_connect,
    .prepare_learner = prepare_learner,
    .prepare_actor = schedule_no_actor,
    .lead = lead,
    .follow = follow,
    .act = synchronous_act,
    .begin_rollout = synchronous_begin_rollout,
    .before_step = synchronous_before_step,
    .update = learner_update_from_batch,
    .iterate = synchronous_iterate,
    .play_slice = synchronous_play_slice,
    .end_evaluation = synchronous_end_evaluation,
    .state = list_state,
    .restore_counts = schedule_no_counts,
    .restored = restored,
    .give_up_rollouts = synchronous_give_up_rollouts,
};
