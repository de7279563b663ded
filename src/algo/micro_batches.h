/* The micro-batches of a minibatch, and the reduction tree that sums their gradients. Both depend on the number of
 * samples alone, not on how many learners there are: so any number of learners gets the same bits.
 *
 * A micro-batch is a run of whole tiles. Their number is a power of two, and the reduction tree is the binary tree over
 * them. Members of a group of learners have neighbouring micro-batches. Where all micro-batches below a node of the
 * tree belong to one member, that member sums them: this is a partial sum, which it shows the others, and each adds up
 * the rest of the tree from the partial sums of all. They are numbered from left to right, so those of one member are
 * neighbours. */
#ifndef ALGO_MICRO_BATCHES_H
#define ALGO_MICRO_BATCHES_H

#include <stddef.h>

#define MICRO_BATCHES_MAX 64
#define MICRO_BATCHES_LEVELS 6 /* of the tree over that many */

/* How many micro-batches so many samples are cut into: one for each tile, but at most 8 unless each is of 4 tiles or
 * more. */
size_t micro_batches_count(size_t samples);

/* The first sample of a micro-batch of so many; of the one behind the last: the number of samples. */
size_t micro_batches_first_sample(size_t samples, size_t count, size_t index);

/* The member, of so many, that has all of the micro-batches first .. first + n - 1, n a power of two that divides
 * first; MICRO_BATCHES_SEVERAL where no single one has. */
#define MICRO_BATCHES_SEVERAL ((size_t)-1)
size_t micro_batches_owner(size_t count, size_t members, size_t first, size_t n);

/* The first micro-batch of a member; of the one behind the last: their number. */
size_t micro_batches_first_of(size_t count, size_t members, size_t member);

/* Numbers the partial sums: those of member i are first_sum[i] .. first_sum[i + 1] - 1; first_sum [members + 1]. */
void micro_batches_number_sums(size_t count, size_t members, size_t *first_sum);

/* The largest number of partial sums that so many members ever have together. */
size_t micro_batches_most_sums(size_t members);

#endif
