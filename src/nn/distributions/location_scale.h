/* Distributions over a Box space whose actions are m + e^s n, element by element, with a location m, a logarithmic
 * scale s and noise n. Here is what they share: where m and s come from, and where their gradients go.
 *
 * The network's outputs are the locations. The logarithmic scales are either the distribution's own parameters, the
 * same in every state (as in Stable-Baselines3's Gaussian), or further outputs of the network, clamped to [-20, 2]
 * (policy.log_std: state). A tile is held element-major, [elements, TILE], so that every loop runs across rows. */
#ifndef NN_DISTRIBUTIONS_LOCATION_SCALE_H
#define NN_DISTRIBUTIONS_LOCATION_SCALE_H

#include "nn/distribution.h"
#include "nn/layer.h"

/* The values of one tile: views of head->workspace, [elements, TILE] each. */
struct location_scale {
  float *log_scale; /* s */
  float *scale;     /* e^s */
  float *noise;     /* n */
};

struct location_scale location_scale_views(const struct policy_head *head);

/* For .shape; `own_name`: the name of the distribution's own parameters. */
void location_scale_shape(struct policy_head *head, bool state_dependent, const char *own_name);

/* Fills scales and their logarithms. */
struct location_scale location_scale_take(const struct policy_head *head, size_t rows, const float *net, size_t net_ld);

/* Fills the noise that led to these actions [rows, elements], (a - m) / e^s; after location_scale_take(). */
void location_scale_find_noise(const struct policy_head *head, size_t rows, const float *net, size_t net_ld,
                               const float *actions);

/* For .mode: the locations. */
void location_scale_mode(struct policy_head *head, size_t rows, const float *net, size_t net_ld,
                         struct action_mask mask, void *actions);

/* For .onnx: m, or m + e^s n where there is noise n. */
const char *location_scale_onnx(const struct policy_head *head, const struct action_onnx *io);

/* Passes the gradients of element i, [rows] each, on to the network's outputs and to the distribution's own parameters.
 * A scale that was clamped passes none on. */
void location_scale_give(struct policy_head *head, size_t i, size_t rows, const float *d_location,
                         const float *d_log_scale, float *d_net, size_t d_net_ld);

#endif
