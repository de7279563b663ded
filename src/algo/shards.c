#include "algo/shards.h"

#include "algo/learner_group.h"
#include "nn/layer.h"

#include <string.h>

/* up to so many shards may be of a single tile; where there are more, each has at least LONG tiles */
enum { SHORT_SHARDS = 8, LONG = 4 };

size_t shards_count(size_t samples) {
  size_t tiles = (samples + TILE - 1) / TILE, shards = 1;
  while (2 * shards <= SHARDS_MAX && 2 * shards * (shards < SHORT_SHARDS ? 1 : LONG) <= tiles) shards *= 2;
  return shards;
}

size_t shards_first_sample(size_t samples, size_t shards, size_t shard) {
  size_t tiles = (samples + TILE - 1) / TILE, first = tiles * shard / shards * TILE;
  return first < samples ? first : samples;
}

/* member i has the shards from shards * i / members on */
static size_t member_of(size_t shards, size_t members, size_t shard) { return ((shard + 1) * members - 1) / shards; }

size_t shards_owner(size_t shards, size_t members, size_t first, size_t n) {
  size_t owner = member_of(shards, members, first);
  return member_of(shards, members, first + n - 1) == owner ? owner : SHARDS_SEVERAL;
}

/* adds the leaves of a block to the count of their owners, kept one place further on */
static void count_leaves(size_t shards, size_t members, size_t first, size_t n, size_t *count) {
  size_t owner = shards_owner(shards, members, first, n);
  if (owner != SHARDS_SEVERAL) {
    count[owner + 1]++;
    return;
  }
  count_leaves(shards, members, first, n / 2, count);
  count_leaves(shards, members, first + n / 2, n / 2, count);
}

void shards_number_leaves(size_t shards, size_t members, size_t *first_leaf) {
  memset(first_leaf, 0, (members + 1) * sizeof *first_leaf);
  count_leaves(shards, members, 0, shards, first_leaf);
  for (size_t i = 0; i < members; i++) first_leaf[i + 1] += first_leaf[i];
}

size_t shards_most_leaves(size_t members) {
  size_t most = 0, first_leaf[LEARNER_GROUP_MAX + 1];
  for (size_t shards = 1; shards <= SHARDS_MAX; shards *= 2) {
    shards_number_leaves(shards, members, first_leaf);
    if (first_leaf[members] > most) most = first_leaf[members];
  }
  return most;
}
