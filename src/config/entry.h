/* An entry, which is one key of a config with its value, file and line; and a list of entries that can grow. */
#ifndef CONFIG_ENTRY_H
#define CONFIG_ENTRY_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum entry_kind {
  ENTRY_SCALAR,
  ENTRY_LIST,   /* of scalars, or of lists of scalars */
  ENTRY_SECTION /* a mapping; its keys follow as entries of their own */
};

struct entry {
  enum entry_kind kind;
  char *key;     /* dotted */
  char *text;    /* the value as option_parse() reads it, quoted where needed; "{...}" for a section */
  char *content; /* a scalar without its quotes; otherwise the same as `text` */
  char *file;    /* for messages; "" for the command line */
  int32_t line;  /* of the key; 0 for the command line */
  bool known;    /* whether a table has marked it as known */
};

struct entry_list {
  struct entry *entries; /* [count], in the order in which they were given */
  size_t count, capacity;
};

enum { ENTRY_COUNT_LIMIT = 4096 };

/* Appends a copy of the value; every string is copied. Fails when there is no memory or the list is full. */
MUSTER_CHECKED muster_status entry_list_add(struct entry_list *list, const struct entry *value);

/* The entry of this key, or NULL. */
struct entry *entry_list_find(const struct entry_list *list, const char *key);

/* Removes the entry at `index`, keeping the order of the others. */
void entry_list_remove(struct entry_list *list, size_t index);

/* Moves the entries of `source` to the end of `list`; on failure both stay as they are. */
MUSTER_CHECKED muster_status entry_list_append(struct entry_list *list, struct entry_list *source);

/* Releases all entries. */
void entry_list_clear(struct entry_list *list);

/* Whether `section` is a proper ancestor of `key`: "a" and "a.b" are those of "a.b.c". */
bool key_is_above(const char *section, const char *key);

/* Takes `status`; puts "FILE:LINE: KEY: VALUE" or "--set KEY=VALUE" in front of it, a long value shortened. */
MUSTER_CHECKED muster_status entry_wrap(const struct entry *entry, muster_status status);

#endif
