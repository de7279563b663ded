#include "algo/batch.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const char *const advantage_estimator_names[] = {"gae", "td_residual", "baseline", "return_to_go", NULL};

/* the values that the critic for V(s) has */
static void critic_values(struct model *model, size_t n, const void *observations, size_t stride,
                          struct action_mask mask, float *values) {
  (void)mask;
  model_values(model, n, observations, stride, values);
}

/* bytes of the entries of a row */
static size_t row_bytes(const struct batch *batch, const struct field *field) {
  return field_entries(field, batch->rollout->n_steps) * field->bytes;
}

muster_status batch_create(const struct trajectory *rollout, const struct learner_group *group, struct arena *arena,
                           struct batch *batch) {
  const struct field lines[] = {ESTIMATED_FIELDS(FIELD_LINE)};
  size_t steps = rollout->n_rows * rollout->n_steps;
  *batch = (struct batch){.rollout = rollout, .valuation = critic_values, .capacity = steps, .group = group};
  fields_resolve(lines, ESTIMATED_FIELD_COUNT, batch->estimated_field);
  for (int i = 0; i < ESTIMATED_FIELD_COUNT; i++) {
    const struct field *field = &batch->estimated_field[i];
    batch->shared_row_bytes += row_bytes(batch, field);
    MUSTER_TRY(arena_take(arena, rollout->n_rows, row_bytes(batch, field), field->what, &batch->estimated[i]));
  }
  if (learner_group_size(group) > 1)
    MUSTER_TRY(group->share(group->context, rollout->n_rows * batch->shared_row_bytes, (void **)&batch->shared));
  MUSTER_TRY(ARENA_TAKE(arena, steps, "samples", &batch->sample));
  MUSTER_TRY(ARENA_TAKE(arena, steps, "bootstrap values", &batch->bootstrap));
  return ARENA_TAKE(arena, steps, "final values", &batch->final_values);
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

/* values of the observations of some rows, and of the true last observations of truncated episodes */
static void evaluate_rows(struct batch *batch, struct model *model, size_t first, size_t end) {
  const struct trajectory *rollout = batch->rollout;
  const size_t steps = rollout->n_steps + 1;
  const char *observations = (const char *)rollout->observation + first * trajectory_obs_stride(rollout);
  struct action_mask mask = {NULL, rollout->mask_bytes};
  if (rollout->mask_bytes > 0) mask.bytes = rollout->mask + first * trajectory_mask_stride(rollout);
  batch->valuation(model, (end - first) * steps, observations, rollout->obs_bytes, mask, batch->values + first * steps);
  const struct final_observations *final_observations = &rollout->final_observations;
  batch->valuation(model, (size_t)final_observations->count * rollout->agents, final_observations->observation,
                   rollout->obs_bytes, batch_final_mask(rollout, 0), batch->final_values);
  batch_place_bootstraps(batch);
}

void batch_evaluate(struct batch *batch, struct model *model) {
  evaluate_rows(batch, model, 0, batch->rollout->n_rows);
}

/* all that is estimated of a row, to or from what the group shares */
static void copy_estimates(const struct batch *batch, size_t row, bool out) {
  char *shared = batch->shared + row * batch->shared_row_bytes;
  for (int i = 0; i < ESTIMATED_FIELD_COUNT; i++) {
    const size_t bytes = row_bytes(batch, &batch->estimated_field[i]);
    char *own = (char *)batch->estimated[i] + row * bytes;
    memcpy(out ? shared : own, out ? own : shared, bytes);
    shared += bytes;
  }
}

/* shows the other learners what was estimated of this one's rows, and copies what they estimated of theirs */
static muster_status gather_estimates(struct batch *batch) {
  const struct learner_group *group = batch->group;
  const size_t rows = batch->rollout->n_rows;
  size_t first = learner_group_part(group, rows, group->index), end = learner_group_part(group, rows, group->index + 1);
  size_t offsets[LEARNER_GROUP_MAX + 1];
  for (size_t i = 0; i <= group->size; i++) offsets[i] = learner_group_part(group, rows, i) * batch->shared_row_bytes;
  for (size_t row = first; row < end; row++) copy_estimates(batch, row, true);
  MUSTER_TRY(group->gather(group->context, batch->shared, offsets));
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
#define NAME(c_type, id, ...) "batch/" #id,
  static const char *const names[] = {ESTIMATED_FIELDS(NAME)};
  for (int i = 0; i < ESTIMATED_FIELD_COUNT; i++)
    list[i] = field_tensor(&batch->estimated_field[i], names[i], batch->estimated[i], batch->rollout->n_rows,
                           batch->rollout->n_steps);
  return ESTIMATED_FIELD_COUNT;
}

/* --- a sample: the fields of its step, and what is estimated of it --- */

/* field i of a sample, and its array */
static const struct field *find_field(const struct batch *batch, int i, const void **array) {
  const int estimated = i - STEP_FIELD_COUNT;
  *array = estimated < 0 ? batch->rollout->array[i] : batch->estimated[estimated];
  return estimated < 0 ? &batch->rollout->field[i] : &batch->estimated_field[estimated];
}

/* the first number of a field that counts and is not finite, with its row and step; NULL: there is none */
static const float *find_not_finite(const struct batch *batch, const struct field *field, const float *numbers,
                                    size_t *row, size_t *step) {
  const struct trajectory *rollout = batch->rollout;
  const size_t rows = field_row_count(field, rollout->n_envs, rollout->agents);
  const size_t entries = field_entries(field, rollout->n_steps);
  const size_t agents = field->rows == FIELD_OF_ENV ? rollout->agents : 1;
  for (*row = 0; *row < rows; ++*row)
    for (*step = 0; *step < entries && *step < (size_t)rollout->length[*row * agents]; ++*step) {
      const float *entry = numbers + (*row * entries + *step) * field->elements;
      for (size_t i = 0; i < field->elements; i++)
        if (!isfinite(entry[i])) return &entry[i];
    }
  return NULL;
}

void batch_describe_not_finite(const struct batch *batch, char *text, size_t size) {
  text[0] = '\0';
  for (int i = 0; i < SAMPLE_FIELD_COUNT && text[0] == '\0'; i++) {
    const void *array;
    const struct field *field = find_field(batch, i, &array);
    if (field->type != TENSOR_F32 || field->space != NULL) continue;
    size_t row, step;
    const float *number = find_not_finite(batch, field, array, &row, &step);
    if (number != NULL)
      snprintf(text, size, "the %s of environment %zu at step %zu of the rollout is %g", field->what,
               field->rows == FIELD_OF_ENV ? row : row / batch->rollout->agents, step, (double)*number);
  }
}

/* field i as minibatches gather it; false where they do not */
static bool describe_gathered(const struct batch *batch, int i, struct gathered_field *gathered) {
  const void *array;
  const struct field *field = find_field(batch, i, &array);
  *gathered = (struct gathered_field){.number = i,
                                      .bytes = field->bytes,
                                      .row_bytes = row_bytes(batch, field),
                                      .step_bytes = field->steps == FIELD_ONCE ? 0 : field->bytes,
                                      .of_env = field->rows == FIELD_OF_ENV && batch->rollout->agents > 1,
                                      .is_number = field->is_number};
  return (field->uses & FIELD_LEARNED) != 0 && field->bytes > 0;
}

muster_status batch_tile_create(const struct batch *batch, struct arena *arena, struct batch_tile *tile) {
  *tile = (struct batch_tile){0};
  for (int i = 0; i < SAMPLE_FIELD_COUNT; i++) {
    const void *array;
    struct gathered_field *gathered = &tile->gathered[tile->n_gathered];
    if (!describe_gathered(batch, i, gathered)) continue;
    MUSTER_TRY(arena_take(arena, TILE, gathered->bytes, find_field(batch, i, &array)->what, &tile->array[i]));
    tile->n_gathered++;
  }
  return MUSTER_OK;
}

/* where samples are in the rollout */
struct sample_places {
  size_t rows; /* samples */
  uint32_t row[TILE], env[TILE], step[TILE];
};

/* copies a field of some samples to a tile; numbers of rows that are not in use become zero */
static void gather_field(const struct gathered_field *gathered, const char *array, const struct sample_places *samples,
                         char *tile) {
  const uint32_t *row = gathered->of_env ? samples->env : samples->row, *step = samples->step;
  const size_t rows = samples->rows, bytes = gathered->bytes, row_bytes = gathered->row_bytes,
               step_bytes = gathered->step_bytes;
  if (bytes == sizeof(float)) /* for one number a call would cost more than the copy */
    for (size_t r = 0; r < rows; r++)
      memcpy(tile + r * sizeof(float), array + row[r] * row_bytes + step[r] * step_bytes, sizeof(float));
  else
    for (size_t r = 0; r < rows; r++)
      memcpy(tile + r * bytes, array + row[r] * row_bytes + step[r] * step_bytes, bytes);
  if (gathered->is_number) memset(tile + rows * bytes, 0, (TILE - rows) * bytes);
}

void batch_gather(const struct batch *batch, const uint32_t *index, size_t rows, struct batch_tile *tile) {
  struct sample_places samples;
  const uint32_t n_steps = (uint32_t)batch->rollout->n_steps, agents = (uint32_t)batch->rollout->agents;
  samples.rows = tile->rows = rows;
  tile->padded_rows = linear_padded_rows(rows);
  for (size_t r = 0; r < rows; r++) {
    samples.row[r] = index[r] / n_steps;
    samples.step[r] = index[r] % n_steps;
  }
  for (size_t r = 0; agents > 1 && r < rows; r++) samples.env[r] = samples.row[r] / agents;
  for (const struct gathered_field *gathered = tile->gathered; gathered < tile->gathered + tile->n_gathered;
       gathered++) {
    const void *array;
    find_field(batch, gathered->number, &array);
    gather_field(gathered, array, &samples, tile->array[gathered->number]);
  }
}

struct action_mask batch_tile_mask(const struct batch *batch, const struct batch_tile *tile) {
  size_t bytes = batch->rollout->mask_bytes;
  return bytes > 0 ? (struct action_mask){tile->mask, bytes} : (struct action_mask){NULL, 0};
}
