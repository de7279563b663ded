#include "train/lockstep.h"

muster_status lockstep_lead(struct learner *learner) {
  struct worker *worker = learner->worker;
  MUSTER_TRY(learner_make_up(learner));
  for (;;) {
    MUSTER_TRY(learner_give_command(learner));
    MUSTER_TRY(learner_take_states(learner));
    /* the actors already roll out */
    MUSTER_TRY(learner_save(learner));
    if (worker->command->stop != STOP_NOT) return learner_evaluate_at_end(learner);
    if (learner->actor != NULL) MUSTER_TRY(actor_roll_out(learner->actor));
    MUSTER_TRY(learner_collect(learner));
    MUSTER_TRY(learner_update(learner));
    MUSTER_TRY(learner_report(learner));
    stages_end_iteration(&worker->stages, trajectory_steps(worker->batch));
  }
}

muster_status lockstep_follow(struct learner *learner) {
  struct worker *worker = learner->worker;
  struct actor *actor = learner->actor;
  for (;;) {
    MUSTER_TRY(actor_await_command(worker, actor));
    if (worker->command->send_states) MUSTER_TRY(actor_send_states(worker, actor));
    if (worker->command->stop != STOP_NOT) return actor_evaluate_at_end(worker, actor);
    if (actor != NULL) MUSTER_TRY(actor_roll_out(actor));
    MUSTER_TRY(actor_send_rollout(worker, actor));
    MUSTER_TRY(learner_follow(learner));
    stages_end_iteration(&worker->stages, actor != NULL ? trajectory_steps(worker->rollout) : 0);
  }
}
