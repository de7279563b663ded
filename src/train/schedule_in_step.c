/* In step: actors roll out, the learner learns from the rollouts of all of them, and commands the next rollout with its
 * new policy. */
#include "train/synchronous.h"

static muster_status lead(struct learner *learner) {
  const struct command *command = learner->transport->command;
  MUSTER_TRY(learner_make_up(learner));
  for (;;) {
    MUSTER_TRY(learner_give_command(learner));
    MUSTER_TRY(learner_take_states(learner));
    /* the actors already roll out */
    MUSTER_TRY(learner_save(learner));
    if (command->stop != STOP_NOT) return learner_evaluate_at_end(learner);
    if (learner->actor != NULL) MUSTER_TRY(actor_roll_out(learner->actor));
    MUSTER_TRY(learner_collect(learner));
    MUSTER_TRY(learner_update(learner));
    MUSTER_TRY(learner_report(learner));
    stages_end_iteration(&learner->run->phases->clock, trajectory_steps(&learner->gathering->batch));
  }
}

static muster_status follow(struct learner *learner) {
  struct transport *transport = learner->transport;
  const struct command *command = transport->command;
  struct actor *actor = learner->actor;
  for (;;) {
    MUSTER_TRY(actor_await_command(transport, actor));
    if (command->send_states) MUSTER_TRY(actor_send_states(transport, actor));
    if (command->stop != STOP_NOT) return actor_evaluate_at_end(transport, actor);
    if (actor != NULL) MUSTER_TRY(actor_roll_out(actor));
    MUSTER_TRY(actor_send_rollout(transport, actor));
    MUSTER_TRY(learner_follow(learner));
    stages_end_iteration(&learner->run->phases->clock, actor != NULL ? trajectory_steps(actor->rollout) : 0);
  }
}

const struct schedule schedule_in_step = {
    .name = "in step",
    .rolls_out_in_place = true,
    .is_deterministic = true,
    .counts_together = true,
    .batch_envs = synchronous_batch_envs,
    .connect = synchronous_connect,
    .prepare_learner = schedule_no_learner,
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
    .state = schedule_no_state,
    .restore_counts = schedule_no_counts,
    .restored = synchronous_restored,
    .give_up_rollouts = synchronous_give_up_rollouts,
};
