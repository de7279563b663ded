#include "train/synchronous.h"

#include "experience/trajectory_gather.h"

#include <math.h>

/* --- set-up --- */

size_t synchronous_batch_envs(const struct run *run) { return (size_t)run->config.env.num_envs; }

/* the rows that a rank gathers: of the whole batch on the leading rank, its own on one that acts */
static struct trajectory *gathered_rows(const struct endpoints *ends) {
  const struct topology *topology = &ends->gathering->run->topology;
  return topology->leads || !topology->acts ? &ends->gathering->batch : ends->actor->rollout;
}

/* how many actors must be done for a rollout to end: their share, rounded up, but not for a rounding error */
static int actors_needed(const struct run *run) {
  return (int)ceil(run->config.loop.straggler_fraction * run->topology.actors - 1e-9);
}

muster_status synchronous_connect(struct transport *transport, const struct endpoints *ends) {
  const struct run *run = transport->run;
  const struct topology *topology = &run->topology;
  MUSTER_TRY(broadcast_create(run->comm, transport->command, ends->command_bytes, topology->learner,
                              &transport->command_broadcast));
  const enum gather_rows which = run->schedule->rolls_out_in_place ? GATHER_IN_PLACE : GATHER_ALL;
  /* the leading rank's list collects the final observations of all; another rank has its own, or none */
  struct trajectory *final_part = topology->leads || topology->acts ? gathered_rows(ends) : &transport->nothing;
  MUSTER_TRY(trajectory_gather_create(run->comm, topology, which, gathered_rows(ends), final_part,
                                      &transport->rollout_gather));
  MUSTER_TRY(preemption_create(run->comm, topology, actors_needed(run), &transport->preemption));
  return evaluator_connect(transport->evaluator);
}

/* --- an actor --- */

muster_status synchronous_act(struct actor *actor) {
  struct transport *transport = actor->transport;
  const struct command *command = transport->command;
  for (;;) {
    MUSTER_TRY(actor_await_command(transport, actor));
    const bool stops = command->stop != STOP_NOT, evaluates = command->evaluation == EVALUATION_FOLLOWS;
    if (command->send_states) MUSTER_TRY(actor_send_states(transport, actor));
    if (!stops) {
      actor_take_parameters(actor);
      MUSTER_TRY(actor_roll_out(actor));
    }
    if (evaluates) MUSTER_TRY(actor_await_evaluation(transport, actor));
    if (stops) return actor_evaluate_at_end(transport, actor);
    MUSTER_TRY(actor_send_rollout(transport, actor));
    stages_end_iteration(&actor->run->phases->clock, trajectory_steps(actor->rollout));
  }
}

/* all actors have made as many as the learner has commanded */
void synchronous_begin_rollout(struct actor *actor) { actor->rollouts = actor->transport->command->iteration; }

muster_status synchronous_before_step(struct actor *actor, size_t t, bool *is_over) {
  return t > 0 ? preemption_is_due(actor->transport->preemption, is_over) : MUSTER_OK;
}

/* --- the learner --- */

muster_status synchronous_iterate(struct learner *learner) {
  MUSTER_TRY(actor_roll_out(learner->actor));
  MUSTER_TRY(learner_collect(learner));
  return learner_update(learner);
}

muster_status synchronous_play_slice(struct learner *learner) {
  int asked;
  MUSTER_TRY(transport_broadcast_evaluation(learner->transport));
  MUSTER_TRY(evaluator_play(learner->transport->evaluator, learner->transport->command, &learner->model));
  MUSTER_TRY(evaluator_gather(learner->transport->evaluator, &asked));
  learner->flags |= asked;
  return MUSTER_OK;
}

muster_status synchronous_end_evaluation(struct learner *learner) {
  return transport_broadcast_evaluation(learner->transport);
}

/* at a checkpoint no rollout is under way: all were reported */
muster_status synchronous_restored(struct learner *learner) {
  learner->reported_steps = learner->total_steps;
  return MUSTER_OK;
}

int64_t synchronous_give_up_rollouts(struct learner *learner) { return learner->iteration; }
