/* A network: a list of layers, run forward and backward over a tile of rows, so that activations stay in cache; or over
 * a block of tiles, layer by layer, so that the weights of a layer do. */
#ifndef NN_NETWORK_H
#define NN_NETWORK_H

#include "nn/layer.h"

#define NETWORK_MAX_LAYERS 65 /* 64 layers of a list, and the head */

/* What a network is made of. */
struct layer_list {
  int count;
  struct layer_spec layer[NETWORK_MAX_LAYERS];
};

/* A network in memory from the arena. It may have no layers: then its output is its input. */
struct network {
  const char *name;     /* borrowed: tensors are "<name>/<number>/..." */
  uint32_t stream;      /* of its first layer, those of the others follow; set before layers are added, 0 by default */
  int layers, numbered; /* and those of them that have parameters */
  struct layer layer[NETWORK_MAX_LAYERS];
  size_t rows;          /* most rows of a pass: TILE, or what is set before network_allocate() */
  bool keeps_gradients; /* of all layers' outputs, for network_backward_rows(); set before network_allocate() */
  float *sums[LINEAR_GROUPS_LEVELS]; /* room for gradients of halves of groups; NULL: it is not needed */
  struct layer_shape output;         /* the shape of the last layer's output, or of the input */
  size_t memory;                     /* floats that a row keeps from one step to the next */
};

/* Appends a layer. USAGE error where the list is full. */
MUSTER_CHECKED muster_status layer_list_add(struct layer_list *list, struct layer_spec spec);

/* network_start() begins a network without layers over rows of this shape; network_add() appends layers, and their
 * parameters to `parameters`. An activation becomes part of the layer below it where that layer applies activations.
 * Error: USAGE, which names the layer that does not fit what is below it. */
void network_start(const char *name, struct layer_shape input, struct network *network);
MUSTER_CHECKED muster_status network_add(struct network *network, const struct layer_list *list,
                                         struct parameters *parameters, struct arena *arena);

/* Gives the layers their outputs and working memory. Call it after the last layer is added. `passing`: two buffers
 * [rows, widest] for a network that only goes forward, borrowed: by turns they hold the outputs of its layers below the
 * last. NULL: each layer has its own. */
MUSTER_CHECKED muster_status network_allocate(struct network *network, bool trains, float *const *passing,
                                              struct arena *arena);

/* Initial parameters; `head_gain` is the gain of the last layer, init->index the index of the first layer's random
 * streams. */
MUSTER_CHECKED muster_status network_initialize(const struct network *network, float *values, struct layer_init init,
                                                double head_gain);

/* After the parameters changed: brings them into the form that the kernels read; that for backward passes only when
 * `for_training`. */
void network_pack(struct network *network, const float *values, bool for_training);

/* Changes all parameters of the network, has a target copy follow (NULL: there is none), and packs both: the network
 * for training, the copy for forward passes alone. */
void network_renew(struct network *network, struct network *copy, const struct layer_renewal *renewal);

/* Runs the rows of `pass` through all layers. Returns the output [pass->rows, *y_ld], borrowed until the next forward
 * pass (x itself where there are no layers). */
const float *network_forward(struct network *network, const struct layer_pass *pass, size_t *y_ld);

/* Backward through the last forward pass, which `pass` describes, once: gradients are written over the outputs of
 * layers below the last. `back` as for a layer, where dy is the gradient of the network's output. `scratch` holds two
 * [rows, widest] buffers. Only the first `rows` rows count towards the gradients. */
void network_backward(struct network *network, const struct layer_pass *pass, const struct layer_return *back,
                      float *const scratch[2]);

/* Adds the network to a graph of ONNX operators: x [batch, floats of the input] becomes the value that is returned,
 * [batch, floats of the output]. A layer that has no form in ONNX, or a memory, breaks the graph (USAGE error). */
const char *network_onnx(const struct network *network, const float *values, struct onnx *graph, const char *x);

/* The same in two halves, for a pass over a minibatch at once in a network that keeps gradients: first those of all
 * layers' outputs, by layers whose statistics are over the minibatch together (collective, as struct layer_batch is);
 * then, for any rows of it from `first` on, in groups, those of the parameters, which replace what is in `gradients`.
 * dy [rows, dy_ld] is the same in both, and nothing goes forward in between. */
void network_backward_rows(struct network *network, const struct layer_pass *pass, const float *dy, size_t dy_ld);
void network_sum_gradients(struct network *network, const struct layer_pass *pass, const float *dy, size_t dy_ld,
                           size_t first, const struct linear_groups *groups, float *gradients);

/* The running statistics of layers that have some follow those of the last pass over a minibatch at once,
 * where they are not frozen. And whether any layer has some. */
void network_follow(const struct network *network, struct parameters *parameters);
bool network_has_statistics(const struct network *network);

/* Leaves of the last forward pass only the n rows row[0] < row[1] < ..., which become rows 0 to n - 1 of a backward
 * pass without gradients of parameters. False where a layer does not allow it: then all rows are left. */
bool network_select_rows(struct network *network, const uint32_t *row, size_t n);

/* The activation that made the network's output: the last layer's. */
enum activation network_activation(const struct network *network);

/* The widest padded layer output, in floats. */
size_t network_widest(const struct network *network);

#endif
