/* Layers: what networks are made of. Each has a file in nn/layers/ and a line in the registry below.
 *
 * A layer works on rows, one for each observation: at most a tile, or in networks that learn from a replay at most a
 * block of tiles. A row's numbers depend neither on the other rows nor on the row's place; but for layers whose
 * statistics are over a minibatch (struct layer_batch), where it goes through the network at once. A layer is handed
 * the gradients of its output before its activation: the layer above, which computes the gradient of its own input,
 * multiplies it by the slope of the activation that made that input. So an activation costs no extra pass where the
 * kernel of a layer applies it. */
#ifndef NN_LAYER_H
#define NN_LAYER_H

#include "math/linear.h"
#include "nn/parameters.h"
#include "store/onnx.h"

#define TILE LINEAR_TILE              /* rows of a tile */
#define BLOCK_ROWS LINEAR_GROUPS_ROWS /* rows of a block of tiles */
#define LAYER_MAX_ARGUMENTS 3

/* What a layer reads or writes of one row: [rows, columns, channels], row-major; a vector is [1, 1, channels]. */
struct layer_shape {
  size_t rows, columns, channels;
  bool is_grid; /* whether neighbouring cells belong together, as in a picture */
};

static inline size_t layer_shape_floats(struct layer_shape shape) {
  return shape.rows * shape.columns * shape.channels;
}

/* An argument, a number behind a layer's name: "dense 64". */
struct layer_argument {
  const char *name; /* in capitals; NULL: no more */
  double min, max;
  double otherwise; /* its value where it is left out; 0: it may not be left out */
  bool is_fraction; /* it need not be an integer */
};

/* A layer as a list of layers in a config names it: its type and its arguments. */
struct layer_spec {
  const struct layer_type *type;
  double argument[LAYER_MAX_ARGUMENTS];
};

struct layer {
  const struct layer_type *type;
  double argument[LAYER_MAX_ARGUMENTS];
  struct layer_shape below, above; /* of input and output */
  size_t in, out;                  /* numbers of floats of both */
  enum activation activation;      /* of the output */
  int number;                      /* its number among the layers that have parameters */
  size_t first, parameters;        /* where these begin in the block, and how many they are */
  uint32_t stream;                 /* of its random numbers, in passes that have some; below 2^14 */
  size_t memory;                   /* floats that a row keeps from one step to the next; 0: none */
  size_t memory_offset;            /* where these lie in the network's memory */
  size_t rows;                     /* most rows of a pass: TILE, BLOCK_ROWS, or those of a minibatch */
  float *output;                   /* [rows, linear_padded(out)] of the last forward pass */
  float *d_output;                 /* likewise its gradients, in a network that keeps them; else NULL */
  void *state;                     /* the layer's own, from the arena */
};

/* What random numbers of a pass are a function of, besides the layer's stream: row r of the tile is row first_row + r
 * of the minibatch of an update, which is counted over the run. */
struct layer_random {
  uint64_t seed;
  uint32_t update, first_row;
};

/* A minibatch that goes through a network at once: its rows, or those that this process has of it, are those of a pass.
 * It adds up what a layer finds in all of them, in an order that does not depend on who has which: rows are cut into
 * groups, and each group's sum is made by itself. */
struct layer_batch {
  size_t rows;         /* of the minibatch, whoever has them */
  bool renormalizes;   /* whether running statistics are known well enough to count */
  size_t groups;       /* of the rows of this pass; may be 0 */
  const size_t *first; /* [groups + 1] the first row of each; the last one: their number */
  /* Room for the sums of the groups, zeroed: [groups, n]. */
  double *(*take)(struct layer_batch *batch, size_t n);
  /* Then their sums over all groups of the minibatch, [n], until the next take(). Collective over all who have some. */
  const double *(*join)(struct layer_batch *batch);
};

/* A forward pass: x [rows, x_ld] becomes layer->output. Rows after the last are read up to a multiple of
 * LINEAR_ROWS, but nobody reads what is computed from them. */
struct layer_pass {
  const float *values; /* the parameter block */
  size_t rows;
  const float *x;
  size_t x_ld;
  float *memory; /* [rows, memory_ld], read and updated; NULL where no layer has any */
  size_t memory_ld;
  const struct layer_random *random; /* of a pass that learns; NULL: nothing is random */
  struct layer_batch *batch;         /* of a pass over a minibatch at once; NULL: statistics are the running ones */
  size_t first_row; /* of a backward pass: which of the forward pass's rows is its first one; 0 otherwise */
};

/* The backward pass of the same rows, after their forward pass; or of some of them. */
struct layer_return {
  const float *dy; /* [rows, dy_ld] of the output before the layer's activation */
  size_t dy_ld;
  float *gradients; /* laid out as the parameter block; the pass adds to them; NULL: they are not wanted */
  /* for a layer that sums groups: of which rows `gradients` become the sum, as linear_sum_weight() tells; NULL: the
   * pass adds to them */
  const struct linear_groups *groups;
  enum activation x_activation; /* the activation that made x */
  float *dx;                    /* [rows, dx_ld], written, times the slope of x_activation at x; NULL: not wanted */
  size_t dx_ld;
};

/* Parameters that get new values, part by part. */
struct layer_renewal {
  /* Gives the parameters first to first + count - 1 of the block their new values. Every parameter is given one by
   * exactly one call, which reads the old values of those parameters at most. */
  void (*change)(void *context, size_t first, size_t count);
  void *context;
  float *values; /* the parameter block */
  /* the layer of a target copy, too, whose packed weights are those of its parameters: it becomes (1 - tau) * itself +
   * tau * what it copies */
  float tau;
};

/* How initial weights are drawn. */
struct layer_init {
  bool orthogonal; /* with `gain`, and no biases; else uniform as torch.nn.Linear */
  double gain;
  uint64_t seed;
  uint32_t index; /* the layer has two streams of random numbers, with this index and the next */
};

struct layer_type {
  const char *name, *summary;
  struct layer_argument argument[LAYER_MAX_ARGUMENTS];
  const char *example; /* "dense 5": the layer that the conformance test builds, over a small grid */

  /* The activation that the layer is, if it is one. Above a layer that applies activations itself it costs nothing. */
  enum activation activation;
  bool applies_activation;

  /* Whether all that backward() reads of a row's forward pass is its input: then rows may be left out in between. */
  bool keeps_nothing;
  /* Whether backward() may be handed its input as dx, and so write the gradient over it. NULL: it may not. */
  bool (*writes_over_input)(const struct layer *layer);

  /* whether backward() computes the gradients of groups of rows; if not it is called for the tiles of each group */
  bool sums_groups;

  /* Fills `above` and `memory` of a layer whose arguments and `below` are set, and takes the layer's state from the
   * arena. Error: USAGE "reads ...", where the layer cannot read what is below it. */
  muster_status (*shape)(struct layer *layer, struct arena *arena);
  /* Adds tensors "<path>/...". A layer without parameters has NULL here and for initialize(). */
  muster_status (*add_parameters)(struct layer *layer, struct parameters *parameters, const char *path);
  muster_status (*initialize)(const struct layer *layer, float *values, const struct layer_init *init);
  /* After the parameters changed: brings them into the form that the kernels read; that for backward() only when
   * `for_training`. NULL: the kernels read the parameters themselves. */
  void (*pack)(struct layer *layer, const float *values, bool for_training);
  /* Changes the layer's parameters, has the same layer of a target copy follow them (NULL: there is none), and packs
   * both: that for training, the copy's not. Does part by part, while the part is in the cache, what would otherwise
   * be done for the whole layer, one after the other, and to the same bits. NULL: that is done. */
  void (*renew)(struct layer *layer, struct layer *copy, const struct layer_renewal *renewal);
  /* Takes working memory from the arena; that for backward() only where the network `trains`. NULL: the layer needs
   * none besides its output. */
  muster_status (*allocate)(struct layer *layer, bool trains, struct arena *arena);
  void (*forward)(struct layer *layer, const struct layer_pass *pass);
  void (*backward)(struct layer *layer, const struct layer_pass *pass, const struct layer_return *back);
  /* Optional: adds what forward() computes when nothing is random, without the activation, to a graph of ONNX
   * operators; x is [batch, in], the value that is returned [batch, out]. NULL: a policy with such a layer cannot be
   * exported. */
  const char *(*onnx)(const struct layer *layer, const float *values, struct onnx *graph, const char *x);
  /* For a layer with statistics over a minibatch, NULL for others: the running ones, which are parameters, follow those
   * of the last pass over a minibatch at once, unless they are frozen. */
  void (*follow)(const struct layer *layer, struct parameters *parameters);
};

/* The registry: one line for each layer, the table that its file defines. */
#define LAYERS(ENTRY)                                                                                                  \
  ENTRY(layer_dense)                                                                                                   \
  ENTRY(layer_conv2d)                                                                                                  \
  ENTRY(layer_norm)                                                                                                    \
  ENTRY(layer_batch_renorm)                                                                                            \
  ENTRY(layer_dropout)                                                                                                 \
  ENTRY(layer_dueling)                                                                                                 \
  ENTRY(layer_tanh)                                                                                                    \
  ENTRY(layer_relu)

#define LAYER_DECLARE(type) extern const struct layer_type type;
LAYERS(LAYER_DECLARE)

/* All layers, ended by NULL. */
const struct layer_type *const *layer_list(void);

/* The first required member that is missing ("forward"); NULL: none is missing. */
const char *layer_lacks(const struct layer_type *type);

/* INTERNAL error unless all types in a list that ends with NULL are complete; it names the type and what that lacks. */
MUSTER_CHECKED muster_status layer_check_list(const struct layer_type *const *list);

/* Writes how a list of layers names a type: "conv2d CHANNELS KERNEL [STRIDE]"; returns what snprintf does. */
int layer_format_usage(const struct layer_type *type, char *text, size_t size);

/* Reads "dense 64". USAGE error "expects ...", which says what would be right; INTERNAL where the layer lacks
 * something. layer_check() gives the same errors, and no layer. */
MUSTER_CHECKED muster_status layer_spec_parse(const char *text, struct layer_spec *out);
MUSTER_CHECKED muster_status layer_check(const char *text);

#endif
