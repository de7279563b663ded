/* The platform's BLAS, to which the benchmark compares muster's kernels, and against which tests check them. */
#ifndef MATH_BLAS_H
#define MATH_BLAS_H

#include <stdbool.h>
#include <stddef.h>

/* How many threads BLAS may use in this process; muster uses one thread in each rank. */
void blas_set_threads(int n);

/* Name and version of the BLAS, and the processor that its kernels are made for. */
const char *blas_description(void);

/* c[m, n] = alpha * a' b' + beta * c, all row-major with leading dimensions a_ld, b_ld, c_ld; a' is a [m, k], or with
 * transpose_a the transpose of a [k, m]; b' is b [k, n], or with transpose_b the transpose of b [n, k]. */
void blas_sgemm(bool transpose_a, bool transpose_b, size_t m, size_t n, size_t k, float alpha, const float *a,
                size_t a_ld, const float *b, size_t b_ld, float beta, float *c, size_t c_ld);

#endif
