#include "algo/batch_sums.h"

#include <string.h>

/* where the sums of a micro-batch are in this turn */
static double *sums_of(const struct batch_sums *sums, size_t micro_batch) {
  return sums->memory + sums->turns % 2 * sums->micro_batches * sums->most + micro_batch * sums->n;
}

static double *take(struct layer_batch *batch, size_t n) {
  struct batch_sums *sums = (struct batch_sums *)batch;
  /* two buffers by turns: no member writes sums while another still reads those from before */
  sums->turns++;
  sums->n = n;
  double *own = sums_of(sums, sums->first_micro_batch);
  memset(own, 0, batch->groups * n * sizeof *own);
  return own;
}

/* shows the others this member's sums, and waits for theirs */
static muster_status gather(const struct batch_sums *sums) {
  const struct learner_group *group = sums->group;
  size_t offsets[LEARNER_GROUP_MAX + 1];
  if (learner_group_size(group) == 1) return MUSTER_OK;
  for (size_t i = 0; i <= group->size; i++)
    offsets[i] = micro_batches_first_of(sums->micro_batches, group->size, i) * sums->n * sizeof *sums->memory;
  return group->gather(group->context, sums_of(sums, 0), offsets);
}

static const double *join(struct layer_batch *batch) {
  struct batch_sums *sums = (struct batch_sums *)batch;
  if (sums->status == MUSTER_OK) sums->status = gather(sums);
  memcpy(sums->joined, sums_of(sums, 0), sums->n * sizeof *sums->joined);
  for (size_t i = 1; i < sums->micro_batches; i++) {
    const double *some = sums_of(sums, i);
    for (size_t k = 0; k < sums->n; k++) sums->joined[k] += some[k];
  }
  return sums->joined;
}

muster_status batch_sums_create(const struct learner_group *group, size_t samples, size_t most, struct arena *arena,
                                struct batch_sums *sums) {
  const size_t members = learner_group_size(group), index = learner_group_index(group);
  const size_t count = micro_batches_count(samples);
  const size_t first = micro_batches_first_of(count, members, index);
  const size_t end = micro_batches_first_of(count, members, index + 1);
  *sums = (struct batch_sums){.batch = {.groups = end - first, .take = take, .join = join},
                              .group = group,
                              .samples = samples,
                              .first = micro_batches_first_sample(samples, count, first),
                              .micro_batches = count,
                              .first_micro_batch = first,
                              .most = most};
  sums->count = micro_batches_first_sample(samples, count, end) - sums->first;
  MUSTER_TRY(ARENA_TAKE(arena, most, "sums over a minibatch", &sums->joined));
  if (members == 1) return ARENA_TAKE(arena, 2 * count * most, "sums over a minibatch", &sums->memory);
  return group->share(group->context, 2 * count * most * sizeof *sums->memory, (void **)&sums->memory);
}

struct layer_batch *batch_sums_begin(struct batch_sums *sums, size_t rows_each, bool renormalizes) {
  struct layer_batch *batch = &sums->batch;
  batch->rows = rows_each * sums->samples;
  batch->renormalizes = renormalizes;
  batch->first = sums->first_row;
  for (size_t i = 0; i <= batch->groups; i++)
    sums->first_row[i] =
        rows_each *
        (micro_batches_first_sample(sums->samples, sums->micro_batches, sums->first_micro_batch + i) - sums->first);
  return batch;
}
