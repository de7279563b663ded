#include "train/schedule.h"

#include "algo/algorithm.h"

#include <string.h>

/* of the config's algorithm; the registry has it, since the config was checked */
static enum asynchronous actors_send(const struct run_config *config) {
  const struct algorithm_type *const *type = algorithm_list();
  while (strcmp((*type)->name, config->algorithm_name) != 0) type++;
  return algorithm_needs(*type, config->algorithm).asynchronous;
}

const struct schedule *schedule_of(const struct run_config *config) {
  switch (actors_send(config)) {
  case ASYNCHRONOUS_TRAJECTORIES: return &schedule_asynchronous;
  case ASYNCHRONOUS_GRADIENTS: return &schedule_asynchronous_gradients;
  case ASYNCHRONOUS_NONE: break;
  }
  return config->loop.pipeline > 0 ? &schedule_pipelined : &schedule_in_step;
}
