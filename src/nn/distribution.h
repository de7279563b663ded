/* Action distributions: what the policy's last layer means. Each has a file in nn/distributions/ and a line in the
 * registry (distribution.c).
 *
 * All functions work on one tile, rows <= TILE, for which the head keeps results; `net` [rows, net_ld] is the policy
 * network's output, `actions` [rows, elements], int32 or float, as the space says. A row's numbers depend neither on
 * the number of rows nor on the row's place, so that the learner computes, bit for bit, the same log-probabilities as
 * the actor that sampled. */
#ifndef NN_DISTRIBUTION_H
#define NN_DISTRIBUTION_H

#include "base/arena.h"
#include "muster/space.h"
#include "store/onnx.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where an actor's random numbers come from: row r is the global row first_row + r (environment times agents, plus
 * agent) at that step. */
struct action_random {
  uint64_t seed;
  uint32_t first_row;
  uint32_t step; /* the step that each environment is at, counted over the run */
  /* where rows are not all at the same step: row and step of each, in place of the two above; else NULL */
  const uint32_t *rows, *steps;
  const uint32_t *ages; /* steps since each row's episode began; NULL: as many as its step says */
  uint32_t n_rows;      /* that all environments of a run in training have; 0 elsewhere */
};

static inline uint32_t action_random_row(const struct action_random *random, size_t r) {
  return random->rows != NULL ? random->rows[r] : random->first_row + (uint32_t)r;
}

static inline uint32_t action_random_step(const struct action_random *random, size_t r) {
  return random->steps != NULL ? random->steps[r] : random->step;
}

static inline uint32_t action_random_age(const struct action_random *random, size_t r) {
  return random->ages != NULL ? random->ages[r] : action_random_step(random, r);
}

/* Which choices are allowed: row r's bytes [choices] begin at bytes + r * stride, 0 = forbidden. A forbidden choice has
 * probability 0. With `bytes` NULL all are allowed; otherwise a row should allow at least one choice of each
 * element. */
struct action_mask {
  const uint8_t *bytes;
  size_t stride;
};

/* What an algorithm needs of the hidden layers that policy.hidden_sizes is short for. */
struct hidden_request {
  double dropout;  /* the share of its numbers that each one drops while it learns, before normalisation; 0: none */
  bool layer_norm; /* each one is normalised before its activation */
  /* the input and each activation are followed by batch_renorm, with this momentum; with policy_request.batch_rows */
  bool batch_norm;
  double momentum;
};

enum action_noise_kind { ACTION_NOISE_NONE, ACTION_NOISE_NORMAL, ACTION_NOISE_ORNSTEIN_UHLENBECK };

/* Noise that is added to actions where a policy explores, in units in which these go from -1 to 1: independent normal
 * numbers with deviation std, or std times the numbers of a process that drifts (normals_drift(), nn/normals.h). */
struct action_noise {
  int kind; /* enum action_noise_kind */
  double std, theta, dt;
};

/* What an algorithm needs of its model, whatever the config says. All zero: nothing. */
struct policy_request {
  char distribution[32];    /* the name of the distribution that it acts by; "": any but those that are requested */
  char discrete[32];        /* the same for Discrete actions, where that is another one; "": it is not */
  int64_t atoms;            /* outputs for each choice of an action, where a return has a distribution; 0: one */
  double low, high;         /* the returns that the first and the last atom stand for */
  bool table;               /* whether it is a table: a row of outputs for each Discrete observation, and no layers */
  double exploration_alpha; /* of an epsilon-greedy policy: how much less later rows explore than the first one */
  bool dueling; /* whether the last layer is `dueling`, whose streams have the last hidden layer's width each */
  struct hidden_request hidden, critics; /* of the policy, or of a trunk that is shared; of the other networks */
  int64_t n_critics,
      critic_atoms; /* members of an ensemble of critics, and their outputs for each value (nn/model.h) */
  struct action_noise noise;
  bool blocks; /* whether it learns from blocks of tiles at once */
  /* most rows of a minibatch that goes through networks at once, with statistics over it (struct layer_batch), of Box
   * actions; 0: none does */
  int64_t batch_rows;
};

/* A distribution with its action space, its own parameters, and its results for one tile. */
struct policy_head {
  const struct distribution *distribution;
  size_t elements; /* of one action */
  size_t outputs;  /* width of the policy network's output */
  int32_t *counts; /* [elements] how many choices each has, for discrete kinds; NULL for Box */
  size_t choices;  /* their sum: bytes of a mask's row */
  size_t atoms;    /* outputs for each choice; and the returns that the first and the last one stand for */
  double low, high;
  /* [elements] the middle and half the width of a Box whose bounds are all finite; NULL: it is another space */
  float *centre, *half_width;
  double exploration_alpha;
  struct action_noise noise;

  /* parameters that do not come from the network: views into the parameter block, set by the owner of the block */
  const char *own_name; /* NULL: none */
  size_t own_count;
  const float *own;     /* [own_count] */
  float *own_gradients; /* [own_count]; NULL on an actor */

  float *log_prob;  /* [TILE] of the actions of the last sample(), evaluate() or from_noise() */
  float *entropy;   /* [TILE] of the last evaluate() */
  float *workspace; /* [workspace_floats], private; kept from evaluate() to gradient() */
  size_t workspace_floats;

  /* of the tiles of a block, of which the three above are views; policy_head_choose_tile() */
  float *log_probs, *entropies, *workspaces;
};

/* "Box", "Discrete", ... */
const char *space_kind_name(muster_space_kind kind);

/* What a distribution makes actions from in a graph of ONNX operators. */
struct action_onnx {
  struct onnx *graph;
  const char *net;   /* [batch, outputs] */
  const char *mask;  /* bool [batch or 1, choices], of discrete actions */
  const char *noise; /* [batch, numbers] random numbers, as `noise` and `noise_numbers` say; NULL: the mode is wanted */
};

/* the kind of random numbers that samples are made from */
enum distribution_noise {
  DISTRIBUTION_NOISE_NORMAL, /* standard normal, independent */
  DISTRIBUTION_NOISE_UNIFORM /* in [0, 1), independent */
};

struct distribution {
  const char *name, *summary;
  muster_space_kind action_kind;
  bool is_requested; /* only algorithms that request it have it, since its outputs mean what only they learn: values */
  bool needs_bounds; /* it acts within the bounds of a Box, which must be finite */

  /* Fills outputs, own_name, own_count and workspace_floats of a head whose space is set. `state_dependent`: all
   * parameters of the distribution come from the network (policy.log_std: state). */
  void (*shape)(struct policy_head *head, bool state_dependent);
  /* Draws actions and fills log_prob. */
  void (*sample)(struct policy_head *head, size_t rows, const float *net, size_t net_ld, struct action_mask mask,
                 const struct action_random *random, void *actions);
  /* The most probable action of each row; of a deterministic policy with noise, the action without noise. */
  void (*mode)(struct policy_head *head, size_t rows, const float *net, size_t net_ld, struct action_mask mask,
               void *actions);
  /* Fills log_prob of the given actions, and entropy. This and gradient() may be NULL where a distribution is
   * requested. */
  void (*evaluate)(struct policy_head *head, size_t rows, const float *net, size_t net_ld, struct action_mask mask,
                   const void *actions);
  /* After evaluate() of the same rows or more: d_net [rows, d_net_ld] = d_log_prob[r] * grad log pi(a_r) + d_entropy *
   * grad H_r; the gradient of the distribution's own parameters is added to own_gradients. */
  void (*gradient)(struct policy_head *head, size_t rows, const void *actions, const float *d_log_prob, float d_entropy,
                   float *d_net, size_t d_net_ld);
  /* The other way to a gradient, where an action is a smooth function of the parameters and of noise, which is held
   * fixed (Kingma and Welling 2014): after sample() or evaluate() of the same rows or more. The loss has the gradients
   * d_actions [rows, elements] with respect to the actions, and d_log_prob [rows] with respect to their
   * log-probabilities. Fills d_net and adds to own_gradients as gradient() does. NULL for discrete actions. */
  void (*pathwise)(struct policy_head *head, size_t rows, const float *d_actions, const float *d_log_prob, float *d_net,
                   size_t d_net_ld);
  /* Optional: the actions, and their log_prob, that this standard normal noise [elements, TILE] leads to; pathwise()
   * may follow. Nothing explores: neither a random action nor the noise of a deterministic policy. */
  void (*from_noise)(struct policy_head *head, size_t rows, const float *net, size_t net_ld, const float *noise,
                     float *actions);
  /* Of discrete actions: fills probabilities [rows, choices] with that of each choice of each element, as sample()
   * draws them. */
  void (*probabilities)(struct policy_head *head, size_t rows, const float *net, size_t net_ld, struct action_mask mask,
                        float *probabilities);
  /* Optional: where the outputs say what the choices are worth, fills values [rows, choices] with Q(s, a). */
  void (*values)(const struct policy_head *head, size_t rows, const float *net, size_t net_ld, float *values);
  /* Optional: adds mode() to a graph of ONNX operators, or where it has noise what sample() makes of such random
   * numbers once the policy no longer acts at random; returns the actions [batch, elements], float or int64. NULL: such
   * a policy cannot be exported. */
  const char *(*onnx)(const struct policy_head *head, const struct action_onnx *io);
  enum distribution_noise noise;
  size_t noise_numbers; /* of an action; 0: one for each element */
};

/* Makes the head for an action space. Its memory comes from the arena, except that of its own parameters. `name`: the
 * distribution that the user chose; "": the one that is requested, or the first one for such actions. USAGE error when
 * no distribution of that name fits the actions and the request, INTERNAL when it lacks a function. */
MUSTER_CHECKED muster_status policy_head_create(const muster_space *action, const struct policy_request *request,
                                                const char *name, bool state_dependent, struct arena *arena,
                                                struct policy_head *head);

/* From this call on the head's results are those of this tile of a block; of tile 0 at first. The model of an algorithm
 * that does not request blocks has tile 0 alone. */
void policy_head_choose_tile(struct policy_head *head, size_t tile);

/* The first member that is missing ("mode"), where all are required except those that are optional, `pathwise` of
 * discrete actions and `probabilities` of others; NULL: none is missing. */
const char *distribution_lacks(const struct distribution *distribution);

/* INTERNAL error unless all in a list that ends with NULL are complete; it names the distribution and what that
 * lacks. */
MUSTER_CHECKED muster_status distribution_check_list(const struct distribution *const *list);

/* USAGE error "expects ..." unless there is a distribution of that name, or the name is "". */
MUSTER_CHECKED muster_status distribution_check(const char *name);

/* All distributions, ended by NULL. */
const struct distribution *const *distribution_list(void);

#endif
