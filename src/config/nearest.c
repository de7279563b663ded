#include "config/nearest.h"

#include "base/nearest.h"
#include "config/text.h"

#include <stdio.h>
#include <string.h>

/* larger than every distance between keys */
enum { FAR = 4 * TEXT_KEY_SIZE };

/* copies what is before the last dot, cut to TEXT_KEY_SIZE */
static void copy_section(const char *key, char section[TEXT_KEY_SIZE]) {
  const char *word = text_last_word(key);
  snprintf(section, TEXT_KEY_SIZE, "%.*s", word > key ? (int)(word - key) - 1 : 0, key);
}

/* How far `known` is from `key`; FAR when it can hardly be meant. Sections and last words are compared separately: that
 * two short words are in the same section does not make them similar. */
static size_t distance(const char *key, const char *known) {
  char key_section[TEXT_KEY_SIZE], known_section[TEXT_KEY_SIZE];
  copy_section(key, key_section);
  copy_section(known, known_section);
  struct nearest word = nearest_start(text_last_word(key)), section = nearest_start(key_section);
  nearest_offer(&word, text_last_word(known));
  nearest_offer(&section, known_section);
  if (!nearest_is_near(&word)) return FAR;
  /* a typo; or the right word at the wrong level, which counts as further away than any typo */
  if (section.distance == 0 || nearest_is_near(&section)) return word.distance + section.distance;
  return word.distance <= strlen(word.wanted) / 3 ? word.distance + TEXT_KEY_SIZE : FAR;
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
