#include "setup/hyperparameters.h"

#include "config/text.h"

#include <assert.h>
#include <string.h>

struct collection {
  struct hyperparameter *list;
  size_t n;
};

static void add(struct collection *collection, enum hyperparameter_kind kind, const char *name, double number,
                const char *text) {
  assert(collection->n < HYPERPARAMETERS_MAX);
  struct hyperparameter *next = &collection->list[collection->n++];
  *next = (struct hyperparameter){.kind = kind, .number = number};
  snprintf(next->name, sizeof next->name, "%s", name);
  snprintf(next->text, sizeof next->text, "%s", text);
}

/* a text that reads as a number is listed as one */
static void add_value(struct collection *collection, const char *name, const char *text) {
  double number;
  if (text_to_number(text, &number))
    add(collection, HYPERPARAMETER_NUMBER, name, number, "");
  else if (strcmp(text, "null") != 0)
    add(collection, HYPERPARAMETER_TEXT, name, 0, text);
}

static void add_map(struct collection *collection, const char *name, const struct option_map *map) {
  for (int32_t i = 0; i < map->count; i++) {
    char key[TEXT_KEY_SIZE + sizeof map->keys[i]];
    snprintf(key, sizeof key, "%s.%s", name, map->keys[i]);
    add_value(collection, key, map->values[i]);
  }
}

static void add_option(struct collection *collection, const char *name, const struct option_spec *option,
                       const void *object) {
  const void *field = (const char *)object + option->offset;
  char text[sizeof collection->list->text];
  switch (option->type) {
  case OPTION_BOOL: add(collection, HYPERPARAMETER_BOOL, name, *(const bool *)field, ""); break;
  case OPTION_STRING: add(collection, HYPERPARAMETER_TEXT, name, 0, field); break;
  case OPTION_CHOICE: add(collection, HYPERPARAMETER_TEXT, name, 0, option->choices[*(const int *)field]); break;
  case OPTION_MAP: add_map(collection, name, field); break;
  default: option_format(option, object, text, sizeof text); add_value(collection, name, text);
  }
}

static void add_table(const struct option_table *table, const void *object, bool decides, void *context) {
  for (const struct option_spec *option = table->options; decides && option->key != NULL; option++) {
    char name[TEXT_KEY_SIZE];
    option_full_key(table, option, name, sizeof name);
    add_option(context, name, option, object);
  }
}

size_t hyperparameters_list(const struct run_config *config, struct hyperparameter *list) {
  struct collection collection = {.list = list};
  run_config_visit(config, add_table, &collection);
  return collection.n;
}
