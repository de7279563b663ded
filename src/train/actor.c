#include "train/actor.h"

#include "base/clock.h"
#include "train/crash_dump.h"
#include "train/evaluator.h"
#include "train/interrupt.h"
#include "train/run_options.h"
#include "train/timings.h"
#include "train/trace.h"

#include <string.h>

/* where the rollout is kept: in rows of the batch, or in memory of its own */
static muster_status create_rollout(struct actor *actor, struct gathering *gathering) {
  const struct run *run = actor->run;
  const struct topology *topology = &run->topology;
  const struct env_range range = topology_envs(topology, topology->rank);
  const size_t first = (size_t)range.first, count = (size_t)range.count;
  actor->rollout = &actor->own;
  actor->is_in_place = topology->learns && run->schedule->rolls_out_in_place;
  if (!actor->is_in_place) {
    MUSTER_TRY(trajectory_create(env_pool_spec(actor->pool), count, run->needs.n_steps, run->arena, actor->rollout));
    actor->rollout->first_env = first;
    return MUSTER_OK;
  }
  if (topology->ranks > 1) return trajectory_view(&gathering->batch, first, count, run->arena, actor->rollout);
  actor->rollout = &gathering->batch;
  return MUSTER_OK;
}

static muster_status create_states(struct actor *actor, const struct gathering *gathering) {
  const struct run *run = actor->run;
  const struct env_range range = topology_envs(&run->topology, run->topology.rank);
  if (!run->topology.leads)
    return ARENA_TAKE(run->arena, (size_t)range.count * run->env_state_bytes, "environment states", &actor->env_states);
  actor->env_states = gathering->env_states + (size_t)range.first * run->env_state_bytes;
  return MUSTER_OK;
}

muster_status actor_create(struct gathering *gathering, struct transport *transport, struct model *model,
                           struct actor *actor) {
  struct run *run = gathering->run;
  const struct env_range range = topology_envs(&run->topology, run->topology.rank);
  *actor = (struct actor){.run = run, .pool = run->pool, .transport = transport, .model = model};
  MUSTER_TRY(create_rollout(actor, gathering));
  MUSTER_TRY(create_states(actor, gathering));
  const struct trajectory *rollout = actor->rollout;
  actor->first_row = (uint32_t)range.first * (uint32_t)rollout->agents;
  MUSTER_TRY(ARENA_TAKE(run->arena, rollout->n_rows * rollout->action_bytes, "actions", &actor->actions));
  if (model->head.noise.kind == ACTION_NOISE_ORNSTEIN_UHLENBECK)
    MUSTER_TRY(ARENA_TAKE(run->arena, rollout->n_rows, "steps of episodes", &actor->ages));
  return run->schedule->prepare_actor(actor);
}

muster_status actor_start_envs(struct actor *actor, bool from_states) {
  struct run *run = actor->run;
  struct trajectory *rollout = actor->rollout;

  /* the first observation goes where a rollout ends: the next one starts from there */
  void *last = trajectory_observation(rollout, rollout->n_steps);
  uint8_t *last_mask = trajectory_mask(rollout, rollout->n_steps);
  size_t stride = trajectory_obs_stride(rollout), mask_stride = trajectory_mask_stride(rollout);
  if (!from_states) {
    MUSTER_TRY(env_pool_reset(actor->pool, last, stride));
    env_pool_observe(actor->pool, NULL, 0, last_mask, mask_stride);
    return MUSTER_OK;
  }
  for (size_t n = 0; n < rollout->n_envs; n++) {
    bool fresh; /* the learner has logged it */
    MUSTER_TRY(env_pool_load(actor->pool, (int32_t)n, actor->env_states + n * run->env_state_bytes, NULL, &fresh));
  }
  env_pool_observe(actor->pool, last, stride, last_mask, mask_stride);
  return MUSTER_OK;
}

void actor_save_states(struct actor *actor) {
  struct run *run = actor->run;
  for (size_t n = 0; n < actor->rollout->n_envs; n++)
    env_pool_save(actor->pool, (int32_t)n, actor->env_states + n * run->env_state_bytes);
}

/* reading the clock at each step would cost some per cent of small environments' rollouts */
#define STEPS_TO_A_LOOK 16

/* where the random numbers of step t come from */
static struct action_random place_random(struct actor *actor, size_t t) {
  const struct run *run = actor->run;
  const struct trajectory *rollout = actor->rollout;
  const int32_t *steps = env_pool_steps(actor->pool);
  for (size_t row = 0; actor->ages != NULL && row < rollout->n_rows; row++)
    actor->ages[row] = (uint32_t)steps[row / rollout->agents];
  return (struct action_random){
      .seed = (uint64_t)run->config.general.seed,
      .first_row = actor->first_row,
      .step = (uint32_t)((size_t)actor->rollouts * rollout->n_steps + t),
      .ages = actor->ages,
      .n_rows = (uint32_t)((size_t)run->config.env.num_envs * rollout->agents),
  };
}

/* one step of all environments: act on observation t, write reward, end and observation t + 1 with its mask */
static muster_status step_envs(struct actor *actor, size_t t) {
  struct run *run = actor->run;
  struct trajectory *rollout = actor->rollout;
  size_t n_steps = rollout->n_steps, action_bytes = rollout->action_bytes;
  size_t obs_stride = trajectory_obs_stride(rollout), mask_stride = trajectory_mask_stride(rollout);
  const bool looks = actor->steps++ % STEPS_TO_A_LOOK == 0;
  const double start = looks ? clock_seconds() : 0.0;
  const struct action_random random = place_random(actor, t);
  const struct model_input input = {
      trajectory_observation(rollout, t), obs_stride, {trajectory_mask(rollout, t), mask_stride}};
  model_act(actor->model, rollout->n_rows, &input, &random, actor->actions, rollout->log_prob + t, n_steps);
  char *kept = (char *)rollout->action + t * action_bytes;
  for (size_t row = 0; row < rollout->n_rows; row++)
    memcpy(kept + row * n_steps * action_bytes, actor->actions + row * action_bytes, action_bytes);

  const double acted = looks ? clock_seconds() : 0.0;
  struct env_pool_result result = {
      .observation = trajectory_observation(rollout, t + 1),
      .observation_stride = obs_stride,
      .reward = rollout->reward + t,
      .reward_stride = n_steps * sizeof(float),
      .ended = rollout->ended + t,
      .ended_stride = n_steps,
      .final_observations = &rollout->final_observations,
  };
  MUSTER_TRY(env_pool_step(actor->pool, actor->actions, (int32_t)t, &result));
  env_pool_observe(actor->pool, NULL, 0, trajectory_mask(rollout, t + 1), mask_stride);
  if (looks) {
    run->looked_at.policy += acted - start;
    run->looked_at.environments += clock_seconds() - acted;
  }
  return MUSTER_OK;
}

/* counts the faults that the pool has tolerated, and logs the first */
static void note_faults(struct actor *actor) {
  struct run *run = actor->run;
  const char *first;
  int32_t faults = env_pool_take_faults(actor->pool, &first);
  actor->has_faults = faults > 0;
  if (faults == 0) return;
  log_warn(&run->logger, "%d faults in this rollout, its update is skipped; the first: %s", faults, first);
  if (actor->crash_dump_files++ < CRASH_DUMP_FILES)
    crash_dump_write(run, actor->transport->command->iteration, actor->rollout, actor->model, NULL, 0, first);
}

/* counts how often processes of isolated environments were started again, and logs why */
static void note_restarts(struct actor *actor) {
  struct run *run = actor->run;
  struct env_restarts restarts;
  env_pool_take_restarts(actor->pool, &restarts);
  actor->rollout->restarts[0] = restarts.count;
  for (int32_t i = 0; i < restarts.texts; i++) log_warn(&run->logger, "%s", restarts.text[i]);
  actor->envs_are_dead |= restarts.stays_dead;
}

/* --- whole episodes: only the first of each environment counts; else short ones would be more frequent --- */

/* notes the length of each first episode that ends at step t; returns how many are still being played */
static size_t note_lengths(struct trajectory *rollout, size_t t, size_t playing) {
  size_t n_steps = rollout->n_steps, agents = rollout->agents;
  for (size_t n = 0; n < rollout->n_envs; n++) {
    bool is_over = (size_t)rollout->length[n * agents] < n_steps;
    if (is_over || rollout->ended[n * n_steps + t] == 0) continue;
    for (size_t agent = 0; agent < agents; agent++) rollout->length[n * agents + agent] = (int32_t)(t + 1);
    playing--;
  }
  return playing;
}

/* cuts what is longer than the rollout, and starts every environment afresh where the next rollout begins */
static muster_status finish_episodes(struct actor *actor) {
  struct trajectory *rollout = actor->rollout;
  size_t n_steps = rollout->n_steps;
  for (size_t n = 0; n < rollout->n_envs; n++) {
    uint8_t *last = &rollout->ended[n * n_steps + n_steps - 1];
    if ((size_t)rollout->length[n * rollout->agents] == n_steps && *last == 0) *last = ENV_TRUNCATED;
  }
  /* an episode's number is the rollout's, however many an environment has begun in it */
  MUSTER_TRY(env_pool_restart(actor->pool, (uint32_t)actor->transport->command->iteration + 1));
  env_pool_observe(actor->pool, trajectory_observation(rollout, n_steps), trajectory_obs_stride(rollout),
                   trajectory_mask(rollout, n_steps), trajectory_mask_stride(rollout));
  return MUSTER_OK;
}

static muster_status play(struct actor *actor) {
  struct run *run = actor->run;
  struct trajectory *rollout = actor->rollout;
  bool whole = run->needs.whole_episodes, is_over = false;
  size_t playing = rollout->n_envs;
  trajectory_start(rollout);
  for (size_t t = 0; t < rollout->n_steps && playing > 0; t++) {
    MUSTER_TRY(run->schedule->before_step(actor, t, &is_over));
    if (is_over) {
      trajectory_cut(rollout, t);
      break;
    }
    MUSTER_TRY(step_envs(actor, t));
    if (whole) playing = note_lengths(rollout, t, playing);
  }
  MUSTER_TRY(preemption_report_done(actor->transport->preemption));
  return whole ? finish_episodes(actor) : MUSTER_OK;
}

muster_status actor_roll_out(struct actor *actor) {
  struct run *run = actor->run;
  phases_enter(run->phases, PHASE_ROLLOUT, actor->transport->command->iteration + 1);
  const double start = run->phases->clock.since;
  run->schedule->begin_rollout(actor);
  muster_status status = run_set_options(run, actor->transport->command->steps);
  if (status == MUSTER_OK) status = play(actor);
  if (status != MUSTER_OK) {
    crash_dump_write(run, actor->transport->command->iteration, actor->rollout, actor->model, NULL, 0,
                     muster_status_message(status));
    return status;
  }
  note_faults(actor);
  note_restarts(actor);
  phases_go_on(run->phases, PHASE_HANDOVER);
  actor->seconds = run->phases->clock.since - start;
  return MUSTER_OK;
}

/* --- a rank that only acts --- */

void actor_take_parameters(struct actor *actor) {
  struct model *model = actor->model;
  const float *floats = actor->transport->command->floats;
  const size_t parameters = actor->transport->command_parameters;
  phases_go_on(actor->run->phases, PHASE_COMMAND);
  memcpy(model->parameters.values, floats, parameters * sizeof(float));
  if (model->encoder.statistics_count > 0)
    memcpy(model->encoder.statistics, floats + parameters, model->encoder.statistics_count * sizeof(float));
  model_pack(model, parameters > model->policy_count);
}

/* swaps n floats */
static void swap_floats(float *a, float *b, size_t n) {
  for (size_t i = 0; i < n; i++) {
    float swapped = a[i];
    a[i] = b[i];
    b[i] = swapped;
  }
}

/* swaps the policies of command and model; a second call swaps them back */
static void swap_policy(struct actor *actor) {
  struct model *model = actor->model;
  float *floats = actor->transport->command->floats;
  swap_floats(model->parameters.values, floats, model->policy_count);
  swap_floats(model->encoder.statistics, floats + model->policy_count, model->encoder.statistics_count);
}

muster_status actor_roll_out_commanded(struct actor *actor) {
  swap_policy(actor);
  model_pack(actor->model, false);
  MUSTER_TRY(actor_roll_out(actor));
  swap_policy(actor);
  return MUSTER_OK;
}

muster_status actor_send_states(struct transport *transport, struct actor *actor) {
  struct phases *phases = transport->run->phases;
  phases_go_on(phases, PHASE_STATES);
  if (transport->command->send_states == SEND_FOR_CHECKPOINT) interrupt_saved();
  if (actor != NULL) actor_save_states(actor);
  MUSTER_TRY(gather_begin(transport->state_gather));
  MUSTER_TRY(gather_end(transport->state_gather));
  phases_go_on(phases, PHASE_LOOP);
  return MUSTER_OK;
}

muster_status actor_send_rollout(struct transport *transport, const struct actor *actor) {
  struct phases *phases = transport->run->phases;
  phases_enter(phases, PHASE_GATHER, transport->command->iteration + 1);
  stages_mark(&phases->clock, EVENT_ROLLOUT);
  if (actor != NULL) {
    int flags = (actor->has_faults ? FLAG_FAULT : 0) | (actor->envs_are_dead ? FLAG_DEAD : 0);
    gather_set_flags(transport->rollout_gather, flags, actor->seconds);
  }
  gather_add_flag(transport->rollout_gather, interrupt_pending());
  MUSTER_TRY(gather_begin(transport->rollout_gather));
  MUSTER_TRY(gather_end(transport->rollout_gather));
  phases_go_on(phases, PHASE_LOOP);
  return MUSTER_OK;
}

/* --- evaluations --- */

/* this rank's part in an evaluation, whose first command has come */
static muster_status evaluate(struct transport *transport, struct actor *actor) {
  struct command *command = transport->command;
  bool takes_policy = actor != NULL && !transport->run->topology.learns;
  int asked;
  while (command->evaluation != EVALUATION_ENDS) {
    if (takes_policy && command->evaluation == EVALUATION_BEGINS) actor_take_parameters(actor);
    MUSTER_TRY(evaluator_play(transport->evaluator, transport->command, actor != NULL ? actor->model : NULL));
    MUSTER_TRY(evaluator_gather(transport->evaluator, &asked));
    MUSTER_TRY(transport_broadcast_evaluation(transport));
  }
  phases_go_on(transport->run->phases, PHASE_LOOP);
  return MUSTER_OK;
}

muster_status actor_await_command(struct transport *transport, struct actor *actor) {
  MUSTER_TRY(transport_broadcast_command(transport));
  while (command_is_of_evaluation(transport->command)) {
    MUSTER_TRY(evaluate(transport, actor));
    MUSTER_TRY(transport_broadcast_command(transport));
  }
  return MUSTER_OK;
}

muster_status actor_await_evaluation(struct transport *transport, struct actor *actor) {
  MUSTER_TRY(transport_broadcast_evaluation(transport));
  return evaluate(transport, actor);
}

muster_status actor_evaluate_at_end(struct transport *transport, struct actor *actor) {
  if (transport->command->stop != STOP_FINISHED || transport->evaluator == NULL) return MUSTER_OK;
  return actor_await_evaluation(transport, actor);
}

muster_status actor_finish(struct run *run) {
  struct timings timings;
  MUSTER_TRY(timings_collect(run, &timings));
  return trace_write(run, NULL, 0);
}
