/* Layers: what networks are made of. One file each in nn/layers/, one line in the registry (layer.c).
 *
 * A layer works on tiles: at most TILE rows, one for each observation, and a row's numbers do not depend on the other
 * rows nor on its place. Gradients come to a layer as those of its output before its activation: whoever computes the
 * gradient of an input multiplies it by the slope of the activation that made that input. So an activation costs
 * nothing of its own where the kernel of a layer applies it. */
#ifndef NN_LAYER_H
#define NN_LAYER_H

#include "math/linear.h"
#include "nn/parameters.h"

#define TILE LINEAR_TILE /* rows of a tile */
#define LAYER_MAX_ARGUMENTS 3

/* What a layer reads or writes of one row: [rows, columns, channels], row-major; a vector is [1, 1, channels]. */
struct layer_shape {
  size_t rows, columns, channels;
  bool is_grid; /* whether neighbours in it mean something */
};

static inline size_t layer_shape_floats(struct layer_shape shape) {
  return shape.rows * shape.columns * shape.channels;
}

/* An integer behind a layer's name: "dense 64". */
struct layer_argument {
  const char *name; /* in capitals; NULL: no more */
  int64_t min, max;
  int64_t otherwise; /* what it is where it is left out; 0: it is required */
};

/* A layer as a list of layers names it. */
struct layer_spec {
  const struct layer_type *type;
  int64_t argument[LAYER_MAX_ARGUMENTS];
};

struct layer {
  const struct layer_type *type;
  int64_t argument[LAYER_MAX_ARGUMENTS];
  struct layer_shape below, above; /* of input and output */
  size_t in, out;                  /* their floats */
  enum activation activation;      /* of the output */
  int number;                      /* among the layers that have parameters */
  size_t memory;                   /* floats that a row carries from one step to the next; 0: none */
  size_t memory_offset;            /* where they lie in the network's */
  float *output;                   /* [TILE, linear_padded(out)] of the last forward pass */
  void *state;                     /* the layer's own, from the arena */
};

/* One tile on its way up: x [rows, x_ld] becomes layer->output. Rows that complete the last LINEAR_ROWS may be read,
 * and what becomes of them is not. */
struct layer_pass {
  const float *values; /* the parameter block */
  size_t rows;
  const float *x;
  size_t x_ld;
  float *memory; /* [rows, memory_ld], read and renewed; NULL where no layer has any */
  size_t memory_ld;
};

/* The way down of the same tile, after its pass. */
struct layer_return {
  const float *dy; /* [rows, dy_ld] of the output before the layer's activation */
  size_t dy_ld;
  float *gradients;             /* laid out as the parameter block; added to; NULL: not asked for */
  enum activation x_activation; /* what made x */
  float *dx;                    /* [rows, dx_ld], written: times the slope of x_activation at x; NULL: not asked for */
  size_t dx_ld;
};

/* How weights begin. */
struct layer_init {
  bool orthogonal; /* with `gain`, and no biases; else uniform as torch.nn.Linear */
  double gain;
  uint64_t seed;
  uint32_t index; /* of the layer's two streams of random numbers: this one and the next */
};

struct layer_type {
  const char *name, *summary;
  struct layer_argument argument[LAYER_MAX_ARGUMENTS];
  const char *example; /* "dense 5": what the conformance test builds, over a small grid */

  /* An activation is a layer of its own, and costs nothing above a layer that applies activations itself. */
  enum activation activation;
  bool applies_activation;

  /* Fills above and memory of a layer whose arguments and `below` are known, and takes the layer's state from the
   * arena. Errors: USAGE "reads ...", where it does not fit what is below. */
  muster_status (*shape)(struct layer *layer, struct arena *arena);
  /* Adds tensors "<path>/...". NULL, as initialize(): there are no parameters. */
  muster_status (*add_parameters)(struct layer *layer, struct parameters *parameters, const char *path);
  muster_status (*initialize)(const struct layer *layer, float *values, const struct layer_init *init);
  /* Renews what the kernels read after the parameters changed; what only backward() reads only `for_training`. NULL:
   * nothing but the parameters. */
  void (*pack)(struct layer *layer, const float *values, bool for_training);
  /* Takes working memory, what only backward() needs only where it `trains`. NULL: the output is enough. */
  muster_status (*allocate)(struct layer *layer, bool trains, struct arena *arena);
  void (*forward)(struct layer *layer, const struct layer_pass *pass);
  void (*backward)(struct layer *layer, const struct layer_pass *pass, const struct layer_return *back);
};

/* The registry: one line for each layer, the table that its file defines. */
#define LAYERS(ENTRY)                                                                                                  \
  ENTRY(layer_dense)                                                                                                   \
  ENTRY(layer_conv2d)                                                                                                  \
  ENTRY(layer_tanh)                                                                                                    \
  ENTRY(layer_relu)

#define LAYER_DECLARE(type) extern const struct layer_type type;
LAYERS(LAYER_DECLARE)

/* All layers, ended by NULL. */
const struct layer_type *const *layer_list(void);

/* The first member that is required and not there ("forward"); NULL: it is whole. */
const char *layer_lacks(const struct layer_type *type);

/* Whether all types of a list that ends with NULL are whole; the error (INTERNAL) names the type and what it lacks. */
MUSTER_CHECKED muster_status layer_check_list(const struct layer_type *const *list);

/* Writes how a list of layers names it: "conv2d CHANNELS KERNEL [STRIDE]"; returns as snprintf does. */
int layer_format_usage(const struct layer_type *type, char *text, size_t size);

/* Reads "dense 64". USAGE error "expects ...", which says what would be right; INTERNAL where the layer is not whole;
 * layer_check() only looks. */
MUSTER_CHECKED muster_status layer_spec_parse(const char *text, struct layer_spec *out);
MUSTER_CHECKED muster_status layer_check(const char *text);

#endif
