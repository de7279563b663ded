/* Checks of the table, the description and the options. */
#include "env/conformance_checks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- the table ---- */

static void check_functions(struct examination *examination, const muster_env_type *type) {
  if (type->abi != MUSTER_ENV_ABI)
    examination_fail(examination, "the table's abi is %u, this muster has %d: set it to MUSTER_ENV_ABI and build again",
                     (unsigned)type->abi, MUSTER_ENV_ABI);
  if (type->create == NULL || type->destroy == NULL || type->describe == NULL || type->reset == NULL ||
      type->step == NULL)
    examination_fail(examination, "the table lacks one of create, destroy, describe, reset and step");
  if ((type->save_state == NULL) != (type->load_state == NULL))
    examination_fail(examination, "the table has one of save_state and load_state: give both or none");
  int given = (type->block_create != NULL) + (type->block_destroy != NULL) + (type->block_describe != NULL) +
              (type->block_reset != NULL) + (type->block_step != NULL) + (type->block_save_state != NULL) +
              (type->block_load_state != NULL);
  if (given != 0 && given != 7)
    examination_fail(examination, "the table has %d of the 7 block functions: give all or none", given);
}

static void check_option_table(struct examination *examination, const muster_env_type *type) {
  for (const muster_env_option *option = type->options; option != NULL && option->key != NULL; option++) {
    if (option->default_value == NULL)
      examination_fail(examination, "option %s has no default_value: give the text of its default, or \"\"",
                       option->key);
    if (option->help == NULL || option->help[0] == '\0')
      examination_find(examination, CONFORMANCE_NOTE, "option %s has no help: say what it means, with its unit",
                       option->key);
    for (const muster_env_option *other = type->options; other != option; other++)
      if (strcmp(option->key, other->key) == 0) examination_fail(examination, "option %s is listed twice", option->key);
  }
}

/* ---- the description ---- */

static void check_bounds(struct examination *examination, const char *what, const muster_space *space) {
  if (space->kind != MUSTER_SPACE_BOX) return;
  if ((space->low == NULL) != (space->high == NULL))
    examination_find(examination, CONFORMANCE_NOTE,
                     "the %s space has bounds on one side only; -INFINITY and INFINITY are bounds, too", what);
  for (size_t i = 0; i < muster_space_elements(space); i++) {
    double low = space->low != NULL ? space->low[i] : -INFINITY, high = space->high != NULL ? space->high[i] : INFINITY;
    if (isnan(low) || isnan(high) || low > high)
      examination_fail(examination, "the bounds of element %zu of the %s space are %g and %g: expects low <= high", i,
                       what, low, high);
  }
}

static void check_space(struct examination *examination, const char *what, const muster_space *space) {
  if (space->kind < MUSTER_SPACE_BOX || space->kind > MUSTER_SPACE_MULTI_DISCRETE)
    examination_fail(examination, "the %s space is of an unknown kind, %d: describe() must fill it in", what,
                     (int)space->kind);
  if (space->rank < 0 || space->rank > MUSTER_SPACE_MAX_RANK)
    examination_fail(examination, "the %s space has %d dimensions: expects 0 to %d", what, (int)space->rank,
                     MUSTER_SPACE_MAX_RANK);
  if (space->kind == MUSTER_SPACE_DISCRETE && space->rank != 0)
    examination_fail(examination, "the %s space is Discrete and has rank %d: expects 0 (use MultiDiscrete for several)",
                     what, (int)space->rank);
  for (int32_t i = 0; i < space->rank; i++)
    if (space->shape[i] < 1)
      examination_fail(examination, "dimension %d of the %s space has %d elements", (int)i, what, (int)space->shape[i]);
  check_bounds(examination, what, space);
  if (space->kind != MUSTER_SPACE_DISCRETE && space->kind != MUSTER_SPACE_MULTI_DISCRETE) return;
  if (space->counts == NULL) examination_fail(examination, "the %s space is discrete and has no `counts`", what);
  for (size_t i = 0; i < muster_space_elements(space); i++)
    if (space->counts[i] < 1)
      examination_fail(examination, "element %zu of the %s space has %d choices: expects at least 1", i, what,
                       (int)space->counts[i]);
}

static bool same_space(const muster_space *a, const muster_space *b) {
  if (a->kind != b->kind || a->rank != b->rank) return false;
  for (int32_t i = 0; i < a->rank; i++)
    if (a->shape[i] != b->shape[i]) return false;
  size_t n = muster_space_elements(a);
  bool counted = a->kind == MUSTER_SPACE_DISCRETE || a->kind == MUSTER_SPACE_MULTI_DISCRETE;
  if (counted) return memcmp(a->counts, b->counts, n * sizeof *a->counts) == 0;
  if ((a->low == NULL) != (b->low == NULL) || (a->high == NULL) != (b->high == NULL)) return false;
  if (a->low != NULL && memcmp(a->low, b->low, n * sizeof *a->low) != 0) return false;
  return a->high == NULL || memcmp(a->high, b->high, n * sizeof *a->high) == 0;
}

static bool same_spec(const muster_env_spec *a, const muster_env_spec *b) {
  return same_space(&a->observation, &b->observation) && same_space(&a->action, &b->action) && a->agents == b->agents &&
         a->max_steps == b->max_steps && a->masks_actions == b->masks_actions && a->state_bytes == b->state_bytes;
}

static void check_spec(struct subject *subject) {
  struct examination *examination = subject->examination;
  const muster_env_spec *spec = &subject->spec;
  check_space(examination, "observation", &spec->observation);
  check_space(examination, "action", &spec->action);
  if (spec->agents < 1)
    examination_fail(examination, "describe() gives %d agents: set spec->agents, 1 for most", (int)spec->agents);
  if (spec->max_steps < 0)
    examination_fail(examination, "max_steps is %d: expects the limit, or 0 for none", (int)spec->max_steps);
  bool discrete = spec->action.kind == MUSTER_SPACE_DISCRETE || spec->action.kind == MUSTER_SPACE_MULTI_DISCRETE;
  if (spec->masks_actions && !discrete)
    examination_fail(examination, "it masks actions, but its action space is a Box: only choices can be masked");
  if (spec->state_bytes > 0 && subject->type->save_state == NULL)
    examination_fail(examination, "state_bytes is %zu, but there is no save_state: set it to 0 or write the function",
                     spec->state_bytes);
  if (spec->state_bytes == 0 && subject->type->save_state != NULL)
    examination_find(examination, CONFORMANCE_NOTE,
                     "there is a save_state, but describe() gives no state_bytes, so that it is never called");
}

/* a second environment, and a block, are described alike */
static void check_repetition(struct subject *subject) {
  struct examination *examination = subject->examination;
  struct subject other = *subject;
  subject_open(&other);
  if (!same_spec(&subject->spec, &other.spec))
    examination_fail(examination, "describe() says something else for a second environment with the same options");
  subject->type->destroy(other.witness);
  if (subject->type->block_create == NULL) return;
  void *block = NULL;
  muster_env_error error = {""};
  examination->call = "block_create()";
  if (subject->type->block_create(subject->settings, 3, &block, &error) != 0)
    examination_fail(examination, "block_create() of 3 environments failed: \"%s\"", error.text);
  examination->call = "block_describe()";
  other.spec = (muster_env_spec){.struct_size = sizeof other.spec};
  subject->type->block_describe(block, &other.spec);
  if (!same_spec(&subject->spec, &other.spec))
    examination_fail(examination, "block_describe() says something else than describe()");
  examination->call = "block_destroy()";
  subject->type->block_destroy(block);
}

void check_description(struct subject *subject) {
  struct examination *examination = subject->examination;
  const muster_env_type *type = subject->type;
  check_functions(examination, type);
  check_option_table(examination, type);
  subject_open(subject);
  check_spec(subject);
  check_repetition(subject);
  examination_find(examination, CONFORMANCE_PASS,
                   "%zu elements of observation, %zu of action, %d agent%s, limit of %d steps, %zu bytes of state",
                   subject->observation_elements, subject->action_elements, (int)subject->spec.agents,
                   subject->spec.agents > 1 ? "s" : "", (int)subject->spec.max_steps, subject->spec.state_bytes);
}

/* ---- options ---- */

static bool is_number(const char *text) {
  char *end;
  strtod(text, &end);
  return end != text && *end == '\0';
}

/* create() with one option changed; returns whether it was refused */
static bool is_refused(struct subject *subject, size_t changed, const char *value) {
  struct examination *examination = subject->examination;
  size_t n = 0;
  while (subject->settings[n].key != NULL) n++;
  muster_env_setting *settings = calloc(n + 1, sizeof *settings);
  if (settings == NULL) examination_fail(examination, "out of memory");
  memcpy(settings, subject->settings, n * sizeof *settings);
  settings[changed].value = value;
  void *env = NULL;
  muster_env_error error = {""};
  examination->call = "create()";
  bool refused = subject->type->create(settings, &env, &error) != 0;
  if (refused && error.text[0] == '\0')
    examination_fail(examination,
                     "create() refuses the option %s = \"%s\" without a text: return muster_env_fail(error, ...)",
                     settings[changed].key, value);
  if (!refused && env == NULL)
    examination_fail(examination, "create() returned 0 for %s = \"%s\", but no environment", settings[changed].key,
                     value);
  if (!refused) subject->type->destroy(env);
  examination->call = NULL;
  free(settings);
  return refused;
}

void check_options(struct subject *subject) {
  struct examination *examination = subject->examination;
  size_t n = 0;
  for (; subject->settings[n].key != NULL; n++) {
    const char *key = subject->settings[n].key;
    if (!is_number(subject->type->options[n].default_value)) {
      is_refused(subject, n, "no such value"); /* may be a text that it takes; it must not crash */
    } else if (!is_refused(subject, n, "no number")) {
      examination_find(examination, CONFORMANCE_NOTE,
                       "option %s takes \"no number\" without complaint, though its default is a number: a misspelt "
                       "value would go unnoticed; check it in create()",
                       key);
    }
  }
  examination_find(examination, CONFORMANCE_PASS, "%zu options", n);
}
