#include "bench/transport_bench.h"

muster_status transport_bench_create(struct comm *comm, const struct run_config *config,
                                     struct transport_bench *bench) {
  struct run *run = &bench->run;
  struct gathering *gathering = &bench->gathering;
  struct transport *transport = &bench->transport;
  MUSTER_TRY(run_create(config, NULL, "", comm, run));
  run->logger.level = LOG_WARN;
  MUSTER_TRY(gathering_create(run, gathering));
  const muster_env_spec *spec = env_pool_spec(run->pool);
  MUSTER_TRY(model_create(&config->policy, &spec->observation, &spec->action, NULL, run->arena, &bench->model));
  MUSTER_TRY(normalizer_prepare(&config->normalize, run->arena, &bench->model.encoder));
  if (run->topology.acts) MUSTER_TRY(actor_create(gathering, transport, &bench->model, &bench->actor));
  MUSTER_TRY(transport_create(&bench->model, gathering, run->topology.acts ? &bench->actor : NULL, transport));
  size_t bytes[2] = {gather_bytes(transport->rollout_gather),
                     sizeof(struct command) + transport->command_floats * sizeof(float)};
  MUSTER_TRY(comm_broadcast(comm, bytes, sizeof bytes, 0));
  bench->gather_bytes = bytes[0];
  bench->command_bytes = bytes[1];
  return MUSTER_OK;
}

void transport_bench_release(struct transport_bench *bench) {
  transport_release(&bench->transport);
  gathering_release(&bench->gathering);
  run_release(&bench->run);
}
