#include "nn/layers/slope.h"

void layer_apply_slope(enum activation activation, size_t rows, size_t width, const float *x, size_t x_ld, float *dx,
                       size_t dx_ld) {
  if (activation == ACTIVATION_NONE) return;
  for (size_t r = 0; r < rows; r++, x += x_ld, dx += dx_ld)
    for (size_t i = 0; i < width; i++) {
      if (activation == ACTIVATION_TANH) dx[i] *= 1.0f - x[i] * x[i];
      if (activation == ACTIVATION_RELU && !(x[i] > 0.0f)) dx[i] = 0.0f;
    }
}
