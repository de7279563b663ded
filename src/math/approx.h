/* tanh, exp and log of a `vec`, inlined into the kernels, so that a fused activation has the bits of vector_tanh(). */
#ifndef MATH_APPROX_H
#define MATH_APPROX_H

#include "math/simd.h"

/* c[0] + c[1] x + ... + c[n - 1] x^(n - 1) by Horner's rule. */
SIMD_INLINE vec polynomial(vec x, int n, const float *c) {
  vec sum = vec_set(c[n - 1]);
  UNROLL for (int i = n - 2; i >= 0; i--) sum = vec_fma(sum, x, vec_set(c[i]));
  return sum;
}

/* x P(x^2) / Q(x^2), minimax in relative error (1e-8 before rounding) over |x| <= 8.3, with the sum of the rounding
 * errors minimized by a search among neighbouring coefficients. For larger |x|, P / Q stays constant, so that the
 * result grows with x until it is cut off at 1. */
SIMD_INLINE vec approximate_tanh(vec x) {
  static const float p[] = {1.0f, 0.134258717f, 0.00354916952f, 2.1508522e-05f, 1.46483208e-08f};
  static const float q[] = {1.0f, 0.467592031f, 0.0260799471f, 0.000337395264f, 8.29512828e-07f};
  vec square = vec_min(vec_set(8.3f * 8.3f), x * x);
  vec ratio = x * polynomial(square, 5, p) / polynomial(square, 5, q);
  return vec_max(vec_set(-1.0f), vec_min(vec_set(1.0f), ratio));
}

/* 2^k e^r with k = round(x / ln 2), |r| <= ln 2 / 2; e^r after Cephes (Moshier 1989). The scale is applied in two
 * halves, so that small results pass through the subnormal numbers to 0. */
SIMD_INLINE vec approximate_exp(vec x) {
  static const float c[] = {5.0000001201e-1f, 1.6666665459e-1f, 4.1665795894e-2f,
                            8.3334519073e-3f, 1.3981999507e-3f, 1.9875691500e-4f};
  x = vec_min(vec_set(89.5f), vec_max(vec_set(-105.0f), x));

  // adding 1.5 * 2^23 rounds to an integer, which is then in the low bits
  vec magic = vec_set(12582912.0f);
  vec shifted = vec_fma(x, vec_set(1.44269504f), magic);
  vec k = shifted - magic;
  vec r = vec_fnma(k, vec_set(-2.12194440e-4f), vec_fnma(k, vec_set(0.693359375f), x));
  vec exp_r = vec_fma(r * r, polynomial(r, 6, c), r) + 1.0f;

  ivec exponent = (ivec)shifted - (ivec)magic;
  ivec half = exponent >> 1;
  vec scale_a = (vec)((uvec)(half + 127) << 23);
  vec scale_b = (vec)((uvec)(exponent - half + 127) << 23);
  return exp_r * scale_a * scale_b;
}

/* k ln 2 + log(m) with sqrt(1/2) <= m < sqrt(2); log(m) after Cephes (Moshier 1989). */
SIMD_INLINE vec approximate_log(vec x) {
  static const float c[] = {3.3333331174e-1f,  -2.4999993993e-1f, 2.0000714765e-1f,
                            -1.6668057665e-1f, 1.4249322787e-1f,  -1.2420140846e-1f,
                            1.1676998740e-1f,  -1.1514610310e-1f, 7.0376836292e-2f};
  // subnormal numbers are scaled to normal ones
  vec_mask small = vec_greater(vec_set(1.17549435e-38f), x);
  vec scaled = vec_blend(small, x * 8388608.0f, x);

  // m = scaled / 2^k: the bits of sqrt(1/2) are the border between two exponents
  uvec bits = (uvec)scaled;
  ivec exponent = (ivec)(bits - 0x3F3504F3u) >> 23;
  vec f = (vec)(bits - ((uvec)exponent << 23)) - 1.0f;
  vec k = __builtin_convertvector(exponent, vec) - vec_blend(small, vec_set(23.0f), vec_set(0.0f));

  vec square = f * f;
  vec rest = vec_fma(k, vec_set(-2.12194440e-4f), square * f * polynomial(f, 9, c));
  vec log_x = vec_fma(k, vec_set(0.693359375f), f + vec_fnma(vec_set(0.5f), square, rest));

  // infinity stays; zero gives -infinity, a negative number or NaN gives NaN
  vec infinity = vec_set(__builtin_inff());
  vec special = vec_blend(vec_greater(vec_set(0.0f), x), vec_set(__builtin_nanf("")), x - infinity);
  log_x = vec_blend(vec_greater(infinity, x), log_x, x);
  return vec_blend(vec_greater(x, vec_set(0.0f)), log_x, special);
}

#endif
