#include "base/text.h"

#include <stdint.h>
#include <string.h>

#define TEXT_MAX 255

size_t text_distance(const char *a, const char *b) {
  size_t n = strnlen(a, TEXT_MAX), m = strnlen(b, TEXT_MAX);
  size_t row[TEXT_MAX + 1]; /* distances of a's first i bytes to each prefix of b */
  for (size_t j = 0; j <= m; j++) row[j] = j;
  for (size_t i = 1; i <= n; i++) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= m; j++) {
      size_t best = diagonal + (a[i - 1] != b[j - 1]);
      if (row[j] + 1 < best) best = row[j] + 1;
      if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
      diagonal = row[j];
      row[j] = best;
    }
  }
  return row[m];
}

const char *text_nearest(const char *wanted, const char *const *names, size_t n) {
  const char *nearest = NULL;
  size_t least = SIZE_MAX;
  for (size_t i = 0; i < n; i++) {
    size_t distance = text_distance(wanted, names[i]);
    if (distance >= least) continue;
    least = distance;
    nearest = names[i];
  }
  return nearest;
}
