#include "algo/batch.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const char *const advantage_estimator_names[] = {"gae", "td_residual", "baseline", "return_to_go", NULL};

muster_status batch_create(const struct trajectory *rollout, const struct learner_group *group, struct arena *arena,
                           struct batch *batch) {
  size_t steps = rollout->n_rows * rollout->n_steps;
  *batch = (struct batch){.rollout = rollout, .capacity = steps, .group = group};
  if (learner_group_size(group) > 1)
    MUSTER_TRY(group->share(group->context, (3 * steps + rollout->n_rows) * sizeof(float), (void **)&batch->estimates));
  MUSTER_TRY(ARENA_TAKE(arena, steps, "samples", &batch->sample));
  MUSTER_TRY(ARENA_TAKE(arena, steps + rollout->n_rows, "values", &batch->values));
  MUSTER_TRY(ARENA_TAKE(arena, steps, "bootstrap values", &batch->bootstrap));
  MUSTER_TRY(ARENA_TAKE(arena, steps, "final values", &batch->final_values));
  MUSTER_TRY(ARENA_TAKE(arena, steps, "advantages", &batch->advantages));
  return ARENA_TAKE(arena, steps, "returns", &batch->returns);
}

void batch_list_samples(struct batch *batch) {
  const struct trajectory *rollout = batch->rollout;
  batch->count = 0;
  for (size_t row = 0; row < rollout->n_rows; row++)
    for (size_t t = 0; t < (size_t)rollout->length[row]; t++)
      batch->sample[batch->count++] = (uint32_t)(row * rollout->n_steps + t);
}

struct advantage_row batch_row(const struct batch *batch, size_t row) {
  const struct trajectory *rollout = batch->rollout;
  size_t n_steps = rollout->n_steps;
  return (struct advantage_row){
      .n_steps = (size_t)rollout->length[row],
      .rewards = rollout->reward + row * n_steps,
      .ended = rollout->ended + row / rollout->agents * n_steps,
      .values = batch->values + row * (n_steps + 1),
      .bootstrap = batch->bootstrap + row * n_steps,
  };
}

void batch_place_bootstraps(struct batch *batch) {
  const struct trajectory *rollout = batch->rollout;
  const struct final_observations *final_observations = &rollout->final_observations;
  size_t agents = rollout->agents;
  for (size_t i = 0; i < (size_t)final_observations->count; i++)
    for (size_t agent = 0; agent < agents; agent++) {
      size_t row = ((size_t)final_observations->environment[i] - rollout->first_env) * agents + agent;
      batch->bootstrap[row * rollout->n_steps + (size_t)final_observations->step[i]] =
          batch->final_values[i * agents + agent];
    }
}

static void estimate_row(struct batch *batch, size_t index, enum advantage_estimator estimator, float gamma,
                         float lambda) {
  const struct advantage_row row = batch_row(batch, index);
  float *advantages = batch->advantages + index * batch->rollout->n_steps;
  float *returns = batch->returns + index * batch->rollout->n_steps;
  switch (estimator) {
  case ADVANTAGE_GAE: advantage_gae(&row, gamma, lambda, advantages, returns); break;
  case ADVANTAGE_TD_RESIDUAL: advantage_td_residual(&row, gamma, advantages, returns); break;
  case ADVANTAGE_BASELINE: advantage_baseline(&row, gamma, advantages, returns); break;
  case ADVANTAGE_RETURN_TO_GO:
    advantage_baseline(&row, gamma, advantages, returns);
    memcpy(advantages, returns, row.n_steps * sizeof *advantages);
    break;
  }
}

/* values of the observations of some rows, and of the last ones of truncated episodes, from which these go on */
static void evaluate_rows(struct batch *batch, struct model *model, size_t first, size_t end) {
  const struct trajectory *rollout = batch->rollout;
  const size_t steps = rollout->n_steps + 1;
  const char *observations = (const char *)rollout->observation + first * trajectory_obs_stride(rollout);
  model_values(model, (end - first) * steps, observations, rollout->obs_bytes, batch->values + first * steps);
  const struct final_observations *final_observations = &rollout->final_observations;
  model_values(model, (size_t)final_observations->count * rollout->agents, final_observations->observation,
               rollout->obs_bytes, batch->final_values);
  batch_place_bootstraps(batch);
}

void batch_evaluate(struct batch *batch, struct model *model) {
  evaluate_rows(batch, model, 0, batch->rollout->n_rows);
}

/* values, advantages and returns of a row, to or from what the group shares */
static void copy_estimates(const struct batch *batch, size_t row, bool out) {
  const size_t n_steps = batch->rollout->n_steps;
  const struct {
    float *own;
    size_t count;
  } arrays[] = {{batch->values + row * (n_steps + 1), n_steps + 1},
                {batch->advantages + row * n_steps, n_steps},
                {batch->returns + row * n_steps, n_steps}};
  float *shared = batch->estimates + row * (3 * n_steps + 1);
  for (size_t i = 0; i < sizeof arrays / sizeof *arrays; shared += arrays[i++].count)
    memcpy(out ? shared : arrays[i].own, out ? arrays[i].own : shared, arrays[i].count * sizeof(float));
}

/* tells the others what was estimated for this learner's rows, and takes theirs */
static muster_status gather_estimates(struct batch *batch) {
  const struct learner_group *group = batch->group;
  const size_t rows = batch->rollout->n_rows, row_bytes = (3 * batch->rollout->n_steps + 1) * sizeof(float);
  size_t first = learner_group_part(group, rows, group->index), end = learner_group_part(group, rows, group->index + 1);
  size_t offsets[LEARNER_GROUP_MAX + 1];
  for (size_t i = 0; i <= group->size; i++) offsets[i] = learner_group_part(group, rows, i) * row_bytes;
  for (size_t row = first; row < end; row++) copy_estimates(batch, row, true);
  MUSTER_TRY(group->gather(group->context, batch->estimates, offsets));
  for (size_t row = 0; row < rows; row++)
    if (row < first || row >= end) copy_estimates(batch, row, false);
  return MUSTER_OK;
}

muster_status batch_estimate_advantages(struct batch *batch, struct model *model, enum advantage_estimator estimator,
                                        double gamma, double lambda) {
  const size_t rows = batch->rollout->n_rows, index = learner_group_index(batch->group);
  size_t first = learner_group_part(batch->group, rows, index), end = learner_group_part(batch->group, rows, index + 1);
  evaluate_rows(batch, model, first, end);
  for (size_t row = first; row < end; row++) estimate_row(batch, row, estimator, (float)gamma, (float)lambda);
  return learner_group_size(batch->group) > 1 ? gather_estimates(batch) : MUSTER_OK;
}

double batch_explained_variance(const struct batch *batch) {
  const struct trajectory *rollout = batch->rollout;
  return explained_variance(rollout->n_rows, rollout->n_steps, rollout->length, batch->values, batch->returns);
}

int batch_tensors(struct batch *batch, struct tensor *list) {
  size_t rows = batch->rollout->n_rows, steps = batch->rollout->n_steps;
  int n = 0;
  list[n++] = (struct tensor){"batch/values", TENSOR_F32, 2, {rows, steps + 1}, batch->values, RANGE_NONE};
  list[n++] = (struct tensor){"batch/advantages", TENSOR_F32, 2, {rows, steps}, batch->advantages, RANGE_NONE};
  list[n++] = (struct tensor){"batch/returns", TENSOR_F32, 2, {rows, steps}, batch->returns, RANGE_NONE};
  return n;
}

void batch_describe_not_finite(const struct batch *batch, char *text, size_t size) {
  const struct trajectory *rollout = batch->rollout;
  const struct {
    const char *name;
    const float *values;
    size_t per_row;
  } arrays[] = {
      {"reward", rollout->reward, rollout->n_steps},      {"log-probability", rollout->log_prob, rollout->n_steps},
      {"value", batch->values, rollout->n_steps + 1},     {"return", batch->returns, rollout->n_steps},
      {"advantage", batch->advantages, rollout->n_steps},
  };
  text[0] = '\0';
  for (size_t a = 0; a < sizeof arrays / sizeof *arrays; a++) {
    for (size_t i = 0; i < rollout->n_rows * arrays[a].per_row; i++) {
      bool counts = i % arrays[a].per_row < (size_t)rollout->length[i / arrays[a].per_row];
      if (!counts || isfinite(arrays[a].values[i])) continue;
      snprintf(text, size, "the %s of environment %zu at step %zu of the rollout is %g", arrays[a].name,
               i / arrays[a].per_row / rollout->agents, i % arrays[a].per_row, (double)arrays[a].values[i]);
      return;
    }
  }
}

muster_status batch_tile_create(const struct batch *batch, struct arena *arena, struct batch_tile *tile) {
  const struct trajectory *rollout = batch->rollout;
  MUSTER_TRY(arena_take(arena, TILE, rollout->obs_bytes, "tile observations", &tile->observation));
  MUSTER_TRY(arena_take(arena, TILE, rollout->action_bytes, "tile actions", &tile->action));
  MUSTER_TRY(ARENA_TAKE(arena, TILE * rollout->mask_bytes, "tile masks", &tile->mask));
  MUSTER_TRY(ARENA_TAKE(arena, TILE, "tile log-probabilities", &tile->log_prob));
  MUSTER_TRY(ARENA_TAKE(arena, TILE, "tile advantages", &tile->advantage));
  MUSTER_TRY(ARENA_TAKE(arena, TILE, "tile returns", &tile->returns));
  return ARENA_TAKE(arena, TILE, "tile values", &tile->value);
}

/* copies element from[i] of `bytes` bytes to to[r] */
static void gather(void *to, size_t r, const void *from, size_t i, size_t bytes) {
  memcpy((char *)to + r * bytes, (const char *)from + i * bytes, bytes);
}

void batch_gather(const struct batch *batch, const uint32_t *index, size_t rows, struct batch_tile *tile) {
  const struct trajectory *rollout = batch->rollout;
  size_t n_steps = rollout->n_steps;
  tile->rows = rows;
  tile->padded_rows = linear_padded_rows(rows);
  for (size_t r = 0; r < rows; r++) {
    size_t i = index[r], at = i + i / n_steps; /* observations, masks and values have one more a row */
    gather(tile->observation, r, rollout->observation, at, rollout->obs_bytes);
    gather(tile->action, r, rollout->action, i, rollout->action_bytes);
    if (rollout->mask_bytes > 0) gather(tile->mask, r, rollout->mask, at, rollout->mask_bytes);
    tile->value[r] = batch->values[at];
    tile->log_prob[r] = rollout->log_prob[i];
    tile->advantage[r] = batch->advantages[i];
    tile->returns[r] = batch->returns[i];
  }
  for (size_t r = rows; r < TILE; r++)
    tile->value[r] = tile->log_prob[r] = tile->advantage[r] = tile->returns[r] = 0.0f;
}

struct action_mask batch_tile_mask(const struct batch *batch, const struct batch_tile *tile) {
  size_t bytes = batch->rollout->mask_bytes;
  return bytes > 0 ? (struct action_mask){tile->mask, bytes} : (struct action_mask){NULL, 0};
}
