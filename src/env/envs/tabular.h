/* Environments with finitely many states, given by a table of transitions: the code that Gymnasium's toy-text
 * environments share here. An environment fills in the table when it is created; a step draws from the table's outcomes
 * of (state, action). The observation is the state's number. */
#ifndef ENV_ENVS_TABULAR_H
#define ENV_ENVS_TABULAR_H

#include "muster/env.h"

/* One possible outcome of an action. */
struct tabular_outcome {
  double probability; /* 0: there is no such outcome */
  double reward;
  int32_t next;
  bool terminated;
};

struct tabular {
  int32_t states, actions, outcomes; /* `outcomes`: the largest number for any action */
  struct tabular_outcome *table;     /* [states, actions, outcomes]; unused outcomes come last */
  int32_t *starts;                   /* [start_count] states in which episodes start, all equally likely */
  int32_t start_count;
  int32_t max_steps;
  double reward_threshold; /* NAN: none */
};

/* Fills a zeroed table from the settings, with tabular_allocate() and tabular_add(); 0, or 1 with a text. */
typedef int tabular_build(const muster_env_setting *settings, struct tabular *table, muster_env_error *error);

/* For tabular_build(): takes zeroed memory for a table of these sizes, and for up to `states` starts. */
int tabular_allocate(struct tabular *table, int32_t states, int32_t actions, int32_t outcomes, muster_env_error *error);
/* For tabular_build(): adds an outcome to (state, action). */
void tabular_add(struct tabular *table, int32_t state, int32_t action, const struct tabular_outcome *outcome);

/* The outcomes of (state, action): [outcomes]. */
static inline const struct tabular_outcome *tabular_row(const struct tabular *table, int32_t state, int32_t action) {
  return table->table + ((size_t)state * (size_t)table->actions + (size_t)action) * (size_t)table->outcomes;
}

/* n environments that share one table; a single environment is a block of one. */
struct tabular_block {
  struct tabular table;
  int32_t n;
  int32_t *state; /* [n] */
};

/* The letter of an action in a text: marks[action], or '.' where it is -1. */
static inline char tabular_mark(const char *marks, int32_t action) { return action >= 0 ? marks[action] : '.'; }

/* The functions for single environments and for blocks, except those that create; the environment's own create() and
 * block_create() call tabular_create(). */
int tabular_create(tabular_build *build, const muster_env_setting *settings, int32_t n, void **out,
                   muster_env_error *error);
void tabular_destroy(void *self); /* does nothing with NULL */
void tabular_describe(const void *self, muster_env_spec *spec);
int tabular_reset(void *self, muster_random *random, muster_env_result *result, muster_env_error *error);
int tabular_step(void *self, const void *action, muster_random *random, muster_env_result *result,
                 muster_env_error *error);
void tabular_save_state(const void *self, void *bytes);
int tabular_load_state(void *self, const void *bytes, muster_env_error *error);
int tabular_block_reset(void *self, int32_t row, muster_random *random, muster_env_result *result,
                        muster_env_error *error);
int tabular_block_step(void *self, const void *actions, muster_random *const *randoms, muster_env_block_result *result,
                       muster_env_error *error);
void tabular_block_save_state(const void *self, int32_t row, void *bytes);
int tabular_block_load_state(void *self, int32_t row, const void *bytes, muster_env_error *error);

/* These functions as members of a muster_env_type. */
#define TABULAR_FUNCTIONS                                                                                              \
  .destroy = tabular_destroy, .describe = tabular_describe, .reset = tabular_reset, .step = tabular_step,              \
  .save_state = tabular_save_state, .load_state = tabular_load_state, .block_destroy = tabular_destroy,                \
  .block_describe = tabular_describe, .block_reset = tabular_block_reset, .block_step = tabular_block_step,            \
  .block_save_state = tabular_block_save_state, .block_load_state = tabular_block_load_state

#endif
