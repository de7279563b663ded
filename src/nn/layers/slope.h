/* Activations and their slopes (derivatives), for layers whose kernels do not apply them. */
#ifndef NN_LAYERS_SLOPE_H
#define NN_LAYERS_SLOPE_H

#include "math/linear.h"

/* Applies the activation to y [rows, width] in place. */
void layer_activate(enum activation activation, size_t rows, size_t width, float *y, size_t y_ld);

/* Multiplies dx [rows, width] by the slope of the activation whose output was x. */
void layer_apply_slope(enum activation activation, size_t rows, size_t width, const float *x, size_t x_ld, float *dx,
                       size_t dx_ld);

#endif
