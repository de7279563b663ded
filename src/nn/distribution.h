/* Action distributions: what the policy's last layer means. One file each, one line in the registry.
 *
 * All functions work on one tile: rows <= TILE, a multiple of LINEAR_ROWS; `net` [rows, net_ld] is the policy network's
 * output. A row's numbers do not depend on the number of rows nor on its place, so that the learner finds bit for bit
 * the log-probabilities that the actor sampled with. */
#ifndef NN_DISTRIBUTION_H
#define NN_DISTRIBUTION_H

#include "base/status.h"
#include "muster/space.h"

#include <stddef.h>
#include <stdint.h>

/* Where an actor's random numbers come from: row r is global environment first_env + r at that step. */
struct action_random {
  uint64_t seed;
  uint32_t first_env;
  uint32_t step; /* of each environment, counted over the run */
};

/* Quantities of a tile that a distribution keeps between evaluate() and gradient(). */
struct distribution_tile {
  float *log_prob;  /* [TILE] of the actions */
  float *entropy;   /* [TILE] */
  float *workspace; /* [workspace_floats(outputs)], private */
};

struct distribution {
  const char *name;
  muster_space_kind action_kind;

  /* Width of the policy network's output for this action space, and of the private workspace. */
  size_t (*outputs)(const muster_space *action);
  size_t (*workspace_floats)(size_t outputs);

  /* Draws actions [rows, action elements] and fills tile->log_prob. */
  void (*sample)(size_t outputs, size_t rows, const float *net, size_t net_ld, const struct action_random *random,
                 struct distribution_tile *tile, void *actions);
  /* The most probable action of each row. */
  void (*mode)(size_t outputs, size_t rows, const float *net, size_t net_ld, void *actions);
  /* Fills log_prob of the given actions, and entropy. */
  void (*evaluate)(size_t outputs, size_t rows, const float *net, size_t net_ld, const void *actions,
                   struct distribution_tile *tile);
  /* After evaluate(): d_net [rows, d_net_ld] = d_log_prob[r] * grad log pi(a_r) + d_entropy * grad H_r. */
  void (*gradient)(size_t outputs, size_t rows, const void *actions, const float *d_log_prob, float d_entropy,
                   const struct distribution_tile *tile, float *d_net, size_t d_net_ld);
};

/* The distribution for an action space; USAGE error when there is none. */
MUSTER_CHECKED muster_status distribution_for(const muster_space *action, const struct distribution **out);

/* All distributions, ended by NULL. */
const struct distribution *const *distribution_list(void);

#endif
