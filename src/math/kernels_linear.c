/* The kernels of dense layers; compiled once for each instruction set.
 *
 * All three products are sums over `depth` of a scalar from one matrix times a row of vectors from another, with a tile
 * of the results in registers:
 *   forward          y[row][out] : depth = inputs,  scalars from x,  vectors from the packed weight
 *   backward_input   dx[row][in] : depth = outputs, scalars from dy, vectors from the packed transposed weight
 *   backward_weight  dw[out][in] : depth = rows,    scalars from dy, vectors from x, or the other way round
 * Only narrow layers go forward differently, by dot products. */
#include "math/approx.h"
#include "math/kernels.h"

enum {
  TILE_ROWS = MANY_REGISTERS ? 8 : 4, /* rows of a tile of y or dx, of 1 or 2 vectors each */
  WEIGHT_ROWS = HAS_FMA ? 6 : 4,      /* most rows of a tile of dw, of up to WEIGHT_VECS vectors each */
  WEIGHT_VECS = MANY_REGISTERS ? 4 : 2,
  MANY_WEIGHT_ROWS = 128,                           /* so many rows of dw are divided into the largest tiles */
  WEIGHT_PANEL = 64,                                /* columns of dw that are computed together */
  STEPS = 4,                                        /* of a sum, that are computed at a time */
  LATER_FLOATS = PANEL / (LINEAR_TILE / TILE_ROWS), /* of the next panel, read with each step of one tile of rows */
  FAR_FLOATS = 128 * 128,                           /* a weight of so many may not be in the second-level cache */
  FAR_APART = 256 /* rows that lie this many floats apart share few sets of the cache */
};

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

/* A tile of results in registers; the kernels use the part of it that they need. */
typedef vec tile[8][4];

/* acc[r][v] += sum over k of a[r * a_row + k * a_step] * b[k * b_step + v * SIMD_WIDTH ...], in ascending order of k.
 */
SIMD_INLINE void accumulate(int rows, int vecs, size_t depth, const float *a, size_t a_row, size_t a_step,
                            const float *b, size_t b_step, tile acc) {
  for (size_t k = 0; k < depth; k++) {
    vec w[4];
    UNROLL for (int v = 0; v < vecs; v++) w[v] = vec_load(b + k * b_step + v * SIMD_WIDTH);
    UNROLL for (int r = 0; r < rows; r++) {
      vec x = vec_set(a[r * a_row + k * a_step]);
      UNROLL for (int v = 0; v < vecs; v++) acc[r][v] = vec_fma(x, w[v], acc[r][v]);
    }
  }
}

/* So many steps of such sums from step k of a on, whose row r begins at row[r]; b begins at step k. */
SIMD_INLINE void accumulate_steps(int rows, int vecs, size_t k, size_t steps, const float *const *row, const float *b,
                                  size_t b_step, tile acc) {
  UNROLL for (size_t s = 0; s < steps; s++) {
    vec w[4];
    UNROLL for (int v = 0; v < vecs; v++) w[v] = vec_load(b + s * b_step + v * SIMD_WIDTH);
    UNROLL for (int r = 0; r < rows; r++) {
      vec x = vec_set(row[r][k + s]);
      UNROLL for (int v = 0; v < vecs; v++) acc[r][v] = vec_fma(x, w[v], acc[r][v]);
    }
  }
}

/* accumulate() of neighbouring steps of a, several at a time, since what counts them takes units that multiply;
 * meanwhile reads depth * LATER_FLOATS floats from `later` on into the second-level cache, unless it is NULL. */
SIMD_INLINE void accumulate_along(int rows, int vecs, size_t depth, const float *a, size_t a_row, const float *b,
                                  size_t b_step, const float *later, tile acc) {
  const float *row[TILE_ROWS];
  UNROLL for (int r = 0; r < rows; r++) {
    row[r] = a + (size_t)r * a_row;
    __asm__("" : "+r"(row[r])); /* a register for each row: the compiler would compute places for each step and row */
  }
  size_t k = 0;
  for (; k + STEPS <= depth; k += STEPS, b += STEPS * b_step) {
    if (later != NULL) __builtin_prefetch(later + k * LATER_FLOATS, 0, 2);
    accumulate_steps(rows, vecs, k, STEPS, row, b, b_step, acc);
  }
  for (; k < depth; k++, b += b_step) accumulate_steps(rows, vecs, k, 1, row, b, b_step, acc);
}

/* What is done to a sum before it is stored: an activation, or the product with its derivative. */
enum finish { FINISH_NONE, FINISH_TANH, FINISH_RELU, FINISH_TANH_SLOPE, FINISH_RELU_SLOPE };

/* A separate function where there are few registers: inlined, its constants would push the sums of a tile out of
 * them. */
#if MANY_REGISTERS
SIMD_INLINE
#else
__attribute__((noinline)) static
#endif
vec finished_tanh(vec sum) { return approximate_tanh(sum); }

/* `output`: the activation's output at the same place, for the slopes. */
SIMD_INLINE vec finished(enum finish finish, vec sum, const float *output) {
  vec zero = vec_set(0.0f);
  switch (finish) {
  case FINISH_TANH: return finished_tanh(sum);
  case FINISH_RELU: return vec_max(zero, sum);
  case FINISH_TANH_SLOPE: {
    vec y = vec_load(output);
    return sum * vec_fnma(y, y, vec_set(1.0f));
  }
  case FINISH_RELU_SLOPE: return vec_blend(vec_greater(vec_load(output), zero), sum, zero);
  default: return sum;
  }
}

/* y[rows, width] = finish(start + a[rows, depth] * panels), the common form of forward and backward_input. */
struct product {
  size_t rows, depth, width, a_ld, y_ld, output_ld;
  const float *a, *panels, *bias; /* bias: [width], or NULL for zero */
  const float *output;            /* the output of the activation, for its slopes */
  enum finish finish;
  float *y;
};

/* The part of a product that a tile works on: depth `from` to `to` of a panel. */
struct part {
  size_t from, to, panel_ld;
  const float *later;         /* the same part of the next panel; NULL: it is in a near cache anyway */
  const float *panel, *start; /* start: [panel_ld], the initial values of the sums when from == 0 */
};

/* One tile at (row, column), where the column within the panel is `offset`. Between parts the sums are kept in y. */
SIMD_INLINE void product_tile(const struct product *p, const struct part *part, size_t row, size_t column,
                              size_t offset, size_t panel_ld, int rows, int vecs, enum finish finish) {
  float *y = p->y + row * p->y_ld + column;
  const float *output = p->output ? p->output + row * p->output_ld + column : NULL;
  UNROLL for (int r = 0; r < rows; r++) {
    UNROLL for (int v = 0; v < vecs; v++) {
      __builtin_prefetch(y + r * p->y_ld + v * SIMD_WIDTH, 1, 3);
      if (finish == FINISH_TANH_SLOPE || finish == FINISH_RELU_SLOPE)
        __builtin_prefetch(output + r * p->output_ld + v * SIMD_WIDTH, 0, 3);
    }
  }
  tile acc;
  UNROLL for (int r = 0; r < rows; r++) {
    UNROLL for (int v = 0; v < vecs; v++) {
      const float *start = part->from == 0 ? part->start + offset : y + r * p->y_ld;
      acc[r][v] = vec_load(start + v * SIMD_WIDTH);
    }
  }
  const size_t depth = part->to - part->from;
  const float *a = p->a + row * p->a_ld + part->from, *b = part->panel + part->from * panel_ld + offset;
  if (part->later == NULL || row >= LINEAR_TILE)
    accumulate_along(rows, vecs, depth, a, p->a_ld, b, panel_ld, NULL, acc);
  else
    accumulate_along(rows, vecs, depth, a, p->a_ld, b, panel_ld, part->later + row / TILE_ROWS * depth * LATER_FLOATS,
                     acc);
  UNROLL for (int r = 0; r < rows; r++) {
    UNROLL for (int v = 0; v < vecs; v++) {
      const float *place = output ? output + r * p->output_ld + v * SIMD_WIDTH : NULL;
      vec_store(y + r * p->y_ld + v * SIMD_WIDTH, finished(finish, acc[r][v], place));
    }
  }
}

/* All rows of one part of one panel, which stays in the first-level cache. */
SIMD_INLINE void product_rows(const struct product *p, const struct part *part, size_t column, size_t panel_ld,
                              enum finish finish) {
  const int vecs = panel_ld < 2 * SIMD_WIDTH ? 1 : 2;
  const size_t step = (size_t)vecs * SIMD_WIDTH;
  size_t row = 0;
  for (; row + TILE_ROWS <= p->rows; row += TILE_ROWS) {
    for (size_t at = 0; at < panel_ld; at += step)
      product_tile(p, part, row, column + at, at, panel_ld, TILE_ROWS, vecs, finish);
  }
  for (; TILE_ROWS > LINEAR_ROWS && row < p->rows; row += LINEAR_ROWS) {
    for (size_t at = 0; at < panel_ld; at += step)
      product_tile(p, part, row, column + at, at, panel_ld, LINEAR_ROWS, vecs, finish);
  }
}

static void product_part(const struct product *p, const struct part *part, size_t column) {
#define ROWS(finish)                                                                                                   \
  (part->panel_ld == PANEL ? product_rows(p, part, column, PANEL, finish)                                              \
                           : product_rows(p, part, column, LINEAR_COLUMNS, finish))
  // only the last part applies `finish` to the sums
  switch (part->to == p->depth ? p->finish : FINISH_NONE) {
  case FINISH_NONE: ROWS(FINISH_NONE); break;
  case FINISH_TANH: ROWS(FINISH_TANH); break;
  case FINISH_RELU: ROWS(FINISH_RELU); break;
  case FINISH_TANH_SLOPE: ROWS(FINISH_TANH_SLOPE); break;
  case FINISH_RELU_SLOPE: ROWS(FINISH_RELU_SLOPE); break;
  }
#undef ROWS
}

static void product(const struct product *p) {
  const size_t parts = (p->depth + BLOCK_DEPTH - 1) / BLOCK_DEPTH, part_depth = (p->depth + parts - 1) / parts;
  for (size_t column = 0; column < p->width; column += PANEL) {
    float start[PANEL] = {0};
    if (p->bias) memcpy(start, p->bias + column, least(p->width - column, PANEL) * sizeof *start);

    const bool is_far = p->depth * p->width >= FAR_FLOATS && column + PANEL < p->width;
    struct part part = {
        .panel_ld = panel_width(p->width - column), .panel = p->panels + column * p->depth, .start = start};
    for (; part.from < p->depth; part.from = part.to) {
      part.to = least(part.from + part_depth, p->depth);
      if (is_far) part.later = p->panels + (column + PANEL) * p->depth + part.from * PANEL;
      product_part(p, &part, column);
    }
  }
}

/* The narrow layer: the sums of `rows` rows at once, output o of row r in element r * outs + o. The inputs k go to 16
 * partial sums by k % 16, which vec_sums() adds up. */
SIMD_INLINE vec dot_products(int outs, int rows, size_t in, const float *x, size_t x_ld, const float *packed) {
  size_t w_ld = linear_padded(in);
  vec total[SIMD_WIDTH];
  UNROLL for (int part = 0; part < LINEAR_COLUMNS / SIMD_WIDTH; part++) {
    vec acc[SIMD_WIDTH];
    UNROLL for (int i = 0; i < SIMD_WIDTH; i++) acc[i] = vec_set(0.0f);
    for (size_t k = (size_t)part * SIMD_WIDTH; k < in; k += LINEAR_COLUMNS) {
      vec w[NARROW_OUT];
      UNROLL for (int o = 0; o < outs; o++) w[o] = vec_load(packed + (size_t)o * w_ld + k);
      UNROLL for (int r = 0; r < rows; r++) {
        const float *place = x + (size_t)r * x_ld + k;
        vec inputs = in - k >= SIMD_WIDTH ? vec_load(place) : vec_load_part(place, in - k);
        UNROLL for (int o = 0; o < outs; o++) acc[r * outs + o] = vec_fma(inputs, w[o], acc[r * outs + o]);
      }
    }
    UNROLL for (int i = 0; i < SIMD_WIDTH; i++) total[i] = part == 0 ? acc[i] : total[i] + acc[i];
  }
  return vec_sums(total);
}

/* Handles rows in groups that fill a vector of sums, and the last ones in smaller groups; `outs` is narrow_rows(out).
 */
SIMD_INLINE void narrow_forward(int outs, size_t rows, size_t in, size_t out, const float *x, size_t x_ld,
                                const float *packed, const float *bias, enum finish finish, float *y, size_t y_ld) {
  const int most = SIMD_WIDTH / outs, few = most < LINEAR_ROWS ? most : LINEAR_ROWS;
  float values[SIMD_WIDTH] = {0};
  for (int i = 0; i < SIMD_WIDTH; i++) {
    if ((size_t)(i % outs) < out) values[i] = bias[i % outs];
  }
  vec start = vec_load(values);
  for (size_t row = 0, group; row < rows; row += group) {
    group = (size_t)(rows - row >= (size_t)most ? most : few);
    const float *from = x + row * x_ld;
    vec sum = start + (group == (size_t)most ? dot_products(outs, most, in, from, x_ld, packed)
                                             : dot_products(outs, few, in, from, x_ld, packed));
    vec_store(values, finish == FINISH_TANH   ? finished(FINISH_TANH, sum, NULL)
                      : finish == FINISH_RELU ? finished(FINISH_RELU, sum, NULL)
                                              : sum);
    for (size_t r = 0; r < group; r++) {
      for (size_t o = 0; o < out; o++) y[(row + r) * y_ld + o] = values[r * (size_t)outs + o];
    }
  }
}

/* c[i][j] += sum over rows of a[row][i] * b[row][j] for i < m, j < n, where c[i][j] lies at c + i * c_row + j *
 * c_column and one of the two strides is 1. With groups c becomes the sum over the tree of groups instead. */
struct outer {
  size_t rows, m, n, a_ld, b_ld, c_row, c_column;
  const float *a, *b;
  float *c;
  const struct linear_groups *groups; /* NULL: at most LINEAR_TILE rows, whose sum is added */
};

/* Adds the first `columns` columns of a tile of sums to c at (i, j), or puts them there. */
SIMD_INLINE void put_tile(const struct outer *p, size_t i, size_t j, size_t columns, int rows, int vecs, bool adds,
                          tile acc) {
  if (p->c_column == 1 && columns >= (size_t)vecs * SIMD_WIDTH) {
    float *place = p->c + i * p->c_row + j;
    UNROLL for (int r = 0; r < rows; r++, place += p->c_row) {
      UNROLL for (int v = 0; v < vecs; v++) {
        float *at = place + v * SIMD_WIDTH;
        vec_store(at, adds ? vec_load(at) + acc[r][v] : acc[r][v]);
      }
    }
    return;
  }
  if (p->c_column == 1) {
    UNROLL for (int r = 0; r < rows; r++) {
      UNROLL for (int v = 0; v < vecs; v++) {
        float *place = p->c + (i + (size_t)r) * p->c_row + j + (size_t)v * SIMD_WIDTH;
        size_t left = columns - (size_t)v * SIMD_WIDTH;
        if (left >= SIMD_WIDTH)
          vec_store(place, adds ? vec_load(place) + acc[r][v] : acc[r][v]);
        else
          vec_store_part(place, left, adds ? vec_load_part(place, left) + acc[r][v] : acc[r][v]);
      }
    }
    return;
  }
  float sums[WEIGHT_ROWS][WEIGHT_VECS * SIMD_WIDTH];
  UNROLL for (int r = 0; r < rows; r++) {
    UNROLL for (int v = 0; v < vecs; v++) vec_store(sums[r] + v * SIMD_WIDTH, acc[r][v]);
  }
  for (size_t column = 0; column < columns; column++) {
    float *place = p->c + i + (j + column) * p->c_column;
    for (int r = 0; r < rows; r++) place[r] = adds ? place[r] + sums[r][column] : sums[r][column];
  }
}

#define EACH_SUM(statement)                                                                                            \
  UNROLL for (int r = 0; r < rows; r++) { UNROLL for (int v = 0; v < vecs; v++) statement; }

/* The sum of one group: one chain of sums over its tiles of rows. */
SIMD_INLINE void sum_group(const struct outer *p, size_t i, size_t row, size_t end, const float *b, size_t b_step,
                           int rows, int vecs, tile sum) {
  EACH_SUM(sum[r][v] = vec_set(0.0f))
  for (size_t depth; row < end; row += depth) {
    tile acc;
    depth = least(end - row, LINEAR_TILE);
    EACH_SUM(acc[r][v] = vec_set(0.0f))
    accumulate(rows, vecs, depth, p->a + row * p->a_ld + i, 1, p->a_ld, b + row * b_step, b_step, acc);
    EACH_SUM(sum[r][v] += acc[r][v])
  }
}

/* The sum over a tree of groups, for rows of c from i on. Neighbours go through the groups in opposite directions,
 * since the groups that one had last are still in the first-level cache for the next; the bits are the same, since it
 * does not matter to a sum which half comes first. */
SIMD_INLINE void sum_groups(const struct outer *p, size_t i, const float *b, size_t b_step, int rows, int vecs,
                            tile sum) {
  tile waiting[LINEAR_GROUPS_LEVELS]; /* sums of halves whose other halves are still to come */
  const size_t count = p->groups->count;
  const bool backwards = i / (size_t)rows % 2 != 0;
  size_t row = backwards ? p->rows : 0;
  for (size_t done = 0; done < count; done++) {
    const size_t group_rows = p->groups->rows[backwards ? count - 1 - done : done];
    if (backwards) row -= group_rows;
    sum_group(p, i, row, row + group_rows, b, b_step, rows, vecs, sum);
    if (!backwards) row += group_rows;
    size_t level = 0;
    for (size_t nodes = done + 1; nodes % 2 == 0; nodes /= 2, level++) EACH_SUM(sum[r][v] += waiting[level][r][v])
    if (done + 1 < count) EACH_SUM(waiting[level][r][v] = sum[r][v])
  }
}
#undef EACH_SUM

/* Computes all rows of c in `vecs` vectors of columns; b_step is the distance between rows of b. */
SIMD_INLINE void outer_columns(const struct outer *shared, const float *b, size_t b_step, size_t j, size_t columns,
                               int vecs, bool in_groups) {
  const struct outer own = *shared, *p = &own; /* the compiler sees that stores to c do not change it */
  size_t i = 0;
#define TILES(count)                                                                                                   \
  for (; i + count <= p->m; i += count) {                                                                              \
    tile acc;                                                                                                          \
    UNROLL for (int r = 0; r < count; r++) { UNROLL for (int v = 0; v < vecs; v++) acc[r][v] = vec_set(0.0f); }        \
    if (in_groups)                                                                                                     \
      sum_groups(p, i, b, b_step, count, vecs, acc);                                                                   \
    else                                                                                                               \
      accumulate(count, vecs, p->rows, p->a + i, 1, p->a_ld, b, b_step, acc);                                          \
    put_tile(p, i, j, columns, count, vecs, !in_groups, acc);                                                          \
  }
  if (p->m >= MANY_WEIGHT_ROWS) TILES(WEIGHT_ROWS)
  TILES(4)
  TILES(2)
  TILES(1)
#undef TILES
}

/* The columns of the next panel, of so many left: the last one is not left with a single vector, of which a tile has
 * too few sums to keep the units busy. */
static size_t panel_columns(size_t left) {
  const bool leaves_one = left > WEIGHT_PANEL && left <= WEIGHT_PANEL + SIMD_WIDTH;
  return leaves_one ? WEIGHT_PANEL - SIMD_WIDTH : least(left, WEIGHT_PANEL);
}

/* Computes an outer product. `b_whole`: b may be read up to the end of its last vector of columns. `copy` [rows,
 * WEIGHT_PANEL] is working memory. */
SIMD_INLINE void outer_panels(const struct outer *p, bool b_whole, bool in_groups, float (*copy)[WEIGHT_PANEL]) {
  for (size_t j = 0, columns; j < p->n; j += columns) {
    columns = panel_columns(p->n - j);
    const float *b = p->b + j;
    size_t b_step = p->b_ld;
    // works on a copy where reading in place would go past the end of b, or miss the cache again and again
    if ((columns % SIMD_WIDTH != 0 && !b_whole) || (p->b_ld >= FAR_APART && p->m >= 32)) {
      size_t padded = linear_padded(columns);
      for (size_t row = 0; row < p->rows; row++) {
        memcpy(copy[row], b + row * b_step, columns * sizeof *b);
        memset(copy[row] + columns, 0, (padded - columns) * sizeof *b);
      }
      b = copy[0];
      b_step = WEIGHT_PANEL;
    }
    for (size_t done = 0; done < columns;) {
      size_t left = columns - done;
      int vecs = (int)least((left + SIMD_WIDTH - 1) / SIMD_WIDTH, WEIGHT_VECS);
      size_t wanted = least(left, (size_t)vecs * SIMD_WIDTH);
      switch (vecs) {
      case 1: outer_columns(p, b + done, b_step, j + done, wanted, 1, in_groups); break;
      case 2: outer_columns(p, b + done, b_step, j + done, wanted, 2, in_groups); break;
      case 3: outer_columns(p, b + done, b_step, j + done, wanted, 3, in_groups); break;
      default: outer_columns(p, b + done, b_step, j + done, wanted, WEIGHT_VECS, in_groups); break;
      }
      done += wanted;
    }
  }
}

static void outer_product(const struct outer *p, bool b_whole) {
  _Alignas(64) float copy[LINEAR_TILE][WEIGHT_PANEL];
  outer_panels(p, b_whole, false, copy);
}

static void outer_product_of_groups(const struct outer *p, bool b_whole) {
  _Alignas(64) float copy[LINEAR_GROUPS_ROWS][WEIGHT_PANEL];
  outer_panels(p, b_whole, true, copy);
}

/* sums[j] += the sum of column j of dy. */
static void add_columns(size_t rows, size_t out, const float *dy, size_t dy_ld, float *sums) {
  for (size_t j = 0; j < out; j += SIMD_WIDTH) {
    vec acc = vec_set(0.0f);
    for (size_t row = 0; row < rows; row++) acc += vec_load(dy + row * dy_ld + j);
    if (out - j >= SIMD_WIDTH)
      vec_store(sums + j, vec_load(sums + j) + acc);
    else
      vec_store_part(sums + j, out - j, vec_load_part(sums + j, out - j) + acc);
  }
}

/* lays vectors along the dimension that wastes less of them; across the rows of dw the sums cost more to add */
static bool is_along_in(size_t in, size_t out) { return linear_padded(in) * out <= linear_padded(out) * in * 17 / 16; }

static void backward_weight_kernel(size_t rows, size_t in, size_t out, const float *x, size_t x_ld, const float *dy,
                                   size_t dy_ld, float *d_weight, float *d_bias) {
  const bool along_in = is_along_in(in, out);
  for (size_t row = 0; row < rows; row += LINEAR_TILE) {
    size_t count = least(rows - row, LINEAR_TILE);
    const float *x_rows = x + row * x_ld, *dy_rows = dy + row * dy_ld;
    struct outer p = {count, out, in, dy_ld, x_ld, in, 1, dy_rows, x_rows, d_weight, NULL};
    if (!along_in) p = (struct outer){count, in, out, x_ld, dy_ld, 1, in, x_rows, dy_rows, d_weight, NULL};
    outer_product(&p, !along_in);
    add_columns(count, out, dy_rows, dy_ld, d_bias);
  }
}

/* The sums of the columns of dy over a tree of groups. */
static void sum_columns(const struct linear_groups *groups, size_t out, const float *dy, size_t dy_ld, float *sums) {
  for (size_t j = 0; j < out; j += SIMD_WIDTH) {
    vec waiting[LINEAR_GROUPS_LEVELS], sum = vec_set(0.0f);
    const float *place = dy + j;
    for (size_t group = 0; group < groups->count; group++) {
      sum = vec_set(0.0f);
      for (size_t rows = groups->rows[group], depth; rows > 0; rows -= depth) {
        vec acc = vec_set(0.0f);
        depth = least(rows, LINEAR_TILE);
        for (size_t row = 0; row < depth; row++, place += dy_ld) acc += vec_load(place);
        sum += acc;
      }
      size_t level = 0;
      for (size_t nodes = group + 1; nodes % 2 == 0; nodes /= 2, level++) sum = waiting[level] + sum;
      if (group + 1 < groups->count) waiting[level] = sum;
    }
    if (out - j >= SIMD_WIDTH)
      vec_store(sums + j, sum);
    else
      vec_store_part(sums + j, out - j, sum);
  }
}

static void sum_weight_kernel(const struct linear_groups *groups, size_t in, size_t out, const float *x, size_t x_ld,
                              const float *dy, size_t dy_ld, float *d_weight, float *d_bias) {
  const size_t rows = linear_groups_rows(groups);
  const bool along_in = is_along_in(in, out);
  struct outer p = {rows, out, in, dy_ld, x_ld, in, 1, dy, x, d_weight, groups};
  if (!along_in) p = (struct outer){rows, in, out, x_ld, dy_ld, 1, in, x, dy, d_weight, groups};
  outer_product_of_groups(&p, !along_in);
  sum_columns(groups, out, dy, dy_ld, d_bias);
}

static void forward_kernel(size_t rows, size_t in, size_t out, const float *x, size_t x_ld, const float *packed,
                           const float *bias, enum activation activation, float *y, size_t y_ld) {
  const enum finish finishes[] = {
      [ACTIVATION_NONE] = FINISH_NONE, [ACTIVATION_TANH] = FINISH_TANH, [ACTIVATION_RELU] = FINISH_RELU};
  enum finish finish = finishes[activation];
  switch (narrow_rows(out)) {
  case 1: narrow_forward(1, rows, in, out, x, x_ld, packed, bias, finish, y, y_ld); break;
  case 2: narrow_forward(2, rows, in, out, x, x_ld, packed, bias, finish, y, y_ld); break;
  case 4: narrow_forward(4, rows, in, out, x, x_ld, packed, bias, finish, y, y_ld); break;
  default: product(&(struct product){rows, in, out, x_ld, y_ld, 0, x, packed, bias, NULL, finish, y});
  }
}

static void backward_input_kernel(size_t rows, size_t in, size_t out, const float *dy, size_t dy_ld,
                                  const float *packed_transposed, enum activation activation, const float *x,
                                  size_t x_ld, float *dx, size_t dx_ld) {
  const enum finish finishes[] = {
      [ACTIVATION_NONE] = FINISH_NONE, [ACTIVATION_TANH] = FINISH_TANH_SLOPE, [ACTIVATION_RELU] = FINISH_RELU_SLOPE};
  product(
      &(struct product){rows, out, in, dy_ld, dx_ld, x_ld, dy, packed_transposed, NULL, x, finishes[activation], dx});
}

/* Transposes a panel of outputs block by block; one by one where there are few inputs. */
static void pack_panel(size_t in, size_t outs, const float *weight, float *packed, size_t panel_ld) {
  if (in < SIMD_WIDTH) {
    for (size_t k = 0; k < in; k++) {
      for (size_t o = 0; o < panel_ld; o++) packed[k * panel_ld + o] = o < outs ? weight[o * in + k] : 0.0f;
    }
    return;
  }
  for (size_t o = 0; o < panel_ld; o += SIMD_WIDTH) {
    for (size_t k = 0; k < in; k += SIMD_WIDTH) {
      size_t inputs = least(in - k, SIMD_WIDTH);
      vec block[SIMD_WIDTH];
      for (size_t i = 0; i < SIMD_WIDTH; i++) {
        const float *place = weight + (o + i) * in + k;
        block[i] = o + i >= outs          ? vec_set(0.0f)
                   : inputs == SIMD_WIDTH ? vec_load(place)
                                          : vec_load_part(place, inputs);
      }
      vec_transpose(block);
      for (size_t i = 0; i < inputs; i++) vec_store(packed + (k + i) * panel_ld + o, block[i]);
    }
  }
}

static void pack_kernel(size_t in, size_t out, const float *weight, float *packed) {
  for (size_t o = 0; o < out; o += PANEL) {
    size_t outs = least(out - o, PANEL);
    pack_panel(in, outs, weight + o * in, packed + o * in, panel_width(outs));
  }
}

const struct linear_kernels KERNEL_SET(linear_kernels) = {pack_kernel, forward_kernel, backward_input_kernel,
                                                          backward_weight_kernel, sum_weight_kernel};
