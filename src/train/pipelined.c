#include "train/pipelined.h"

/* the first rollout is made with the policy of its order, which in a run that goes on is not what the learner has */
static muster_status roll_out_first(struct learner *learner) {
  if (learner->actor == NULL) return MUSTER_OK;
  MUSTER_TRY(actor_roll_out_commanded(learner->actor));
  model_pack(&learner->model, true);
  return MUSTER_OK;
}

muster_status pipelined_lead(struct learner *learner) {
  struct worker *worker = learner->worker;
  const struct command *command = worker->command;
  MUSTER_TRY(learner_make_up(learner));
  MUSTER_TRY(learner_give_command(learner));
  if (command->stop != STOP_NOT) return learner_evaluate_at_end(learner);
  MUSTER_TRY(roll_out_first(learner));
  for (;;) {
    MUSTER_TRY(learner_collect(learner));
    MUSTER_TRY(learner_give_command(learner));
    MUSTER_TRY(learner_take_states(learner));
    /* the next rollout begins before the update that follows this one */
    if (command->stop == STOP_NOT && learner->actor != NULL) MUSTER_TRY(actor_roll_out(learner->actor));
    MUSTER_TRY(learner_update(learner));
    MUSTER_TRY(learner_report(learner));
    MUSTER_TRY(learner_save(learner));
    stages_end_iteration(&worker->stages, trajectory_steps(worker->batch));
    if (command->stop != STOP_NOT) return learner_evaluate_at_end(learner);
  }
}

muster_status pipelined_follow(struct learner *learner) {
  struct worker *worker = learner->worker;
  const struct command *command = worker->command;
  struct actor *actor = learner->actor;
  MUSTER_TRY(actor_await_command(worker, actor));
  if (command->stop != STOP_NOT) return actor_evaluate_at_end(worker, actor);
  MUSTER_TRY(roll_out_first(learner));
  for (;;) {
    MUSTER_TRY(actor_send_rollout(worker, actor));
    const int64_t steps = actor != NULL ? trajectory_steps(worker->rollout) : 0;
    MUSTER_TRY(actor_await_command(worker, actor));
    const bool evaluates = command->evaluation == EVALUATION_FOLLOWS;
    if (command->send_states) MUSTER_TRY(actor_send_states(worker, actor));
    if (command->stop == STOP_NOT && actor != NULL) MUSTER_TRY(actor_roll_out(actor));
    MUSTER_TRY(learner_follow(learner));
    if (evaluates) MUSTER_TRY(actor_await_evaluation(worker, actor));
    stages_end_iteration(&worker->stages, steps);
    if (command->stop != STOP_NOT) return actor_evaluate_at_end(worker, actor);
  }
}
