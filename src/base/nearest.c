#include "base/nearest.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

#define COMPARED 255

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

size_t edit_distance(const char *a, const char *b) {
  size_t n = strnlen(a, COMPARED), m = strnlen(b, COMPARED);
  size_t row[COMPARED + 1]; /* from a's first i bytes to each beginning of b */
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

void nearest_offer(struct nearest *nearest, const char *name) {
  size_t distance = edit_distance(nearest->wanted, name);
  if (distance >= nearest->distance) return;
  nearest->name = name;
  nearest->distance = distance;
}
