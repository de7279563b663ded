#include "run/worker.h"

#include "comm/watchdog.h"

#include <string.h>

static muster_status create_pool(struct worker *worker) {
  const struct run_config *config = &worker->config;
  const struct env_source_request request = run_config_env_source(config);
  MUSTER_TRY(env_source_open(&request, &worker->env));
  muster_env_setting settings[OPTION_MAP_MAX + 1];
  run_config_env_settings(config, settings);
  struct env_range range = topology_envs(&worker->topology, worker->topology.rank);
  if (range.count == 0) range.count = 1;
  MUSTER_TRY(env_pool_create(worker->env.type, settings, (uint64_t)config->general.seed, range.first, range.count,
                             &worker->pool));
  struct env_wrappers wrappers = run_config_env_wrappers(config);
  wrappers.group_size = worker->plan.group_size;
  MUSTER_TRY(env_pool_wrap(worker->pool, &wrappers));
  env_pool_count_steps(worker->pool, watchdog_steps(worker->comm));
  if (config->run.on_nan == ON_NAN_SKIP) env_pool_tolerate_faults(worker->pool);
  return MUSTER_OK;
}

muster_status worker_create(struct worker *worker, const struct run_config *config, const struct topology *placed,
                            const char *run_folder, struct comm *comm) {
  *worker = (struct worker){.config = *config, .comm = comm, .run_folder = run_folder};
  stages_start(&worker->stages, NULL, 0);
  int32_t num_envs = (int32_t)config->env.num_envs;
  worker->topology = placed != NULL ? *placed : topology_create(comm_size(comm), comm_rank(comm), num_envs);
  const struct topology *topology = &worker->topology;
  worker->logger = (struct logger){LOG_INFO, topology->learns ? "learner" : "actor", topology->rank};
  MUSTER_TRY(arena_create(&worker->arena));
  const struct algorithm_type *algorithm;
  MUSTER_TRY(algorithm_find(config->algorithm_name, &algorithm));
  worker->plan = algorithm->plan(config->algorithm);
  MUSTER_TRY(create_pool(worker));

  const muster_env_spec *spec = env_pool_spec(worker->pool);
  size_t count = topology->learns ? (size_t)num_envs : (size_t)topology_envs(topology, topology->rank).count;
  MUSTER_TRY(trajectory_create(spec, count, worker->plan.n_steps, worker->arena, &worker->rollout));
  worker->env_state_bytes = env_pool_state_bytes(worker->pool);
  MUSTER_TRY(ARENA_TAKE(worker->arena, count, "restarts", &worker->restarts));
  return ARENA_TAKE(worker->arena, count * worker->env_state_bytes, "environment states", &worker->env_states);
}

#define ROLLOUT_FIELDS 8

/* Observations and masks move with the first ones of the next rollout, so that the learner can bootstrap; masks come
 * last, since there may be none. Returns the number of fields. */
static int rollout_fields(const struct worker *worker, struct exchange_field fields[ROLLOUT_FIELDS]) {
  const struct trajectory *rollout = &worker->rollout;
  size_t agents = rollout->agents, steps = rollout->n_steps;
  const struct exchange_field all[ROLLOUT_FIELDS] = {
      {rollout->observation, agents * trajectory_obs_stride(rollout)},
      {rollout->action, agents * steps * rollout->action_bytes},
      {rollout->log_prob, agents * steps * sizeof(float)},
      {rollout->reward, agents * steps * sizeof(float)},
      {rollout->ended, steps},
      {rollout->length, agents * sizeof(int32_t)},
      {worker->restarts, sizeof(int32_t)},
      {rollout->mask, agents * trajectory_mask_stride(rollout)},
  };
  memcpy(fields, all, sizeof all);
  return rollout->mask_bytes > 0 ? ROLLOUT_FIELDS : ROLLOUT_FIELDS - 1;
}

size_t worker_rollout_bytes(const struct worker *worker, size_t n_envs) {
  struct exchange_field fields[ROLLOUT_FIELDS];
  size_t bytes = 0;
  for (int i = rollout_fields(worker, fields) - 1; i >= 0; i--) bytes += n_envs * fields[i].env_bytes;
  return bytes;
}

muster_status worker_connect(struct worker *worker, const struct model *model) {
  worker->order_count = model != NULL ? model->policy_count + model->encoder.statistics_count : 0;
  size_t order_bytes = sizeof(struct order) + worker->order_count * sizeof(float);
  MUSTER_TRY(comm_agree(worker->comm,
                        arena_take(worker->arena, 1, order_bytes, "the parameters' message", (void **)&worker->order)));
  MUSTER_TRY(announcement_create(worker->comm, worker->order, order_bytes, worker->topology.learner,
                                 &worker->order_announcement));

  struct trajectory *rollout = &worker->rollout;
  struct exchange_field fields[ROLLOUT_FIELDS];
  const int n_fields = rollout_fields(worker, fields);
  struct env_finals *finals = &rollout->finals;
  const struct exchange_list list = {
      .count = &finals->count,
      .capacity = finals->capacity,
      .n_fields = 3,
      .field = {{finals->environment, sizeof(int32_t)},
                {finals->step, sizeof(int32_t)},
                {finals->observation, rollout->agents * rollout->obs_bytes}},
  };
  const struct exchange_field states[] = {{worker->env_states, worker->env_state_bytes}};
  MUSTER_TRY(exchange_create(worker->comm, &worker->topology, fields, n_fields, &list, &worker->rollout_exchange));
  return exchange_create(worker->comm, &worker->topology, states, 1, NULL, &worker->state_exchange);
}

void worker_start_clock(struct worker *worker) {
  stages_start(&worker->stages, worker->trace.events, worker->trace.capacity);
  comm_set_stages(worker->comm, &worker->stages);
}

muster_status worker_broadcast_order(struct worker *worker) {
  watchdog_enter(worker->comm, WATCH_WAIT, worker->order->iteration + 1);
  bool is_near = comm_is_near(worker->comm, worker->topology.learner);
  stages_enter(&worker->stages, is_near ? STAGE_BROADCAST : STAGE_WAIT);
  if (worker->topology.learns) stages_mark(&worker->stages, EVENT_ORDER);
  MUSTER_TRY(announcement_make(worker->order_announcement));
  /* it has come: what is done with it is no wait, on a far rank either */
  stages_enter(&worker->stages, STAGE_BROADCAST);
  if (!worker->topology.learns) stages_mark(&worker->stages, EVENT_ORDER);
  return MUSTER_OK;
}

void worker_release(struct worker *worker) {
  if (worker->comm != NULL) comm_set_stages(worker->comm, NULL);
  announcement_destroy(&worker->order_announcement);
  exchange_destroy(&worker->rollout_exchange);
  exchange_destroy(&worker->state_exchange);
  env_pool_destroy(&worker->pool);
  env_source_close(&worker->env);
  arena_destroy(&worker->arena);
}
