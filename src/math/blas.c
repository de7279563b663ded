#include "math/blas.h"

#include <cblas.h>

void blas_set_threads(int n) { openblas_set_num_threads(n); }

const char *blas_description(void) { return openblas_get_config(); }

void blas_sgemm(bool transpose_a, bool transpose_b, size_t m, size_t n, size_t k, float alpha, const float *a,
                size_t a_ld, const float *b, size_t b_ld, float beta, float *c, size_t c_ld) {
  cblas_sgemm(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans, transpose_b ? CblasTrans : CblasNoTrans,
              (blasint)m, (blasint)n, (blasint)k, alpha, a, (blasint)a_ld, b, (blasint)b_ld, beta, c, (blasint)c_ld);
}
