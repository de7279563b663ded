/* A thin layer over the vector registers of one instruction set, for the kernel files alone, which are compiled once
 * for each set. A `vec` has SIMD_WIDTH floats. Code written with these functions gives the same results on every set,
 * to the bit on all sets that have a fused multiply-add. */
#ifndef MATH_SIMD_H
#define MATH_SIMD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__AVX512F__)
#include <immintrin.h>
#define SIMD_WIDTH 16
#define KERNEL_SET(name) name##_avx512
#elif defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>
#define SIMD_WIDTH 8
#define KERNEL_SET(name) name##_avx2
#else
#if defined(__aarch64__)
#include <arm_neon.h>
#endif
#define SIMD_WIDTH 4
#define KERNEL_SET(name) name##_baseline
#endif

/* whether vec_fma() rounds once */
#if SIMD_WIDTH > 4 || defined(__aarch64__)
#define HAS_FMA 1
#else
#define HAS_FMA 0
#endif

/* 32 vector registers rather than 16: larger tiles stay in registers */
#if SIMD_WIDTH == 16 || defined(__aarch64__)
#define MANY_REGISTERS 1
#else
#define MANY_REGISTERS 0
#endif

#define SIMD_INLINE static inline __attribute__((always_inline))
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

typedef float vec __attribute__((vector_size(4 * SIMD_WIDTH)));
typedef int32_t ivec __attribute__((vector_size(4 * SIMD_WIDTH)));
typedef uint32_t uvec __attribute__((vector_size(4 * SIMD_WIDTH)));

/* Memory; addresses need no alignment. The partial forms access only the first `n` < SIMD_WIDTH floats and fill the
 * rest with zero. */
SIMD_INLINE vec vec_load(const float *p) {
  vec v;
  memcpy(&v, p, sizeof v);
  return v;
}

SIMD_INLINE void vec_store(float *p, vec v) { memcpy(p, &v, sizeof v); }

#if SIMD_WIDTH == 16

SIMD_INLINE __mmask16 first_lanes(size_t n) { return (__mmask16)((1u << n) - 1); }
SIMD_INLINE vec vec_load_part(const float *p, size_t n) { return _mm512_maskz_loadu_ps(first_lanes(n), p); }
SIMD_INLINE void vec_store_part(float *p, size_t n, vec v) { _mm512_mask_storeu_ps(p, first_lanes(n), v); }

#elif SIMD_WIDTH == 8

SIMD_INLINE __m256i first_lanes(size_t n) {
  static const int32_t lanes[] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};
  return _mm256_loadu_si256((const __m256i *)(lanes + SIMD_WIDTH - n));
}
SIMD_INLINE vec vec_load_part(const float *p, size_t n) { return _mm256_maskload_ps(p, first_lanes(n)); }
SIMD_INLINE void vec_store_part(float *p, size_t n, vec v) { _mm256_maskstore_ps(p, first_lanes(n), v); }

#else

SIMD_INLINE vec vec_load_part(const float *p, size_t n) {
  float values[SIMD_WIDTH] = {0};
  memcpy(values, p, n * sizeof *p);
  return vec_load(values);
}

SIMD_INLINE void vec_store_part(float *p, size_t n, vec v) {
  float values[SIMD_WIDTH];
  vec_store(values, v);
  memcpy(p, values, n * sizeof *p);
}

#endif

/* vec_fma: a * b + c; vec_fnma: c - a * b; vec_min and vec_max: the first argument if it is smaller (greater), else the
 * second, so that a NaN in the second passes through; vec_greater(a, b): a > b, for vec_blend(mask, yes, no);
 * vec_any: whether any bit is set.
 * vec_odd(s, a, b), s a power of 2: element l is b[l] where l & s, else a[l]. vec_swap(s, a): element l is a[l ^ s]. */
#if SIMD_WIDTH == 16

typedef __mmask16 vec_mask;
SIMD_INLINE vec vec_set(float x) { return _mm512_set1_ps(x); }
SIMD_INLINE vec vec_fma(vec a, vec b, vec c) { return _mm512_fmadd_ps(a, b, c); }
SIMD_INLINE vec vec_fnma(vec a, vec b, vec c) { return _mm512_fnmadd_ps(a, b, c); }
SIMD_INLINE vec vec_min(vec a, vec b) { return _mm512_min_ps(a, b); }
SIMD_INLINE vec vec_max(vec a, vec b) { return _mm512_max_ps(a, b); }
SIMD_INLINE vec vec_sqrt(vec a) { return _mm512_sqrt_ps(a); }
SIMD_INLINE vec_mask vec_greater(vec a, vec b) { return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ); }
SIMD_INLINE vec vec_blend(vec_mask mask, vec yes, vec no) { return _mm512_mask_blend_ps(mask, no, yes); }
SIMD_INLINE bool vec_any(uvec a) { return _mm512_test_epi32_mask((__m512i)a, (__m512i)a) != 0; }

SIMD_INLINE vec vec_odd(int s, vec a, vec b) {
  const __mmask16 masks[] = {0xAAAA, 0xCCCC, 0xF0F0, 0xFF00};
  return _mm512_mask_blend_ps(masks[s == 1 ? 0 : s == 2 ? 1 : s == 4 ? 2 : 3], a, b);
}

SIMD_INLINE vec vec_swap(int s, vec a) {
  switch (s) {
  case 1: return _mm512_permute_ps(a, 0xB1);
  case 2: return _mm512_permute_ps(a, 0x4E);
  case 4: return _mm512_shuffle_f32x4(a, a, 0xB1);
  default: return _mm512_shuffle_f32x4(a, a, 0x4E);
  }
}

#elif SIMD_WIDTH == 8

typedef vec vec_mask;
SIMD_INLINE vec vec_set(float x) { return _mm256_set1_ps(x); }
SIMD_INLINE vec vec_fma(vec a, vec b, vec c) { return _mm256_fmadd_ps(a, b, c); }
SIMD_INLINE vec vec_fnma(vec a, vec b, vec c) { return _mm256_fnmadd_ps(a, b, c); }
SIMD_INLINE vec vec_min(vec a, vec b) { return _mm256_min_ps(a, b); }
SIMD_INLINE vec vec_max(vec a, vec b) { return _mm256_max_ps(a, b); }
SIMD_INLINE vec vec_sqrt(vec a) { return _mm256_sqrt_ps(a); }
SIMD_INLINE vec_mask vec_greater(vec a, vec b) { return _mm256_cmp_ps(a, b, _CMP_GT_OQ); }
SIMD_INLINE vec vec_blend(vec_mask mask, vec yes, vec no) { return _mm256_blendv_ps(no, yes, mask); }
SIMD_INLINE bool vec_any(uvec a) { return !_mm256_testz_si256((__m256i)a, (__m256i)a); }

SIMD_INLINE vec vec_odd(int s, vec a, vec b) {
  switch (s) {
  case 1: return _mm256_blend_ps(a, b, 0xAA);
  case 2: return _mm256_blend_ps(a, b, 0xCC);
  default: return _mm256_blend_ps(a, b, 0xF0);
  }
}

SIMD_INLINE vec vec_swap(int s, vec a) {
  switch (s) {
  case 1: return _mm256_permute_ps(a, 0xB1);
  case 2: return _mm256_permute_ps(a, 0x4E);
  default: return _mm256_permute2f128_ps(a, a, 0x01);
  }
}

#else

typedef ivec vec_mask;
SIMD_INLINE vec vec_set(float x) { return (vec){x, x, x, x}; }
#if defined(__aarch64__)
SIMD_INLINE vec vec_fma(vec a, vec b, vec c) { return (vec)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b); }
SIMD_INLINE vec vec_fnma(vec a, vec b, vec c) { return (vec)vfmsq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b); }
#else
SIMD_INLINE vec vec_fma(vec a, vec b, vec c) { return a * b + c; }
SIMD_INLINE vec vec_fnma(vec a, vec b, vec c) { return c - a * b; }
#endif
SIMD_INLINE vec_mask vec_greater(vec a, vec b) { return a > b; }
SIMD_INLINE vec vec_blend(vec_mask mask, vec yes, vec no) { return (vec)((mask & (ivec)yes) | (~mask & (ivec)no)); }
SIMD_INLINE bool vec_any(uvec a) { return (a[0] | a[1] | a[2] | a[3]) != 0; }
SIMD_INLINE vec vec_min(vec a, vec b) { return vec_blend(a < b, a, b); }
SIMD_INLINE vec vec_max(vec a, vec b) { return vec_blend(a > b, a, b); }

SIMD_INLINE vec vec_sqrt(vec a) {
  return (vec){__builtin_sqrtf(a[0]), __builtin_sqrtf(a[1]), __builtin_sqrtf(a[2]), __builtin_sqrtf(a[3])};
}

SIMD_INLINE vec vec_odd(int s, vec a, vec b) {
  return s == 1 ? (vec){a[0], b[1], a[2], b[3]} : (vec){a[0], a[1], b[2], b[3]};
}

SIMD_INLINE vec vec_swap(int s, vec a) {
  return s == 1 ? (vec){a[1], a[0], a[3], a[2]} : (vec){a[2], a[3], a[0], a[1]};
}

#endif

/* Adds up each of SIMD_WIDTH vectors; element i of the result is the sum of v[i], always by the same tree: first
 * elements l and l + SIMD_WIDTH / 2, then l and l + SIMD_WIDTH / 4, and so on. Overwrites v. */
SIMD_INLINE vec vec_sums(vec v[SIMD_WIDTH]) {
  UNROLL for (int s = SIMD_WIDTH / 2; s >= 1; s /= 2) {
    UNROLL for (int i = 0; i < s; i++) { v[i] = vec_odd(s, v[i], v[i + s]) + vec_swap(s, vec_odd(s, v[i + s], v[i])); }
  }
  return v[0];
}

/* Transposes a square of SIMD_WIDTH x SIMD_WIDTH floats. */
SIMD_INLINE void vec_transpose(vec v[SIMD_WIDTH]) {
  UNROLL for (int s = SIMD_WIDTH / 2; s >= 1; s /= 2) {
    UNROLL for (int i = 0; i < SIMD_WIDTH; i++) {
      if (i & s) continue;
      vec low = vec_odd(s, v[i], vec_swap(s, v[i + s]));
      v[i + s] = vec_odd(s, vec_swap(s, v[i]), v[i + s]);
      v[i] = low;
    }
  }
}

#endif
