#include "base/random.h"

#include <Random123/philox.h>

void random_words(uint64_t seed, enum random_purpose purpose, uint32_t index, uint32_t sequence, uint32_t counter,
                  uint32_t words[4]) {
  philox4x32_key_t key = {{(uint32_t)seed, (uint32_t)(seed >> 32)}};
  philox4x32_ctr_t count = {{counter, sequence, index, (uint32_t)purpose}};
  philox4x32_ctr_t result = philox4x32(count, key);
  for (int i = 0; i < 4; i++) words[i] = result.v[i];
}

void random_words_rows(uint64_t seed, enum random_purpose purpose, uint32_t first_index, uint32_t sequence, size_t n,
                       uint32_t *words) {
  philox4x32_key_t key = {{(uint32_t)seed, (uint32_t)(seed >> 32)}};
  for (size_t r = 0; r < n; r++) {
    philox4x32_ctr_t count = {{0, sequence, first_index + (uint32_t)r, (uint32_t)purpose}};
    words[r] = philox4x32(count, key).v[0];
  }
}

static uint32_t stream_next(muster_random *random) {
  struct random_stream *stream = (struct random_stream *)random;
  if (stream->remaining == 0) {
    random_words(stream->seed, (enum random_purpose)stream->purpose, stream->index, stream->sequence, stream->counter++,
                 stream->block);
    stream->remaining = 4;
  }
  return stream->block[4 - stream->remaining--];
}

struct random_stream random_stream_start(uint64_t seed, enum random_purpose purpose, uint32_t index,
                                         uint32_t sequence) {
  return (struct random_stream){
      .base = {stream_next}, .seed = seed, .purpose = (uint32_t)purpose, .index = index, .sequence = sequence};
}

uint64_t random_derive_seed(uint64_t seed, enum random_purpose purpose) {
  uint32_t words[4];
  random_words(seed, purpose, 0xffffffffu, 0, 0, words);
  return (uint64_t)words[0] << 32 | words[1];
}

void random_permutation(uint64_t seed, enum random_purpose purpose, uint32_t sequence, uint32_t *order, size_t n) {
  struct random_stream stream = random_stream_start(seed, purpose, 0, sequence);
  for (size_t i = 0; i < n; i++) order[i] = (uint32_t)i;
  for (size_t i = n; i > 1; i--) {
    uint32_t j = muster_random_below(&stream.base, (uint32_t)i);
    uint32_t swapped = order[i - 1];
    order[i - 1] = order[j];
    order[j] = swapped;
  }
}
