#include "math/linear.h"

#include "base/copy.h"
#include "math/instruction_set.h"
#include "math/kernels.h"

#include <assert.h>
#include <string.h>

static const struct linear_kernels *const sets[INSTRUCTION_SETS] = {
#if defined(__x86_64__)
    [SET_AVX512] = &linear_kernels_avx512,
    [SET_AVX2] = &linear_kernels_avx2,
#endif
    [SET_BASELINE] = &linear_kernels_baseline,
    [SET_BLAS] = &linear_kernels_blas,
};

_Static_assert(LINEAR_PACK_OUTPUTS == PANEL, "whole panels are packed");

static const struct linear_kernels *kernels(void) { return sets[instruction_set_in_use()]; }

bool linear_select(const char *name) { return instruction_set_select(name); }
const char *linear_selected(void) { return instruction_set_names[instruction_set_in_use()]; }

size_t linear_packed_floats(size_t in, size_t out) {
  return out <= NARROW_OUT ? narrow_rows(out) * linear_padded(in) : linear_padded(out) * in;
}

size_t linear_packed_transposed_floats(size_t in, size_t out) { return linear_padded(in) * out; }

void linear_pack(size_t in, size_t out, const float *weight, float *packed) {
  linear_pack_part(in, out, 0, out, weight, packed);
}

void linear_pack_part(size_t in, size_t out, size_t first, size_t outputs, const float *weight, float *packed) {
  assert(first % LINEAR_PACK_OUTPUTS == 0 && first + outputs <= out);
  if (out > NARROW_OUT) {
    kernels()->pack(in, outputs, weight + first * in, packed + first * in);
    return;
  }
  size_t ld = linear_padded(in);
  memset(packed, 0, linear_packed_floats(in, out) * sizeof *packed);
  for (size_t o = 0; o < out; o++) memcpy(packed + o * ld, weight + o * in, in * sizeof *packed);
}

void linear_pack_transposed(size_t in, size_t out, const float *weight, float *packed) {
  linear_pack_transposed_part(in, out, 0, out, weight, packed);
}

/* A row of a last panel, with zeros behind it. Lengths are constant, or of a few pieces: calls would take longer than
 * what they do. */
static inline void copy_and_fill(const float *from, size_t used, float *to, size_t ld) {
  memset(to, 0, LINEAR_COLUMNS * sizeof *to);
  if (ld > LINEAR_COLUMNS) memset(to + LINEAR_COLUMNS, 0, LINEAR_COLUMNS * sizeof *to);
  copy_bytes(to, from, used * sizeof *to);
}

void linear_pack_transposed_part(size_t in, size_t out, size_t first, size_t outputs, const float *weight,
                                 float *packed) {
  for (size_t column = 0; column < in; column += PANEL) {
    size_t ld = panel_width(in - column), used = in - column < ld ? in - column : ld;
    const float *from = weight + first * in + column;
    float *to = packed + column * out + first * ld;
    for (size_t o = 0; o < outputs; o++, from += in, to += ld) {
      if (used == PANEL)
        memcpy(to, from, PANEL * sizeof *to);
      else
        copy_and_fill(from, used, to, ld);
    }
  }
}

void linear_forward(size_t rows, size_t in, size_t out, const float *x, size_t x_ld, const float *packed,
                    const float *bias, enum activation activation, float *y, size_t y_ld) {
  assert(rows % LINEAR_ROWS == 0 && y_ld >= linear_padded(out) && in > 0 && out > 0);
  kernels()->forward(rows, in, out, x, x_ld, packed, bias, activation, y, y_ld);
}

void linear_backward_input(size_t rows, size_t in, size_t out, const float *dy, size_t dy_ld,
                           const float *packed_transposed, enum activation activation, const float *x, size_t x_ld,
                           float *dx, size_t dx_ld) {
  assert(rows % LINEAR_ROWS == 0 && dx_ld >= linear_padded(in) && in > 0 && out > 0);
  kernels()->backward_input(rows, in, out, dy, dy_ld, packed_transposed, activation, x, x_ld, dx, dx_ld);
}

/* sums that are made part by part wait in dx, and BLAS reads x after it has written dx */
bool linear_writes_over_input(size_t out) { return out <= BLOCK_DEPTH && instruction_set_in_use() != SET_BLAS; }

void linear_backward_weight(size_t rows, size_t in, size_t out, const float *x, size_t x_ld, const float *dy,
                            size_t dy_ld, float *d_weight, float *d_bias) {
  assert(dy_ld >= linear_padded(out) && in > 0 && out > 0);
  kernels()->backward_weight(rows, in, out, x, x_ld, dy, dy_ld, d_weight, d_bias);
}

void linear_sum_weight(const struct linear_groups *groups, size_t in, size_t out, const float *x, size_t x_ld,
                       const float *dy, size_t dy_ld, float *d_weight, float *d_bias) {
  assert(dy_ld >= linear_padded(out) && in > 0 && out > 0 && linear_groups_rows(groups) <= LINEAR_GROUPS_ROWS);
  assert(groups->count <= LINEAR_GROUPS && (groups->count & (groups->count - 1)) == 0);
  kernels()->sum_weight(groups, in, out, x, x_ld, dy, dy_ld, d_weight, d_bias);
}
