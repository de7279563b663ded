#include "train/run.h"

#include "algo/algorithm.h"
#include "train/run_options.h"

muster_status run_create_pool(const struct run *run, struct env_range range, struct env_pool **out) {
  const struct run_config *config = &run->config;
  muster_env_setting settings[RUN_CONFIG_ENV_SETTINGS];
  run_config_env_settings(config, settings);
  MUSTER_TRY(env_pool_create(run->env.type, settings, (uint64_t)config->general.seed, range.first, range.count, out));
  struct env_wrappers wrappers = run_config_env_wrappers(config);
  wrappers.group_size = run->needs.group_size;
  MUSTER_TRY(env_pool_wrap(*out, &wrappers));
  if (config->run.on_nan == ON_NAN_SKIP) env_pool_tolerate_faults(*out);
  return MUSTER_OK;
}

static muster_status create_pool(struct run *run) {
  const struct run_config *config = &run->config;
  const struct env_source_request request = run_config_env_source(config);
  MUSTER_TRY(env_source_open(&request, &run->env));
  struct env_range range = topology_envs(&run->topology, run->topology.rank);
  if (range.count == 0) range.count = 1;
  MUSTER_TRY(run_create_pool(run, range, &run->pool));
  /* elsewhere one of the first rank has taken them */
  if (config->env_host.isolation != ISOLATION_NONE) MUSTER_TRY(curriculum_try(&run->curriculum, run->pool));
  return run_set_options(run, 0);
}

muster_status run_create(const struct run_config *config, const struct topology *placed, const char *folder,
                         struct comm *comm, struct run *run) {
  *run = (struct run){.config = *config, .comm = comm, .folder = folder, .phases = comm_phases(comm)};
  const int32_t num_envs = (int32_t)config->env.num_envs;
  run->topology = placed != NULL ? *placed : topology_create(comm_size(comm), comm_rank(comm), num_envs);
  run->logger = (struct logger){LOG_INFO, run->topology.learns ? "learner" : "actor", run->topology.rank};
  MUSTER_TRY(arena_create(&run->arena));
  run->needs = algorithm_needs(run_config_algorithm(config), config->algorithm);
  run->schedule = schedule_of(&run->config);
  run_config_curriculum(config, &run->curriculum);
  MUSTER_TRY(comm_agree(comm, create_pool(run)));
  run->env_state_bytes = env_pool_state_bytes(run->pool);
  return MUSTER_OK;
}

void run_start_clock(struct run *run) { stages_start(&run->phases->clock, run->trace.events, run->trace.capacity); }

void run_release(struct run *run) {
  if (run->phases != NULL) stages_start(&run->phases->clock, NULL, 0); /* events are the arena's */
  env_pool_destroy(&run->pool);
  env_source_close(&run->env);
  arena_destroy(&run->arena);
}
