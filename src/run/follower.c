#include "run/follower.h"

muster_status follower_run(struct learner *learner, struct actor *actor) {
  struct worker *worker = learner->worker;
  learner->actor = actor;
  for (;;) {
    MUSTER_TRY(worker_broadcast_order(worker));
    if (worker->order->send_states) MUSTER_TRY(actor_send_states(worker, actor));
    if (worker->order->stop != STOP_NOT) return MUSTER_OK;
    if (actor != NULL) MUSTER_TRY(actor_roll_out(actor));
    MUSTER_TRY(actor_send_rollout(worker, actor));
    MUSTER_TRY(learner_follow(learner));
    stages_end_iteration(&worker->stages, actor != NULL ? trajectory_steps(worker->rollout) : 0);
  }
}
