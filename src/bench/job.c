#include "bench/job.h"

static muster_status create_pool(struct worker *worker) {
  const struct run_config *config = &worker->config;
  const struct env_source_request request = run_config_env_source(config);
  MUSTER_TRY(env_source_open(&request, &worker->env));
  muster_env_setting settings[OPTION_MAP_MAX + 1];
  run_config_env_settings(config, settings);
  return env_pool_create(worker->env.type, settings, (uint64_t)config->general.seed, 0, (int32_t)config->env.num_envs,
                         &worker->pool);
}

muster_status job_create(const char *config, struct worker *worker) {
  *worker = (struct worker){.logger = {LOG_WARN, "bench", -1}};
  MUSTER_TRY(run_config_parse("muster bench", config, &worker->config));
  int32_t num_envs = (int32_t)worker->config.env.num_envs;
  worker->topology = topology_create(1, 0, num_envs);
  MUSTER_TRY(arena_create(&worker->arena));
  MUSTER_TRY(create_pool(worker));

  const muster_env_spec *spec = env_pool_spec(worker->pool);
  const struct algorithm_type *algorithm;
  MUSTER_TRY(algorithm_find(worker->config.algorithm_name, &algorithm));
  size_t n_steps = algorithm->rollout_steps(worker->config.algorithm);
  MUSTER_TRY(trajectory_create(spec, (size_t)num_envs, n_steps, worker->arena, &worker->rollout));
  worker->env_state_bytes = env_pool_state_bytes(worker->pool);
  MUSTER_TRY(
      ARENA_TAKE(worker->arena, (size_t)num_envs * worker->env_state_bytes, "environment states", &worker->env_states));
  return ARENA_TAKE(worker->arena, 1, "the parameters' message", &worker->order);
}

void job_release(struct worker *worker) {
  env_pool_destroy(&worker->pool);
  env_source_close(&worker->env);
  arena_destroy(&worker->arena);
}
