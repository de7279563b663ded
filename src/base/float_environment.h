/* How this thread computes with floating-point numbers: rounding, traps, and what becomes of denormal ones. Reading and
 * comparing takes about a nanosecond, unlike fegetenv(). */
#ifndef BASE_FLOAT_ENVIRONMENT_H
#define BASE_FLOAT_ENVIRONMENT_H

#include <fenv.h>
#include <stdbool.h>
#include <stdint.h>

#if defined(__x86_64__)

struct float_environment {
  uint32_t sse; /* MXCSR, without the flags of what has happened so far */
  uint16_t x87; /* the control word: rounding, precision and traps of long double */
};

#define FLOAT_ENVIRONMENT_FLAGS 0x3fu

static inline struct float_environment float_environment_get(void) {
  struct float_environment now;
  __asm__ volatile("fnstcw %0" : "=m"(now.x87));
  now.sse = __builtin_ia32_stmxcsr() & ~FLOAT_ENVIRONMENT_FLAGS;
  return now;
}

static inline void float_environment_set(const struct float_environment *wanted) {
  /* flags are cleared: one that is set would trap at once */
  __asm__ volatile("fnclex\n\tfldcw %0" : : "m"(wanted->x87));
  __builtin_ia32_ldmxcsr(wanted->sse);
}

static inline bool float_environment_equals(const struct float_environment *a, const struct float_environment *b) {
  return a->sse == b->sse && a->x87 == b->x87;
}

#elif defined(__aarch64__)

struct float_environment {
  uint64_t control; /* FPCR */
};

static inline struct float_environment float_environment_get(void) {
  struct float_environment now;
  __asm__ volatile("mrs %0, fpcr" : "=r"(now.control));
  return now;
}

static inline void float_environment_set(const struct float_environment *wanted) {
  __asm__ volatile("msr fpcr, %0" : : "r"(wanted->control));
}

static inline bool float_environment_equals(const struct float_environment *a, const struct float_environment *b) {
  return a->control == b->control;
}

#else

/* other processors: the rounding alone */
struct float_environment {
  int rounding;
};

static inline struct float_environment float_environment_get(void) { return (struct float_environment){fegetround()}; }

static inline void float_environment_set(const struct float_environment *wanted) { fesetround(wanted->rounding); }

static inline bool float_environment_equals(const struct float_environment *a, const struct float_environment *b) {
  return a->rounding == b->rounding;
}

#endif

/* Sets it again where it has been changed. */
static inline void float_environment_keep(const struct float_environment *wanted) {
  const struct float_environment now = float_environment_get();
  if (!float_environment_equals(&now, wanted)) float_environment_set(wanted);
}

#endif
