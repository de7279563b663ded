/* Counter-based random numbers: every number is a pure function of (seed, purpose, index, sequence, counter), from
 * Philox4x32-10 (Salmon et al. 2011), so results depend neither on the ranks nor on the order of evaluation. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include "muster/random.h"

#include <stddef.h>
#include <stdint.h>

/* What a stream is for; checkpoints rely on the values, so only append. */
enum random_purpose {
  RANDOM_PARAMETERS = 1, /* initial weights: index = tensor */
  RANDOM_ACTION = 2,     /* index = global environment, sequence = step of that environment */
  RANDOM_ENV = 3,        /* index = global environment, sequence = episode of that environment */
  RANDOM_MINIBATCH = 4,  /* index = 0, sequence = epoch counted over the run */
  RANDOM_EVALUATION = 5, /* added to RANDOM_ENV and RANDOM_ACTION indices of evaluation episodes: see random_key() */
  RANDOM_GROUP = 6,      /* starts that a group of environments shares: index = group, sequence = episode */
  RANDOM_REPLAY = 7,     /* steps that an update learns from again: index = row of the minibatch, sequence = update */
  RANDOM_TABLE = 8,      /* learning of tables: index = 0 which table, 1 an action; sequence = update */
  RANDOM_DROPOUT = 9,    /* what dropout layers drop: index = row of the minibatch, sequence = update */
  RANDOM_NOISE = 10,     /* noise of actions in an update: index = row of the minibatch, sequence = update */
  RANDOM_DRIFT = 11      /* action noise that lasts: index = row of the run, sequence = step */
};

/* One stream. A value: copy it to save the position. `base` comes first, so that a stream can be handed to an
 * environment as its muster_random. */
struct random_stream {
  muster_random base;
  uint64_t seed;
  uint32_t purpose, index, sequence;
  uint32_t counter;   /* blocks of four numbers drawn so far */
  uint32_t remaining; /* numbers left in `block` */
  uint32_t block[4];
};

/* The stream of (seed, purpose, index, sequence), at its start. */
struct random_stream random_stream_start(uint64_t seed, enum random_purpose purpose, uint32_t index, uint32_t sequence);

/* Four random words of (seed, purpose, index, sequence, counter): the pure function beneath the streams. */
void random_words(uint64_t seed, enum random_purpose purpose, uint32_t index, uint32_t sequence, uint32_t counter,
                  uint32_t words[4]);

/* The first of the random words of rows first_index .. first_index + n - 1, at counter 0: one word a row. */
void random_words_rows(uint64_t seed, enum random_purpose purpose, uint32_t first_index, uint32_t sequence, size_t n,
                       uint32_t *words);

/* Uniform in [0, 1) with 24 bits, from one random word. */
static inline float random_unit_float(uint32_t word) { return (float)(word >> 8) * (1.0f / 16777216.0f); }

/* A seed for a purpose that must not share numbers with training, derived from the run's seed (evaluation). */
uint64_t random_derive_seed(uint64_t seed, enum random_purpose purpose);

/* Fills order[n] with a random permutation of 0..n-1, Fisher and Yates on the stream (purpose, 0, sequence). */
void random_permutation(uint64_t seed, enum random_purpose purpose, uint32_t sequence, uint32_t *order, size_t n);

#endif
