/* The actor-critic model: named networks, of the policy and of values, with or without a shared trunk below both.
 * Observations come as the environment wrote them; the encoder makes the networks' input of them.
 *
 *   separate (default):   obs -> policy hidden -> policy head        obs -> value hidden -> value head
 *   share_trunk:          obs -> trunk hidden -> policy head, value head
 *
 * Each network is a list of layers (nn/network.h) and a head, a last layer that has the outputs. hidden_sizes is short
 * for dense layers, each with the activation above it; with a kernel_size the policy's are convolutions, and its head
 * is the same for every cell.
 *
 * The parameters that a policy needs come first in the block: actors hold and receive only that prefix. */
#ifndef NN_MODEL_H
#define NN_MODEL_H

#include "config/option.h"
#include "nn/distribution.h"
#include "nn/encoder.h"
#include "nn/network.h"

struct model_options {
  struct option_int_list hidden_sizes;
  int64_t kernel_size;
  int activation; /* index into its choices */
  struct option_text_list network, value_network;
  int head; /* enum model_head */
  bool ortho_init;
  bool share_trunk;
  char distribution[OPTION_STRING_SIZE]; /* "": by the kind of the actions */
  double log_std_init;
  int log_std; /* enum model_log_std */
};

/* What a model has besides the policy: nothing and no means to train (an actor's); the means to train alone; a network
 * for V(s), with one output; or for Q(s, a), with one for each choice of a Discrete action. */
enum model_critic { MODEL_ACTOR, MODEL_NO_CRITIC, MODEL_CRITIC_V, MODEL_CRITIC_Q };

/* In the order of their tensors; the trunk and the policy are an actor's. */
enum model_network { MODEL_TRUNK, MODEL_POLICY, MODEL_VALUE, MODEL_NETWORKS };

enum model_head { MODEL_HEAD_DENSE, MODEL_HEAD_CONV2D };

enum model_log_std { MODEL_LOG_STD_PARAMETER, MODEL_LOG_STD_STATE };

extern const struct option_table model_option_table;

/* What n rows act on: observations, `observation_stride` bytes apart, and their masks. */
struct model_input {
  const void *observation;
  size_t observation_stride;
  struct action_mask mask;
};

/* What a model is made for; borrowed. */
struct model_plan {
  const struct model_options *options;
  const muster_space *observation, *action;
};

struct model {
  struct model_plan plan;
  struct encoder encoder;
  struct policy_head head;
  struct layer_shape observation; /* encoded */
  size_t obs_dim;                 /* its floats: width of the networks' input */
  size_t action_bytes;            /* of one action */
  struct parameters parameters;
  size_t value_outputs; /* of the value network; 0: there is none */
  size_t policy_count;  /* floats of the prefix that actors need */
  size_t own_offset;    /* where the head's own parameters lie */
  float *gradients;     /* what backward passes add to: parameters.gradients, unless it was directed elsewhere */
  struct network network[MODEL_NETWORKS]; /* those that are not there have no layers */
  float *scratch[2];                      /* [TILE, widest] backward buffers */
  float *d_trunk[2];                      /* [TILE, widest] gradients that meet at the shared trunk */
  float *rows;                            /* [TILE, obs_dim]: encoded and completed tiles */
  struct layer_pass input;                /* what the networks read in the last forward pass */
  struct layer_pass features;             /* what the heads read: the trunk's output, or the input */
};

/* Builds the networks for these spaces; borrows them and the options. Memory comes from the arena. The policy's prefix
 * is the same whatever the critic. Errors: USAGE (spaces that no network exists for). */
MUSTER_CHECKED muster_status model_create(const struct model_options *options, const muster_space *observation,
                                          const muster_space *action, enum model_critic critic, struct arena *arena,
                                          struct model *model);

/* A copy of the policy, with parameters of its own that begin with the same values, not for training: a target network,
 * or a frozen reference. It shares the encoder's statistics. model_pack() is still to be called. */
MUSTER_CHECKED muster_status model_copy_policy(const struct model *model, struct arena *arena, struct model *copy);

/* Initial parameters from the seed: orthogonal with gain sqrt(2) for hidden layers, 0.01 for the policy head, 1 for the
 * value head, zero biases (SB3's ActorCriticPolicy); or PyTorch's default uniform when ortho_init is off. A Gaussian's
 * log-deviations start at log_std_init, as parameters or as the biases of their outputs. */
MUSTER_CHECKED muster_status model_initialize(struct model *model, const struct model_options *options, uint64_t seed);

/* Renews packed weights; call after the parameters changed and before the next forward pass. */
void model_pack(struct model *model, bool for_training);

/* Policy head's output for `rows` <= TILE observations: [rows, *net_ld], borrowed. Any number of rows: short tiles are
 * completed inside. */
const float *model_policy(struct model *model, size_t rows, const void *observations, size_t stride, size_t *net_ld);

/* Acts for n rows -> actions [n, action_bytes] and, if sampled, log_prob (row r at log_prob[r * log_prob_ld]). With
 * `random` NULL the most probable action is taken and log_prob may be NULL. */
void model_act(struct model *model, size_t n, const struct model_input *input, const struct action_random *random,
               void *actions, float *log_prob, size_t log_prob_ld);

/* values[n] of n observations, packed weights of the value network up to date. */
void model_values(struct model *model, size_t n, const void *observations, size_t stride, float *values);

/* One tile of training, in two calls. Forward: any rows <= TILE; returns the policy head's output; *value points to the
 * values, row r at value[r * *value_ld]. Backward, after the forward pass of the same rows: takes the gradients at both
 * heads, [rows, linear_padded(outputs)] and [rows, linear_padded(value_outputs)] (not read without a critic), where
 * rows that complete the last LINEAR_ROWS must be finite, and adds to `gradients`. */
const float *model_forward_tile(struct model *model, size_t rows, const void *observations, size_t stride,
                                size_t *net_ld, const float **value, size_t *value_ld);
void model_backward_tile(struct model *model, size_t rows, const float *d_net, const float *d_value);

/* From here on backward passes add to `gradients` [parameters.count], borrowed, in place of parameters.gradients. */
void model_direct_gradients(struct model *model, float *gradients);

#endif
