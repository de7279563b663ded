/* A trained policy in any C program: open a checkpoint and act.
 *
 *   muster_policy *policy;
 *   muster_status status = muster_policy_open("runs/CartPole-v1/ppo-001", &policy);
 *   ...
 *   status = muster_policy_act(policy, 1, observation, MUSTER_ACT_DETERMINISTIC, &action);
 *   ...
 *   muster_policy_close(&policy);
 *
 * No MPI is needed. A policy may be used by one thread at a time; several policies may be open. */
#ifndef MUSTER_POLICY_H
#define MUSTER_POLICY_H

#include "muster/space.h"
#include "muster/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct muster_policy muster_policy;

typedef enum muster_act_mode {
  MUSTER_ACT_DETERMINISTIC = 0, /* the most probable action */
  MUSTER_ACT_STOCHASTIC = 1     /* a sample; the same ones for the same seed and sequence of calls */
} muster_act_mode;

/* Opens a checkpoint file, or the newest one of a run folder. On success *policy is the caller's, to be closed. Errors:
 * MUSTER_ERROR_IO, MUSTER_ERROR_FORMAT, MUSTER_ERROR_MEMORY. */
MUSTER_API MUSTER_CHECKED muster_status muster_policy_open(const char *path, muster_policy **policy);

/* Closes a policy and sets *policy to NULL; does nothing where *policy is NULL already. */
MUSTER_API void muster_policy_close(muster_policy **policy);

/* Borrowed from the policy until it is closed. Where training stacked observations (env.frame_stack), this is the space
 * of the stacked ones. */
MUSTER_API const muster_space *muster_policy_observation_space(const muster_policy *policy);
MUSTER_API const muster_space *muster_policy_action_space(const muster_policy *policy);
MUSTER_API const char *muster_policy_env(const muster_policy *policy);       /* the environment it was trained on */
MUSTER_API const char *muster_policy_algorithm(const muster_policy *policy); /* "ppo", ... */
MUSTER_API int64_t muster_policy_total_steps(const muster_policy *policy);   /* environment steps of its training */

/* Restarts the random numbers of MUSTER_ACT_STOCHASTIC from this seed; after opening it is 0. */
MUSTER_API void muster_policy_seed(muster_policy *policy, uint64_t seed);

/* Chooses actions for n observations, one for each environment, or one for each agent where environments have several.
 * `observations`: [n, observation elements], row-major, as the environment gives them: float for a Box space, uint8_t
 * for an image, int32_t for Discrete and MultiDiscrete; they are normalised inside, with the statistics that the
 * checkpoint holds. `actions`: [n, action elements], int32_t for Discrete and MultiDiscrete spaces, float for Box,
 * which are brought within the bounds of the space as in training (env.action_bounds). Error: MUSTER_ERROR_NUMERIC when
 * an observation is not finite or not in its space; then no actions are written. */
MUSTER_API MUSTER_CHECKED muster_status muster_policy_act(muster_policy *policy, size_t n, const void *observations,
                                                          muster_act_mode mode, void *actions);

/* The same with masks: `action_masks` [n, choices of all elements of an action together], 0 = never chosen; NULL allows
 * all. Further errors: MUSTER_ERROR_NUMERIC when a mask allows nothing, MUSTER_ERROR_USAGE with masks for a Box. */
MUSTER_API MUSTER_CHECKED muster_status muster_policy_act_masked(muster_policy *policy, size_t n,
                                                                 const void *observations, const uint8_t *action_masks,
                                                                 muster_act_mode mode, void *actions);

#ifdef __cplusplus
}
#endif
#endif
