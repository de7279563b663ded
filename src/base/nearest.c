#include "base/nearest.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define COMPARED 255

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

size_t edit_distance(const char *a, const char *b) {
  size_t n = strnlen(a, COMPARED), m = strnlen(b, COMPARED);
  size_t row[COMPARED + 1]; /* edits from a's first i bytes to each prefix of b */
  for (size_t j = 0; j <= m; j++) row[j] = j;
  for (size_t i = 1; i <= n; i++) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= m; j++) {
      size_t replaced = diagonal + (tolower((unsigned char)a[i - 1]) != tolower((unsigned char)b[j - 1]));
      diagonal = row[j];
      row[j] = least(replaced, 1 + least(row[j - 1], diagonal));
    }
  }
  return row[m];
}

struct nearest nearest_start(const char *wanted) {
  return (struct nearest){.wanted = wanted, .name = NULL, .distance = SIZE_MAX};
}

/* adds a name to the list, once, as long as room is left for the "..." that says that there are more */
static void list_name(struct nearest *nearest, const char *name) {
  static const char more[] = ", ...";
  char quoted[COMPARED];
  snprintf(quoted, sizeof quoted, "'%s'", name);
  size_t length = strlen(nearest->names);
  bool is_full = length >= sizeof more && strcmp(nearest->names + length + 1 - sizeof more, more) == 0;
  if (is_full || strstr(nearest->names, quoted) != NULL) return;
  bool fits = length + strlen(", ") + strlen(quoted) + sizeof more <= sizeof nearest->names;
  snprintf(nearest->names + length, sizeof nearest->names - length, "%s%s", fits && length > 0 ? ", " : "",
           fits ? quoted : more);
}

void nearest_offer(struct nearest *nearest, const char *name) {
  list_name(nearest, name);
  size_t distance = edit_distance(nearest->wanted, name);
  if (distance >= nearest->distance) return;
  nearest->name = name;
  nearest->distance = distance;
}

bool nearest_is_near(const struct nearest *nearest) {
  size_t length = strlen(nearest->wanted);
  return nearest->name != NULL && nearest->distance <= length / 3 + 1 && 2 * nearest->distance <= length;
}

struct nearest_advice nearest_advise(const struct nearest *nearest) {
  struct nearest_advice advice;
  if (nearest_is_near(nearest))
    snprintf(advice.text, sizeof advice.text, "the nearest one is '%s'", nearest->name);
  else
    snprintf(advice.text, sizeof advice.text, "there are %s", nearest->names);
  return advice;
}
