#include "train/schedule.h"

#include "algo/algorithm.h"

const struct schedule *schedule_of(const struct run_config *config) {
  switch (algorithm_needs(run_config_algorithm(config), config->algorithm).asynchronous) {
  case ASYNCHRONOUS_TRAJECTORIES: return &schedule_asynchronous;
  case ASYNCHRONOUS_GRADIENTS: return &schedule_asynchronous_gradients;
  case ASYNCHRONOUS_REPLAY: return &schedule_asynchronous_replay;
  case ASYNCHRONOUS_NONE: break;
  }
  return config->loop.pipeline > 0 ? &schedule_pipelined : &schedule_in_step;
}
