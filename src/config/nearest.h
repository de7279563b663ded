/* The known key that a wrong one was meant to be. */
#ifndef CONFIG_NEAREST_H
#define CONFIG_NEAREST_H

#include "config/option.h"

/* Writes the full key of `tables` (n of them) that is nearest to `key`: by edit distance over the full keys, or, for a
 * key at the wrong level, over their last words. False when none is near. `nearest` must hold TEXT_KEY_SIZE bytes. */
bool nearest_key(const struct option_table *const *tables, size_t n, const char *key, char *nearest);

#endif
