#include "nn/distributions/location_scale.h"

#include "math/vector.h"

#include <string.h>

#define LOG_SCALE_MIN (-20.0f)
#define LOG_SCALE_MAX 2.0f

struct location_scale location_scale_views(const struct policy_head *head) {
  const size_t elements = head->elements * TILE;
  return (struct location_scale){head->workspace, head->workspace + elements, head->workspace + 2 * elements};
}

void location_scale_shape(struct policy_head *head, bool state_dependent, const char *own_name) {
  head->outputs = state_dependent ? 2 * head->elements : head->elements;
  head->own_name = state_dependent ? NULL : own_name;
  head->own_count = state_dependent ? 0 : head->elements;
  head->workspace_floats = 3 * head->elements * TILE;
}

static float clamp(float value) {
  return value > LOG_SCALE_MAX ? LOG_SCALE_MAX : (value < LOG_SCALE_MIN ? LOG_SCALE_MIN : value);
}

struct location_scale location_scale_take(const struct policy_head *head, size_t rows, const float *net,
                                          size_t net_ld) {
  const struct location_scale tile = location_scale_views(head);
  for (size_t i = 0; i < head->elements; i++) {
    float *log_scale = tile.log_scale + i * TILE;
    const float *output = net + head->elements + i;
    for (size_t r = 0; r < TILE; r++) log_scale[r] = head->own_count > 0 ? head->own[i] : 0.0f;
    for (size_t r = 0; r < rows && head->own_count == 0; r++) log_scale[r] = clamp(output[r * net_ld]);
  }
  vector_exp(head->elements * TILE, tile.log_scale, tile.scale);
  return tile;
}

void location_scale_find_noise(const struct policy_head *head, size_t rows, const float *net, size_t net_ld,
                               const float *actions) {
  const struct location_scale tile = location_scale_views(head);
  for (size_t i = 0; i < head->elements; i++)
    for (size_t r = 0; r < rows; r++)
      tile.noise[i * TILE + r] = (actions[r * head->elements + i] - net[r * net_ld + i]) / tile.scale[i * TILE + r];
}

void location_scale_mode(struct policy_head *head, size_t rows, const float *net, size_t net_ld,
                         struct action_mask mask, void *actions) {
  (void)mask;
  for (size_t r = 0; r < rows; r++)
    memcpy((float *)actions + r * head->elements, net + r * net_ld, head->elements * sizeof(float));
}

void location_scale_give(struct policy_head *head, size_t i, size_t rows, const float *d_location,
                         const float *d_log_scale, float *d_net, size_t d_net_ld) {
  const float *log_scale = location_scale_views(head).log_scale + i * TILE;
  double own_gradient = 0.0;
  for (size_t r = 0; r < rows; r++) {
    const bool passes = log_scale[r] > LOG_SCALE_MIN && log_scale[r] < LOG_SCALE_MAX;
    d_net[r * d_net_ld + i] = d_location[r];
    if (head->own_count == 0) d_net[r * d_net_ld + head->elements + i] = passes ? d_log_scale[r] : 0.0f;
    own_gradient += d_log_scale[r];
  }
  if (head->own_count > 0) head->own_gradients[i] += (float)own_gradient;
}

const char *location_scale_onnx(const struct policy_head *head, const struct action_onnx *io) {
  struct onnx *graph = io->graph;
  const size_t n = head->elements;
  const char *location = head->own_count > 0 ? io->net : onnx_columns(graph, io->net, 0, n);
  if (io->noise == NULL) return location;
  const char *log_scale =
      head->own_count > 0 ? onnx_vector(graph, n, head->own)
                          : onnx_node(graph, "Clip",
                                      ONNX_LIST(onnx_columns(graph, io->net, n, 2 * n),
                                                onnx_number(graph, LOG_SCALE_MIN), onnx_number(graph, LOG_SCALE_MAX)),
                                      NULL);
  const char *scale = onnx_node(graph, "Exp", ONNX_LIST(log_scale), NULL);
  const char *drawn = onnx_node(graph, "Mul", ONNX_LIST(scale, io->noise), NULL);
  return onnx_node(graph, "Add", ONNX_LIST(location, drawn), NULL);
}
