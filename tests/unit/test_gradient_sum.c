/* Micro-batches of a minibatch; any number of learners sums them to the same bits. */
#include "algo/gradient_sum.h"
#include "nn/layer.h"
#include "support/check.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { COUNT = 37, TERMS = 3 };

/* --- micro-batches --- */

static void test_cover(void) {
  for (size_t samples = 1; samples < 40000; samples += samples < 600 ? 1 : 997) {
    size_t count = micro_batches_count(samples), tiles = (samples + TILE - 1) / TILE;
    CU_ASSERT_TRUE(count >= 1 && count <= MICRO_BATCHES_MAX && count <= tiles);
    CU_ASSERT_EQUAL(count & (count - 1), 0);
    CU_ASSERT_EQUAL(micro_batches_first_sample(samples, count, 0), 0);
    CU_ASSERT_EQUAL(micro_batches_first_sample(samples, count, count), samples);
    for (size_t i = 0; i < count; i++) {
      size_t first = micro_batches_first_sample(samples, count, i);
      CU_ASSERT_EQUAL(first % TILE, 0);
      CU_ASSERT_TRUE(first < micro_batches_first_sample(samples, count, i + 1));
    }
  }
  CU_ASSERT_EQUAL(micro_batches_count(64), 1);
  CU_ASSERT_EQUAL(micro_batches_count(256), 4);
  CU_ASSERT_EQUAL(micro_batches_count(512), 8);
  CU_ASSERT_EQUAL(micro_batches_count(2048), 8);
  CU_ASSERT_EQUAL(micro_batches_count(4096), 16);
  CU_ASSERT_EQUAL(micro_batches_count(16384), 64);
  CU_ASSERT_EQUAL(micro_batches_count(1000000), 64);
}

/* each member has neighbouring micro-batches, as many as the others or one more; partial sums are in the order of the
 * members */
static void test_owners(void) {
  for (size_t count = 1; count <= MICRO_BATCHES_MAX; count *= 2)
    for (size_t members = 1; members <= LEARNER_GROUP_MAX; members++) {
      size_t first_sum[LEARNER_GROUP_MAX + 1], has[LEARNER_GROUP_MAX] = {0}, before = 0;
      for (size_t i = 0; i < count; i++) {
        size_t owner = micro_batches_owner(count, members, i, 1);
        CU_ASSERT_TRUE_FATAL(owner < members && owner >= before);
        has[before = owner]++;
      }
      for (size_t i = 0; i < members; i++) CU_ASSERT_TRUE(has[i] == count / members || has[i] == count / members + 1);
      micro_batches_number_sums(count, members, first_sum);
      for (size_t i = 0; i < members; i++) CU_ASSERT_EQUAL(first_sum[i + 1] > first_sum[i], has[i] > 0);
      CU_ASSERT_TRUE(first_sum[members] <= micro_batches_most_sums(members));
    }
  CU_ASSERT_EQUAL(micro_batches_most_sums(1), 1);
  CU_ASSERT_EQUAL(micro_batches_most_sums(8), 8);
}

/* --- sums --- */

/* a group whose members run one after the other in this process: nobody waits, and all share the same memory */
struct pretended_group {
  struct learner_group group;
  void *memory[2]; /* the blocks that are shared so far; all members in turn get the same */
  int shared;
};

static muster_status pretend_share(void *context, size_t bytes, void **memory) {
  struct pretended_group *pretended = context;
  void **block = &pretended->memory[pretended->shared++];
  if (*block == NULL) *block = calloc(1, bytes);
  *memory = *block;
  return MUSTER_OK;
}

static muster_status pretend_gather(void *context, void *memory, const size_t *offsets) {
  (void)context;
  (void)memory;
  (void)offsets;
  return MUSTER_OK;
}

/* numbers whose sum depends on the order in which they are added */
static float value_of(size_t sample, size_t i) {
  uint32_t x = (uint32_t)(sample * 2654435761u + i * 40503u + 12345u);
  x ^= x >> 15;
  x *= 2246822519u;
  x ^= x >> 13;
  return (float)((double)x / 4294967296.0 - 0.5) * (float)(1 << (x % 11));
}

static void add_samples(void *context, size_t first, size_t n, float *gradient, double *terms) {
  (void)context;
  for (size_t sample = first; sample < first + n; sample++) {
    for (size_t i = 0; i < COUNT; i++) gradient[i] += value_of(sample, i);
    for (size_t i = 0; i < TERMS; i++) terms[i] += value_of(sample, COUNT + i);
  }
}

/* the same in groups: each added up alone, and then in a tree */
static void find_groups(void *context, size_t first, const struct linear_groups *groups, float *gradient,
                        double *terms) {
  float sums[LINEAR_GROUPS][COUNT] = {{0}};
  const size_t n = groups->count;
  CU_ASSERT_TRUE(linear_groups_rows(groups) <= BLOCK_ROWS && n <= LINEAR_GROUPS);
  for (size_t i = 0; i < n; first += groups->rows[i++])
    add_samples(context, first, groups->rows[i], sums[i], terms + i * TERMS);
  for (size_t apart = 1; apart < n; apart *= 2)
    for (size_t left = 0; left < n; left += 2 * apart)
      for (size_t k = 0; k < COUNT; k++) sums[left][k] += sums[left + apart][k];
  memcpy(gradient, sums[0], sizeof sums[0]);
}

struct result {
  float gradient[COUNT];
  double terms[TERMS];
};

/* `most_rows` of groups at once; 0: one micro-batch after the other */
static muster_status make(struct gradient_sum *sum, size_t samples, size_t most_rows, struct result *result) {
  sum->most_rows = most_rows;
  if (most_rows > 0)
    return gradient_sum_make_of_groups(sum, samples, find_groups, NULL, result->gradient, result->terms);
  return gradient_sum_make(sum, samples, add_samples, NULL, result->gradient, result->terms);
}

/* what each of this many members gets for a minibatch; the first round of sums leaves in memory what members read in
 * the second round */
static void sum_together(size_t members, size_t samples, size_t most_rows, struct result *results) {
  struct arena *arena;
  CHECK_OK_FATAL(arena_create(&arena));
  void *memory[2] = {NULL, NULL};
  struct gradient_sum sums[LEARNER_GROUP_MAX];
  struct pretended_group pretended[LEARNER_GROUP_MAX];
  for (size_t i = 0; i < members; i++) {
    pretended[i] = (struct pretended_group){.memory = {memory[0], memory[1]}};
    pretended[i].group = (struct learner_group){
        .size = members, .index = i, .context = &pretended[i], .share = pretend_share, .gather = pretend_gather};
    CHECK_OK_FATAL(gradient_sum_create(&pretended[i].group, COUNT, TERMS, arena, &sums[i]));
    memory[0] = pretended[i].memory[0];
  }
  for (int round = 0; round < 2; round++)
    for (size_t i = 0; i < members; i++) {
      sums[i].sums = 0;
      CHECK_OK_FATAL(make(&sums[i], samples, most_rows, &results[i]));
    }
  free(memory[0]);
  arena_destroy(&arena);
}

static size_t longest_micro_batch(size_t samples) {
  const size_t count = micro_batches_count(samples);
  size_t longest = 0;
  for (size_t i = 0; i < count; i++) {
    const size_t first = micro_batches_first_sample(samples, count, i);
    const size_t n = micro_batches_first_sample(samples, count, i + 1) - first;
    if (n > longest) longest = n;
  }
  return longest;
}

static void check_same_bits(size_t most_rows) {
  static const size_t sizes[] = {1, 63, 64, 65, 128, 200, 256, 300, 512, 777, 2048, 4096, 5000, 16384, 20000};
  static struct result alone, together[LEARNER_GROUP_MAX], one_by_one;
  struct arena *arena;
  struct gradient_sum sum;
  CHECK_OK_FATAL(arena_create(&arena));
  CHECK_OK_FATAL(gradient_sum_create(NULL, COUNT, TERMS, arena, &sum));
  for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
    CHECK_OK_FATAL(make(&sum, sizes[s], most_rows, &alone));
    CHECK_OK_FATAL(make(&sum, sizes[s], 0, &one_by_one));
    /* a micro-batch that is summed at once is added up alike in both forms */
    if (longest_micro_batch(sizes[s]) <= most_rows) CU_ASSERT_EQUAL(memcmp(&alone, &one_by_one, sizeof alone), 0);
    for (size_t members = 2; members <= LEARNER_GROUP_MAX; members += members < 9 ? 1 : 11) {
      sum_together(members, sizes[s], most_rows, together);
      for (size_t i = 0; i < members; i++) CU_ASSERT_EQUAL(memcmp(&alone, &together[i], sizeof alone), 0);
    }
  }
  arena_destroy(&arena);
}

static void test_same_bits(void) {
  check_same_bits(0);
  check_same_bits(TILE);
  check_same_bits(BLOCK_ROWS);
}

/* the sum equals the one in double, except for rounding */
static void test_value(void) {
  enum { SAMPLES = 1000 };
  struct arena *arena;
  struct gradient_sum sum;
  struct result result;
  CHECK_OK_FATAL(arena_create(&arena));
  CHECK_OK_FATAL(gradient_sum_create(NULL, COUNT, TERMS, arena, &sum));
  CHECK_OK_FATAL(gradient_sum_make(&sum, SAMPLES, add_samples, NULL, result.gradient, result.terms));
  for (size_t i = 0; i < COUNT + TERMS; i++) {
    double expected = 0, size = 0;
    for (size_t sample = 0; sample < SAMPLES; sample++) {
      expected += value_of(sample, i);
      size += fabs((double)value_of(sample, i));
    }
    double got = i < COUNT ? (double)result.gradient[i] : result.terms[i - COUNT];
    CU_ASSERT_TRUE(fabs(got - expected) <= size * (i < COUNT ? 1e-6 : 1e-14));
  }
  arena_destroy(&arena);
}

static const struct check_case cases[] = {
    {"micro-batches cover a minibatch", test_cover},
    {"micro-batches and partial sums of members", test_owners},
    {"any number of learners sums to the same bits", test_same_bits},
    {"the sum is right", test_value},
};

CHECK_MAIN("gradient_sum", cases)
