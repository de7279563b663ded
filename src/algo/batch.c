#include "algo/batch.h"

#include "rollout/advantage.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

muster_status batch_create(const struct trajectory *rollout, struct arena *arena, struct batch *batch) {
  size_t steps = rollout->n_envs * rollout->n_steps;
  *batch = (struct batch){.rollout = rollout, .count = steps};
  MUSTER_TRY(ARENA_TAKE(arena, steps + rollout->n_envs, "values", &batch->values));
  MUSTER_TRY(ARENA_TAKE(arena, steps, "bootstrap values", &batch->bootstrap));
  MUSTER_TRY(ARENA_TAKE(arena, steps, "final values", &batch->final_values));
  MUSTER_TRY(ARENA_TAKE(arena, steps, "advantages", &batch->advantages));
  return ARENA_TAKE(arena, steps, "returns", &batch->returns);
}

void batch_estimate_advantages(struct batch *batch, struct model *model, double gamma, double gae_lambda) {
  const struct trajectory *rollout = batch->rollout;
  size_t n_steps = rollout->n_steps;
  model_values(model, rollout->n_envs * (n_steps + 1), rollout->observation, rollout->obs_dim, batch->values);

  /* truncated episodes go on from their true last observation */
  const struct env_finals *finals = &rollout->finals;
  model_values(model, (size_t)finals->count, finals->observation, rollout->obs_dim, batch->final_values);
  for (int32_t i = 0; i < finals->count; i++)
    batch->bootstrap[(size_t)finals->environment[i] * n_steps + (size_t)finals->step[i]] = batch->final_values[i];

  for (size_t n = 0; n < rollout->n_envs; n++) {
    size_t at = n * n_steps;
    advantage_gae(n_steps, rollout->reward + at, batch->values + n * (n_steps + 1), batch->bootstrap + at,
                  rollout->ended + at, (float)gamma, (float)gae_lambda, batch->advantages + at, batch->returns + at);
  }
}

int batch_tensors(struct batch *batch, struct tensor *list) {
  size_t envs = batch->rollout->n_envs, steps = batch->rollout->n_steps;
  int n = 0;
  list[n++] = (struct tensor){"batch/values", TENSOR_F32, 2, {envs, steps + 1}, batch->values};
  list[n++] = (struct tensor){"batch/advantages", TENSOR_F32, 2, {envs, steps}, batch->advantages};
  list[n++] = (struct tensor){"batch/returns", TENSOR_F32, 2, {envs, steps}, batch->returns};
  return n;
}

void batch_describe_not_finite(const struct batch *batch, char *text, size_t size) {
  const struct trajectory *rollout = batch->rollout;
  const struct {
    const char *name;
    const float *values;
    size_t per_env;
  } arrays[] = {
      {"reward", rollout->reward, rollout->n_steps},      {"log-probability", rollout->log_prob, rollout->n_steps},
      {"value", batch->values, rollout->n_steps + 1},     {"return", batch->returns, rollout->n_steps},
      {"advantage", batch->advantages, rollout->n_steps},
  };
  text[0] = '\0';
  for (size_t a = 0; a < sizeof arrays / sizeof *arrays; a++) {
    for (size_t i = 0; i < rollout->n_envs * arrays[a].per_env; i++) {
      if (isfinite(arrays[a].values[i])) continue;
      snprintf(text, size, "the %s of environment %zu at step %zu of the rollout is %g", arrays[a].name,
               i / arrays[a].per_env, i % arrays[a].per_env, (double)arrays[a].values[i]);
      return;
    }
  }
}

muster_status batch_tile_create(const struct batch *batch, struct arena *arena, struct batch_tile *tile) {
  MUSTER_TRY(ARENA_TAKE(arena, TILE * batch->rollout->obs_dim, "tile observations", &tile->observation));
  MUSTER_TRY(ARENA_TAKE(arena, TILE * batch->rollout->act_elements, "tile actions", &tile->action));
  MUSTER_TRY(ARENA_TAKE(arena, TILE, "tile log-probabilities", &tile->log_prob));
  MUSTER_TRY(ARENA_TAKE(arena, TILE, "tile advantages", &tile->advantage));
  MUSTER_TRY(ARENA_TAKE(arena, TILE, "tile returns", &tile->returns));
  return ARENA_TAKE(arena, TILE, "tile values", &tile->value);
}

void batch_gather(const struct batch *batch, const uint32_t *index, size_t rows, struct batch_tile *tile) {
  const struct trajectory *rollout = batch->rollout;
  size_t obs_dim = rollout->obs_dim, act_elements = rollout->act_elements, n_steps = rollout->n_steps;
  tile->rows = rows;
  tile->padded_rows = (rows + LINEAR_ROWS - 1) / LINEAR_ROWS * LINEAR_ROWS;
  for (size_t r = 0; r < rows; r++) {
    size_t i = index[r], at = i + i / n_steps; /* observations and values have one more a row */
    memcpy(tile->observation + r * obs_dim, rollout->observation + at * obs_dim, obs_dim * sizeof(float));
    memcpy(tile->action + r * act_elements, rollout->action + i * act_elements, act_elements * sizeof(int32_t));
    tile->value[r] = batch->values[at];
    tile->log_prob[r] = rollout->log_prob[i];
    tile->advantage[r] = batch->advantages[i];
    tile->returns[r] = batch->returns[i];
  }

  /* rows that only complete the tile: finite and harmless */
  size_t spare = tile->padded_rows - rows;
  memset(tile->observation + rows * obs_dim, 0, spare * obs_dim * sizeof(float));
  memset(tile->action + rows * act_elements, 0, spare * act_elements * sizeof(int32_t));
  for (size_t r = rows; r < TILE; r++)
    tile->value[r] = tile->log_prob[r] = tile->advantage[r] = tile->returns[r] = 0.0f;
}
