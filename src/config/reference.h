/* The reference of options, printed from their tables. */
#ifndef CONFIG_REFERENCE_H
#define CONFIG_REFERENCE_H

#include "config/option.h"

/* Prints the options of `tables` (n of them) in aligned columns: key, type, default, range, owner, help. With a key:
 * the details of that option in every table that has it, or the options of that section. Returns whether any option
 * matched; prints nothing when none did. */
bool config_reference_print(FILE *file, const struct option_table *const *tables, size_t n, const char *key_or_null);

/* The same; when nothing matched, an error (USAGE) that names the most similar key. */
MUSTER_CHECKED muster_status config_reference_show(FILE *file, const struct option_table *const *tables, size_t n,
                                                   const char *key_or_null);

/* Prints all options as one table in Markdown, for docs/options.md. */
void config_reference_markdown(FILE *file, const struct option_table *const *tables, size_t n);

#endif
