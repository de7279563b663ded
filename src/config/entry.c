#include "config/entry.h"

#include <stdlib.h>
#include <string.h>

/* bytes of a value that messages show */
enum { SHOWN_LENGTH = 80 };

static void entry_release(struct entry *entry) {
  free(entry->key);
  free(entry->text);
  free(entry->content);
  free(entry->file);
}

/* makes room for `extra` more entries */
static muster_status entry_list_reserve(struct entry_list *list, size_t extra) {
  size_t count = list->count + extra;
  if (count > ENTRY_COUNT_LIMIT)
    return status_error(MUSTER_ERROR_USAGE, "the config holds more than %d keys", ENTRY_COUNT_LIMIT);
  if (count <= list->capacity) return MUSTER_OK;
  size_t capacity = count > 2 * list->capacity ? count : 2 * list->capacity;
  struct entry *entries = realloc(list->entries, capacity * sizeof *entries);
  if (entries == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory for %zu config keys", capacity);
  list->entries = entries;
  list->capacity = capacity;
  return MUSTER_OK;
}

muster_status entry_list_add(struct entry_list *list, const struct entry *value) {
  MUSTER_TRY(entry_list_reserve(list, 1));
  struct entry entry = *value;
  entry.key = strdup(value->key);
  entry.text = strdup(value->text);
  entry.content = strdup(value->content);
  entry.file = strdup(value->file);
  if (entry.key == NULL || entry.text == NULL || entry.content == NULL || entry.file == NULL) {
    entry_release(&entry);
    return status_error(MUSTER_ERROR_MEMORY, "out of memory for the config key %s", value->key);
  }
  list->entries[list->count++] = entry;
  return MUSTER_OK;
}

struct entry *entry_list_find(const struct entry_list *list, const char *key) {
  for (size_t i = 0; i < list->count; i++)
    if (strcmp(list->entries[i].key, key) == 0) return &list->entries[i];
  return NULL;
}

void entry_list_remove(struct entry_list *list, size_t index) {
  entry_release(&list->entries[index]);
  list->count--;
  memmove(&list->entries[index], &list->entries[index + 1], (list->count - index) * sizeof *list->entries);
}

muster_status entry_list_append(struct entry_list *list, struct entry_list *source) {
  if (source->count == 0) return MUSTER_OK;
  MUSTER_TRY(entry_list_reserve(list, source->count));
  memcpy(&list->entries[list->count], source->entries, source->count * sizeof *source->entries);
  list->count += source->count;
  source->count = 0;
  return MUSTER_OK;
}

void entry_list_clear(struct entry_list *list) {
  for (size_t i = 0; i < list->count; i++) entry_release(&list->entries[i]);
  free(list->entries);
  *list = (struct entry_list){0};
}

bool key_is_above(const char *section, const char *key) {
  size_t length = strlen(section);
  return strncmp(section, key, length) == 0 && key[length] == '.';
}

muster_status entry_wrap(const struct entry *entry, muster_status status) {
  // shorten between characters, not inside one
  size_t length = strlen(entry->text);
  const char *rest = "";
  if (length > SHOWN_LENGTH) {
    for (length = SHOWN_LENGTH; length > 0 && ((unsigned char)entry->text[length] & 0xc0) == 0x80;) length--;
    rest = "...";
  }
  if (entry->line == 0) return status_wrap(status, "--set %s=%.*s%s", entry->key, (int)length, entry->text, rest);
  return status_wrap(status, "%s:%d: %s: %.*s%s", entry->file, entry->line, entry->key, (int)length, entry->text, rest);
}
