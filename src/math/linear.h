/* Dense layers over tiles of rows: the products that take most of training, as fast as the machine allows.
 *
 * Activations are row-major [rows, ld], ld a multiple of LINEAR_COLUMNS floats, columns past the width are zero or
 * ignored, as each function says. Rows come in multiples of LINEAR_ROWS; callers pad. Weights are [out, in], as in
 * PyTorch: y = x W^T + b.
 *
 * The results of a row are the same to the bit whatever the number of rows and the row's position. Each output is one
 * chain of fused multiply-adds over ascending inputs that starts from the bias; for at most 4 outputs it is a sum of 16
 * partial sums in a fixed order. The gradient of a weight is computed in groups of LINEAR_TILE rows: one chain over the
 * ascending rows of each group, added to the previous value.
 *
 * Each kernel is compiled for several instruction sets, and linear_select() chooses at run time; the sets with fused
 * multiply-adds give the same bits. `linear_naive_*` are simple versions to which tests compare the kernels. Packed
 * weights and activations should be aligned to 64 bytes, for speed. */
#ifndef MATH_LINEAR_H
#define MATH_LINEAR_H

#include <stdbool.h>
#include <stddef.h>

#define LINEAR_COLUMNS 16 /* leading dimensions are multiples of this */
#define LINEAR_ROWS 4     /* row counts are multiples of this */
#define LINEAR_TILE 64    /* a number of rows that suits the caches */

enum activation { ACTIVATION_NONE, ACTIVATION_TANH, ACTIVATION_RELU };

static inline size_t linear_padded(size_t width) {
  return (width + LINEAR_COLUMNS - 1) / LINEAR_COLUMNS * LINEAR_COLUMNS;
}
static inline size_t linear_padded_rows(size_t rows) { return (rows + LINEAR_ROWS - 1) / LINEAR_ROWS * LINEAR_ROWS; }

/* How many floats the packed forms of one [out, in] weight take (aligned to 64 bytes). */
size_t linear_packed_floats(size_t in, size_t out);
size_t linear_packed_transposed_floats(size_t in, size_t out);

/* Packs W [out, in] for linear_forward(), and for linear_backward_input(). To be called once for each version of the
 * parameters. */
void linear_pack(size_t in, size_t out, const float *weight, float *packed);
void linear_pack_transposed(size_t in, size_t out, const float *weight, float *packed);

/* The same for the outputs from `first` on, so many, alone: a multiple of LINEAR_PACK_OUTPUTS, or up to the last one;
 * `first` is such a multiple, too. */
#define LINEAR_PACK_OUTPUTS 32
void linear_pack_part(size_t in, size_t out, size_t first, size_t outputs, const float *weight, float *packed);
void linear_pack_transposed_part(size_t in, size_t out, size_t first, size_t outputs, const float *weight,
                                 float *packed);

/* y[rows, out] = activation(x[rows, in] W^T + bias), bias [out]. `y_ld` >= linear_padded(out); columns of y past `out`
 * hold the result for zero weights and bias, or keep their old values. `x_ld` >= in may be any stride (observations lie
 * in the trajectory); nothing past `in` is read. NaN and infinity pass through. */
void linear_forward(size_t rows, size_t in, size_t out, const float *x, size_t x_ld, const float *packed,
                    const float *bias, enum activation activation, float *y, size_t y_ld);

/* dx[rows, in] = (dy[rows, out] W) * activation'(x), where x [rows, in] is the output of the layer below, of that
 * activation (tanh: 1 - x^2; relu: x > 0), or NULL where that is ACTIVATION_NONE. Of x and dx, columns up to
 * linear_padded(in) are read and written. */
void linear_backward_input(size_t rows, size_t in, size_t out, const float *dy, size_t dy_ld,
                           const float *packed_transposed, enum activation activation, const float *x, size_t x_ld,
                           float *dx, size_t dx_ld);

/* Whether a layer of so many outputs may have dx == x, so that the gradient is written over the activations: then
 * fewer bytes go through the caches. */
bool linear_writes_over_input(size_t out);

/* d_weight[out, in] += dy^T x and d_bias[out] += column sums of dy, over the first `rows` rows (any number). Columns of
 * dy up to linear_padded(out) are read, of x only the first `in`. */
void linear_backward_weight(size_t rows, size_t in, size_t out, const float *x, size_t x_ld, const float *dy,
                            size_t dy_ld, float *d_weight, float *d_bias);

/* Neighbouring groups of rows, of any number each. */
#define LINEAR_GROUPS 8        /* most groups */
#define LINEAR_GROUPS_LEVELS 3 /* of a tree over them, below its root */
#define LINEAR_GROUPS_ROWS 256 /* most rows of all groups */
struct linear_groups {
  size_t count; /* a power of two */
  size_t rows[LINEAR_GROUPS];
};

static inline size_t linear_groups_rows(const struct linear_groups *groups) {
  size_t rows = 0;
  for (size_t i = 0; i < groups->count; i++) rows += groups->rows[i];
  return rows;
}

/* d_weight[out, in] = the sum of the groups' dy^T x, and d_bias[out] that of their column sums of dy: the bits that
 * linear_backward_weight() gives for each group alone, added to zeros, and then added up in a binary tree over the
 * groups. */
void linear_sum_weight(const struct linear_groups *groups, size_t in, size_t out, const float *x, size_t x_ld,
                       const float *dy, size_t dy_ld, float *d_weight, float *d_bias);

/* The instruction set in use, here and in math/vector.h: "avx512", "avx2", "baseline" (any processor), or "blas": the
 * platform's BLAS. linear_select(NULL) chooses the best that the machine has (done by itself at the first call); a name
 * forces one and returns false if it is not available. Packed weights remain valid. Must not be called while another
 * thread computes. */
bool linear_select(const char *name);
const char *linear_selected(void);

/* The simple versions, straight from the formulas, in double precision. */
void linear_naive_forward(size_t rows, size_t in, size_t out, const float *x, size_t x_ld, const float *weight,
                          const float *bias, enum activation activation, float *y, size_t y_ld);
void linear_naive_backward_input(size_t rows, size_t in, size_t out, const float *dy, size_t dy_ld, const float *weight,
                                 enum activation activation, const float *x, size_t x_ld, float *dx, size_t dx_ld);
void linear_naive_backward_weight(size_t rows, size_t in, size_t out, const float *x, size_t x_ld, const float *dy,
                                  size_t dy_ld, float *d_weight, float *d_bias);

#endif
