#include "config/nearest.h"

#include "base/nearest.h"
#include "config/text.h"

#include <string.h>

/* beyond every distance between keys */
enum { FAR = 2 * TEXT_KEY_SIZE };

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

/* what follows the last dot */
static const char *last_word(const char *key) {
  const char *dot = strrchr(key, '.');
  return dot != NULL ? dot + 1 : key;
}

/* how far `known` is from `key`; FAR when nobody would have meant it */
static size_t distance(const char *key, const char *known) {
  /* a typo: up to a third of the letters */
  size_t whole = edit_distance(key, known);
  if (whole > strlen(key) / 3 + 1) whole = FAR;
  /* the right word at the wrong level, which counts as two letters */
  size_t word = edit_distance(last_word(key), last_word(known));
  if (word > strlen(last_word(key)) / 3) word = FAR;
  return least(whole, word + 2);
}

bool nearest_key(const struct option_table *const *tables, size_t n, const char *key, char *nearest) {
  if (strlen(key) >= TEXT_KEY_SIZE) return false;
  size_t best = FAR;
  for (size_t i = 0; i < n; i++) {
    for (const struct option_spec *option = tables[i]->options; option->key != NULL; option++) {
      char known[TEXT_KEY_SIZE];
      option_full_key(tables[i], option, known, sizeof known);
      size_t candidate = distance(key, known);
      if (candidate >= best) continue;
      best = candidate;
      memcpy(nearest, known, strlen(known) + 1);
    }
  }
  return best < FAR;
}
