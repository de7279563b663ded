/* A model: a list of named networks that share one block of parameters. Trunk and policy come first; behind them are
 * those that an algorithm asks for: a critic of values, one or two of actions, target copies. Observations come as the
 * environment wrote them; the encoder makes the networks' input of them.
 *
 *   separate (default):   obs -> policy hidden -> policy head        obs -> value hidden -> value head
 *   share_trunk:          obs -> trunk hidden -> policy head, value head
 *   a critic of actions:  obs, action -> hidden -> head
 *
 * Each network is a list of layers (nn/network.h), which follow from the config (nn/model_options.h), and a head, a
 * last layer that has the outputs.
 *
 * The parameters that a policy needs come first in the block: actors hold and receive only that prefix. */
#ifndef NN_MODEL_H
#define NN_MODEL_H

#include "nn/encoder.h"
#include "nn/model_options.h"

enum model_reads {
  MODEL_READS_FEATURES, /* the observation, or what a shared trunk makes of it */
  MODEL_READS_ACTION    /* the observation, and behind it a Box action */
};

enum model_outputs {
  MODEL_OUTPUTS_ONE,    /* such as V(s), or Q(s, a) of an action that is read */
  MODEL_OUTPUTS_CHOICES /* one for each choice of a Discrete action: Q(s, a) of them all */
};

/* A network that a model has besides trunk and policy. An algorithm hands over a list of them, ended by one without a
 * name, target copies last. */
struct model_network_spec {
  const char *name; /* of its tensors: "<name>/<number>/..." */
  enum model_reads reads;
  enum model_outputs outputs;
  /* NULL; or the network whose target copy this is, "policy" or one before it in the list: it has the layers of that
   * one, begins equal to it, learns nothing itself, and comes closer by model_update_targets() */
  const char *copy_of;
};

/* Lists that algorithms share: no other network, so that there are the means to train and nothing else; "value" for
 * V(s); "value" for Q(s, a) of every choice. */
extern const struct model_network_spec model_no_critic[], model_critic_v[], model_critic_q[];

struct model_network {
  struct network network; /* hidden layers and head */
  enum model_reads reads;
  const struct model_network *copied; /* of which this is a target copy; NULL: none */
  size_t outputs;                     /* of its head; 0: there is none */
  size_t first, count;                /* where its floats lie in the block, and how many */
  struct layer_pass pass;             /* what it read in its last forward pass */
};

/* What n rows act on: observations, `observation_stride` bytes apart, and their masks. */
struct model_input {
  const void *observation;
  size_t observation_stride;
  struct action_mask mask;
};

struct model {
  struct encoder encoder;
  struct policy_head head;
  struct layer_shape observation; /* encoded */
  size_t obs_dim;                 /* its floats: width of the networks' input */
  size_t action_bytes;            /* of one action */
  struct parameters parameters;
  size_t policy_count;           /* floats of the prefix that actors need */
  size_t learned_count;          /* floats of the prefix that is learned: all but target copies */
  size_t own_offset;             /* where the head's own parameters lie */
  float *gradients;              /* what backward passes add to: parameters.gradients, unless directed elsewhere */
  size_t networks;               /* trunk, policy, and those of the list */
  struct model_network *network; /* [networks]; a trunk that is not there has no layers */
  struct model_network *trunk, *policy; /* the first two */
  struct model_network *value;          /* that of the name "value"; NULL: there is none */
  size_t value_outputs;                 /* and its outputs, or 0 */

  float *scratch[2];          /* [TILE, widest] backward buffers */
  float *d_trunk[2];          /* [TILE, widest] gradients that meet at the shared trunk */
  float *rows;                /* [TILE, obs_dim]: encoded and completed tiles */
  float *joint, *d_joint;     /* [TILE, linear_padded(obs_dim + elements)]: with the action behind; and its gradient */
  struct layer_pass input;    /* the observations that were taken last, as networks read them */
  struct layer_pass features; /* what a trunk makes of them, or the same */
  struct layer_pass acting;   /* the same observations with their actions */
};

/* Builds the networks for these spaces. Memory comes from the arena. `critics`: the
 * networks that learning needs besides the policy, borrowed, ended by one without a name; NULL: an actor's, without the
 * means to train. The policy's prefix is the same whatever they are. USAGE errors, which begin with the key of the
 * option: spaces that no network exists for, layers that do not fit them. */
MUSTER_CHECKED muster_status model_create(const struct model_options *options, const muster_space *observation,
                                          const muster_space *action, const struct model_network_spec *critics,
                                          struct arena *arena, struct model *model);

/* The errors of model_create() without the memory of a model. */
MUSTER_CHECKED muster_status model_check(const struct model_options *options, const muster_space *observation,
                                         const muster_space *action, const struct model_network_spec *critics);

/* The network of this name; NULL: there is none. */
struct model_network *model_find(struct model *model, const char *name);

/* Initial parameters from the seed: orthogonal with gain sqrt(2) for hidden layers, 0.01 for the policy head, 1 for the
 * others, zero biases (SB3's ActorCriticPolicy); or PyTorch's default uniform when ortho_init is off. A Gaussian's
 * log-deviations start at log_std_init, as parameters or as the biases of their outputs. Target copies are equal to
 * what they copy. */
MUSTER_CHECKED muster_status model_initialize(struct model *model, const struct model_options *options, uint64_t seed);

/* Renews packed weights, of all networks or of one; call after the parameters changed and before the next forward
 * pass. */
void model_pack(struct model *model, bool for_training);
void model_pack_network(struct model *model, struct model_network *network, bool for_training);

/* Every target copy becomes (1 - tau) * itself + tau * what it copies (Lillicrap et al. 2016, algorithm 1); with tau 1
 * equal to it. Weights are still to be packed. */
void model_update_targets(struct model *model, float tau);

/* ---- passes of single networks ---- */

/* Takes `rows` <= TILE observations, `stride` bytes apart, which networks read from here on; any number of rows: short
 * tiles are completed inside. The second one takes Box actions as well, [rows, elements], for networks that read
 * them. Both are borrowed until the passes over them are done. */
void model_take(struct model *model, size_t rows, const void *observations, size_t stride);
void model_take_with_actions(struct model *model, size_t rows, const void *observations, size_t stride,
                             const float *actions);

/* The network's outputs of the rows that were taken: [rows, *ld], borrowed until its next pass. */
const float *model_forward(struct model *model, struct model_network *network, size_t *ld);

/* Backward through the network's last forward pass, and through the trunk where it is below: dy [rows,
 * linear_padded(outputs)], of which the rows that complete the last LINEAR_ROWS must be finite. Adds to `gradients`
 * [parameters.count]; NULL: they are not asked for. d_actions [rows, elements], where it reads actions: what the loss
 * changes by with them; NULL: not asked for. What was taken for that pass must still be there. */
void model_backward(struct model *model, struct model_network *network, const float *dy, float *gradients,
                    float *d_actions);

/* ---- the policy, and a critic of the name "value" ---- */

/* Policy head's output for `rows` <= TILE observations: [rows, *net_ld], borrowed. */
const float *model_policy(struct model *model, size_t rows, const void *observations, size_t stride, size_t *net_ld);

/* Acts for n rows -> actions [n, action_bytes] and, if sampled, log_prob (row r at log_prob[r * log_prob_ld]). With
 * `random` NULL the most probable action is taken and log_prob may be NULL. */
void model_act(struct model *model, size_t n, const struct model_input *input, const struct action_random *random,
               void *actions, float *log_prob, size_t log_prob_ld);

/* values[n] of n observations, packed weights of the value network up to date. */
void model_values(struct model *model, size_t n, const void *observations, size_t stride, float *values);

/* One tile of training, in two calls. Forward: any rows <= TILE; returns the policy head's output; *value points to the
 * values, row r at value[r * *value_ld]; NULL without a critic. Backward, after the forward pass of the same rows:
 * takes the gradients at both heads, [rows, linear_padded(outputs)] and [rows, linear_padded(value_outputs)] (not read
 * without a critic), where rows that complete the last LINEAR_ROWS must be finite, and adds to `gradients`. */
const float *model_forward_tile(struct model *model, size_t rows, const void *observations, size_t stride,
                                size_t *net_ld, const float **value, size_t *value_ld);
void model_backward_tile(struct model *model, size_t rows, const float *d_net, const float *d_value);

/* From here on the passes of tiles add to `gradients` [parameters.count], borrowed, in place of parameters.gradients.
 */
void model_direct_gradients(struct model *model, float *gradients);

#endif
