#include "algo/gradient_sum.h"

#include "math/vector.h"

#include <string.h>

/* A sum over samples: a gradient and, from the next cache line on, its terms. */
struct partial_sum {
  float *gradient;
  double *terms;
};

static size_t gradient_bytes(const struct gradient_sum *sum) { return (sum->count * sizeof(float) + 63) / 64 * 64; }

static size_t sum_bytes(const struct gradient_sum *sum) {
  return gradient_bytes(sum) + (sum->terms * sizeof(double) + 63) / 64 * 64;
}

static struct partial_sum sum_at(const struct gradient_sum *sum, void *memory) {
  return (struct partial_sum){memory, (double *)((char *)memory + gradient_bytes(sum))};
}

muster_status gradient_sum_create(const struct learner_group *group, size_t count, size_t terms, struct arena *arena,
                                  struct gradient_sum *sum) {
  *sum = (struct gradient_sum){.group = group, .count = count, .terms = terms, .most_rows = BLOCK_ROWS};
  size_t bytes = sum_bytes(sum);
  for (int i = 0; i <= MICRO_BATCHES_LEVELS; i++)
    MUSTER_TRY(arena_take(arena, 1, bytes, "sums of gradients", &sum->level[i]));
  MUSTER_TRY(ARENA_TAKE(arena, LINEAR_GROUPS * terms, "sums of losses", &sum->group_terms));
  if (learner_group_size(group) == 1) return MUSTER_OK;
  sum->most_sums = micro_batches_most_sums(group->size);
  return group->share(group->context, 2 * sum->most_sums * bytes, (void **)&sum->partial_sums);
}

/* --- one sum --- */

struct walk {
  struct gradient_sum *sum;
  size_t samples, micro_batches, members;
  gradient_of_samples add; /* or: */
  gradient_of_groups find;
  void *context;
  char *partial_sums; /* of all members */
  size_t next_sum;    /* among them, in the order in which the walk through the tree comes by */
};

static struct partial_sum next_sum(struct walk *walk) {
  return sum_at(walk->sum, walk->partial_sums + walk->next_sum++ * sum_bytes(walk->sum));
}

/* out = left + right; out may be one of them */
static void add_sums(const struct gradient_sum *sum, struct partial_sum left, struct partial_sum right,
                     struct partial_sum out) {
  vector_add(sum->count, left.gradient, right.gradient, out.gradient);
  for (size_t i = 0; i < sum->terms; i++) out.terms[i] = left.terms[i] + right.terms[i];
}

/* sums samples of one micro-batch */
static void sum_samples(const struct walk *walk, size_t sample, size_t end, struct partial_sum out) {
  const struct gradient_sum *sum = walk->sum;
  memset(out.gradient, 0, sum->count * sizeof *out.gradient);
  memset(out.terms, 0, sum->terms * sizeof *out.terms);
  walk->add(walk->context, sample, end - sample, parameters_block_of(out.gradient, sum->first), out.terms);
}

/* sums groups of samples over their tree */
static void sum_groups(const struct walk *walk, size_t sample, const struct linear_groups *groups,
                       struct partial_sum out) {
  const struct gradient_sum *sum = walk->sum;
  double *terms = sum->group_terms;
  memset(terms, 0, LINEAR_GROUPS * sum->terms * sizeof *terms);
  walk->find(walk->context, sample, groups, parameters_block_of(out.gradient, sum->first), terms);
  for (size_t apart = 1; apart < groups->count; apart *= 2)
    for (size_t left = 0; left < groups->count; left += 2 * apart)
      for (size_t i = 0; i < sum->terms; i++) terms[left * sum->terms + i] += terms[(left + apart) * sum->terms + i];
  memcpy(out.terms, terms, sum->terms * sizeof *terms);
}

/* sums one micro-batch, which is longer than a block, block by block */
static void sum_blocks(const struct walk *walk, size_t sample, size_t end, int level, struct partial_sum out) {
  const struct partial_sum next = sum_at(walk->sum, walk->sum->level[level]);
  const size_t most = walk->sum->most_rows;
  for (size_t begin = sample; begin < end; begin += most) {
    const struct linear_groups groups = {1, {end - begin < most ? end - begin : most}};
    sum_groups(walk, begin, &groups, begin == sample ? out : next);
    if (begin > sample) add_sums(walk->sum, out, next, out);
  }
}

/* whether n micro-batches make a block: then their numbers of samples */
static bool makes_block(const struct walk *walk, size_t first, size_t n, struct linear_groups *groups) {
  size_t rows = 0;
  if (n > LINEAR_GROUPS) return false;
  groups->count = n;
  for (size_t i = 0; i < n; i++) {
    groups->rows[i] = micro_batches_first_sample(walk->samples, walk->micro_batches, first + i + 1) -
                      micro_batches_first_sample(walk->samples, walk->micro_batches, first + i);
    rows += groups->rows[i];
  }
  return rows <= walk->sum->most_rows;
}

/* sums n micro-batches from `first` on, all of this member; `level`: where the sum of the right half may go */
static void sum_block(struct walk *walk, size_t first, size_t n, int level, struct partial_sum out) {
  struct gradient_sum *sum = walk->sum;
  struct linear_groups groups;
  const size_t sample = micro_batches_first_sample(walk->samples, walk->micro_batches, first);
  const size_t end = micro_batches_first_sample(walk->samples, walk->micro_batches, first + n);
  if (walk->find != NULL && makes_block(walk, first, n, &groups)) {
    sum_groups(walk, sample, &groups, out);
    return;
  }
  if (n == 1) {
    if (walk->find != NULL)
      sum_blocks(walk, sample, end, level, out);
    else
      sum_samples(walk, sample, end, out);
    return;
  }
  struct partial_sum right = sum_at(sum, sum->level[level]);
  sum_block(walk, first, n / 2, level + 1, out);
  sum_block(walk, first + n / 2, n / 2, level + 1, right);
  add_sums(sum, out, right, out);
}

/* computes this member's partial sums below a node of the tree */
static void compute_sums(struct walk *walk, size_t first, size_t n) {
  size_t owner = micro_batches_owner(walk->micro_batches, walk->members, first, n);
  if (owner == MICRO_BATCHES_SEVERAL) {
    compute_sums(walk, first, n / 2);
    compute_sums(walk, first + n / 2, n / 2);
    return;
  }
  struct partial_sum mine = next_sum(walk);
  if (owner == learner_group_index(walk->sum->group)) sum_block(walk, first, n, 0, mine);
}

/* the sum of a node of the tree from the partial sums of all: a partial sum itself, or `out` */
static struct partial_sum join_sums(struct walk *walk, size_t first, size_t n, int level, struct partial_sum out) {
  if (micro_batches_owner(walk->micro_batches, walk->members, first, n) != MICRO_BATCHES_SEVERAL) return next_sum(walk);
  struct partial_sum place = sum_at(walk->sum, walk->sum->level[level]);
  struct partial_sum left = join_sums(walk, first, n / 2, level + 1, out);
  struct partial_sum right = join_sums(walk, first + n / 2, n / 2, level + 1, place);
  add_sums(walk->sum, left, right, out);
  return out;
}

/* shows the others this member's partial sums, and waits for theirs */
static muster_status gather_sums(const struct walk *walk) {
  const struct learner_group *group = walk->sum->group;
  size_t offsets[LEARNER_GROUP_MAX + 1];
  micro_batches_number_sums(walk->micro_batches, walk->members, offsets);
  for (size_t i = 0; i <= walk->members; i++) offsets[i] *= sum_bytes(walk->sum);
  return group->gather(group->context, walk->partial_sums, offsets);
}

static muster_status make(struct walk *walk, struct partial_sum out) {
  struct gradient_sum *sum = walk->sum;
  walk->micro_batches = micro_batches_count(walk->samples);
  walk->members = learner_group_size(sum->group);
  if (walk->members == 1) {
    sum_block(walk, 0, walk->micro_batches, 0, out);
    return MUSTER_OK;
  }
  /* two buffers by turns: no learner writes the partial sums of one sum while another still reads those of the last */
  walk->partial_sums = sum->partial_sums + (sum->sums++ % 2) * sum->most_sums * sum_bytes(sum);
  compute_sums(walk, 0, walk->micro_batches);
  MUSTER_TRY(gather_sums(walk));
  walk->next_sum = 0;
  struct partial_sum joined = join_sums(walk, 0, walk->micro_batches, 0, out);
  if (joined.gradient == out.gradient) return MUSTER_OK;
  memcpy(out.gradient, joined.gradient, sum->count * sizeof *out.gradient);
  memcpy(out.terms, joined.terms, sum->terms * sizeof *out.terms);
  return MUSTER_OK;
}

muster_status gradient_sum_make(struct gradient_sum *sum, size_t samples, gradient_of_samples add, void *context,
                                float *gradient, double *terms) {
  struct walk walk = {.sum = sum, .samples = samples, .add = add, .context = context};
  return make(&walk, (struct partial_sum){gradient, terms});
}

muster_status gradient_sum_make_of_groups(struct gradient_sum *sum, size_t samples, gradient_of_groups find,
                                          void *context, float *gradient, double *terms) {
  struct walk walk = {.sum = sum, .samples = samples, .find = find, .context = context};
  return make(&walk, (struct partial_sum){gradient, terms});
}
