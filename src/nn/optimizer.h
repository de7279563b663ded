/* Optimizers: one loop over the contiguous parameter block. One file each in nn/optimizers/, one line in the registry
 * below. */
#ifndef NN_OPTIMIZER_H
#define NN_OPTIMIZER_H

#include "nn/parameters.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OPTIMIZER_MAX_MOMENTS 2
#define OPTIMIZER_STATE (OPTIMIZER_MAX_MOMENTS + 1)

struct optimizer;

struct optimizer_type {
  const char *name, *summary;
  int moments; /* arrays of one float a parameter that it keeps */
  const char *moment_names[OPTIMIZER_MAX_MOMENTS];
  bool is_square[OPTIMIZER_MAX_MOMENTS]; /* never negative, and infinite where squares of gradients are */
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

/* The registry: one line for each optimizer, the table that its file defines. */
#define OPTIMIZERS(ENTRY)                                                                                              \
  ENTRY(optimizer_adam)                                                                                                \
  ENTRY(optimizer_rmsprop)                                                                                             \
  ENTRY(optimizer_rmsprop_tf)                                                                                          \
  ENTRY(optimizer_sgd)

#define OPTIMIZER_DECLARE(type) extern const struct optimizer_type type;
OPTIMIZERS(OPTIMIZER_DECLARE)

/* All optimizers, ended by NULL; and one by name, whose error "expects ..." names the nearest (USAGE), or what it lacks
 * (INTERNAL); optimizer_check() only looks. */
const struct optimizer_type *const *optimizer_list(void);
MUSTER_CHECKED muster_status optimizer_find(const char *name, const struct optimizer_type **out);
MUSTER_CHECKED muster_status optimizer_check(const char *name);

/* The first member that is required and not there ("step"); NULL: it is whole. All are, names of its moments among
 * them; initial_moment is 0 unless it says otherwise. */
const char *optimizer_lacks(const struct optimizer_type *type);

/* Whether all types of a list that ends with NULL are whole; the error (INTERNAL) names the type and what it lacks. */
MUSTER_CHECKED muster_status optimizer_check_list(const struct optimizer_type *const *list);

/* An optimizer of `count` parameters; memory from the arena. `epsilon` keeps divisions finite. */
MUSTER_CHECKED muster_status optimizer_create(const struct optimizer_type *type, size_t count, double epsilon,
                                              struct arena *arena, struct optimizer *optimizer);

/* The same of an optimizer of that name; "": Adam. */
MUSTER_CHECKED muster_status optimizer_create_by_name(const char *name, size_t count, double epsilon,
                                                      struct arena *arena, struct optimizer *optimizer);

/* Moves parameters [count] against gradients [count] times gradient_scale. */
void optimizer_step(struct optimizer *optimizer, float *parameters, const float *gradients, double gradient_scale,
                    double learning_rate);

/* The same with the gradients of the first `count` of `parameters`, clipped to max_grad_norm (their global norm,
 * *gradient_norm; torch.nn.utils.clip_grad_norm_). NUMERIC error, with nothing changed, when the norm is not finite. */
MUSTER_CHECKED muster_status optimizer_clipped_step(struct optimizer *optimizer, struct parameters *parameters,
                                                    double max_grad_norm, double learning_rate, double *gradient_norm);

/* Lists the state as tensors "optimizer/...", for a checkpoint; returns their number. */
int optimizer_state(struct optimizer *optimizer, struct tensor list[OPTIMIZER_STATE]);

#endif
