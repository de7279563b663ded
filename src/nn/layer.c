#include "nn/layer.h"

#include "base/nearest.h"
#include "base/registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIST(type) &type,
static const struct layer_type *const layers[] = {LAYERS(LIST) NULL};

const struct layer_type *const *layer_list(void) { return layers; }

const char *layer_lacks(const struct layer_type *type) {
  if (type->name == NULL) return "name";
  if (type->summary == NULL) return "summary";
  if (type->example == NULL) return "example";
  if (type->shape == NULL) return "shape";
  if (type->forward == NULL) return "forward";
  if (type->backward == NULL) return "backward";
  /* a layer with parameters both adds and initializes them; one without does neither */
  bool has_parameters = type->add_parameters != NULL || type->initialize != NULL || type->pack != NULL;
  if (has_parameters && type->add_parameters == NULL) return "add_parameters";
  return has_parameters && type->initialize == NULL ? "initialize" : NULL;
}

static muster_status check_whole(const struct layer_type *type) {
  return registry_check_entry("layer", type->name, layer_lacks(type));
}

muster_status layer_check_list(const struct layer_type *const *list) {
  for (; *list != NULL; list++) MUSTER_TRY(check_whole(*list));
  return MUSTER_OK;
}

/* ---- reading "dense 64" ---- */

int layer_format_usage(const struct layer_type *type, char *text, size_t size) {
  int length = snprintf(text, size, "%s", type->name);
  for (int i = 0; i < LAYER_MAX_ARGUMENTS && type->argument[i].name != NULL; i++) {
    const char *form = type->argument[i].otherwise != 0 ? " [%s]" : " %s";
    bool fits = (size_t)length < size;
    length += snprintf(fits ? text + length : NULL, fits ? size - (size_t)length : 0, form, type->argument[i].name);
  }
  return length;
}

/* "dense WIDTH, WIDTH from 1 to 65536" */
static muster_status expects(const struct layer_type *type) {
  char usage[256], ranges[256] = "";
  size_t length = 0;
  layer_format_usage(type, usage, sizeof usage);
  for (int i = 0; i < LAYER_MAX_ARGUMENTS && type->argument[i].name != NULL; i++) {
    const struct layer_argument *argument = &type->argument[i];
    length += (size_t)snprintf(ranges + length, sizeof ranges - length, ", %s from %.15g to %.15g", argument->name,
                               argument->min, argument->max);
  }
  return status_error(MUSTER_ERROR_USAGE, "expects %s%s", usage, ranges);
}

static muster_status find_type(const char *name, const struct layer_type **out) {
  struct nearest nearest = nearest_start(name);
  for (const struct layer_type *const *type = layers; *type != NULL; type++) {
    if (strcmp((*type)->name, name) == 0) {
      *out = *type;
      return check_whole(*type);
    }
    nearest_offer(&nearest, (*type)->name);
  }
  return status_error(MUSTER_ERROR_USAGE, "expects a layer such as dense 64 or tanh: %s",
                      nearest_advise(&nearest).text);
}

/* reads the word at *text and moves *text behind it; false where no word is left */
static bool read_word(const char **text, char *word, size_t size) {
  const char *start = *text + strspn(*text, " ");
  size_t length = strcspn(start, " ");
  snprintf(word, size, "%.*s", (int)length, start);
  *text = start + length;
  return length > 0;
}

static bool read_argument(const struct layer_argument *argument, const char *word, double *out) {
  char *end;
  if (strspn(word, argument->is_fraction ? "0123456789.eE-" : "0123456789") != strlen(word)) return false;
  *out = strtod(word, &end);
  return end != word && *end == '\0' && *out >= argument->min && *out <= argument->max;
}

muster_status layer_spec_parse(const char *text, struct layer_spec *out) {
  struct layer_spec spec = {0};
  char word[64];
  read_word(&text, word, sizeof word);
  MUSTER_TRY(find_type(word, &spec.type));
  for (int i = 0; i < LAYER_MAX_ARGUMENTS && spec.type->argument[i].name != NULL; i++) {
    const struct layer_argument *argument = &spec.type->argument[i];
    spec.argument[i] = argument->otherwise;
    bool given = read_word(&text, word, sizeof word);
    if (!given && argument->otherwise == 0) return expects(spec.type);
    if (given && !read_argument(argument, word, &spec.argument[i])) return expects(spec.type);
  }
  if (read_word(&text, word, sizeof word)) return expects(spec.type);
  *out = spec;
  return MUSTER_OK;
}

muster_status layer_check(const char *text) {
  struct layer_spec spec;
  return layer_spec_parse(text, &spec);
}
