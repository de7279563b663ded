#include "config/document.h"

#include "base/shell.h"
#include "config/condition.h"
#include "config/entry.h"
#include "config/nearest.h"
#include "config/other_tools.h"
#include "config/reader.h"
#include "config/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct document {
  struct entry_list list;
};

muster_status document_create(struct document **out) {
  struct document *document = calloc(1, sizeof *document);
  if (document == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory for a config");
  *out = document;
  return MUSTER_OK;
}

void document_destroy(struct document **document) {
  if (*document == NULL) return;
  entry_list_clear(&(*document)->list);
  free(*document);
  *document = NULL;
}

muster_status document_read_stream(struct document *document, const char *name, FILE *stream) {
  // one byte more than allowed is read, to find out whether there is more
  size_t size = READER_SIZE_LIMIT + 1;
  char *text = malloc(size);
  if (text == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory for the config %s", name);
  size_t length = fread(text, 1, size, stream);
  muster_status status = ferror(stream) ? status_errno(MUSTER_ERROR_USAGE, "cannot read the config %s", name)
                                        : document_read_text(document, name, text, length);
  free(text);
  return status;
}

muster_status document_read_file(struct document *document, const char *path) {
  // a user may name a pipe here, such as a shell's <(...) or /dev/stdin
  FILE *file = fopen(path, "rb");
  if (file == NULL) return status_errno(MUSTER_ERROR_USAGE, "cannot open the config %s", path);
  muster_status status = document_read_stream(document, path, file);
  fclose(file);
  return status;
}

/* fails when a key of `added` is in `list` already */
static muster_status check_given_once(const struct entry_list *list, const struct entry_list *added) {
  for (size_t i = 0; i < added->count; i++) {
    const struct entry *entry = &added->entries[i], *other = entry_list_find(list, entry->key);
    if (other == NULL || other->kind == ENTRY_SECTION) continue;
    if (other->line == 0)
      return entry_wrap(entry, status_error(MUSTER_ERROR_USAGE, "given already by --set, which comes after the files"));
    return entry_wrap(entry, status_error(MUSTER_ERROR_USAGE, "given twice, first at %s:%d", other->file, other->line));
  }
  return MUSTER_OK;
}

muster_status document_read_text(struct document *document, const char *name, const char *text, size_t length) {
  struct entry_list added = {0};
  muster_status status = reader_read(&added, name, "", text, length);
  if (status == MUSTER_OK) status = check_given_once(&document->list, &added);
  if (status == MUSTER_OK) status = entry_list_append(&document->list, &added);
  entry_list_clear(&added);
  return status;
}

/* whether two assignments on the command line set the same key, or one sets a part of the other */
static bool is_set_again(const struct entry *entry, const char *key) {
  if (entry->line != 0) return false;
  if (strcmp(entry->key, key) == 0 || key_is_above(key, entry->key)) return true;
  return entry->kind != ENTRY_SECTION && key_is_above(entry->key, key);
}

/* whether an assignment to `key` replaces this entry of the file */
static bool is_replaced(const struct entry *entry, const char *key) {
  return strcmp(entry->key, key) == 0 || key_is_above(key, entry->key);
}

/* puts the entries of one assignment in place of those that they replace */
static muster_status set_entries(struct document *document, const char *key, struct entry_list *added,
                                 const char *name) {
  struct entry_list *list = &document->list;
  for (size_t i = 0; i < list->count; i++)
    if (is_set_again(&list->entries[i], key))
      return status_error(MUSTER_ERROR_USAGE, "%s: %s is given twice by --set", name, list->entries[i].key);
  for (size_t i = list->count; i > 0; i--)
    if (is_replaced(&list->entries[i - 1], key)) entry_list_remove(list, i - 1);
  return status_wrap(entry_list_append(list, added), "%s", name);
}

muster_status document_set(struct document *document, const char *assignment) {
  char name[128];
  size_t length = strlen(assignment);
  snprintf(name, sizeof name, "--set %.80s%s", assignment, length > 80 ? "..." : "");
  const char *equals = strchr(assignment, '=');
  char *key = strndup(assignment, equals != NULL ? (size_t)(equals - assignment) : length);
  if (key == NULL) return status_error(MUSTER_ERROR_MEMORY, "%s: out of memory", name);

  struct entry_list added = {0};
  muster_status status = MUSTER_OK;
  if (equals == NULL || !text_is_dotted_key(key))
    status = status_error(MUSTER_ERROR_USAGE, "%s: expects KEY=VALUE, such as --set algorithm.n_steps=32", name);
  if (status == MUSTER_OK) status = reader_read(&added, name, key, equals + 1, strlen(equals + 1));
  if (status == MUSTER_OK) status = set_entries(document, key, &added, name);
  entry_list_clear(&added);
  free(key);
  return status;
}

muster_status document_abbreviate(struct document *document, const char *section, const char *value, const char *key) {
  struct entry *entry = entry_list_find(&document->list, section);
  if (entry == NULL || entry->kind != ENTRY_SCALAR || strcmp(entry->content, value) != 0) return MUSTER_OK;
  char *renamed = strdup(key);
  if (renamed == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory for a config");
  free(entry->key);
  entry->key = renamed;
  return MUSTER_OK;
}

const struct entry_list *document_entries(const struct document *document) { return &document->list; }

const char *document_get(const struct document *document, const char *key) {
  const struct entry *entry = entry_list_find(&document->list, key);
  return entry != NULL && entry->kind != ENTRY_SECTION ? entry->content : NULL;
}

static bool is_null(const struct entry *entry) { return entry->kind == ENTRY_SCALAR && text_is_null(entry->text); }

/* the error for a value in place of a section; `option` is one that the section could hold */
static muster_status expects_section(const struct entry *entry, const char *option) {
  return entry_wrap(entry,
                    status_error(MUSTER_ERROR_USAGE, "expects a section, such as %s: {%s: ...}", entry->key, option));
}

/* The name of an option of `table` inside the section that the entry names: the table's own section, one around it, or
 * one inside it. NULL when the entry names none of these. */
static const char *option_below(const struct entry *entry, const struct option_table *table) {
  for (const struct option_spec *option = table->options; option->key != NULL; option++) {
    if (strcmp(entry->key, table->section) == 0) return option->key;
    if (key_is_above(entry->key, table->section)) return table->section + strlen(entry->key) + 1;
    // an option whose key has a dot itself
    size_t skip = table->section[0] != '\0' ? strlen(table->section) + 1 : 0;
    bool is_inside = skip == 0 || key_is_above(table->section, entry->key);
    if (is_inside && key_is_above(entry->key + skip, option->key)) return option->key + strlen(entry->key + skip) + 1;
  }
  return NULL;
}

/* fails when a section of the table has a plain value; an empty section may be null */
static muster_status claim_sections(struct document *document, const struct option_table *table) {
  for (size_t i = 0; i < document->list.count; i++) {
    struct entry *entry = &document->list.entries[i];
    const char *option = option_below(entry, table);
    if (option == NULL) continue;
    if (entry->kind != ENTRY_SECTION && !is_null(entry)) return expects_section(entry, option);
    entry->known = true;
  }
  return MUSTER_OK;
}

/* adds one entry below a map's key to the map */
static muster_status add_to_map(struct option_map *map, const char *key, const struct entry *entry) {
  if (map->count == OPTION_MAP_MAX)
    return status_error(MUSTER_ERROR_USAGE, "is one key too many; the limit is %d", OPTION_MAP_MAX);
  if (strlen(key) >= sizeof map->keys[0])
    return status_error(MUSTER_ERROR_USAGE, "expects a key of at most %zu bytes", sizeof map->keys[0] - 1);
  if (strlen(entry->content) >= sizeof map->values[0])
    return status_error(MUSTER_ERROR_USAGE, "expects a value of at most %zu bytes", sizeof map->values[0] - 1);
  memcpy(map->keys[map->count], key, strlen(key) + 1);
  memcpy(map->values[map->count], entry->content, strlen(entry->content) + 1);
  map->lines[map->count++] = entry->line;
  return MUSTER_OK;
}

/* fills a map with all entries below its key; if there are any, nothing of the default is kept */
static muster_status apply_map(struct document *document, const struct option_spec *option, const char *key,
                               void *object) {
  struct option_map *map = (struct option_map *)((char *)object + option->offset);
  bool is_default = true;
  for (size_t i = 0; i < document->list.count; i++) {
    struct entry *entry = &document->list.entries[i];
    bool is_map = strcmp(entry->key, key) == 0;
    if (!is_map && !key_is_above(key, entry->key)) continue;
    entry->known = true;
    if (is_default) *map = (struct option_map){0};
    is_default = false;
    if (is_map && entry->kind != ENTRY_SECTION && !is_null(entry))
      return entry_wrap(entry, status_error(MUSTER_ERROR_USAGE, "expects keys with values"));
    if (!is_map && entry->kind != ENTRY_SECTION)
      MUSTER_TRY(entry_wrap(entry, add_to_map(map, entry->key + strlen(key) + 1, entry)));
  }
  return MUSTER_OK;
}

static muster_status apply_value(struct document *document, const struct option_spec *option, const char *key,
                                 void *object) {
  struct entry *entry = entry_list_find(&document->list, key);
  if (entry == NULL) return MUSTER_OK;
  entry->known = true;
  // the text of a section is never a valid value, so this gives the error that says what would be
  muster_status status = entry_wrap(entry, option_parse(option, entry->text, object));
  if (status == MUSTER_OK || entry->kind != ENTRY_SECTION) return status;
  muster_status section = status_error(MUSTER_ERROR_USAGE, "%s, not a section", muster_status_message(status));
  muster_status_clear(&status);
  return section;
}

muster_status document_apply(struct document *document, const struct option_table *table, void *object) {
  MUSTER_TRY(option_set_defaults(table, object));
  MUSTER_TRY(claim_sections(document, table));
  for (const struct option_spec *option = table->options; option->key != NULL; option++) {
    char key[TEXT_KEY_SIZE];
    option_full_key(table, option, key, sizeof key);
    bool is_map = option->type == OPTION_MAP;
    MUSTER_TRY(is_map ? apply_map(document, option, key, object) : apply_value(document, option, key, object));
  }
  return MUSTER_OK;
}

/* Whether an entry that no table has marked as known belongs to `table` nevertheless: as an option, or below a map. */
static bool belongs_to(const struct entry *entry, const struct option_table *table) {
  for (const struct option_spec *option = table->options; option->key != NULL; option++) {
    char key[TEXT_KEY_SIZE];
    option_full_key(table, option, key, sizeof key);
    if (strcmp(entry->key, key) == 0) return true;
    if (option->type == OPTION_MAP && key_is_above(key, entry->key)) return true;
  }
  return false;
}

/* the error for an option of tables that were not applied: names their owners */
static muster_status unused_option(const struct entry *entry, const struct option_table *const *tables, size_t n) {
  char owners[256];
  struct text_sink sink = text_sink_start(owners, sizeof owners);
  for (size_t i = 0; i < n; i++)
    if (belongs_to(entry, tables[i]) && tables[i]->owner != NULL)
      text_print(&sink, "%s%s", sink.length > 0 ? ", " : "", tables[i]->owner);
  return entry_wrap(entry, status_error(MUSTER_ERROR_USAGE, "is an option of %s, which this run does not use",
                                        sink.length > 0 ? owners : "another command"));
}

/* checks one entry that no table has marked as known */
static muster_status check_entry(const struct entry *entry, bool has_children, const struct option_table *const *tables,
                                 size_t n) {
  const char *below = NULL;
  for (size_t i = 0; i < n; i++) {
    if (belongs_to(entry, tables[i])) return unused_option(entry, tables, n);
    if (below == NULL) below = option_below(entry, tables[i]);
  }
  // sections may be empty or null; their keys are checked one by one
  if (has_children) return MUSTER_OK;
  if (below != NULL) {
    bool is_section = entry->kind == ENTRY_SECTION || is_null(entry);
    return is_section ? MUSTER_OK : expects_section(entry, below);
  }
  char nearest[TEXT_KEY_SIZE];
  const char *advice = other_tools_advice(entry->key);
  if (advice != NULL) return entry_wrap(entry, status_error(MUSTER_ERROR_USAGE, "unknown key: it %s", advice));
  if (!nearest_key(tables, n, entry->key, nearest))
    return entry_wrap(entry, status_error(MUSTER_ERROR_USAGE, "unknown key; `%s config` lists those that exist",
                                          shell_program().text));
  return entry_wrap(entry, status_error(MUSTER_ERROR_USAGE, "unknown key; did you mean %s?", nearest));
}

/* whether the entry is a section that holds anything */
static bool section_has_children(const struct document *document, size_t index) {
  const struct entry *entry = &document->list.entries[index];
  if (entry->kind != ENTRY_SECTION) return false;
  for (size_t i = 0; i < document->list.count; i++)
    if (key_is_above(entry->key, document->list.entries[i].key)) return true;
  return false;
}

muster_status document_check_unknown(const struct document *document, const struct option_table *const *tables,
                                     size_t n) {
  for (size_t i = 0; i < document->list.count; i++) {
    const struct entry *entry = &document->list.entries[i];
    if (!entry->known) MUSTER_TRY(check_entry(entry, section_has_children(document, i), tables, n));
  }
  return MUSTER_OK;
}

/* whether the option's field in `object` holds its default */
static bool has_default(const struct option_spec *option, const void *object) {
  _Alignas(16) unsigned char value[sizeof(struct option_map)];
  struct option_spec alone = *option;
  alone.offset = 0;
  const struct option_table table = {.section = "", .options = (const struct option_spec[]){alone, {.key = NULL}}};
  muster_status status = option_set_defaults(&table, value);
  const bool is_read = status == MUSTER_OK;
  muster_status_clear(&status);
  char said[OPTION_TEXT_SIZE], expected[OPTION_TEXT_SIZE];
  option_format(option, object, said, sizeof said);
  if (is_read) option_format(&alone, value, expected, sizeof expected);
  return is_read && strcmp(said, expected) == 0;
}

static muster_status without_effect(const struct entry *entry, const struct option_table *table,
                                    const struct option_spec *option, const void *object) {
  const struct option_spec *subject = condition_subject(table, option);
  char key[TEXT_KEY_SIZE], value[128];
  option_full_key(table, subject, key, sizeof key);
  option_format(subject, object, value, sizeof value);
  const char *needed = option->only_when + strlen(subject->key);
  return entry_wrap(entry, status_error(MUSTER_ERROR_USAGE, "has no effect: it counts only when %s%s, and that is %s",
                                        key, needed, value));
}

muster_status document_check_effect(const struct document *document, const struct option_table *table,
                                    const void *object) {
  for (const struct option_spec *option = table->options; option->key != NULL; option++) {
    if (option->only_when == NULL || condition_holds(table, option, object)) continue;
    char key[TEXT_KEY_SIZE];
    option_full_key(table, option, key, sizeof key);
    const struct entry *entry = entry_list_find(&document->list, key);
    if (entry == NULL || (entry->line != 0 && has_default(option, object))) continue;
    return without_effect(entry, table, option, object);
  }
  return MUSTER_OK;
}

muster_status document_error(const struct document *document, const char *key, const char *format, ...) {
  char text[1024];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  const struct entry *entry = entry_list_find(&document->list, key);
  if (entry == NULL) return status_error(MUSTER_ERROR_USAGE, "%s: %s", key, text);
  return entry_wrap(entry, status_error(MUSTER_ERROR_USAGE, "%s", text));
}

/* the length of the words that two dotted sections have in common at their beginnings */
static size_t common_words(const char *a, const char *b) {
  size_t common = 0;
  for (size_t i = 0;; i++) {
    bool ends = (a[i] == '\0' || a[i] == '.') && (b[i] == '\0' || b[i] == '.');
    if (ends) common = i;
    if (a[i] == '\0' || b[i] == '\0' || a[i] != b[i]) return common;
  }
}

/* writes the headings of a section that `before` does not share; returns the indent of its options */
static int write_headings(FILE *file, const char *section, const char *before) {
  size_t shared = common_words(before, section);
  int indent = 0;
  for (const char *word = section; *word != '\0';) {
    size_t length = strcspn(word, ".");
    bool is_written = (size_t)(word - section) < shared;
    if (!is_written) fprintf(file, "%*s%.*s:\n", indent, "", (int)length, word);
    indent += 2;
    word += length + (word[length] == '.');
  }
  return indent;
}

void document_write_table(FILE *file, const struct option_table *table, const void *object, const char **section) {
  if (table->options->key == NULL) return;
  int indent = write_headings(file, table->section, *section != NULL ? *section : "");
  for (const struct option_spec *option = table->options; option->key != NULL; option++) {
    char text[OPTION_TEXT_SIZE];
    option_format(option, object, text, sizeof text);
    fprintf(file, "%*s%s: %s\n", indent, "", option->key, text);
  }
  *section = table->section;
}
