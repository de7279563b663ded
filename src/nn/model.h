/* The actor-critic model: a policy and a value network, with or without a shared trunk.
 *
 *   separate (default):   obs -> policy hidden -> policy head        obs -> value hidden -> value head
 *   share_trunk:          obs -> trunk hidden -> policy head, value head
 *
 * The parameters that a policy needs come first in the block: actors hold and receive only that prefix. */
#ifndef NN_MODEL_H
#define NN_MODEL_H

#include "config/option.h"
#include "nn/distribution.h"
#include "nn/mlp.h"

struct model_options {
  struct option_int_list hidden_sizes;
  int activation; /* index into MODEL_ACTIVATIONS */
  bool ortho_init;
  bool share_trunk;
};

extern const struct option_table model_option_table;

struct model {
  size_t obs_dim, act_elements;
  size_t outputs; /* width of the policy head */
  const struct distribution *distribution;
  struct parameters parameters;
  size_t policy_count; /* floats of the prefix that actors need */
  struct mlp trunk, policy, value;
  struct distribution_tile tile; /* of the last model_act() or evaluate */
  float *scratch[2];             /* [TILE, widest] backward buffers */
  float *d_trunk[2];             /* [TILE, trunk width] gradients that meet at the shared trunk */
  float *rows;                   /* [TILE, padded obs_dim]: short tiles are completed here */
  const float *features;         /* what the heads read: the trunk's output of the last forward pass, or its input */
  size_t features_ld;
};

/* Builds the networks for these spaces. Memory comes from the arena. With `policy_only` (an actor) the value network
 * and everything that only training needs is left out; the policy's prefix is the same. Errors: USAGE (spaces that no
 * network exists for). */
MUSTER_CHECKED muster_status model_create(const struct model_options *options, const muster_space *observation,
                                          const muster_space *action, bool policy_only, struct arena *arena,
                                          struct model *model);

/* Initial parameters from the seed: orthogonal with gain sqrt(2) for hidden layers, 0.01 for the policy head, 1 for the
 * value head, zero biases (SB3's ActorCriticPolicy); or PyTorch's default uniform when ortho_init is off. */
MUSTER_CHECKED muster_status model_initialize(struct model *model, const struct model_options *options, uint64_t seed);

/* Renews packed weights; call after the parameters changed and before the next forward pass. */
void model_pack(struct model *model, bool for_training);

/* Policy head's output for `rows` <= TILE rows of obs [rows, stride obs_ld]: [rows, *net_ld], borrowed. Any number of
 * rows: short tiles are completed inside. */
const float *model_policy(struct model *model, size_t rows, const float *obs, size_t obs_ld, size_t *net_ld);

/* Acts for any number of environments: rows of obs [n, stride obs_ld] -> actions [n, act_elements] and, if sampled,
 * log_prob (row r at log_prob[r * log_prob_ld]). With `random` NULL the most probable action is taken and log_prob may
 * be NULL. */
void model_act(struct model *model, size_t n, const float *obs, size_t obs_ld, const struct action_random *random,
               int32_t *actions, float *log_prob, size_t log_prob_ld);

/* values[n] of n rows of obs, packed weights of the value network up to date. */
void model_values(struct model *model, size_t n, const float *obs, size_t obs_ld, float *values);

/* One tile of training, in two calls. Forward: `rows` is a multiple of LINEAR_ROWS, obs has the stride obs_ld; returns
 * the policy head's output; *value points to the values, row r at value[r * *value_ld]. Backward: takes the gradients
 * at both heads, [rows, linear_padded(outputs)] and [rows, linear_padded(1)], and adds to parameters.gradients. */
const float *model_forward_tile(struct model *model, size_t rows, const float *obs, size_t obs_ld, size_t *net_ld,
                                const float **value, size_t *value_ld);
void model_backward_tile(struct model *model, size_t rows, const float *obs, size_t obs_ld, const float *d_net,
                         const float *d_value);

#endif
