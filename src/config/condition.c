#include "config/condition.h"

#include <string.h>

#define IS " is "
#define NOT "not "

const struct option_spec *condition_subject(const struct option_table *table, const struct option_spec *option) {
  const char *is = strstr(option->only_when, IS);
  if (is == NULL) return NULL;
  const size_t length = (size_t)(is - option->only_when);
  for (const struct option_spec *other = table->options; other->key != NULL; other++)
    if (strlen(other->key) == length && strncmp(other->key, option->only_when, length) == 0) return other;
  return NULL;
}

/* whether the value is one of a list, "VALUE, VALUE*" */
static bool is_listed(const char *list, const char *value) {
  for (const char *item = list; *item != '\0';) {
    const size_t length = strcspn(item, ",");
    const bool is_beginning = item[length - 1] == '*';
    const size_t compared = is_beginning ? length - 1 : length;
    if (strncmp(item, value, compared) == 0 && (is_beginning || value[compared] == '\0')) return true;
    item += length;
    item += strspn(item, ", ");
  }
  return false;
}

bool condition_holds(const struct option_table *table, const struct option_spec *option, const void *object) {
  const struct option_spec *subject = condition_subject(table, option);
  if (subject == NULL) return true;
  char value[OPTION_TEXT_SIZE];
  option_format(subject, object, value, sizeof value);
  const char *list = strstr(option->only_when, IS) + strlen(IS);
  const bool is_not = strncmp(list, NOT, strlen(NOT)) == 0;
  return is_listed(is_not ? list + strlen(NOT) : list, value) != is_not;
}
