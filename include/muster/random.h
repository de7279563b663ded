/* Random numbers as muster hands them to environments: a stream that belongs to one environment and one episode alone.
 *
 * Draw with the inline functions below; nothing needs to be linked. A stream is a pure function of the run's seed, the
 * environment's global index and the episode's number, so the same episode gets the same numbers on any rank. */
#ifndef MUSTER_RANDOM_H
#define MUSTER_RANDOM_H

#include <math.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct muster_random {
  uint32_t (*next)(struct muster_random *random); /* the next 32 random bits */
} muster_random;

/* Uniform in [0, 1), with 53 random bits. */
static inline double muster_random_double(muster_random *random) {
  uint64_t high = random->next(random) >> 5, low = random->next(random) >> 6;
  return (double)((high << 26) | low) * (1.0 / 9007199254740992.0);
}

/* Uniform in [low, high). */
static inline double muster_random_uniform(muster_random *random, double low, double high) {
  return low + (high - low) * muster_random_double(random);
}

/* Uniform in {0, ..., n - 1} without bias; n >= 1 (Lemire 2019, rejection on the low half of the product). */
static inline uint32_t muster_random_below(muster_random *random, uint32_t n) {
  uint64_t product = (uint64_t)random->next(random) * n;
  if ((uint32_t)product < n) {
    uint32_t threshold = (0u - n) % n;
    while ((uint32_t)product < threshold) product = (uint64_t)random->next(random) * n;
  }
  return (uint32_t)(product >> 32);
}

/* Standard normal (Box and Muller 1958, the cosine half). */
static inline double muster_random_normal(muster_random *random) {
  double u = 1.0 - muster_random_double(random); /* in (0, 1] */
  double v = muster_random_double(random);
  return sqrt(-2.0 * log(u)) * cos(6.283185307179586477 * v);
}

#ifdef __cplusplus
}
#endif
#endif
