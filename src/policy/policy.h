/* A policy that was read from a checkpoint: the implementation behind muster/policy.h. */
#ifndef POLICY_POLICY_H
#define POLICY_POLICY_H

#include "muster/policy.h"
#include "setup/config.h"

/* where the values of a policy come from */
enum policy_values {
  POLICY_VALUES_NONE,
  POLICY_VALUES_OF_STATES,  /* critics V(s) */
  POLICY_VALUES_OF_CHOICES, /* critics Q(s, .) of the choices of a Discrete action */
  POLICY_VALUES_OF_ACTIONS, /* critics Q(s, a) that read the action */
  POLICY_VALUES_OWN         /* the policy's own outputs */
};

/* whether the environment that it was trained on masks its actions; older checkpoints do not tell */
enum policy_masks { POLICY_MASKS_NONE, POLICY_MASKS_ACTIONS, POLICY_MASKS_UNKNOWN };

struct muster_policy {
  char path[1100]; /* the checkpoint file */
  struct run_config config;
  struct arena *arena;
  struct model model; /* the policy and the critics, without target copies; packed */
  enum policy_values values;
  double reward_scale; /* by which training divided rewards */
  float *estimates;    /* [TILE, choices, or 1] values of a tile */
  float *chances;      /* [TILE, choices] probabilities of a tile */
  float *actions;      /* [2, TILE, elements] Box actions of a tile, and in units from -1 to 1 */
  struct normalizer normalizer;
  muster_space observation, action;
  bool bounds_actions;
  enum policy_masks masks;
  int64_t total_steps;
  uint64_t seed;
  uint32_t acts; /* calls of muster_policy_act() since the seed was set */
};

/* Whether these are observations of the policy's space, and masks of its actions (NULL: none); the errors of
 * muster_policy_act_masked(). */
MUSTER_CHECKED muster_status policy_check_input(const struct muster_policy *policy, size_t n, const void *observations,
                                                const uint8_t *action_masks);

#endif
