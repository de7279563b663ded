/* Optimizers: one loop over the contiguous parameter block. Each has a file in nn/optimizers/ and a line in the
 * registry below. */
#ifndef NN_OPTIMIZER_H
#define NN_OPTIMIZER_H

#include "nn/parameters.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OPTIMIZER_MAX_MOMENTS 2
#define OPTIMIZER_STATE (OPTIMIZER_MAX_MOMENTS + 1)
#define OPTIMIZER_CONSTANTS 3

struct optimizer;

struct optimizer_type {
  const char *name, *summary;
  int moments; /* arrays that it keeps, each with one float for each parameter */
  const char *moment_names[OPTIMIZER_MAX_MOMENTS];
  bool is_square[OPTIMIZER_MAX_MOMENTS]; /* never negative, and infinite where squares of gradients are */
  float initial_moment;
  /* Optional: finds `constant`, which is the same for all parameters, at the beginning of a step. */
  void (*begin)(struct optimizer *optimizer, double learning_rate);
  /* Makes one step, which `steps` includes already, of `count` parameters, each of which moves independently of the
   * others: all, or a part of them, with their moments. Gradients are multiplied by gradient_scale. */
  void (*step)(struct optimizer *optimizer, float *parameters, const float *gradients, double gradient_scale,
               double learning_rate);
};

struct optimizer {
  const struct optimizer_type *type;
  size_t first, count; /* of the parameters that it moves: where they begin in the block, and how many they are */
  size_t part_first, part_count;        /* those of them that a step moves: all, unless several ranks divide them */
  float *moment[OPTIMIZER_MAX_MOMENTS]; /* [count] each */
  int64_t steps;
  double epsilon, constant[OPTIMIZER_CONSTANTS];
  double gradient_scale, learning_rate; /* of the step that is being made */
  char names[OPTIMIZER_STATE][48];      /* of its state */
};

/* The registry: one line for each optimizer, the table that its file defines. */
#define OPTIMIZERS(ENTRY)                                                                                              \
  ENTRY(optimizer_adam)                                                                                                \
  ENTRY(optimizer_radam)                                                                                               \
  ENTRY(optimizer_rmsprop)                                                                                             \
  ENTRY(optimizer_rmsprop_tf)                                                                                          \
  ENTRY(optimizer_sgd)

#define OPTIMIZER_DECLARE(type) extern const struct optimizer_type type;
OPTIMIZERS(OPTIMIZER_DECLARE)

/* All optimizers, ended by NULL; and one by name. Errors: USAGE "expects ...", which names the optimizer with the most
 * similar name; INTERNAL, which names what the optimizer lacks. optimizer_check() gives the same errors, and no
 * optimizer. */
const struct optimizer_type *const *optimizer_list(void);
MUSTER_CHECKED muster_status optimizer_find(const char *name, const struct optimizer_type **out);
MUSTER_CHECKED muster_status optimizer_check(const char *name);

/* The first required member that is missing ("step"); NULL: none is missing. All members are required, the names of the
 * moments among them, except initial_moment, which is 0 where it is left out. */
const char *optimizer_lacks(const struct optimizer_type *type);

/* INTERNAL error unless all types in a list that ends with NULL are complete; it names the type and what that lacks. */
MUSTER_CHECKED muster_status optimizer_check_list(const struct optimizer_type *const *list);

/* An optimizer for `count` parameters, with memory from the arena. `epsilon` keeps divisions finite. */
MUSTER_CHECKED muster_status optimizer_create(const struct optimizer_type *type, size_t count, double epsilon,
                                              struct arena *arena, struct optimizer *optimizer);

/* Has an optimizer move a part of the parameters alone, those from `first` on. Its state is named
 * "optimizer/<part>/...". To be called before its first step and its first optimizer_state(). */
void optimizer_narrow(struct optimizer *optimizer, const char *part, size_t first);

/* optimizer_create() for the optimizer of that name; "": Adam. */
MUSTER_CHECKED muster_status optimizer_create_by_name(const char *name, size_t count, double epsilon,
                                                      struct arena *arena, struct optimizer *optimizer);

/* Moves parameters [count] against gradients [count] times gradient_scale. */
void optimizer_step(struct optimizer *optimizer, float *parameters, const float *gradients, double gradient_scale,
                    double learning_rate);

/* The same part by part: a step begins, and then moves every parameter once, in calls for `count` of them from `first`
 * on, whose values and gradients begin at these pointers. */
void optimizer_begin_step(struct optimizer *optimizer, double gradient_scale, double learning_rate);
void optimizer_step_part(const struct optimizer *optimizer, size_t first, size_t count, float *parameters,
                         const float *gradients);

/* Finds the factor by which the gradients of its part of `parameters` are to be multiplied, so that they are clipped to
 * the global norm max_grad_norm as by torch.nn.utils.clip_grad_norm_; INFINITY: they are not. *gradient_norm is the
 * norm before that; NULL: it is not wanted. NUMERIC error when a gradient is not finite. */
MUSTER_CHECKED muster_status optimizer_clip(const struct optimizer *optimizer, const struct parameters *parameters,
                                            double max_grad_norm, double *gradient_scale, double *gradient_norm);

/* Lists the state as tensors "optimizer/..." for a checkpoint; returns how many there are. */
int optimizer_state(struct optimizer *optimizer, struct tensor list[OPTIMIZER_STATE]);

#endif
