/* Steps of each environment alone: through the pool, against the environment's own functions; and where these step
 * whole blocks, they in turn against a copy of the bytes that a step reads and writes. Also the cost of isolation: the
 * same pool with its environments in a child process, against the pool in this process. */
#include "bench/limits.h"
#include "bench/parts.h"
#include "bench/stepper.h"
#include "env/registry.h"
#include "env/source.h"

static muster_status measure_steps(struct bench *bench, const muster_env_type *type, struct pool_stepper *pool,
                                   struct block_stepper *block, struct limit_copy *copy) {
  struct bench_work *works[] = {&copy->work, &block->work, &pool->work};
  MUSTER_TRY(bench_measure(bench, works, 3));
  int32_t n_envs = pool->buffers.n_envs;
  double steps = stepper_steps(&pool->buffers);
  struct bench_series alone = bench_per_item(&block->work, steps);
  MUSTER_TRY(
      bench_add(bench, &unit_msteps, bench_per_item(&pool->work, steps), alone, "env/%s/%d", type->name, n_envs));
  if (type->block_step == NULL) return MUSTER_OK;
  return bench_add(bench, &unit_msteps, alone, bench_per_item(&copy->work, (double)n_envs), "env/%s/%d/block",
                   type->name, n_envs);
}

static muster_status measure_env(struct bench *bench, const muster_env_type *type, int32_t n_envs) {
  struct arena *arena;
  MUSTER_TRY(arena_create(&arena));
  struct pool_stepper pool = {0};
  struct block_stepper block = {0};
  struct limit_copy copy;
  muster_status status = pool_stepper_create(type, n_envs, arena, &pool);
  if (status == MUSTER_OK) status = block_stepper_create(type, n_envs, arena, &block);
  if (status == MUSTER_OK) status = limit_copy_create((size_t)n_envs * stepper_step_bytes(&pool.buffers), arena, &copy);
  if (status == MUSTER_OK) status = measure_steps(bench, type, &pool, &block, &copy);
  block_stepper_destroy(&block);
  pool_stepper_destroy(&pool);
  arena_destroy(&arena);
  return status;
}

static muster_status measure_isolated(struct bench *bench, const char *name, int32_t n_envs) {
  const struct env_source_request here = {.name = name}, there = {.name = name, .isolates = true};
  struct env_source plain, isolated;
  struct arena *arena;
  MUSTER_TRY(env_source_open(&here, &plain));
  MUSTER_TRY(env_source_open(&there, &isolated));
  MUSTER_TRY(arena_create(&arena));
  struct pool_stepper pool = {0}, limit = {0};
  muster_status status = pool_stepper_create(isolated.type, n_envs, arena, &pool);
  if (status == MUSTER_OK) status = pool_stepper_create(plain.type, n_envs, arena, &limit);
  struct bench_work *works[] = {&limit.work, &pool.work};
  if (status == MUSTER_OK) status = bench_measure(bench, works, 2);
  if (status == MUSTER_OK) {
    double steps = stepper_steps(&pool.buffers);
    status = bench_add(bench, &unit_msteps, bench_per_item(&pool.work, steps), bench_per_item(&limit.work, steps),
                       "env/%s/%d/isolated", name, n_envs);
  }
  pool_stepper_destroy(&limit);
  pool_stepper_destroy(&pool);
  env_source_close(&isolated);
  env_source_close(&plain);
  arena_destroy(&arena);
  return status;
}

muster_status bench_env(struct bench *bench) {
  static const int32_t counts[] = {1, 64, 1024};
  for (const muster_env_type *const *type = env_registry_list(); *type != NULL; type++)
    for (int i = 0; i < 3; i++) MUSTER_TRY(measure_env(bench, *type, counts[i]));
  for (int i = 0; i < 3; i++) MUSTER_TRY(measure_isolated(bench, "CartPole-v1", counts[i]));
  return MUSTER_OK;
}
