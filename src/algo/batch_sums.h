/* The sums over a minibatch that layers with statistics make while a pass is under way (struct layer_batch,
 * nn/layer.h), by one learner or by several together: the same bits in either case. Every member has the rows of its
 * micro-batches (algo/micro_batches.h); each of these is summed by itself, the members show each other the sums, and
 * all add them up in the order of the micro-batches. So learners meet once for each such layer of a pass. */
#ifndef ALGO_BATCH_SUMS_H
#define ALGO_BATCH_SUMS_H

#include "algo/learner_group.h"
#include "algo/micro_batches.h"
#include "base/arena.h"
#include "nn/layer.h"

#include <stdint.h>

struct batch_sums {
  struct layer_batch batch;          /* for passes; first, so that it is known from that */
  const struct learner_group *group; /* borrowed; NULL: alone */
  size_t samples, first, count;      /* of the minibatch; of these, this member's */
  size_t micro_batches, first_micro_batch;
  size_t first_row[MICRO_BATCHES_MAX + 1]; /* of this member's micro-batches in a pass */
  size_t most, n;                          /* sums of a micro-batch at most, and of the ones under way */
  double *memory;                          /* [2, micro_batches, most], which the group shares, used by turns */
  double *joined;                          /* [most] */
  uint32_t turns;                          /* so far */
  muster_status status;                    /* of the first meeting that failed; OK: none has */
};

/* Sums for minibatches of so many samples, at most `most` of a layer. Collective over the group. */
MUSTER_CHECKED muster_status batch_sums_create(const struct learner_group *group, size_t samples, size_t most,
                                               struct arena *arena, struct batch_sums *sums);

/* Begins a pass that has so many rows for each sample: sample i of this member's has rows around rows_each * i, such
 * that those of whole tiles lie together. */
struct layer_batch *batch_sums_begin(struct batch_sums *sums, size_t rows_each, bool renormalizes);

#endif
