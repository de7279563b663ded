#include "algo/micro_batches.h"

#include "algo/learner_group.h"
#include "nn/layer.h"

#include <string.h>

/* up to so many micro-batches may be of a single tile; where there are more, each has at least LONG tiles */
enum { MOST_OF_ONE_TILE = 8, LONG = 4 };

size_t micro_batches_count(size_t samples) {
  size_t tiles = (samples + TILE - 1) / TILE, count = 1;
  while (2 * count <= MICRO_BATCHES_MAX && 2 * count * (count < MOST_OF_ONE_TILE ? 1 : LONG) <= tiles) count *= 2;
  return count;
}

size_t micro_batches_first_sample(size_t samples, size_t count, size_t index) {
  size_t tiles = (samples + TILE - 1) / TILE, first = tiles * index / count * TILE;
  return first < samples ? first : samples;
}

/* member i has the micro-batches from count * i / members on */
static size_t member_of(size_t count, size_t members, size_t index) { return ((index + 1) * members - 1) / count; }

size_t micro_batches_first_of(size_t count, size_t members, size_t member) { return count * member / members; }

size_t micro_batches_owner(size_t count, size_t members, size_t first, size_t n) {
  size_t owner = member_of(count, members, first);
  return member_of(count, members, first + n - 1) == owner ? owner : MICRO_BATCHES_SEVERAL;
}

/* counts the partial sums below a node of the tree for their owners; that of member i in sums[i + 1] */
static void count_sums(size_t count, size_t members, size_t first, size_t n, size_t *sums) {
  size_t owner = micro_batches_owner(count, members, first, n);
  if (owner != MICRO_BATCHES_SEVERAL) {
    sums[owner + 1]++;
    return;
  }
  count_sums(count, members, first, n / 2, sums);
  count_sums(count, members, first + n / 2, n / 2, sums);
}

void micro_batches_number_sums(size_t count, size_t members, size_t *first_sum) {
  memset(first_sum, 0, (members + 1) * sizeof *first_sum);
  count_sums(count, members, 0, count, first_sum);
  for (size_t i = 0; i < members; i++) first_sum[i + 1] += first_sum[i];
}

size_t micro_batches_most_sums(size_t members) {
  size_t most = 0, first_sum[LEARNER_GROUP_MAX + 1];
  for (size_t count = 1; count <= MICRO_BATCHES_MAX; count *= 2) {
    micro_batches_number_sums(count, members, first_sum);
    if (first_sum[members] > most) most = first_sum[members];
  }
  return most;
}
