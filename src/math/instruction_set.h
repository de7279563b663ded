/* Which instruction set the kernels use: each kernel is compiled for several, and one is chosen at run time. Inside
 * math/ only. */
#ifndef MATH_INSTRUCTION_SET_H
#define MATH_INSTRUCTION_SET_H

#include <stdbool.h>

/* the best one first; with the last one the platform's BLAS computes the products */
enum instruction_set { SET_AVX512, SET_AVX2, SET_BASELINE, SET_BLAS, INSTRUCTION_SETS };
extern const char *const instruction_set_names[INSTRUCTION_SETS];

/* The set in use: the best one that the processor supports, unless another one was selected. */
enum instruction_set instruction_set_in_use(void);

/* The best set that the processor supports. */
enum instruction_set instruction_set_best(void);

/* Selects a set by its name, or the best one for NULL. Returns false and changes nothing where no set has this name, or
 * the processor does not support it. */
bool instruction_set_select(const char *name);

#endif
