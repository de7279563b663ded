/* A config as the user wrote it: keys, values, and the file and line of each. It is read from YAML, changed by --set,
 * and applied to tables of options. */
#ifndef CONFIG_DOCUMENT_H
#define CONFIG_DOCUMENT_H

#include "config/entry.h"
#include "config/option.h"

#include <stdio.h>

struct document; /* entries in order, each with its dotted key, value text, file and line */

MUSTER_CHECKED muster_status document_create(struct document **out);
void document_destroy(struct document **document);

/* Reads a YAML file (mappings of scalars, lists of scalars and lists of these, nested mappings; block or flow style)
 * into the document. Errors (USAGE) name file, line and column: not found, not YAML, a key twice, an anchor or a tag,
 * nesting too deep. */
MUSTER_CHECKED muster_status document_read_file(struct document *document, const char *path);

/* The same from an open stream, from its position on; messages call it `name`. */
MUSTER_CHECKED muster_status document_read_stream(struct document *document, const char *name, FILE *stream);
/* The same from memory; messages call it `name`. */
MUSTER_CHECKED muster_status document_read_text(struct document *document, const char *name, const char *text,
                                                size_t length);

/* Sets one "dotted.key=value", as from --set; the value is read as YAML (`[64, 64]`, `null`, `lin_0.001`). It replaces
 * the value in the file. A key given twice by --set is an error. */
MUSTER_CHECKED muster_status document_set(struct document *document, const char *assignment);

/* Allows a value in place of a section: from this call on `section: value` counts as `key: value`. */
MUSTER_CHECKED muster_status document_abbreviate(struct document *document, const char *section, const char *value,
                                                 const char *key);

/* The value text of a dotted key, borrowed; NULL when absent. A list is returned in flow style, "[1, 2]". */
const char *document_get(const struct document *document, const char *key);

/* All entries in the order in which they were given, borrowed. */
const struct entry_list *document_entries(const struct document *document);

/* Fills `object` with the table's defaults, then with the values of the document, and marks the entries of these as
 * known. The error names file, line, key, value and what would be right. */
MUSTER_CHECKED muster_status document_apply(struct document *document, const struct option_table *table, void *object);

/* Fails on the first entry that no table has marked as known. The error names the most similar key of `tables` (n of
 * them) by edit distance, and, where the key belongs to a table that was not applied, the owner of that table. */
MUSTER_CHECKED muster_status document_check_unknown(const struct document *document,
                                                    const struct option_table *const *tables, size_t n);

/* Fails on the first option of the table that is set without any effect: its only_when does not hold for the values of
 * `object`. In a file a default value counts as not set, since a run's config.yaml lists all options; on the command
 * line it does not. */
MUSTER_CHECKED muster_status document_check_effect(const struct document *document, const struct option_table *table,
                                                   const void *object);

/* An error (USAGE) about a key's value, "FILE:LINE: KEY: VALUE: text"; for checks that need more than one option. */
MUSTER_CHECKED MUSTER_PRINTF(3, 4) muster_status
    document_error(const struct document *document, const char *key, const char *format, ...);

/* Writes the values of `object` as YAML under the table's section; consecutive calls with the same section write its
 * heading once: `section` keeps it between calls (start with NULL). */
void document_write_table(FILE *file, const struct option_table *table, const void *object, const char **section);

#endif
