#include "bench/exchanging.h"

muster_status exchanging_create(struct comm *comm, const struct run_config *config, struct exchanging *exchanging) {
  struct worker *worker = &exchanging->worker;
  MUSTER_TRY(worker_create(worker, config, NULL, "", comm));
  worker->logger.level = LOG_WARN;
  const muster_env_spec *spec = env_pool_spec(worker->pool);
  MUSTER_TRY(
      model_create(&config->policy, &spec->observation, &spec->action, MODEL_ACTOR, worker->arena, &exchanging->model));
  MUSTER_TRY(normalizer_prepare(&config->normalize, worker->arena, &exchanging->model.encoder));
  MUSTER_TRY(worker_connect(worker, &exchanging->model));
  size_t bytes[2] = {gather_bytes(worker->rollout_gather),
                     sizeof(struct command) + worker->command_floats * sizeof(float)};
  MUSTER_TRY(comm_broadcast(comm, bytes, sizeof bytes, 0));
  exchanging->gather_bytes = bytes[0];
  exchanging->command_bytes = bytes[1];
  return MUSTER_OK;
}

void exchanging_release(struct exchanging *exchanging) { worker_release(&exchanging->worker); }
