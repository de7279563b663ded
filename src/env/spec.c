#include "env/spec.h"

#include "base/memory.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- the table ---- */

struct member {
  const char *name;
  bool is_given;
};

/* the first of n members that is NULL; NULL: none of them is. `given`: how many are not NULL */
static const char *first_missing(const struct member *members, size_t n, size_t *given) {
  const char *missing = NULL;
  *given = 0;
  for (size_t i = 0; i < n; i++) {
    *given += members[i].is_given;
    if (!members[i].is_given && missing == NULL) missing = members[i].name;
  }
  return missing;
}

bool env_type_sets_options(const muster_env_type *type) {
  return type->block_create != NULL ? type->block_set_option != NULL : type->set_option != NULL;
}

#define MEMBER(name)                                                                                                   \
  { #name, type->name != NULL }

muster_status env_type_check(const muster_env_type *type) {
  if (type->abi != MUSTER_ENV_ABI)
    return status_error(MUSTER_ERROR_ENVIRONMENT,
                        "the table's abi is %u, this muster has %d: set it to MUSTER_ENV_ABI and rebuild it",
                        (unsigned)type->abi, MUSTER_ENV_ABI);
  const struct member required[] = {MEMBER(create), MEMBER(destroy), MEMBER(describe), MEMBER(reset), MEMBER(step)};
  const struct member state[] = {MEMBER(save_state), MEMBER(load_state)};
  const struct member block[] = {MEMBER(block_create),    MEMBER(block_destroy), MEMBER(block_describe),
                                 MEMBER(block_reset),     MEMBER(block_step),    MEMBER(block_save_state),
                                 MEMBER(block_load_state)};
  size_t given;
  const char *missing = first_missing(required, 5, &given);
  if (missing != NULL)
    return status_error(MUSTER_ERROR_ENVIRONMENT,
                        "the table lacks %s: create, destroy, describe, reset and step are required", missing);
  missing = first_missing(state, 2, &given);
  if (missing != NULL && given > 0)
    return status_error(MUSTER_ERROR_ENVIRONMENT, "the table lacks %s: give both save_state and load_state, or none",
                        missing);
  missing = first_missing(block, 7, &given);
  if (missing != NULL && given > 0)
    return status_error(MUSTER_ERROR_ENVIRONMENT,
                        "the table lacks %s, and has %zu of the 7 block functions: give all or none", missing, given);
  return MUSTER_OK;
}

muster_status env_handle_check(const char *function, const void *handle) {
  if (handle != NULL) return MUSTER_OK;
  return status_error(MUSTER_ERROR_ENVIRONMENT,
                      "%s returned 0, but no environment: where it fails, return muster_env_fail(error, ...)",
                      function);
}

/* ---- spaces ---- */

static bool is_counted(const muster_space *space) {
  return space->kind == MUSTER_SPACE_DISCRETE || space->kind == MUSTER_SPACE_MULTI_DISCRETE;
}

/* "[64, 64, 3]" */
static void format_shape(const muster_space *space, char *text, size_t size) {
  int used = snprintf(text, size, "[");
  for (int32_t i = 0; i < space->rank; i++)
    used += snprintf(text + used, size - (size_t)used, "%s%d", i > 0 ? ", " : "", (int)space->shape[i]);
  snprintf(text + used, size - (size_t)used, "]");
}

/* checks kind and dimensions; after this muster_space_elements() and muster_space_bytes() can be used */
static muster_status check_shape(const char *what, const muster_space *space) {
  if (space->kind < MUSTER_SPACE_BOX || space->kind > MUSTER_SPACE_MULTI_DISCRETE)
    return status_error(MUSTER_ERROR_ENVIRONMENT, "the %s space is of an unknown kind, %d: describe() must fill it in",
                        what, (int)space->kind);
  if (space->rank < 0 || space->rank > MUSTER_SPACE_MAX_RANK)
    return status_error(MUSTER_ERROR_ENVIRONMENT, "the %s space has %d dimensions: expects 0 to %d", what,
                        (int)space->rank, MUSTER_SPACE_MAX_RANK);
  if (space->kind == MUSTER_SPACE_DISCRETE && space->rank != 0)
    return status_error(MUSTER_ERROR_ENVIRONMENT,
                        "the %s space is Discrete and has rank %d: expects 0 (use MultiDiscrete for several)", what,
                        (int)space->rank);
  int64_t elements = 1;
  for (int32_t i = 0; i < space->rank; i++) {
    if (space->shape[i] < 1)
      return status_error(MUSTER_ERROR_ENVIRONMENT, "dimension %d of the %s space has %d elements: expects at least 1",
                          (int)i, what, (int)space->shape[i]);
    elements *= space->shape[i];
    if (elements <= INT32_MAX) continue;
    char shape[80];
    format_shape(space, shape, sizeof shape);
    return status_error(MUSTER_ERROR_ENVIRONMENT, "the shape %s of the %s space has more than %d elements in all",
                        shape, what, INT32_MAX);
  }
  return MUSTER_OK;
}

static muster_status check_bounds(const char *what, const muster_space *space) {
  for (size_t i = 0; i < muster_space_elements(space); i++) {
    double low = space->low != NULL ? (double)space->low[i] : -INFINITY;
    double high = space->high != NULL ? (double)space->high[i] : INFINITY;
    if (!(low <= high))
      return status_error(MUSTER_ERROR_ENVIRONMENT,
                          "the bounds of element %zu of the %s space are %g and %g: expects low <= high", i, what, low,
                          high);
  }
  return MUSTER_OK;
}

/* adds up the choices, too */
static muster_status check_counts(const char *what, const muster_space *space, double *sum) {
  if (space->counts == NULL)
    return status_error(MUSTER_ERROR_ENVIRONMENT, "the %s space is discrete and has no `counts`", what);
  int64_t choices = 0;
  for (size_t i = 0; i < muster_space_elements(space); i++) {
    if (space->counts[i] < 1)
      return status_error(MUSTER_ERROR_ENVIRONMENT, "element %zu of the %s space has %d choices: expects at least 1", i,
                          what, (int)space->counts[i]);
    choices += space->counts[i];
  }
  *sum = (double)choices;
  if (choices > INT32_MAX)
    return status_error(MUSTER_ERROR_ENVIRONMENT, "the %s space has %lld choices in all: expects at most %d", what,
                        (long long)choices, INT32_MAX);
  return MUSTER_OK;
}

/* checks the arrays of a space whose shape is valid */
static muster_status check_arrays(const char *what, const muster_space *space, double *choices) {
  if (is_counted(space)) return check_counts(what, space, choices);
  bool bounded = space->kind == MUSTER_SPACE_BOX && (space->low != NULL || space->high != NULL);
  return bounded ? check_bounds(what, space) : MUSTER_OK;
}

/* ---- the description ---- */

/* How many copies are kept at least of what an environment hands back (in its pool, in the rollouts of actor and
 * learner, in evaluations; or in the traces that check-env compares), and of its state (by the learner, and in a
 * checkpoint while it is written). */
#define RESULT_COPIES 10
#define STATE_COPIES 3

/* bytes for one environment, in floating point, so that no product overflows; `choices`: of one agent's mask */
static muster_status check_sizes(const muster_env_spec *spec, double choices) {
  double agents = spec->agents, masks = agents * choices, state = (double)spec->state_bytes;
  double seen = agents * (double)muster_space_bytes(&spec->observation);
  double done = agents * (double)muster_space_bytes(&spec->action), memory = memory_total();
  double needed = RESULT_COPIES * (seen + done + masks) + STATE_COPIES * state;
  if (needed <= memory) return MUSTER_OK;
  char shape[80];
  format_shape(&spec->observation, shape, sizeof shape);
  return status_error(
      MUSTER_ERROR_ENVIRONMENT,
      "too large: observations %s of %d agent%s take %.3g GB, actions %.3g, masks %.3g, the state %.3g; "
      "with all copies at least %.3g GB are needed, and this machine has %.3g",
      shape, (int)spec->agents, spec->agents > 1 ? "s" : "", 1e-9 * seen, 1e-9 * done, 1e-9 * masks, 1e-9 * state,
      1e-9 * needed, 1e-9 * memory);
}

muster_status env_spec_check(const muster_env_type *type, const muster_env_spec *spec) {
  MUSTER_TRY(check_shape("observation", &spec->observation));
  MUSTER_TRY(check_shape("action", &spec->action));
  if (spec->agents < 1)
    return status_error(MUSTER_ERROR_ENVIRONMENT, "describe() gives %d agents: set spec->agents, 1 for most",
                        (int)spec->agents);
  if (spec->max_steps < 0)
    return status_error(MUSTER_ERROR_ENVIRONMENT, "max_steps is %d: expects the limit, or 0 for none",
                        (int)spec->max_steps);
  if (spec->masks_actions && !is_counted(&spec->action))
    return status_error(MUSTER_ERROR_ENVIRONMENT,
                        "it masks actions that are not discrete: only Discrete and MultiDiscrete can be masked");
  if (spec->state_bytes > 0 && type->save_state == NULL && type->block_save_state == NULL)
    return status_error(MUSTER_ERROR_ENVIRONMENT,
                        "state_bytes is %zu, but there is no save_state: set it to 0 or write the function",
                        spec->state_bytes);
  MUSTER_TRY(check_sizes(spec, 0));
  double choices = 0;
  MUSTER_TRY(check_arrays("observation", &spec->observation, &choices));
  MUSTER_TRY(check_arrays("action", &spec->action, &choices));
  return check_sizes(spec, spec->masks_actions ? choices : 0);
}

/* ---- errors ---- */

const char *env_error_text(muster_env_error *error) {
  error->text[sizeof error->text - 1] = '\0';
  if (error->text[strspn(error->text, " \t\r\n")] == '\0') muster_env_fail(error, "%s", "");
  return error->text;
}
