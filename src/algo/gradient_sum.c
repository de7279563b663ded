#include "algo/gradient_sum.h"

#include "math/vector.h"

#include <string.h>

/* A record: a gradient and, from the next cache line on, its terms. */
struct record {
  float *gradient;
  double *terms;
};

static size_t gradient_bytes(const struct gradient_sum *sum) { return (sum->count * sizeof(float) + 63) / 64 * 64; }

static size_t record_bytes(const struct gradient_sum *sum) {
  return gradient_bytes(sum) + (sum->terms * sizeof(double) + 63) / 64 * 64;
}

static struct record record_at(const struct gradient_sum *sum, void *memory) {
  return (struct record){memory, (double *)((char *)memory + gradient_bytes(sum))};
}

muster_status gradient_sum_create(const struct learner_group *group, size_t count, size_t terms, struct arena *arena,
                                  struct gradient_sum *sum) {
  *sum = (struct gradient_sum){.group = group, .count = count, .terms = terms};
  size_t bytes = record_bytes(sum);
  for (int i = 0; i < SHARDS_LEVELS; i++) MUSTER_TRY(arena_take(arena, 1, bytes, "sums of gradients", &sum->level[i]));
  if (learner_group_size(group) == 1) return MUSTER_OK;
  sum->most_leaves = shards_most_leaves(group->size);
  return group->share(group->context, 2 * sum->most_leaves * bytes, (void **)&sum->leaves);
}

/* --- one sum --- */

struct walk {
  struct gradient_sum *sum;
  size_t samples, shards, members;
  gradient_of_samples add;
  void *context;
  char *leaves;     /* records of this sum */
  size_t next_leaf; /* in the order in which the walk comes by */
};

static struct record next_leaf(struct walk *walk) {
  return record_at(walk->sum, walk->leaves + walk->next_leaf++ * record_bytes(walk->sum));
}

/* out = left + right; out may be one of them */
static void add_records(const struct gradient_sum *sum, struct record left, struct record right, struct record out) {
  vector_add(sum->count, left.gradient, right.gradient, out.gradient);
  for (size_t i = 0; i < sum->terms; i++) out.terms[i] = left.terms[i] + right.terms[i];
}

/* sums a block of shards that this member has alone; `level`: where its right half may go */
static void sum_block(struct walk *walk, size_t first, size_t n, int level, struct record out) {
  struct gradient_sum *sum = walk->sum;
  if (n == 1) {
    size_t sample = shards_first_sample(walk->samples, walk->shards, first);
    size_t end = shards_first_sample(walk->samples, walk->shards, first + 1);
    memset(out.gradient, 0, sum->count * sizeof *out.gradient);
    memset(out.terms, 0, sum->terms * sizeof *out.terms);
    walk->add(walk->context, sample, end - sample, out.gradient, out.terms);
    return;
  }
  struct record right = record_at(sum, sum->level[level]);
  sum_block(walk, first, n / 2, level + 1, out);
  sum_block(walk, first + n / 2, n / 2, level + 1, right);
  add_records(sum, out, right, out);
}

/* this member's leaves below a block */
static void fill_leaves(struct walk *walk, size_t first, size_t n) {
  size_t owner = shards_owner(walk->shards, walk->members, first, n);
  if (owner == SHARDS_SEVERAL) {
    fill_leaves(walk, first, n / 2);
    fill_leaves(walk, first + n / 2, n / 2);
    return;
  }
  struct record leaf = next_leaf(walk);
  if (owner == learner_group_index(walk->sum->group)) sum_block(walk, first, n, 0, leaf);
}

/* the sum of a block from the leaves of all: a leaf itself, or `out` */
static struct record join_leaves(struct walk *walk, size_t first, size_t n, int level, struct record out) {
  if (shards_owner(walk->shards, walk->members, first, n) != SHARDS_SEVERAL) return next_leaf(walk);
  struct record place = record_at(walk->sum, walk->sum->level[level]);
  struct record left = join_leaves(walk, first, n / 2, level + 1, out);
  struct record right = join_leaves(walk, first + n / 2, n / 2, level + 1, place);
  add_records(walk->sum, left, right, out);
  return out;
}

/* tells the others this member's leaves, and waits for theirs */
static muster_status exchange_leaves(const struct walk *walk) {
  const struct learner_group *group = walk->sum->group;
  size_t offsets[LEARNER_GROUP_MAX + 1];
  shards_number_leaves(walk->shards, walk->members, offsets);
  for (size_t i = 0; i <= walk->members; i++) offsets[i] *= record_bytes(walk->sum);
  return group->gather(group->context, walk->leaves, offsets);
}

muster_status gradient_sum_make(struct gradient_sum *sum, size_t samples, gradient_of_samples add, void *context,
                                float *gradient, double *terms) {
  const struct record out = {gradient, terms};
  struct walk walk = {sum, samples, shards_count(samples), learner_group_size(sum->group), add, context, NULL, 0};
  if (walk.members == 1) {
    sum_block(&walk, 0, walk.shards, 0, out);
    return MUSTER_OK;
  }
  /* by turns: whoever writes the next sum's leaves cannot meet one that still reads those of the last */
  walk.leaves = sum->leaves + (sum->sums++ % 2) * sum->most_leaves * record_bytes(sum);
  fill_leaves(&walk, 0, walk.shards);
  MUSTER_TRY(exchange_leaves(&walk));
  walk.next_leaf = 0;
  struct record joined = join_leaves(&walk, 0, walk.shards, 0, out);
  if (joined.gradient == gradient) return MUSTER_OK;
  memcpy(gradient, joined.gradient, sum->count * sizeof *gradient);
  memcpy(terms, joined.terms, sum->terms * sizeof *terms);
  return MUSTER_OK;
}
