/* A policy that was read from a checkpoint: the implementation behind muster/policy.h. */
#ifndef POLICY_POLICY_H
#define POLICY_POLICY_H

#include "muster/policy.h"
#include "setup/config.h"

struct muster_policy {
  char path[1100]; /* the checkpoint file */
  struct run_config config;
  struct arena *arena;
  struct model model; /* only the policy, not the critic; packed */
  struct normalizer normalizer;
  muster_space observation, action;
  bool bounds_actions;
  int64_t total_steps;
  uint64_t seed;
  uint32_t acts; /* calls of muster_policy_act() since the seed was set */
};

#endif
