/* Checks of the table, the description and the options. */
#include "base/format.h"
#include "env/conformance_checks.h"
#include "env/spec.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- the table ---- */

static void check_option_table(struct examination *examination, const muster_env_type *type) {
  for (const muster_env_option *option = type->options; option != NULL && option->key != NULL; option++) {
    if (option->help == NULL || option->help[0] == '\0')
      examination_find(examination, CONFORMANCE_NOTE, "option %s has no help: say what it means, with its unit",
                       option->key);
    for (const muster_env_option *other = type->options; other != option; other++)
      if (strcmp(option->key, other->key) == 0) examination_fail(examination, "option %s is listed twice", option->key);
  }
}

/* ---- the description ---- */

static void note_bounds(struct examination *examination, const char *what, const muster_space *space) {
  if (space->kind == MUSTER_SPACE_BOX && (space->low == NULL) != (space->high == NULL))
    examination_find(examination, CONFORMANCE_NOTE,
                     "the %s space has bounds on one side only; -INFINITY and INFINITY are bounds, too", what);
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

/* what a description may say, but probably is a mistake */
static void note_spec(struct subject *subject) {
  struct examination *examination = subject->examination;
  note_bounds(examination, "observation", &subject->spec.observation);
  note_bounds(examination, "action", &subject->spec.action);
  if (subject->spec.action.kind == MUSTER_SPACE_BOX_U8)
    examination_find(examination, CONFORMANCE_NOTE,
                     "no policy of muster has actions that are bytes: make the action space Box, Discrete or "
                     "MultiDiscrete");
  if (subject->spec.state_bytes == 0 && subject->type->save_state != NULL)
    examination_find(examination, CONFORMANCE_NOTE,
                     "there is a save_state, but describe() gives no state_bytes, so that it is never called");
  if (subject->spec.state_bytes > 0 && subject->type->save_state == NULL)
    examination_fail(examination, "there is a block_save_state, but no save_state: write save_state and load_state");
}

/* a second environment, and a block, must have the same description */
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
    examination_fail(examination, "block_create() of 3 environments failed: \"%s\"", env_error_text(&error));
  examination_demand(examination, env_handle_check("block_create()", block));
  examination->call = "block_describe()";
  other.spec = (muster_env_spec){.struct_size = sizeof other.spec};
  subject->type->block_describe(block, &other.spec);
  examination_demand(examination, env_spec_check(subject->type, &other.spec));
  if (!same_spec(&subject->spec, &other.spec))
    examination_fail(examination, "block_describe() says something else than describe()");
  examination->call = "block_destroy()";
  subject->type->block_destroy(block);
}

void check_description(struct subject *subject) {
  struct examination *examination = subject->examination;
  const muster_env_type *type = subject->type;
  examination_demand(examination, env_type_check(type));
  check_option_table(examination, type);
  subject_open(subject);
  note_spec(subject);
  check_repetition(subject);
  examination_find(examination, CONFORMANCE_PASS,
                   "%zu element%s of observation, %zu of action, %d agent%s, limit of %d step%s, %zu byte%s of state",
                   subject->observation_elements, plural((double)subject->observation_elements),
                   subject->action_elements, (int)subject->spec.agents, plural(subject->spec.agents),
                   (int)subject->spec.max_steps, plural(subject->spec.max_steps), subject->spec.state_bytes,
                   plural((double)subject->spec.state_bytes));
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
  if (!refused) examination_demand(examination, env_handle_check("create()", env));
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
      is_refused(subject, n, "no such value"); /* the option may accept any text; create() must not crash */
    } else if (!is_refused(subject, n, "no number")) {
      examination_find(examination, CONFORMANCE_NOTE,
                       "option %s takes \"no number\" without complaint, though its default is a number: a misspelt "
                       "value would go unnoticed; check it in create()",
                       key);
    }
  }
  examination_find(examination, CONFORMANCE_PASS, "%zu options", n);
}
