/* Finds the known key that a user probably meant with an unknown one. */
#ifndef CONFIG_NEAREST_H
#define CONFIG_NEAREST_H

#include "config/option.h"

/* Writes the full key of `tables` (n of them) that is most similar to `key`, by the edit distance of the full keys or,
 * for a key at the wrong level, of their last words. False when none is similar enough. `nearest` must hold
 * TEXT_KEY_SIZE bytes. */
bool nearest_key(const struct option_table *const *tables, size_t n, const char *key, char *nearest);

#endif
