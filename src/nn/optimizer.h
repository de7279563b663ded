/* Optimizers: one loop over the contiguous parameter block. Each is a table of its own in nn/optimizers/, and one line
 * in the list below. */
#ifndef NN_OPTIMIZER_H
#define NN_OPTIMIZER_H

#include "nn/parameters.h"

#include <stddef.h>
#include <stdint.h>

#define OPTIMIZER_MAX_MOMENTS 2
#define OPTIMIZER_STATE (OPTIMIZER_MAX_MOMENTS + 1)

struct optimizer;

struct optimizer_type {
  const char *name, *summary;
  int moments; /* arrays of one float a parameter that it keeps */
  int squares; /* which of them is of squares */
  const char *moment_names[OPTIMIZER_MAX_MOMENTS];
  float initial_moment;
  /* One step; `steps` counts it already. Gradients are multiplied by gradient_scale. */
  void (*step)(struct optimizer *optimizer, float *parameters, const float *gradients, double gradient_scale,
               double learning_rate);
};

struct optimizer {
  const struct optimizer_type *type;
  size_t count;
  float *moment[OPTIMIZER_MAX_MOMENTS]; /* [count] each */
  int64_t steps;
  double epsilon;
};

/* The registry: one line for each, ENTRY(NAME, name) for the table `optimizer_name`. */
#define OPTIMIZERS(ENTRY)                                                                                              \
  ENTRY(ADAM, adam)                                                                                                    \
  ENTRY(RMSPROP, rmsprop)                                                                                              \
  ENTRY(RMSPROP_TF, rmsprop_tf)                                                                                        \
  ENTRY(SGD, sgd)

/* What `optimizer` options mean: OPTIMIZER_NAME, the index into optimizer_names, and so into the list. */
#define OPTIMIZER_NUMBER(NAME, name) OPTIMIZER_##NAME,
enum { OPTIMIZERS(OPTIMIZER_NUMBER) OPTIMIZERS_END };
extern const char *const optimizer_names[];

/* All optimizers in the order of optimizer_names, ended by NULL. */
const struct optimizer_type *const *optimizer_list(void);

/* The first member that is required and not there ("step"); NULL: it is whole. All are, names of its moments among
 * them; initial_moment is 0 unless it says otherwise. */
const char *optimizer_lacks(const struct optimizer_type *type);

/* An optimizer of `count` parameters; memory from the arena. `epsilon` keeps divisions finite. */
MUSTER_CHECKED muster_status optimizer_create(const struct optimizer_type *type, size_t count, double epsilon,
                                              struct arena *arena, struct optimizer *optimizer);

/* Moves parameters [count] against gradients [count] times gradient_scale. */
void optimizer_step(struct optimizer *optimizer, float *parameters, const float *gradients, double gradient_scale,
                    double learning_rate);

/* The same with the gradients of `parameters`, clipped to max_grad_norm (their global norm, *gradient_norm;
 * torch.nn.utils.clip_grad_norm_). NUMERIC error, with nothing changed, when the norm is not finite. */
MUSTER_CHECKED muster_status optimizer_clipped_step(struct optimizer *optimizer, struct parameters *parameters,
                                                    double max_grad_norm, double learning_rate, double *gradient_norm);

/* Lists the state as tensors "optimizer/...", for a checkpoint; returns their number. */
int optimizer_state(struct optimizer *optimizer, struct tensor list[OPTIMIZER_STATE]);

#endif
