/* Environments alone, stepped with random actions, as works that can be timed. */
#ifndef BENCH_STEPPER_H
#define BENCH_STEPPER_H

#include "base/arena.h"
#include "base/random.h"
#include "bench/measure.h"
#include "env/block.h"
#include "env/pool.h"

/* Actions that were drawn beforehand, and the results of a step; rows are contiguous, those of an environment's agents
 * follow each other. */
struct step_buffers {
  int32_t n_envs, agents;
  size_t rounds; /* steps of every environment in one call of the work */
  size_t round_bytes;
  unsigned char *actions; /* [ROUNDS, n_envs, action] */
  unsigned char *observation;
  size_t observation_bytes; /* of one environment */
  float *reward;            /* [n_envs, agents] */
  uint8_t *mask;            /* [n_envs, mask_bytes] */
  size_t mask_bytes;        /* of one environment; 0: actions are not masked */
  uint8_t *ended, *ended_2; /* [n_envs] */
};

/* Steps through the pool: with the limit on steps, checks, resets and stored last observations. */
struct pool_stepper {
  struct step_buffers buffers;
  struct env_pool *pool;
  struct final_observations final_observations;
  struct bench_work work; /* one call makes n_envs * rounds steps */
};

/* Steps by the environment's own functions, with resets of the episodes that ended. */
struct block_stepper {
  struct step_buffers buffers;
  struct env_block block;
  struct random_stream *streams; /* [n_envs] */
  muster_random **randoms;       /* [n_envs] */
  struct bench_work work;
};

/* The objects must not move. They must be destroyed even after a failure, and be zeroed before creation. */
MUSTER_CHECKED muster_status pool_stepper_create(const muster_env_type *type, int32_t n_envs, struct arena *arena,
                                                 struct pool_stepper *stepper);
void pool_stepper_destroy(struct pool_stepper *stepper);
MUSTER_CHECKED muster_status block_stepper_create(const muster_env_type *type, int32_t n_envs, struct arena *arena,
                                                  struct block_stepper *stepper);
void block_stepper_destroy(struct block_stepper *stepper);

/* Environment steps of one call of the work. */
static inline double stepper_steps(const struct step_buffers *buffers) {
  return (double)buffers->n_envs * (double)buffers->rounds;
}

/* Bytes that a step of one environment reads and writes at least: action, observation, reward, end. */
size_t stepper_step_bytes(const struct step_buffers *buffers);

#endif
