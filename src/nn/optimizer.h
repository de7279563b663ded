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

struct optimizer;

struct optimizer_type {
  const char *name, *summary;
  int moments; /* arrays that it keeps, each with one float for each parameter */
  const char *moment_names[OPTIMIZER_MAX_MOMENTS];
  bool is_square[OPTIMIZER_MAX_MOMENTS]; /* never negative, and infinite where squares of gradients are */
  float initial_moment;
  /* Makes one step, which `steps` includes already. Gradients are multiplied by gradient_scale. */
  void (*step)(struct optimizer *optimizer, float *parameters, const float *gradients, double gradient_scale,
               double learning_rate);
};

struct optimizer {
  const struct optimizer_type *type;
  size_t first, count; /* of the parameters that it moves: where they begin in the block, and how many they are */
  size_t part_first, part_count;        /* those of them that a step moves: all, unless several ranks divide them */
  float *moment[OPTIMIZER_MAX_MOMENTS]; /* [count] each */
  int64_t steps;
  double epsilon;
  char names[OPTIMIZER_STATE][48]; /* of its state */
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

/* The same for its part of `parameters`, with gradients clipped to the global norm max_grad_norm as by
 * torch.nn.utils.clip_grad_norm_; *gradient_norm is the norm before that. NUMERIC error, with nothing changed, when the
 * norm is not finite. */
MUSTER_CHECKED muster_status optimizer_clipped_step(struct optimizer *optimizer, struct parameters *parameters,
                                                    double max_grad_norm, double learning_rate, double *gradient_norm);

/* Lists the state as tensors "optimizer/..." for a checkpoint; returns how many there are. */
int optimizer_state(struct optimizer *optimizer, struct tensor list[OPTIMIZER_STATE]);

#endif
