#include "config/option.h"

#include "config/text.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* a double holds every integer up to here */
#define EXACT_INTEGER_MAX 9007199254740992.0
#define INT64_MAX_AS_DOUBLE 9223372036854775808.0

/* the names of types in documents and in messages ("expects ..."), in the order of enum option_type */
static const struct {
  const char *noun, *request;
} type_words[] = {
    [OPTION_INT] = {"integer", "an integer"},
    [OPTION_MAYBE_INT] = {"integer or null", "an integer or null"},
    [OPTION_FLOAT] = {"number", "a number"},
    [OPTION_MAYBE_FLOAT] = {"number or null", "a number or null"},
    [OPTION_BOOL] = {"true or false", "true or false"},
    [OPTION_STRING] = {"text", "text"},
    [OPTION_CHOICE] = {"one of", "one of"},
    [OPTION_INT_LIST] = {"list of integers", "a list of integers such as [64, 64]"},
    [OPTION_TEXT_LIST] = {"list of texts or null", "a list of texts or null"},
    [OPTION_SCHEDULE] = {"number or schedule", "a number or a schedule such as lin_0.1, cos_0.1 or [[0, 0.1], [1, 0]]"},
    [OPTION_MAYBE_SCHEDULE] = {"number, schedule or null",
                               "a number, a schedule such as lin_0.1, cos_0.1 or [[0, 0.1], [1, 0]], or null"},
    [OPTION_DURATION] = {"duration or null", "a duration such as 90s, 15m or 23h45m, or null"},
    [OPTION_MAP] = {"keys with values", "keys with values such as {gravity: 9.8}"},
};

static const struct {
  char name;
  int64_t seconds;
} duration_units[] = {{'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}};
enum { DURATION_UNITS = sizeof duration_units / sizeof duration_units[0] };

void option_full_key(const struct option_table *table, const struct option_spec *option, char *key, size_t size) {
  snprintf(key, size, "%s%s%s", table->section, table->section[0] != '\0' ? "." : "", option->key);
}

static bool is_schedule(enum option_type type) { return type == OPTION_SCHEDULE || type == OPTION_MAYBE_SCHEDULE; }

static bool has_range(enum option_type type) {
  return type != OPTION_BOOL && type != OPTION_STRING && type != OPTION_TEXT_LIST && type != OPTION_CHOICE &&
         type != OPTION_MAP;
}

static void write_choices(struct text_sink *sink, const struct option_spec *option) {
  for (size_t i = 0; option->choices[i] != NULL; i++) text_print(sink, "%s %s", i > 0 ? "," : "", option->choices[i]);
}

void option_describe_type(const struct option_spec *option, char *text, size_t size) {
  struct text_sink sink = text_sink_start(text, size);
  text_print(&sink, "%s", type_words[option->type].noun);
  if (option->type == OPTION_CHOICE) write_choices(&sink, option);
}

void option_describe_range(const struct option_spec *option, char *text, size_t size) {
  struct text_sink sink = text_sink_start(text, size);
  if (!has_range(option->type)) return;
  bool low = option->min > OPTION_NO_MIN, high = option->max < OPTION_NO_MAX;
  if (low && high && !option->min_exclusive) {
    text_write_number(&sink, option->min);
    text_print(&sink, " to ");
    text_write_number(&sink, option->max);
    return;
  }
  if (low) {
    text_print(&sink, option->min_exclusive ? "> " : ">= ");
    text_write_number(&sink, option->min);
  }
  if (high) {
    text_print(&sink, low ? ", <= " : "<= ");
    text_write_number(&sink, option->max);
  }
}

/* the error "expects an integer from 1 to 100" */
static muster_status expects(const struct option_spec *option) {
  char text[1024], range[128];
  struct text_sink sink = text_sink_start(text, sizeof text);
  text_print(&sink, "%s", type_words[option->type].request);
  if (option->type == OPTION_CHOICE) write_choices(&sink, option);
  if (option->type == OPTION_TEXT_LIST) text_print(&sink, ", such as %s", option->example);
  option_describe_range(option, range, sizeof range);
  if (range[0] != '\0') {
    if (option->type == OPTION_INT_LIST) text_print(&sink, ", each");
    bool ends_in_null = strstr(type_words[option->type].request, "null") != NULL;
    text_print(&sink, "%s %s%s", ends_in_null ? "," : "", strstr(range, " to ") != NULL ? "from " : "", range);
  }
  return status_error(MUSTER_ERROR_USAGE, "expects %s", text);
}

static bool in_range(const struct option_spec *option, double value) {
  if (option->min_exclusive ? value <= option->min : value < option->min) return false;
  return value <= option->max;
}

/* the same for an integer; compared as a double alone, one just beyond the limit could be rounded to the limit */
static bool integer_in_range(const struct option_spec *option, int64_t value) {
  if (!in_range(option, (double)value)) return false;
  return (double)value < option->max || option->max >= INT64_MAX_AS_DOUBLE || value <= (int64_t)option->max;
}

/* reads a decimal integer, or an integer in another form, such as 1e5 */
static bool read_integer(const char *text, int64_t *out) {
  double number;
  if (!text_to_number(text, &number)) return false;
  if (strpbrk(text, ".eE") != NULL) {
    if (number != floor(number) || fabs(number) >= EXACT_INTEGER_MAX) return false;
    *out = (int64_t)number;
    return true;
  }
  errno = 0;
  long long value = strtoll(text, NULL, 10);
  if (errno == ERANGE) return false;
  *out = value;
  return true;
}

/* reads seconds as a number, or numbers with units, each unit at most once, the largest first */
static bool read_duration(const char *text, double *out) {
  if (text_to_number(text, out)) return *out >= 0;
  double total = 0;
  int next = 0;
  while (*text != '\0') {
    char number[32];
    double value;
    size_t length = strspn(text, "0123456789.");
    if (length == 0 || length >= sizeof number) return false;
    memcpy(number, text, length);
    number[length] = '\0';
    if (!text_to_number(number, &value)) return false;
    while (next < DURATION_UNITS && duration_units[next].name != text[length]) next++;
    if (next == DURATION_UNITS) return false;
    total += value * (double)duration_units[next++].seconds;
    text += length + 1;
  }
  *out = total;
  return next > 0;
}

static muster_status parse_int(const struct option_spec *option, const char *content, int64_t *out) {
  int64_t value;
  if (!read_integer(content, &value) || !integer_in_range(option, value)) return expects(option);
  *out = value;
  return MUSTER_OK;
}

static muster_status parse_float(const struct option_spec *option, const char *content, double *out) {
  double value;
  if (!text_to_number(content, &value) || !in_range(option, value)) return expects(option);
  *out = value;
  return MUSTER_OK;
}

/* whether a schedule may have this value on its way: also 0, where only its beginning must be larger */
static bool may_be_reached(const struct option_spec *option, double value) {
  return in_range(option, value) || (value == 0 && option->min_exclusive && option->min == 0);
}

static muster_status parse_schedule(const struct option_spec *option, const char *content,
                                    struct option_schedule *out) {
  struct option_schedule schedule;
  if (!schedule_read(content, &schedule)) return expects(option);
  bool fits = schedule.count > 0 || in_range(option, schedule.initial);
  fits = fits && (schedule.end == 0 || in_range(option, schedule.end));
  for (int32_t i = 0; fits && i < schedule.count; i++) fits = may_be_reached(option, schedule.value[i]);
  if (!fits) return expects(option);
  memcpy(out, &schedule, sizeof *out);
  return MUSTER_OK;
}

static muster_status parse_duration(const struct option_spec *option, const char *content, double *out) {
  double value;
  if (!read_duration(content, &value) || !in_range(option, value)) return expects(option);
  *out = value;
  return MUSTER_OK;
}

static muster_status parse_string(const struct option_spec *option, const char *content, char *out) {
  size_t length = strlen(content);
  if (length >= OPTION_STRING_SIZE)
    return status_error(MUSTER_ERROR_USAGE, "expects text of at most %d bytes, not %zu", OPTION_STRING_SIZE - 1,
                        length);
  if (!text_is_printable(content))
    return status_error(MUSTER_ERROR_USAGE, "expects text in UTF-8 without line breaks and control characters");
  if (option->check != NULL) MUSTER_TRY(option->check(content));
  memset(out, 0, OPTION_STRING_SIZE);
  memcpy(out, content, length);
  return MUSTER_OK;
}

static muster_status parse_choice(const struct option_spec *option, const char *content, int *out) {
  for (int i = 0; option->choices[i] != NULL; i++) {
    if (strcmp(content, option->choices[i]) != 0) continue;
    *out = i;
    return MUSTER_OK;
  }
  return expects(option);
}

/* reads [item, ...] and gives each item to `take`, which counts them */
static muster_status read_list(const struct option_spec *option, const char *content,
                               muster_status (*take)(const struct option_spec *option, const char *item, void *list),
                               void *list) {
  char item[OPTION_ITEM_SIZE];
  if (*content++ != '[') return expects(option);
  content += strspn(content, " ");
  while (*content != ']') {
    if (!text_read_item(&content, item, sizeof item)) return expects(option);
    MUSTER_TRY(take(option, item, list));
    if (*content != ',' && *content != ']') return expects(option);
    if (*content == ',') content++;
  }
  return content[1] == '\0' ? MUSTER_OK : expects(option);
}

static muster_status take_int(const struct option_spec *option, const char *item, void *object) {
  struct option_int_list *list = object;
  if (list->count == OPTION_LIST_MAX)
    return status_error(MUSTER_ERROR_USAGE, "expects at most %d integers", OPTION_LIST_MAX);
  return parse_int(option, item, &list->values[list->count++]);
}

static muster_status take_text(const struct option_spec *option, const char *item, void *object) {
  struct option_text_list *list = object;
  if (list->count == OPTION_TEXTS_MAX)
    return status_error(MUSTER_ERROR_USAGE, "expects at most %d texts", OPTION_TEXTS_MAX);
  if (item[0] == '\0' || !text_is_printable(item)) return expects(option);
  if (option->check != NULL) MUSTER_TRY(status_wrap(option->check(item), "%s", item));
  snprintf(list->items[list->count++], OPTION_ITEM_SIZE, "%s", item);
  return MUSTER_OK;
}

static muster_status parse_int_list(const struct option_spec *option, const char *content,
                                    struct option_int_list *out) {
  struct option_int_list list = {0};
  MUSTER_TRY(read_list(option, content, take_int, &list));
  *out = list;
  return MUSTER_OK;
}

static muster_status parse_text_list(const struct option_spec *option, const char *content,
                                     struct option_text_list *out) {
  /* clears the gaps between members, too: options are compared and sent as bytes */
  struct option_text_list list;
  memset(&list, 0, sizeof list);
  MUSTER_TRY(read_list(option, content, take_text, &list));
  memcpy(out, &list, sizeof list);
  return MUSTER_OK;
}

/* reads {key: value, ...}, as option_format() writes it */
static muster_status read_map(const struct option_spec *option, const char *text, struct option_map *map) {
  if (*text++ != '{') return expects(option);
  text += strspn(text, " ");
  while (*text != '}') {
    if (map->count == OPTION_MAP_MAX)
      return status_error(MUSTER_ERROR_USAGE, "expects at most %d keys", OPTION_MAP_MAX);
    char *key = map->keys[map->count], *value = map->values[map->count];
    if (!text_read_item(&text, key, sizeof map->keys[0]) || *text++ != ':') return expects(option);
    if (!text_read_item(&text, value, sizeof map->values[0])) return expects(option);
    if (!text_is_dotted_key(key) || !text_is_printable(value)) return expects(option);
    map->count++;
    if (*text != ',' && *text != '}') return expects(option);
    if (*text == ',') text++;
  }
  return text[1] == '\0' ? MUSTER_OK : expects(option);
}

static muster_status parse_map(const struct option_spec *option, const char *text, struct option_map *out) {
  struct option_map *map = calloc(1, sizeof *map);
  if (map == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory");
  muster_status status = text_is_null(text) ? MUSTER_OK : read_map(option, text, map);
  if (status == MUSTER_OK) *out = *map;
  free(map);
  return status;
}

/* sets the field to what `null` means for its type */
static muster_status parse_null(const struct option_spec *option, void *field) {
  switch (option->type) {
  case OPTION_MAYBE_INT: *(int64_t *)field = OPTION_NULL_INT; return MUSTER_OK;
  case OPTION_MAYBE_FLOAT: *(double *)field = NAN; return MUSTER_OK;
  case OPTION_DURATION: *(double *)field = 0; return MUSTER_OK;
  case OPTION_STRING: return parse_string(option, "", field);
  case OPTION_TEXT_LIST:
    memset(field, 0, sizeof(struct option_text_list));
    ((struct option_text_list *)field)->is_null = true;
    return MUSTER_OK;
  case OPTION_MAYBE_SCHEDULE:
    memset(field, 0, sizeof(struct option_schedule));
    ((struct option_schedule *)field)->is_null = true;
    return MUSTER_OK;
  default: return expects(option);
  }
}

muster_status option_parse(const struct option_spec *option, const char *text, void *object) {
  void *field = (char *)object + option->offset;
  if (option->type == OPTION_MAP) return parse_map(option, text, field);

  // a collection in place of a scalar, or quotes that do not close
  char content[TEXT_LIMIT + 1];
  bool quoted;
  if (!text_unquote(text, content, sizeof content, &quoted)) return expects(option);
  bool is_collection = !quoted && (content[0] == '[' || content[0] == '{');
  bool is_list = option->type == OPTION_INT_LIST || option->type == OPTION_TEXT_LIST || is_schedule(option->type);
  if (is_collection && !is_list) return expects(option);
  if (!quoted && text_is_null(content)) return parse_null(option, field);

  switch (option->type) {
  case OPTION_INT:
  case OPTION_MAYBE_INT: return parse_int(option, content, field);
  case OPTION_FLOAT:
  case OPTION_MAYBE_FLOAT: return parse_float(option, content, field);
  case OPTION_BOOL: return text_to_bool(content, field) ? MUSTER_OK : expects(option);
  case OPTION_STRING: return parse_string(option, content, field);
  case OPTION_CHOICE: return parse_choice(option, content, field);
  case OPTION_INT_LIST: return parse_int_list(option, content, field);
  case OPTION_TEXT_LIST: return parse_text_list(option, content, field);
  case OPTION_SCHEDULE:
  case OPTION_MAYBE_SCHEDULE: return parse_schedule(option, content, field);
  case OPTION_DURATION: return parse_duration(option, content, field);
  case OPTION_MAP: break;
  }
  return status_error(MUSTER_ERROR_INTERNAL, "option %s has no type", option->key);
}

muster_status option_set_defaults(const struct option_table *table, void *object) {
  for (const struct option_spec *option = table->options; option->key != NULL; option++) {
    const char *value = option->default_value != NULL ? option->default_value : "null";
    muster_status status = option_parse(option, value, object);
    if (status == MUSTER_OK) continue;
    char key[TEXT_KEY_SIZE];
    option_full_key(table, option, key, sizeof key);
    muster_status wrong = status_error(MUSTER_ERROR_INTERNAL, "the default of %s is %s, but it %s", key, value,
                                       muster_status_message(status));
    muster_status_clear(&status);
    return wrong;
  }
  return MUSTER_OK;
}

static void write_duration(struct text_sink *sink, double seconds) {
  if (seconds == 0) {
    text_print(sink, "null");
  } else if (seconds != floor(seconds) || seconds > EXACT_INTEGER_MAX) {
    text_write_number(sink, seconds);
  } else {
    int64_t rest = (int64_t)seconds;
    for (int i = 0; i < DURATION_UNITS; i++) {
      int64_t count = rest / duration_units[i].seconds;
      rest %= duration_units[i].seconds;
      if (count > 0) text_print(sink, "%" PRId64 "%c", count, duration_units[i].name);
    }
  }
}

static void write_int_list(struct text_sink *sink, const struct option_int_list *list) {
  text_put(sink, '[');
  for (int32_t i = 0; i < list->count; i++) text_print(sink, "%s%" PRId64, i > 0 ? ", " : "", list->values[i]);
  text_put(sink, ']');
}

static void write_text_list(struct text_sink *sink, const struct option_text_list *list) {
  if (list->is_null) {
    text_print(sink, "null");
    return;
  }
  text_put(sink, '[');
  for (int32_t i = 0; i < list->count; i++) {
    if (i > 0) text_print(sink, ", ");
    text_write_scalar(sink, list->items[i], true);
  }
  text_put(sink, ']');
}

static void write_map(struct text_sink *sink, const struct option_map *map) {
  text_put(sink, '{');
  for (int32_t i = 0; i < map->count; i++) {
    if (i > 0) text_print(sink, ", ");
    text_write_scalar(sink, map->keys[i], true);
    text_print(sink, ": ");
    text_write_scalar(sink, map->values[i], false);
  }
  text_put(sink, '}');
}

int option_format(const struct option_spec *option, const void *object, char *text, size_t size) {
  struct text_sink sink = text_sink_start(text, size);
  const void *field = (const char *)object + option->offset;
  switch (option->type) {
  case OPTION_MAYBE_INT:
    if (*(const int64_t *)field == OPTION_NULL_INT) {
      text_print(&sink, "null");
      break;
    } // fall through
  case OPTION_INT: text_print(&sink, "%" PRId64, *(const int64_t *)field); break;
  case OPTION_MAYBE_FLOAT:
    if (isnan(*(const double *)field)) {
      text_print(&sink, "null");
      break;
    } // fall through
  case OPTION_FLOAT: text_write_number(&sink, *(const double *)field); break;
  case OPTION_BOOL: text_print(&sink, "%s", *(const bool *)field ? "true" : "false"); break;
  case OPTION_STRING: text_write_scalar(&sink, field, true); break;
  case OPTION_CHOICE: text_write_scalar(&sink, option->choices[*(const int *)field], true); break;
  case OPTION_INT_LIST: write_int_list(&sink, field); break;
  case OPTION_TEXT_LIST: write_text_list(&sink, field); break;
  case OPTION_SCHEDULE:
  case OPTION_MAYBE_SCHEDULE: schedule_write(&sink, field); break;
  case OPTION_DURATION: write_duration(&sink, *(const double *)field); break;
  case OPTION_MAP: write_map(&sink, field); break;
  }
  return (int)sink.length;
}
