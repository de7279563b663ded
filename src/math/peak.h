/* The machine's peak rate of multiply-adds, to which the benchmark compares other figures: only independent chains of
 * multiply-adds in registers, on the instruction set that linear_select() chose. */
#ifndef MATH_PEAK_H
#define MATH_PEAK_H

#include <stddef.h>

/* Runs `rounds` rounds of x = 0.999 x + 0.0005; returns the sum of all x, whose number is peak_flops(1) / 2. */
float peak_multiply_add(size_t rounds);

/* Floating-point operations of `rounds` rounds; a multiply-add counts as two. */
double peak_flops(size_t rounds);

#endif
