#include "env/envs/tabular.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- the table ---- */

int tabular_allocate(struct tabular *table, int32_t states, int32_t actions, int32_t outcomes,
                     muster_env_error *error) {
  table->states = states;
  table->actions = actions;
  table->outcomes = outcomes;
  table->table = calloc((size_t)states * (size_t)actions * (size_t)outcomes, sizeof *table->table);
  table->starts = calloc((size_t)states, sizeof *table->starts);
  if (table->table == NULL || table->starts == NULL)
    return muster_env_fail(error, "out of memory for a table of %d states", (int)states);
  return 0;
}

void tabular_add(struct tabular *table, int32_t state, int32_t action, const struct tabular_outcome *outcome) {
  struct tabular_outcome *row = (struct tabular_outcome *)tabular_row(table, state, action);
  int32_t used = 0;
  while (used < table->outcomes && row[used].probability > 0.0) used++;
  assert(used < table->outcomes);
  row[used] = *outcome;
}

/* ---- life ---- */

int tabular_create(tabular_build *build, const muster_env_setting *settings, int32_t n, void **out,
                   muster_env_error *error) {
  struct tabular_block *block = calloc(1, sizeof *block);
  if (block == NULL) return muster_env_fail(error, "out of memory");
  block->n = n;
  block->state = calloc((size_t)n, sizeof *block->state);
  int failed = block->state == NULL ? muster_env_fail(error, "out of memory for %d environments", (int)n)
                                    : build(settings, &block->table, error);
  if (failed) {
    tabular_destroy(block);
    return 1;
  }
  *out = block;
  return 0;
}

void tabular_destroy(void *self) {
  struct tabular_block *block = self;
  if (block == NULL) return;
  free(block->table.table);
  free(block->table.starts);
  free(block->state);
  free(block);
}

void tabular_describe(const void *self, muster_env_spec *spec) {
  const struct tabular *table = &((const struct tabular_block *)self)->table;
  spec->observation = (muster_space){.kind = MUSTER_SPACE_DISCRETE, .counts = &table->states};
  spec->action = (muster_space){.kind = MUSTER_SPACE_DISCRETE, .counts = &table->actions};
  spec->agents = 1;
  spec->max_steps = table->max_steps;
  spec->reward_threshold = table->reward_threshold;
  spec->masks_actions = false;
  spec->state_bytes = sizeof(int32_t);
}

/* ---- reset and step of one row ---- */

static int32_t draw_start(const struct tabular *table, muster_random *random) {
  return table->start_count == 1 ? table->starts[0]
                                 : table->starts[muster_random_below(random, (uint32_t)table->start_count)];
}

/* draws one outcome of a row by its probability; draws no random number for tables in which each action has one
 * outcome */
static const struct tabular_outcome *draw_outcome(const struct tabular *table, int32_t state, int32_t action,
                                                  muster_random *random) {
  const struct tabular_outcome *outcome = tabular_row(table, state, action);
  if (table->outcomes == 1) return outcome;
  const struct tabular_outcome *last = outcome + table->outcomes - 1;
  double u = muster_random_double(random), sum = outcome->probability;
  while (sum <= u && outcome < last && outcome[1].probability > 0.0) sum += (++outcome)->probability;
  return outcome;
}

static int refuse_action(const struct tabular *table, int32_t action, muster_env_error *error) {
  return muster_env_fail(error, "action %d is not in 0 to %d", (int)action, (int)table->actions - 1);
}

int tabular_block_reset(void *self, int32_t row, muster_random *random, muster_env_result *result,
                        muster_env_error *error) {
  (void)error;
  struct tabular_block *block = self;
  block->state[row] = draw_start(&block->table, random);
  memcpy(result->observation, &block->state[row], sizeof(int32_t));
  return 0;
}

int tabular_reset(void *self, muster_random *random, muster_env_result *result, muster_env_error *error) {
  return tabular_block_reset(self, 0, random, result, error);
}

int tabular_step(void *self, const void *action, muster_random *random, muster_env_result *result,
                 muster_env_error *error) {
  struct tabular_block *block = self;
  int32_t choice = *(const int32_t *)action;
  if (choice < 0 || choice >= block->table.actions) return refuse_action(&block->table, choice, error);
  const struct tabular_outcome *outcome = draw_outcome(&block->table, block->state[0], choice, random);
  block->state[0] = outcome->next;
  memcpy(result->observation, &outcome->next, sizeof outcome->next);
  result->reward[0] = outcome->reward;
  result->terminated = outcome->terminated;
  return 0;
}

int tabular_block_step(void *self, const void *actions, muster_random *const *randoms, muster_env_block_result *result,
                       muster_env_error *error) {
  struct tabular_block *block = self;
  const int32_t *choices = actions;

  /* refuse a wrong action before any row is stepped */
  for (int32_t i = 0; i < block->n; i++) {
    if (choices[i] >= 0 && choices[i] < block->table.actions) continue;
    result->failed_row = i;
    return refuse_action(&block->table, choices[i], error);
  }
  for (int32_t i = 0; i < block->n; i++) {
    const struct tabular_outcome *outcome = draw_outcome(&block->table, block->state[i], choices[i], randoms[i]);
    block->state[i] = outcome->next;
    memcpy((char *)result->observation + (size_t)i * result->observation_stride, &outcome->next, sizeof outcome->next);
    *(float *)((char *)result->reward + (size_t)i * result->reward_stride) = (float)outcome->reward;
    result->terminated[i] = outcome->terminated;
  }
  return 0;
}

/* ---- state ---- */

void tabular_block_save_state(const void *self, int32_t row, void *bytes) {
  memcpy(bytes, &((const struct tabular_block *)self)->state[row], sizeof(int32_t));
}

int tabular_block_load_state(void *self, int32_t row, const void *bytes, muster_env_error *error) {
  struct tabular_block *block = self;
  int32_t state;
  memcpy(&state, bytes, sizeof state);
  if (state < 0 || state >= block->table.states)
    return muster_env_fail(error, "state %d is not in 0 to %d", (int)state, (int)block->table.states - 1);
  block->state[row] = state;
  return 0;
}

void tabular_save_state(const void *self, void *bytes) { tabular_block_save_state(self, 0, bytes); }

int tabular_load_state(void *self, const void *bytes, muster_env_error *error) {
  return tabular_block_load_state(self, 0, bytes, error);
}
