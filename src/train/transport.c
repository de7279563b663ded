#include "train/transport.h"

#include "train/actor.h"
#include "train/evaluator.h"

/* the command, for this model's policy */
static muster_status take_command(struct transport *transport, const struct model *model, size_t *command_bytes) {
  const struct run *run = transport->run;
  const bool is_needed = topology_has_pure_actors(&run->topology) || !run->schedule->rolls_out_in_place;
  if (model != NULL && is_needed) {
    const bool takes_all = run->schedule->actors_compute_gradients;
    transport->command_parameters = takes_all ? model->parameters.count : model->policy_count;
    transport->command_floats = transport->command_parameters + model->encoder.statistics_count;
  }
  *command_bytes = sizeof(struct command) + transport->command_floats * sizeof(float);
  return arena_take(run->arena, 1, *command_bytes, "the parameters' message", (void **)&transport->command);
}

/* of all environments on the leading rank, of its own on one that acts */
static unsigned char *states_of(const struct gathering *gathering, const struct actor *actor) {
  const struct topology *topology = &gathering->run->topology;
  if (topology->leads) return gathering->env_states;
  return topology->acts ? actor->env_states : NULL;
}

muster_status transport_create(const struct model *model, struct gathering *gathering, struct actor *actor,
                               struct transport *transport) {
  struct run *run = gathering->run;
  *transport = (struct transport){.run = run};
  size_t command_bytes;
  MUSTER_TRY(comm_agree(run->comm, take_command(transport, model, &command_bytes)));
  MUSTER_TRY(evaluator_create(run, &transport->evaluator));
  const struct endpoints endpoints = {model, gathering, actor, command_bytes};
  MUSTER_TRY(run->schedule->connect(transport, &endpoints));
  const struct gather_field states[] = {{states_of(gathering, actor), run->env_state_bytes}};
  return gather_create(run->comm, &run->topology, GATHER_ALL, states, 1, NULL, &transport->state_gather);
}

size_t transport_rollout_bytes(const struct trajectory *rollout, size_t n_envs) {
  size_t bytes = 0;
  for (int i = 0; i < STEP_FIELD_COUNT; i++) bytes += n_envs * trajectory_env_bytes(rollout, i);
  return bytes;
}

/* --- commands, where actors wait for them --- */

muster_status transport_broadcast_command(struct transport *transport) {
  struct run *run = transport->run;
  phases_enter(run->phases, PHASE_COMMAND, transport->command->iteration + 1);
  if (run->topology.leads) stages_mark(&run->phases->clock, EVENT_COMMAND);
  /* the leading rank has gathered the rollout before this command, by which the others learn that it is over */
  if (run->topology.leads) MUSTER_TRY(preemption_end_rollout(transport->preemption));
  MUSTER_TRY(broadcast_run(transport->command_broadcast));
  if (!run->topology.leads) MUSTER_TRY(preemption_end_rollout(transport->preemption));
  if (!run->topology.leads && !command_is_of_evaluation(transport->command))
    stages_mark(&run->phases->clock, EVENT_COMMAND);
  return MUSTER_OK;
}

muster_status transport_broadcast_evaluation(struct transport *transport) {
  struct phases *phases = transport->run->phases;
  phases_enter(phases, PHASE_COMMAND, transport->command->iteration + 1);
  MUSTER_TRY(broadcast_run(transport->command_broadcast));
  phases_go_on(phases, PHASE_EPISODES);
  return MUSTER_OK;
}

void transport_release(struct transport *transport) {
  evaluator_destroy(&transport->evaluator);
  broadcast_destroy(&transport->command_broadcast);
  preemption_destroy(&transport->preemption);
  gather_destroy(&transport->rollout_gather);
  gather_destroy(&transport->state_gather);
  channel_destroy(&transport->channel);
}
