#include "nn/layers/slope.h"

#include "math/vector.h"

void layer_activate(enum activation activation, size_t rows, size_t width, float *y, size_t y_ld) {
  if (activation == ACTIVATION_NONE) return;
  for (size_t r = 0; r < rows; r++, y += y_ld) {
    if (activation == ACTIVATION_TANH) vector_tanh(width, y, y);
    for (size_t i = 0; activation == ACTIVATION_RELU && i < width; i++) y[i] = y[i] < 0.0f ? 0.0f : y[i];
  }
}

void layer_apply_slope(enum activation activation, size_t rows, size_t width, const float *x, size_t x_ld, float *dx,
                       size_t dx_ld) {
  if (activation == ACTIVATION_NONE) return;
  for (size_t r = 0; r < rows; r++, x += x_ld, dx += dx_ld) {
    if (activation == ACTIVATION_TANH)
      for (size_t i = 0; i < width; i++) dx[i] *= 1.0f - x[i] * x[i];
    else /* a choice, not a branch, which nobody could predict */
      for (size_t i = 0; i < width; i++) dx[i] = x[i] > 0.0f ? dx[i] : 0.0f;
  }
}
