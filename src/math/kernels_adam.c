/* The step of Adam; compiled once for each instruction set.
 *
 * The moments of a parameter that has had no gradient for long, such as the weights of a unit that is never active or
 * of an input that is never seen, have decayed until they are subnormal. Processors compute with subnormal numbers a
 * hundred times slower. So a vector with such numbers is computed without them, to the same bits: their products are
 * those of the integers that their bits are, and they are too small to change the parameter. */
#include "math/kernels.h"
#include "math/simd.h"

/* The constants of one step, repeated in every element, and the state of SIMD_WIDTH parameters. */
struct adam {
  vec scale, step, beta1, rest1, beta2, rest2, epsilon, inverse;
  bool may_be_faint; /* the constants are such as computing without subnormal numbers supposes */
};

struct adam_vecs {
  vec parameter, gradient, m, v;
};

/* the step by its formula */
SIMD_INLINE struct adam_vecs plain_step(const struct adam *a, struct adam_vecs l) {
  vec g = l.gradient * a->scale;
  l.m = a->beta1 * l.m + a->rest1 * g;
  l.v = a->beta2 * l.v + a->rest2 * (g * g);
  l.parameter -= a->step * l.m / (vec_sqrt(l.v) * a->inverse + a->epsilon);
  return l;
}

#if !HAS_FMA

SIMD_INLINE struct adam_vecs adam_step(const struct adam *a, struct adam_vecs l) { return plain_step(a, l); }

#else

/* Bits of positive floats: the first normal number; the bounds between which m / epsilon does not change a parameter;
 * and 2^23, in whose successors the integers are the last bits. */
enum { NORMAL = 1 << 23, FAINT = (127 - 100) << 23, SOUND = (127 - 30) << 23, INTEGERS = (127 + 23) << 23 };

/* all without their signs, and zero excepted */
SIMD_INLINE uvec is_below(uvec bound, vec x) { return (uvec)((((uvec)x & INT32_MAX) - 1) < bound - 1); }
SIMD_INLINE uvec uvec_set(uint32_t x) { return (uvec)vec_set(0.0f) + x; }
SIMD_INLINE vec without(uvec lanes, vec x) { return (vec)((uvec)x & ~lanes); }

/* x * factor in those lanes, where x is subnormal and 0 < factor < 1; in the others `product` */
SIMD_INLINE vec times_subnormal(uvec lanes, vec x, vec factor, vec product) {
  const uvec magnitude = (uvec)x & INT32_MAX;
  const vec sum = vec_fma(__builtin_convertvector((ivec)magnitude, vec), factor, vec_set(0x1p23f));
  const uvec exact = ((uvec)x ^ magnitude) | ((uvec)sum - INTEGERS);
  return (vec)((lanes & exact) | (~lanes & (uvec)product));
}

/* The step where lanes in `faint` have no gradient and an m that does not count any more. */
SIMD_INLINE struct adam_vecs faint_step(const struct adam *a, struct adam_vecs l, uvec faint) {
  const uvec tiny_m = is_below(uvec_set(NORMAL), l.m), tiny_v = is_below(uvec_set(NORMAL), l.v);
  const vec g = l.gradient * a->scale;
  l.m = times_subnormal(tiny_m, l.m, a->beta1, a->beta1 * without(tiny_m, l.m) + a->rest1 * g);
  l.v = times_subnormal(tiny_v, l.v, a->beta2, a->beta2 * without(tiny_v, l.v) + a->rest2 * (g * g));
  l.parameter -= a->step * without(faint, l.m) / (vec_sqrt(without(tiny_v, l.v)) * a->inverse + a->epsilon);
  return l;
}

SIMD_INLINE struct adam_vecs adam_step(const struct adam *a, struct adam_vecs l) {
  const uvec faint = is_below(uvec_set(FAINT), l.m), small = faint | is_below(uvec_set(NORMAL), l.v);
  if (!vec_any(small)) return plain_step(a, l);
  const uvec counts = (uvec)(((uvec)l.gradient & INT32_MAX) != 0) | (uvec)(((uvec)l.parameter & INT32_MAX) < SOUND);
  if (!a->may_be_faint || vec_any(small & counts)) return plain_step(a, l);
  return faint_step(a, l, faint);
}

#endif

void KERNEL_SET(adam_kernel)(size_t n, float *parameter, const float *gradient, float *m, float *v,
                             float gradient_scale, float step_size, double beta1, double beta2, float epsilon,
                             float inverse_sqrt_bias2) {
  const struct adam a = {vec_set(gradient_scale),
                         vec_set(step_size),
                         vec_set((float)beta1),
                         vec_set((float)(1.0 - beta1)),
                         vec_set((float)beta2),
                         vec_set((float)(1.0 - beta2)),
                         vec_set(epsilon),
                         vec_set(inverse_sqrt_bias2),
                         .may_be_faint = step_size <= 1 && epsilon >= 0x1p-33f && inverse_sqrt_bias2 <= 32};
  size_t i = 0;
  for (; i + SIMD_WIDTH <= n; i += SIMD_WIDTH) {
    struct adam_vecs l = {vec_load(parameter + i), vec_load(gradient + i), vec_load(m + i), vec_load(v + i)};
    l = adam_step(&a, l);
    vec_store(parameter + i, l.parameter);
    vec_store(m + i, l.m);
    vec_store(v + i, l.v);
  }
  if (i < n) {
    size_t rest = n - i;
    struct adam_vecs l = {vec_load_part(parameter + i, rest), vec_load_part(gradient + i, rest),
                          vec_load_part(m + i, rest), vec_load_part(v + i, rest)};
    l = adam_step(&a, l);
    vec_store_part(parameter + i, rest, l.parameter);
    vec_store_part(m + i, rest, l.m);
    vec_store_part(v + i, rest, l.v);
  }
}
