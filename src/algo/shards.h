/* The shards of a minibatch, and the tree in which what they contribute is summed. Both depend on the number of samples
 * alone, not on how many learners there are: so any number of them gets the same bits.
 *
 * A shard is a run of whole tiles; their number is a power of two. Members of a group have neighbouring shards. A block
 * of shards that one member has alone is a leaf of what the members tell each other; leaves are numbered from left to
 * right, so those of one member are neighbours, too. */
#ifndef ALGO_SHARDS_H
#define ALGO_SHARDS_H

#include <stddef.h>

#define SHARDS_MAX 64
#define SHARDS_LEVELS 6 /* of the tree over that many */

/* How many shards so many samples are cut into: one for each tile, but at most 8 unless each is of 4 tiles or more. */
size_t shards_count(size_t samples);

/* The first sample of a shard; of the one behind the last: the number of samples. */
size_t shards_first_sample(size_t samples, size_t shards, size_t shard);

/* Whether one of so many members has all of the shards first .. first + n - 1, n a power of two that divides first; and
 * then which. */
#define SHARDS_SEVERAL ((size_t)-1)
size_t shards_owner(size_t shards, size_t members, size_t first, size_t n);

/* Numbers the leaves: first_leaf[members + 1], those of member i are first_leaf[i] .. first_leaf[i + 1] - 1. */
void shards_number_leaves(size_t shards, size_t members, size_t *first_leaf);

/* The largest number of leaves that so many members ever have together. */
size_t shards_most_leaves(size_t members);

#endif
