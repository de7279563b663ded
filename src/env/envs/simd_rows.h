/* The block form of environments whose state is a few doubles. One array for each state variable holds all rows, and
 * rows are stepped in whole groups of SIMD_ROWS_GROUP, so that the compiler turns an environment's loops over a group
 * into vector code and a row's numbers depend neither on n nor on its place. The environment writes
 *
 *     SIMD_ROWS_INLINE void advance_rows(struct simd_rows *block, const void *actions, muster_env_block_result *result)
 *
 * as a loop over groups, and SIMD_ROWS_TARGETS(advance_rows) compiles it for several instruction sets. None of them
 * fuses a product with a sum, so all give the same bits. */
#ifndef ENV_ENVS_SIMD_ROWS_H
#define ENV_ENVS_SIMD_ROWS_H

#include "muster/env.h"

#include <string.h>

#define SIMD_ROWS_GROUP 16
#define SIMD_ROWS_MAX_VARIABLES 4
#define SIMD_ROWS_INLINE static inline __attribute__((always_inline))

struct simd_rows;
typedef void simd_rows_advance(struct simd_rows *block, const void *actions, muster_env_block_result *result);

struct simd_rows {
  int32_t n;                               /* environments */
  int32_t variables;                       /* of the state of one */
  double parameter;                        /* the value of the environment's one option, such as the gravity */
  simd_rows_advance *advance;              /* the loops, compiled for this processor */
  double *values[SIMD_ROWS_MAX_VARIABLES]; /* [n rounded up to a multiple of SIMD_ROWS_GROUP] each */
};

/* Functions of a block; the environment's table may use these two as block_destroy and block_save_state. */
int simd_rows_create(int32_t n, int32_t variables, double parameter, simd_rows_advance *advance, void **out,
                     muster_env_error *error);
void simd_rows_destroy(void *self); /* does nothing with NULL */
void simd_rows_save_state(const void *self, int32_t row, void *bytes);

/* Writes the state [variables] of one row. */
void simd_rows_set_row(struct simd_rows *block, int32_t row, const double *state);

/* The first row whose action is not in {0, ..., choices - 1}; -1 when there is none. */
int32_t simd_rows_wrong_choice(int32_t n, const int32_t *actions, int32_t choices);
/* The first row whose action, one number each, is not finite; -1 when there is none. */
int32_t simd_rows_wrong_number(int32_t n, const float *actions);

/* ---- for loops over groups ---- */

/* how many rows of the group from `start` exist */
SIMD_ROWS_INLINE size_t simd_rows_in_group(const struct simd_rows *block, size_t start) {
  size_t rest = (size_t)block->n - start;
  return rest < SIMD_ROWS_GROUP ? rest : SIMD_ROWS_GROUP;
}

/* copies the actions of a group, each 4 bytes long; those of rows beyond n are zero */
SIMD_ROWS_INLINE void simd_rows_load(void *group, const void *actions, size_t start, size_t rows) {
  const char *from = (const char *)actions + 4 * start;
  if (rows == SIMD_ROWS_GROUP) {
    memcpy(group, from, 4 * SIMD_ROWS_GROUP);
    return;
  }
  memset(group, 0, 4 * SIMD_ROWS_GROUP);
  memcpy(group, from, 4 * rows);
}

/* copies the results of a group to the caller's rows: observations [SIMD_ROWS_GROUP, elements], rewards and flags
 * [SIMD_ROWS_GROUP]. Rows beyond n are not copied; their states are set to zero again. */
SIMD_ROWS_INLINE void simd_rows_store(struct simd_rows *block, size_t start, size_t rows, size_t elements,
                                      const float *observation, const float *reward, const uint8_t *terminated,
                                      muster_env_block_result *result) {
  char *out = (char *)result->observation + start * result->observation_stride;
  char *rewards = (char *)result->reward + start * result->reward_stride;
  for (size_t i = 0; i < rows; i++) {
    memcpy(out + i * result->observation_stride, observation + elements * i, elements * sizeof *observation);
    *(float *)(rewards + i * result->reward_stride) = reward[i];
  }
  for (size_t i = 0; i < rows; i++) result->terminated[start + i] = terminated[i];
  for (size_t i = rows; i < SIMD_ROWS_GROUP; i++)
    for (int32_t variable = 0; variable < block->variables; variable++) block->values[variable][start + i] = 0.0;
}

/* compiles advance_rows() for several instruction sets, and defines advance_rows_choose(), which picks one */
#if defined(__x86_64__)
#define SIMD_ROWS_TARGETS(rows)                                                                                        \
  static void rows##_baseline(struct simd_rows *block, const void *actions, muster_env_block_result *result) {         \
    rows(block, actions, result);                                                                                      \
  }                                                                                                                    \
  __attribute__((target("avx2"))) static void rows##_avx2(struct simd_rows *block, const void *actions,                \
                                                          muster_env_block_result *result) {                           \
    rows(block, actions, result);                                                                                      \
  }                                                                                                                    \
  __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl"))) static void rows##_avx512(                             \
      struct simd_rows *block, const void *actions, muster_env_block_result *result) {                                 \
    rows(block, actions, result);                                                                                      \
  }                                                                                                                    \
  static simd_rows_advance *rows##_choose(void) {                                                                      \
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&                                     \
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))                                      \
      return rows##_avx512;                                                                                            \
    return __builtin_cpu_supports("avx2") ? rows##_avx2 : rows##_baseline;                                             \
  }
#else
#define SIMD_ROWS_TARGETS(rows)                                                                                        \
  static void rows##_baseline(struct simd_rows *block, const void *actions, muster_env_block_result *result) {         \
    rows(block, actions, result);                                                                                      \
  }                                                                                                                    \
  static simd_rows_advance *rows##_choose(void) { return rows##_baseline; }
#endif

#endif
