/* The fields of a step, in one table. All code that stores, sends or copies experience goes through this table:
 * trajectories and their parts, messages between ranks, minibatches, replays, checkpoints and crash dumps. So a new
 * field is one line here, and the code that writes or reads it uses trajectory->NAME. */
#ifndef EXPERIENCE_FIELDS_H
#define EXPERIENCE_FIELDS_H

#include "muster/env.h"
#include "store/checkpoint.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Which rows a field has: one for each agent, row = environment * agents + agent; or one for each environment, row =
 * environment. */
enum field_rows { FIELD_OF_AGENT, FIELD_OF_ENV };

/* How many entries a row has in a rollout of T steps. */
enum field_steps {
  FIELD_EACH,          /* T */
  FIELD_EACH_AND_NEXT, /* T + 1: the last one is where the next rollout starts */
  FIELD_ONCE           /* 1 */
};

/* What a field is for, in bits. */
enum field_uses {
  FIELD_LEARNED = 1, /* losses read it: it is in minibatches */
  FIELD_OUTCOME = 2, /* a result of the actions: also actors that learn themselves send it to the learner */
  FIELD_REPLAYED = 4 /* a replay keeps it (experience/replay.h) */
};

/* The fields of a step, in the order of memory, messages and files. Each line has:
 *   - the type of trajectory->NAME, NAME, and its name in texts;
 *   - an entry, what one row keeps of one step: OF_SPACE(&space), NUMBER(type), or NUMBERS(type, count); with a count
 *     of 0, a run with this `env` (muster_env_spec) has no such field;
 *   - its rows (enum field_rows), and at which steps these have entries (enum field_steps);
 *   - what it is for (enum field_uses);
 *   - the range of its elements in a checkpoint (store/checkpoint.h); RANGE_NONE: checkpoints do not keep it. */
#define STEP_FIELDS(FIELD)                                                                                             \
  FIELD(void, observation, "observation", OF_SPACE(&env->observation), AGENT, EACH_AND_NEXT,                           \
        FIELD_LEARNED | FIELD_REPLAYED, RANGE_ANY)                                                                     \
  FIELD(uint8_t, mask, "action mask", NUMBERS(U8, choices(env)), AGENT, EACH_AND_NEXT, FIELD_LEARNED | FIELD_REPLAYED, \
        RANGE_ANY)                                                                                                     \
  FIELD(void, action, "action", OF_SPACE(&env->action), AGENT, EACH, FIELD_LEARNED | FIELD_REPLAYED, RANGE_ANY)        \
  FIELD(float, log_prob, "log-probability", NUMBER(F32), AGENT, EACH, FIELD_LEARNED, RANGE_FINITE)                     \
  FIELD(float, reward, "reward", NUMBER(F32), AGENT, EACH, FIELD_OUTCOME | FIELD_REPLAYED, RANGE_FINITE)               \
  FIELD(uint8_t, ended, "end of an episode", NUMBER(U8), ENV, EACH, FIELD_OUTCOME | FIELD_REPLAYED, RANGE(0, 3))       \
  FIELD(int32_t, length, "length", NUMBER(I32), AGENT, ONCE, FIELD_OUTCOME, RANGE(1, (double)n_steps))                 \
  FIELD(int32_t, restarts, "restarts", NUMBER(I32), ENV, ONCE, FIELD_OUTCOME, RANGE_NONE)

/* The fields of a true last observation of a truncated episode (struct final_observations); the observation comes last.
 * `environment` has no range here: only the code that reads it from a file knows which there can be. */
#define FINAL_FIELDS(FIELD)                                                                                            \
  FIELD(int32_t, environment, "final environment", NUMBER(I32), ENV, ONCE, 0, RANGE_NONE)                              \
  FIELD(int32_t, step, "final step", NUMBER(I32), ENV, ONCE, 0, RANGE(0, (double)n_steps - 1))                         \
  FIELD(uint8_t, mask, "final action mask", NUMBERS(U8, choices(env)), AGENT, ONCE, 0, RANGE_ANY)                      \
  FIELD(void, observation, "final observation", OF_SPACE(&env->observation), AGENT, ONCE, 0, RANGE_ANY)

/* Macros that turn the lines of such a table into members of a struct, into elements of an array of struct field, and
 * into their number. */
#define FIELD_MEMBER(c_type, id, ...) c_type *id;
#define FIELD_LINE(c_type, id, text, entry, of, at, for_uses, within)                                                  \
  {.name = #id,                                                                                                        \
   .what = (text),                                                                                                     \
   FIELD_##entry,                                                                                                      \
   .rows = FIELD_OF_##of,                                                                                              \
   .steps = FIELD_##at,                                                                                                \
   .uses = (for_uses),                                                                                                 \
   .range = within},
#define FIELD_COUNT_ONE(...) +1
#define FIELD_OF_SPACE(of) .type = field_space_type(of), .elements = muster_space_elements(of), .space = (of)
#define FIELD_NUMBER(of) .type = TENSOR_##of, .elements = 1, .is_number = true
#define FIELD_NUMBERS(of, count) .type = TENSOR_##of, .elements = (count)

enum { STEP_FIELD_COUNT = STEP_FIELDS(FIELD_COUNT_ONE), FINAL_FIELD_COUNT = FINAL_FIELDS(FIELD_COUNT_ONE) };

/* A line of the table, as it is in one run. */
struct field {
  const char *name, *what; /* "log_prob", "log-probability" */
  enum tensor_type type;
  size_t elements, bytes;    /* of an entry; 0: this run has no such field */
  bool is_number;            /* an entry is one number, not a vector of `elements` */
  const muster_space *space; /* the space that entries are values of; borrowed from the spec; NULL: none */
  enum field_rows rows;
  enum field_steps steps;
  int uses; /* enum field_uses */
  struct tensor_range range;
};

/* Copies lines to `fields`, and computes how many bytes their entries take. */
void fields_resolve(const struct field *lines, int count, struct field *fields);
enum tensor_type field_space_type(const muster_space *space);

/* Lists the fields of a run with these environments and rollouts of n_steps steps. Borrows the spec. */
void step_fields_list(const muster_env_spec *env, size_t n_steps, struct field fields[STEP_FIELD_COUNT]);
void final_fields_list(const muster_env_spec *env, size_t n_steps, struct field fields[FINAL_FIELD_COUNT]);

/* How many entries a row has in a rollout of n_steps steps. */
static inline size_t field_entries(const struct field *field, size_t n_steps) {
  return field->steps == FIELD_ONCE ? 1 : n_steps + (field->steps == FIELD_EACH_AND_NEXT);
}

/* How many rows n_envs environments have. */
static inline size_t field_row_count(const struct field *field, size_t n_envs, size_t agents) {
  return field->rows == FIELD_OF_AGENT ? n_envs * agents : n_envs;
}

/* field_tensor(): an array of a field as a tensor (name and array are borrowed), with the dimensions [rows], [entries
 * of a row] unless it is FIELD_ONCE, [elements of an entry] unless it is a number. field_row_tensor(): the same with at
 * most two dimensions, [rows], [elements of a row], and of type uint8 where its entries are values of a space. */
struct tensor field_tensor(const struct field *field, const char *name, void *array, size_t rows, size_t n_steps);
struct tensor field_row_tensor(const struct field *field, const struct tensor *tensor);

#endif
