/* A trained policy in any C program: open a checkpoint and act, or ask how probable actions are and what a state is
 * worth.
 *
 *   muster_policy *policy;
 *   muster_status status = muster_policy_open("runs/CartPole-v1/ppo-001", &policy);
 *   ...
 *   status = muster_policy_act(policy, 1, observation, MUSTER_ACT_DETERMINISTIC, &action);
 *   ...
 *   muster_policy_close(&policy);
 *
 * No MPI is needed: libmuster-policy has these functions and links no MPI; libmuster has them, too. A policy may be
 * used by one thread at a time; several policies may be open. */
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

/* How many choices all elements of an action have together: the width of a row of masks, and of probabilities. 0 for
 * Box. */
MUSTER_API size_t muster_policy_choices(const muster_policy *policy);

/* Fills probabilities [n, choices of all elements of an action together] with those by which MUSTER_ACT_STOCHASTIC
 * chooses: those of one element of an action sum to 1. Observations, masks and errors as above; USAGE error where
 * actions are Box. */
MUSTER_API MUSTER_CHECKED muster_status muster_policy_probabilities(muster_policy *policy, size_t n,
                                                                    const void *observations,
                                                                    const uint8_t *action_masks, float *probabilities);

/* Fills values [n] with the discounted return that the algorithm expects from each observation on, in units of the
 * environment's rewards: where training divided rewards by their deviation (normalize.norm_reward), that is undone.
 *
 *   a critic V(s)                                  V(s)
 *   action values Q(s, a) by which it acts (dqn)   the greatest one of an allowed action
 *   critics Q(s, a) beside a policy (sac, td3)     the mean over the critics, of the deterministic action; of Discrete
 *                                                  actions, weighted by their probabilities
 *
 * Observations, masks and errors as above; USAGE error where the algorithm learns no values. */
MUSTER_API MUSTER_CHECKED muster_status muster_policy_values(muster_policy *policy, size_t n, const void *observations,
                                                             const uint8_t *action_masks, float *values);

/* Fills values [n, choices] with Q(s, a) of each Discrete action a, in the same units; USAGE error where the algorithm
 * learns none. */
MUSTER_API MUSTER_CHECKED muster_status muster_policy_action_values(muster_policy *policy, size_t n,
                                                                    const void *observations, float *values);

#ifdef __cplusplus
}
#endif
#endif
