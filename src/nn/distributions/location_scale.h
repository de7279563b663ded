/* What distributions over a Box space share whose actions are m + e^s n, element by element, with a location m, a
 * logarithmic scale s and noise n: where m and s come from, and where their gradients go.
 *
 * The network's outputs are the locations. The logarithmic scales are parameters of the distribution's own, the same in
 * every state (as Stable-Baselines3's Gaussian), or further outputs of the network, clamped to [-20, 2]
 * (policy.log_std: state). A tile is held element-major, [elements, TILE], so that every loop runs across rows. */
#ifndef NN_DISTRIBUTIONS_LOCATION_SCALE_H
#define NN_DISTRIBUTIONS_LOCATION_SCALE_H

#include "nn/distribution.h"
#include "nn/layer.h"

/* What is kept of one tile: views of head->workspace, [elements, TILE] each. */
struct location_scale {
  float *log_scale; /* s */
  float *scale;     /* e^s */
  float *noise;     /* n */
};

struct location_scale location_scale_views(const struct policy_head *head);

/* For .shape; `own_name`: of the parameters of its own. */
void location_scale_shape(struct policy_head *head, bool state_dependent, const char *own_name);

/* Fills scales and their logarithms. */
struct location_scale location_scale_take(const struct policy_head *head, size_t rows, const float *net, size_t net_ld);

/* Fills the noise that gave these actions [rows, elements], (a - m) / e^s; after location_scale_take(). */
void location_scale_find_noise(const struct policy_head *head, size_t rows, const float *net, size_t net_ld,
                               const float *actions);

/* For .mode: the locations. */
void location_scale_mode(struct policy_head *head, size_t rows, const float *net, size_t net_ld,
                         struct action_mask mask, void *actions);

/* Gives the gradients of element i, [rows] each, to the network's outputs and to the parameters of its own. At the
 * limits of a clamped scale none passes. */
void location_scale_give(struct policy_head *head, size_t i, size_t rows, const float *d_location,
                         const float *d_log_scale, float *d_net, size_t d_net_ld);

#endif
