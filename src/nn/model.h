/* A model: a list of named networks that share one block of parameters. Trunk and policy come first; then the networks
 * that an algorithm asks for: a critic of values, one or two critics of actions, target copies. Observations come as
 * the environment wrote them; the encoder turns them into the networks' input.
 *
 *   separate (default):   obs -> policy hidden -> policy head        obs -> value hidden -> value head
 *   share_trunk:          obs -> trunk hidden -> policy head, value head
 *   a critic of actions:  obs, action -> hidden -> head
 *
 * Each network is a list of hidden layers (nn/network.h), which the config tells (nn/model_options.h), and a head: the
 * last layer, whose outputs are the network's.
 *
 * The parameters that a policy needs come first in the block: actors hold and receive only that prefix. */
#ifndef NN_MODEL_H
#define NN_MODEL_H

#include "nn/encoder.h"
#include "nn/model_options.h"

enum model_reads {
  MODEL_READS_FEATURES, /* the observation, or the output of a shared trunk for it */
  MODEL_READS_ACTION,   /* the observation, and behind it a Box action */
  MODEL_READS_BOX       /* the same where actions are a Box; where they are Discrete, the observation: then the network
                         * has outputs for each choice instead */
};

enum model_outputs {
  MODEL_OUTPUTS_ONE,    /* such as V(s), or Q(s, a) where the network reads the action a */
  MODEL_OUTPUTS_CHOICES /* one for each choice a of a Discrete action: Q(s, a) */
};

/* A network that a model has in addition to trunk and policy. An algorithm hands over a list of them, which ends with
 * one without a name; target copies come last. */
struct model_network_spec {
  const char *name; /* begins the names of its tensors: "<name>/<number>/..." */
  enum model_reads reads;
  enum model_outputs outputs;
  /* an ensemble: as many networks as the request has `n_critics`, "<name>1", "<name>2", ..., with `critic_atoms`
   * outputs in place of each one; a target copy of it is an ensemble, too */
  bool is_ensemble;
  /* for a target copy the name of the network that it copies, which has no other copy, "policy" or one earlier in the
   * list; else NULL. A copy has the layers of that network, begins equal to it, is not trained, and follows it by
   * model_update_targets() */
  const char *copy_of;
};

/* Lists that algorithms share: an empty one, for training the policy alone; "value" for V(s); "value" for Q(s, a) of
 * every choice a. */
extern const struct model_network_spec model_no_critic[], model_critic_v[], model_critic_q[];

struct model_network {
  struct network network; /* hidden layers and head */
  enum model_reads reads;
  const struct model_network *copied; /* the network whose target copy this is; NULL: it is no copy */
  size_t outputs;                     /* of the head; 0: it has no head */
  size_t first, count;                /* where its floats lie in the block, and how many */
  struct layer_pass pass;             /* the input of its last forward pass */
};

/* The input from which actions of n rows are chosen: observations, `observation_stride` bytes apart, and masks. */
struct model_input {
  const void *observation;
  size_t observation_stride;
  struct action_mask mask;
};

struct model {
  struct encoder encoder;
  struct policy_head head;
  struct layer_shape observation; /* shape of an encoded one */
  size_t obs_dim;                 /* floats of an encoded observation: width of the networks' input */
  size_t action_bytes;            /* of one action */
  struct parameters parameters;
  size_t policy_count;                  /* floats of the prefix that actors need */
  size_t learned_count;                 /* floats of the prefix that is learned: all but target copies */
  size_t own_offset;                    /* offset of the head's own parameters in the block */
  float *gradients;                     /* added to by model_backward_tile(); set by model_direct_gradients() */
  size_t networks;                      /* trunk, policy, and those of the list */
  struct model_network *network;        /* [networks]; the trunk has no layers where the model has no trunk */
  struct model_network *trunk, *policy; /* the first two */
  struct model_network *value;          /* the one named "value"; NULL: there is none */

  size_t most_rows;       /* of a pass: TILE, or what an algorithm requests: BLOCK_ROWS, a minibatch */
  float *scratch[2];      /* [most_rows, widest] backward buffers */
  float *d_trunk[2];      /* [most_rows, widest] gradients that meet at the shared trunk */
  float *rows;            /* [most_rows, obs_dim]: rows encoded, and padded with zero rows */
  float *joint, *d_joint; /* [most_rows, linear_padded(obs_dim + elements)]: observation and action; and the gradient */
  struct layer_pass input;    /* the observations of the last model_take(), as networks read them */
  struct layer_pass features; /* the trunk's output for them; without a trunk the same observations */
  struct layer_pass acting;   /* the same observations with their actions */
  struct layer_random random; /* of passes that learn, while is_random */
  bool is_random;
  struct layer_batch *batch; /* of passes over a minibatch at once; NULL: there are none now */
};

/* Builds the networks for these spaces. Memory comes from the arena. `critics`: the networks that learning needs in
 * addition to the policy, borrowed, ended by one without a name; NULL: for an actor, which cannot train. The policy's
 * prefix of the block is the same with any critics. USAGE errors, which begin with the key of the option: spaces that
 * no network fits, layers that do not fit the spaces. */
MUSTER_CHECKED muster_status model_create(const struct model_options *options, const muster_space *observation,
                                          const muster_space *action, const struct model_network_spec *critics,
                                          struct arena *arena, struct model *model);

/* Gives the errors of model_create(), but makes no model. */
MUSTER_CHECKED muster_status model_check(const struct model_options *options, const muster_space *observation,
                                         const muster_space *action, const struct model_network_spec *critics);

/* The network of this name; NULL: there is none. And member i, from 0 on, of the ensemble of this name. */
struct model_network *model_find(struct model *model, const char *name);
struct model_network *model_find_member(struct model *model, const char *name, size_t i);

/* Initial parameters from the seed: orthogonal with gain sqrt(2) for hidden layers, 0.01 for the policy head, 1 for the
 * others, zero biases (SB3's ActorCriticPolicy); or PyTorch's default uniform when ortho_init is off. A Gaussian's
 * log-deviations start at log_std_init, as parameters or as the biases of their outputs. Target copies are equal to
 * what they copy. */
MUSTER_CHECKED muster_status model_initialize(struct model *model, const struct model_options *options, uint64_t seed);

/* Packs the weights of all networks, or of one, for the kernels. Call it after the parameters changed and before the
 * next forward pass. */
void model_pack(struct model *model, bool for_training);
void model_pack_network(struct model *model, struct model_network *network, bool for_training);

/* Every target copy becomes (1 - tau) * itself + tau * what it copies (Lillicrap et al. 2016, algorithm 1); with tau 1
 * it becomes equal. Pack the weights afterwards. */
void model_update_targets(struct model *model, float tau);
void model_update_target(struct model *model, struct model_network *target, float tau);

/* Changes the learned parameters first to first + count - 1, which are whole networks and what lies between them, by
 * `change` (struct layer_renewal), and packs these networks for training. Where tau > 0, their target copies follow as
 * in model_update_targets(), and so do their packed weights: they must have been packed since their parameters were
 * changed in another way. All of it goes through memory once. */
struct model_renewal {
  size_t first, count;
  void (*change)(void *context, size_t first, size_t count);
  void *context;
  float tau;
};
void model_renew(struct model *model, const struct model_renewal *renewal);

/* ---- passes of single networks ---- */

/* From this call on layers that drop numbers at random do so, in every forward pass and in the backward pass that
 * follows that; NULL: they do not, as at first. Copies what the random numbers are a function of. For passes that learn
 * alone: whoever turns it on for a tile turns it off again. */
void model_set_random(struct model *model, const struct layer_random *random);

/* From this call on forward passes are over a minibatch at once, whose rows are those that are taken; NULL: they are
 * not, as at first. Borrowed, also by model_backward_rows(). Collective, as struct layer_batch is, are then the forward
 * passes of networks with statistics. Whether a network has any, and have all running ones follow those of its last
 * pass over a minibatch. */
void model_set_batch(struct model *model, struct layer_batch *batch);
bool model_has_statistics(const struct model *model);
void model_follow_statistics(struct model *model, struct model_network *network);

/* Takes `rows` <= most_rows observations, `stride` bytes apart, as the input of all passes until the next call. The
 * second one takes Box actions as well, [rows, elements], for networks that read them. Observations and actions are
 * borrowed until these passes are done. */
void model_take(struct model *model, size_t rows, const void *observations, size_t stride);
void model_take_with_actions(struct model *model, size_t rows, const void *observations, size_t stride,
                             const float *actions);

/* The same as model_take_with_actions(), but of rows from `first` on: those before, which were taken by earlier calls,
 * stay. The input ends with the last of these. */
void model_append_with_actions(struct model *model, size_t first, size_t rows, const void *observations, size_t stride,
                               const float *actions);

/* The network's outputs for the rows that were taken: [rows, *ld], borrowed until the network's next pass. */
const float *model_forward(struct model *model, struct model_network *network, size_t *ld);

/* Leaves of the network's last forward pass only the n rows row[0] < row[1] < ..., for a backward pass without
 * gradients of parameters, whose rows they become, one after the other. False where a layer does not allow it: then all
 * rows are left. */
bool model_select_rows(struct model_network *network, const uint32_t *row, size_t n);

/* Backward through the network's last forward pass, and through a trunk below it, once for each forward pass. dy:
 * [rows, linear_padded(outputs)] gradients of the outputs; the rows after the last, up to a multiple of LINEAR_ROWS,
 * must be finite. Adds to `gradients` [parameters.count]; NULL: they are not wanted. Fills d_actions [rows, elements]
 * with the loss's gradients with respect to the actions, where the network reads actions; NULL: they are not wanted.
 * The observations and actions that were taken for the forward pass must not have changed. */
void model_backward(struct model *model, struct model_network *network, const float *dy, float *gradients,
                    float *d_actions);

/* The same, but the network's part of `gradients` becomes the sum over a tree of groups of its rows, as
 * linear_sum_weight() tells: what micro-batches give that are added up in a tree (algo/micro_batches.h). */
void model_backward_groups(struct model *model, struct model_network *network, const struct linear_groups *groups,
                           const float *dy, float *gradients, float *d_actions);

/* Backward through the network's last forward pass over a minibatch at once, in two halves (network_backward_rows()):
 * all gradients of outputs, collective as the forward pass was; then the network's part of `gradients` becomes the sum
 * over a tree of groups of rows from `first` on. dy as for model_backward(), the same in both. */
void model_backward_rows(struct model_network *network, const float *dy);
void model_sum_gradients(struct model_network *network, const float *dy, size_t first,
                         const struct linear_groups *groups, float *gradients);

/* ---- the policy, and a critic of the name "value" ---- */

/* Policy head's output for `rows` <= TILE observations: [rows, *net_ld], borrowed. */
const float *model_policy(struct model *model, size_t rows, const void *observations, size_t stride, size_t *net_ld);

/* Chooses actions for n rows: fills actions [n, action_bytes] and, if they are sampled, log_prob (row r at log_prob[r *
 * log_prob_ld]). With `random` NULL the most probable action is taken and log_prob may be NULL. */
void model_act(struct model *model, size_t n, const struct model_input *input, const struct action_random *random,
               void *actions, float *log_prob, size_t log_prob_ld);

/* Fills probabilities [n, choices] of the choices of discrete actions, and what the policy's outputs say that they are
 * worth, where its distribution has `values`. */
void model_probabilities(struct model *model, size_t n, const struct model_input *input, float *probabilities);
void model_action_values(struct model *model, size_t n, const void *observations, size_t stride, float *values);

/* Fills values[n] of n observations; the weights of the value network must be packed. */
void model_values(struct model *model, size_t n, const void *observations, size_t stride, float *values);

/* One tile of training, in two calls. Forward: takes any rows <= TILE and returns the policy head's output; *value
 * points to the values, row r at value[r * *value_ld]; it is NULL without a critic. Backward, after the forward pass of
 * the same rows: takes the gradients at both heads, [rows, linear_padded(outputs)] and [rows,
 * linear_padded(model_value_outputs())] (not read without a critic), and adds to `gradients`. The rows after the last,
 * up to a multiple of LINEAR_ROWS, must be finite. */
const float *model_forward_tile(struct model *model, size_t rows, const void *observations, size_t stride,
                                size_t *net_ld, const float **value, size_t *value_ld);
void model_backward_tile(struct model *model, const float *d_net, const float *d_value);

/* How many outputs the network named "value" has; 0: there is none. */
static inline size_t model_value_outputs(const struct model *model) {
  return model->value != NULL ? model->value->outputs : 0;
}

/* From this call on model_backward_tile() adds to `gradients` [parameters.count], borrowed, not to
 * parameters.gradients.
 */
void model_direct_gradients(struct model *model, float *gradients);

#endif
