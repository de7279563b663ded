/* A network: a list of layers, run forward and backward over one tile of rows, so that activations stay in cache. */
#ifndef NN_NETWORK_H
#define NN_NETWORK_H

#include "nn/layer.h"

#define NETWORK_MAX_LAYERS 33 /* 32 of a list and the head */

/* What a network is made of. */
struct layer_list {
  int count;
  struct layer_spec layer[NETWORK_MAX_LAYERS];
};

/* A network may have no layers: then its output is its input. It borrows the arena's memory. */
struct network {
  const char *name;     /* borrowed: tensors are "<name>/<number>/..." */
  int layers, numbered; /* and those of them that have parameters */
  struct layer layer[NETWORK_MAX_LAYERS];
  struct layer_shape output; /* of its last layer, or of its input */
  size_t memory;             /* floats that a row carries from one step to the next */
};

/* Appends a layer. USAGE error where the list is full. */
MUSTER_CHECKED muster_status layer_list_add(struct layer_list *list, struct layer_spec spec);

/* Begins a network without layers over rows of this shape, and appends layers, the parameters of each to `parameters`.
 * An activation becomes part of the layer below where that applies activations. Errors: USAGE, naming the layer that
 * does not fit what is below. */
void network_start(const char *name, struct layer_shape input, struct network *network);
MUSTER_CHECKED muster_status network_add(struct network *network, const struct layer_list *list,
                                         struct parameters *parameters, struct arena *arena);

/* Gives layers their outputs and working memory; after the last layer. */
MUSTER_CHECKED muster_status network_allocate(struct network *network, bool trains, struct arena *arena);

/* Initial parameters; `head_gain` is the last layer's, and init->index the first layer's. */
MUSTER_CHECKED muster_status network_initialize(const struct network *network, float *values, struct layer_init init,
                                                double head_gain);

/* Renews what the kernels read after the parameters changed; what backward passes read only `for_training`. */
void network_pack(struct network *network, const float *values, bool for_training);

/* Runs the tile of `pass` through all layers. Returns the output [pass->rows, *y_ld], borrowed until the next forward
 * pass (x itself where there are no layers). */
const float *network_forward(struct network *network, const struct layer_pass *pass, size_t *y_ld);

/* Backward through the last forward pass, which `pass` describes; `back` as for a layer: dy is that of the network's
 * output. `scratch` holds two [TILE, widest] buffers. Only the first `rows` rows count towards the gradients. */
void network_backward(struct network *network, const struct layer_pass *pass, const struct layer_return *back,
                      float *const scratch[2]);

/* What made the network's output: its last layer's activation. */
enum activation network_activation(const struct network *network);

/* The widest padded layer output, in floats. */
size_t network_widest(const struct network *network);

#endif
