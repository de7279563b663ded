#include "run/actor.h"

#include "base/clock.h"
#include "run/forensics.h"
#include "run/interrupt.h"

#include <string.h>

muster_status actor_create(struct worker *worker, struct model *model, struct actor *actor) {
  *actor = (struct actor){.worker = worker, .model = model};
  const struct trajectory *rollout = &worker->rollout;
  return ARENA_TAKE(worker->arena, rollout->n_envs * rollout->act_elements, "actions", &actor->actions);
}

muster_status actor_start_envs(struct actor *actor, bool from_states) {
  struct worker *worker = actor->worker;
  struct trajectory *rollout = &worker->rollout;

  /* the first observation goes where a rollout ends: the next one starts from there */
  float *last = rollout->observation + rollout->n_steps * rollout->obs_dim;
  size_t ld = trajectory_obs_ld(rollout);
  if (!from_states) return env_pool_reset(worker->pool, last, ld * sizeof(float));
  int32_t restarted = 0;
  for (size_t n = 0; n < rollout->n_envs; n++) {
    bool fresh;
    MUSTER_TRY(env_pool_load(worker->pool, (int32_t)n, worker->env_states + n * worker->env_state_bytes, last + n * ld,
                             &fresh));
    restarted += fresh;
  }
  if (restarted > 0)
    log_warn(&worker->logger, "%d environments cannot save their state: they start a fresh episode", restarted);
  return MUSTER_OK;
}

void actor_save_states(struct actor *actor) {
  struct worker *worker = actor->worker;
  for (size_t n = 0; n < worker->rollout.n_envs; n++)
    env_pool_save(worker->pool, (int32_t)n, worker->env_states + n * worker->env_state_bytes);
}

/* one step of all environments: act on observation t, write reward, end and observation t + 1 */
static muster_status step_envs(struct actor *actor, size_t t) {
  struct worker *worker = actor->worker;
  struct trajectory *rollout = &worker->rollout;
  size_t n_steps = rollout->n_steps, act_elements = rollout->act_elements, obs_ld = trajectory_obs_ld(rollout);
  float *observation = rollout->observation + t * rollout->obs_dim;
  const struct action_random random = {
      .seed = (uint64_t)worker->config.general.seed,
      .first_env = (uint32_t)topology_envs(&worker->topology, worker->topology.rank).first,
      .step = (uint32_t)((size_t)worker->order->iteration * n_steps + t),
  };
  model_act(actor->model, rollout->n_envs, observation, obs_ld, &random, actor->actions, rollout->log_prob + t,
            n_steps);
  for (size_t n = 0; n < rollout->n_envs; n++)
    memcpy(rollout->action + (n * n_steps + t) * act_elements, actor->actions + n * act_elements,
           act_elements * sizeof(int32_t));

  struct env_pool_result result = {
      .observation = observation + rollout->obs_dim,
      .observation_stride = obs_ld * sizeof(float),
      .reward = rollout->reward + t,
      .reward_stride = n_steps * sizeof(float),
      .ended = rollout->ended + t,
      .ended_stride = n_steps,
      .finals = &rollout->finals,
  };
  return env_pool_step(worker->pool, actor->actions, (int32_t)t, &result);
}

/* counts the faults that the pool has tolerated, and tells of the first */
static void note_faults(struct actor *actor) {
  struct worker *worker = actor->worker;
  const char *first;
  int32_t faults = env_pool_take_faults(worker->pool, &first);
  actor->has_faults = faults > 0;
  if (faults == 0) return;
  log_warn(&worker->logger, "%d faults in this rollout, its update is skipped; the first: %s", faults, first);
  if (actor->forensic_files++ < FORENSIC_FILES) forensics_write(worker, actor->model, NULL, 0, first);
}

muster_status actor_roll_out(struct actor *actor) {
  struct worker *worker = actor->worker;
  double start = clock_seconds();
  trajectory_start(&worker->rollout);
  for (size_t t = 0; t < worker->rollout.n_steps; t++) {
    muster_status status = step_envs(actor, t);
    if (status == MUSTER_OK) continue;
    forensics_write(worker, actor->model, NULL, 0, muster_status_message(status));
    return status;
  }
  note_faults(actor);
  actor->seconds = clock_seconds() - start;
  return MUSTER_OK;
}

/* --- a rank that only acts --- */

static void take_parameters(struct actor *actor) {
  struct worker *worker = actor->worker;
  memcpy(actor->model->parameters.values, worker->order->parameters, worker->policy_count * sizeof(float));
  model_pack(actor->model, false);
}

static muster_status send_states(struct actor *actor) {
  actor_save_states(actor);
  MUSTER_TRY(exchange_gather_begin(actor->worker->state_exchange));
  return exchange_gather_end(actor->worker->state_exchange);
}

static muster_status send_rollout(struct actor *actor) {
  exchange_set_notes(actor->worker->rollout_exchange, interrupt_pending() | (actor->has_faults ? NOTE_FAULT : 0),
                     actor->seconds);
  MUSTER_TRY(exchange_gather_begin(actor->worker->rollout_exchange));
  return exchange_gather_end(actor->worker->rollout_exchange);
}

muster_status actor_run(struct actor *actor) {
  struct worker *worker = actor->worker;
  for (;;) {
    MUSTER_TRY(worker_broadcast_order(worker));
    if (worker->order->send_states) MUSTER_TRY(send_states(actor));
    if (worker->order->stop != STOP_NOT) return MUSTER_OK;
    take_parameters(actor);
    MUSTER_TRY(actor_roll_out(actor));
    MUSTER_TRY(send_rollout(actor));
  }
}
