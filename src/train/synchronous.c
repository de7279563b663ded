#include "train/synchronous.h"

/* --- set-up --- */

size_t synchronous_batch_envs(const struct worker *worker) { return (size_t)worker->config.env.num_envs; }

muster_status synchronous_connect(struct worker *worker, const struct model *model, size_t command_bytes) {
  (void)model;
  MUSTER_TRY(worker_connect_rollouts(worker, command_bytes));
  return evaluator_connect(worker->evaluator);
}

/* --- an actor --- */

muster_status synchronous_act(struct actor *actor) {
  struct worker *worker = actor->worker;
  const struct command *command = worker->command;
  for (;;) {
    MUSTER_TRY(actor_await_command(worker, actor));
    const bool stops = command->stop != STOP_NOT, evaluates = command->evaluation == EVALUATION_FOLLOWS;
    if (command->send_states) MUSTER_TRY(actor_send_states(worker, actor));
    if (!stops) {
      actor_take_parameters(actor);
      MUSTER_TRY(actor_roll_out(actor));
    }
    if (evaluates) MUSTER_TRY(actor_await_evaluation(worker, actor));
    if (stops) return actor_evaluate_at_end(worker, actor);
    MUSTER_TRY(actor_send_rollout(worker, actor));
    stages_end_iteration(&worker->stages, trajectory_steps(worker->rollout));
  }
}

/* all actors have made as many as the learner has asked for */
void synchronous_begin_rollout(struct actor *actor) { actor->rollouts = actor->worker->command->iteration; }

muster_status synchronous_before_step(struct actor *actor, size_t t, bool *is_over) {
  return t > 0 ? preemption_is_due(actor->worker->preemption, is_over) : MUSTER_OK;
}

/* --- the learner --- */

muster_status synchronous_iterate(struct learner *learner) {
  MUSTER_TRY(actor_roll_out(learner->actor));
  MUSTER_TRY(learner_collect(learner));
  return learner_update(learner);
}

muster_status synchronous_play_slice(struct learner *learner) {
  struct worker *worker = learner->worker;
  int asked;
  MUSTER_TRY(worker_broadcast_evaluation(worker));
  MUSTER_TRY(evaluator_play(worker->evaluator, &learner->model));
  MUSTER_TRY(evaluator_gather(worker->evaluator, &asked));
  learner->flags |= asked;
  return MUSTER_OK;
}

muster_status synchronous_end_evaluation(struct learner *learner) {
  return worker_broadcast_evaluation(learner->worker);
}

/* nothing is under way at a checkpoint: every rollout was reported */
muster_status synchronous_restored(struct learner *learner) {
  learner->reported_steps = learner->total_steps;
  return MUSTER_OK;
}

int64_t synchronous_give_up_rollouts(struct learner *learner) { return learner->iteration; }
