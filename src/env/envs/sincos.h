/* sin and cos of several angles at once, written so that the compiler turns the loops into vector code. The numbers do
 * not depend on the instruction set, provided that nothing fuses a product with a sum (-ffp-contract=off). */
#ifndef ENV_ENVS_SINCOS_H
#define ENV_ENVS_SINCOS_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#define SINCOS_INLINE static inline __attribute__((always_inline))

/* up to which angle, in rad, the polynomials are exact enough, and up to which after the angle was reduced */
#define SINCOS_SMALL_LIMIT 0.785
#define SINCOS_REDUCED_LIMIT 1e5

/* adding and subtracting it rounds a double to the nearest integer, which is then in the lowest bits of the sum */
#define SINCOS_ROUNDER 6755399441055744.0 /* 1.5 * 2^52 */

/* pi / 2 in two parts (fdlibm, e_rem_pio2.c): the first has 33 bits, so that its product with a small integer is exact
 */
#define SINCOS_HALF_PI_HIGH 1.57079632673412561417e+00
#define SINCOS_HALF_PI_LOW 6.07710050650619224932e-11
#define SINCOS_PER_HALF_PI 6.36619772367581382433e-01

/* the minimax polynomials of fdlibm (Sun Microsystems 1993, k_sin.c and k_cos.c): below one ulp for |x| <= pi/4 */
SINCOS_INLINE void sincos_polynomials(double x, double *sine, double *cosine) {
  double z = x * x;
  double odd =
      -1.66666666666666324348e-01 +
      z * (8.33333333332248946124e-03 +
           z * (-1.98412698298579493134e-04 +
                z * (2.75573137070700676789e-06 + z * (-2.50507602534068634195e-08 + z * 1.58969099521155010221e-10))));
  double even =
      4.16666666666666019037e-02 +
      z * (-1.38888888888741095749e-03 +
           z * (2.48015872894767294178e-05 + z * (-2.75573143513906633035e-07 +
                                                  z * (2.08757232129817482790e-09 + z * -1.13596475577881948265e-11))));
  *sine = x + x * z * odd;
  *cosine = 1.0 - (0.5 * z - z * z * even);
}

/* uses libm for those of n angles that lie beyond the limit */
SINCOS_INLINE void sincos_beyond(int n, double limit, const double *angle, double *sine, double *cosine) {
  int beyond = 0;
  for (int i = 0; i < n; i++) beyond |= !(fabs(angle[i]) <= limit);
  for (int i = 0; beyond && i < n; i++) {
    if (fabs(angle[i]) <= limit) continue;
    sine[i] = sin(angle[i]);
    cosine[i] = cos(angle[i]);
  }
}

/* sin and cos of n angles that are mostly small: by polynomials up to SINCOS_SMALL_LIMIT, by libm beyond */
SINCOS_INLINE void sincos_small(int n, const double *restrict angle, double *restrict sine, double *restrict cosine) {
  for (int i = 0; i < n; i++) sincos_polynomials(angle[i], &sine[i], &cosine[i]);
  sincos_beyond(n, SINCOS_SMALL_LIMIT, angle, sine, cosine);
}

/* sin and cos of n angles: reduced by multiples of pi / 2 (Cody and Waite 1980), within 3e-16; libm beyond
 * SINCOS_REDUCED_LIMIT */
SINCOS_INLINE void sincos_any(int n, const double *restrict angle, double *restrict sine, double *restrict cosine) {
  for (int i = 0; i < n; i++) {
    double shifted = angle[i] * SINCOS_PER_HALF_PI + SINCOS_ROUNDER;
    double turns = shifted - SINCOS_ROUNDER;
    double rest = (angle[i] - turns * SINCOS_HALF_PI_HIGH) - turns * SINCOS_HALF_PI_LOW;
    double a, b;
    sincos_polynomials(rest, &a, &b);

    /* the quarter of the circle: odd ones swap sin and cos, and the signs depend on it */
    uint64_t quarter;
    memcpy(&quarter, &shifted, sizeof quarter);
    double s = quarter & 1 ? b : a, c = quarter & 1 ? a : b;
    sine[i] = quarter & 2 ? -s : s;
    cosine[i] = (quarter + 1) & 2 ? -c : c;
  }
  sincos_beyond(n, SINCOS_REDUCED_LIMIT, angle, sine, cosine);
}

/* x less a number of whole turns, in [-pi, pi] up to rounding */
SINCOS_INLINE double sincos_wrap(double x) {
  double turns = 4.0 * ((x * (0.25 * SINCOS_PER_HALF_PI) + SINCOS_ROUNDER) - SINCOS_ROUNDER);
  return (x - turns * SINCOS_HALF_PI_HIGH) - turns * SINCOS_HALF_PI_LOW;
}

#endif
