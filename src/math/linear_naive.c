/* Simple versions of the kernels, straight from the formulas, in double precision. */
#include "math/linear.h"

#include <math.h>

static double activate(enum activation activation, double x) {
  switch (activation) {
  case ACTIVATION_TANH: return tanh(x);
  case ACTIVATION_RELU: return x < 0.0 ? 0.0 : x;
  default: return x;
  }
}

/* The derivative of the activation where its output is y. */
static double slope(enum activation activation, double y) {
  switch (activation) {
  case ACTIVATION_TANH: return 1.0 - y * y;
  case ACTIVATION_RELU: return y > 0.0 ? 1.0 : 0.0;
  default: return 1.0;
  }
}

void linear_naive_forward(size_t rows, size_t in, size_t out, const float *x, size_t x_ld, const float *weight,
                          const float *bias, enum activation activation, float *y, size_t y_ld) {
  for (size_t row = 0; row < rows; row++) {
    for (size_t o = 0; o < out; o++) {
      double sum = bias[o];
      for (size_t k = 0; k < in; k++) sum += (double)x[row * x_ld + k] * weight[o * in + k];
      y[row * y_ld + o] = (float)activate(activation, sum);
    }
  }
}

void linear_naive_backward_input(size_t rows, size_t in, size_t out, const float *dy, size_t dy_ld, const float *weight,
                                 enum activation activation, const float *x, size_t x_ld, float *dx, size_t dx_ld) {
  for (size_t row = 0; row < rows; row++) {
    for (size_t k = 0; k < in; k++) {
      double sum = 0.0;
      for (size_t o = 0; o < out; o++) sum += (double)dy[row * dy_ld + o] * weight[o * in + k];
      if (activation != ACTIVATION_NONE) sum *= slope(activation, x[row * x_ld + k]);
      dx[row * dx_ld + k] = (float)sum;
    }
  }
}

void linear_naive_backward_weight(size_t rows, size_t in, size_t out, const float *x, size_t x_ld, const float *dy,
                                  size_t dy_ld, float *d_weight, float *d_bias) {
  for (size_t o = 0; o < out; o++) {
    double column = d_bias[o];
    for (size_t row = 0; row < rows; row++) column += dy[row * dy_ld + o];
    d_bias[o] = (float)column;
    for (size_t k = 0; k < in; k++) {
      double sum = d_weight[o * in + k];
      for (size_t row = 0; row < rows; row++) sum += (double)dy[row * dy_ld + o] * x[row * x_ld + k];
      d_weight[o * in + k] = (float)sum;
    }
  }
}
