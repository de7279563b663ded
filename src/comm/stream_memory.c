#include "comm/stream_memory.h"

#include <assert.h>
#include <string.h>

static_assert(sizeof(struct stream_head) == 64, "a head is as long as a cache line");

static size_t round_up(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }

size_t stream_place_bytes(size_t room) {
  return sizeof(struct stream_head) + round_up(room, sizeof(struct stream_head));
}

/* --- layout: bells, places, orders, the row --- */

static size_t places_bytes(int actors, const size_t *rooms) {
  size_t bytes = 0;
  for (int actor = 0; actor < actors; actor++) bytes += 2 * stream_place_bytes(rooms[actor]);
  return bytes;
}

/* of one order: its version, then the order in whole words; to the next cache line */
static size_t slot_words(size_t order_bytes) {
  return round_up(sizeof(uint64_t) + order_bytes, sizeof(struct stream_head)) / sizeof(uint64_t);
}

size_t stream_memory_bytes(int actors, const size_t *rooms, size_t order_bytes) {
  size_t bells = 2 + (size_t)actors, row = 1 + 2 * (size_t)actors;
  return bells * sizeof(struct bell) + places_bytes(actors, rooms) +
         (STREAM_ORDER_SLOTS * slot_words(order_bytes) + row) * sizeof(uint64_t);
}

void stream_memory_open(struct stream_memory *memory, void *bytes, int actors, const size_t *rooms,
                        size_t order_bytes) {
  struct bell *bells = bytes;
  char *places = (char *)(bells + 2 + actors);
  _Atomic uint64_t *slots = (_Atomic uint64_t *)(void *)(places + places_bytes(actors, rooms));
  _Atomic uint64_t *row = slots + STREAM_ORDER_SLOTS * slot_words(order_bytes);
  *memory = (struct stream_memory){.actors = actors,
                                   .order_bytes = order_bytes,
                                   .slot_words = slot_words(order_bytes),
                                   .arrivals = bells,
                                   .orders = bells + 1,
                                   .released = bells + 2,
                                   .tickets = row,
                                   .entries = row + 1,
                                   .slots = slots,
                                   .places = places};
}

struct stream_head *stream_memory_place(const struct stream_memory *memory, const size_t *rooms, int actor, int which) {
  char *first = memory->places + places_bytes(actor, rooms);
  return (struct stream_head *)(void *)(first + (size_t)which * stream_place_bytes(rooms[actor]));
}

/* --- the row of deliveries --- */

void stream_memory_arrive(struct stream_memory *memory, int actor) {
  uint64_t ticket = atomic_fetch_add_explicit(memory->tickets, 1, memory_order_acq_rel);
  uint64_t entry = (uint64_t)actor << 32 | (uint32_t)(ticket + 1);
  atomic_store_explicit(&memory->entries[ticket % (2 * (uint64_t)memory->actors)], entry, memory_order_release);
  bell_ring(memory->arrivals);
}

int stream_memory_take(struct stream_memory *memory) {
  uint64_t slot = memory->taken % (2 * (uint64_t)memory->actors);
  uint64_t entry = atomic_load_explicit(&memory->entries[slot], memory_order_acquire);
  if ((uint32_t)entry != (uint32_t)(memory->taken + 1)) return -1;
  memory->taken++;
  return (int)(entry >> 32);
}

/* --- orders --- */

static _Atomic uint64_t *slot_of(const struct stream_memory *memory, uint32_t version) {
  return memory->slots + version % STREAM_ORDER_SLOTS * memory->slot_words;
}

/* An order is copied in whole words, and its last bytes, if any, in one that is filled up. */

static void write_words(_Atomic uint64_t *words, const char *bytes, size_t n) {
  uint64_t word;
  for (; n >= sizeof word; n -= sizeof word, bytes += sizeof word) {
    memcpy(&word, bytes, sizeof word);
    atomic_store_explicit(words++, word, memory_order_relaxed);
  }
  if (n == 0) return;
  word = 0;
  memcpy(&word, bytes, n);
  atomic_store_explicit(words, word, memory_order_relaxed);
}

static void read_words(char *bytes, const _Atomic uint64_t *words, size_t n) {
  uint64_t word;
  for (; n >= sizeof word; n -= sizeof word, bytes += sizeof word) {
    word = atomic_load_explicit(words++, memory_order_relaxed);
    memcpy(bytes, &word, sizeof word);
  }
  if (n == 0) return;
  word = atomic_load_explicit(words, memory_order_relaxed);
  memcpy(bytes, &word, n);
}

void stream_memory_tell(struct stream_memory *memory, uint32_t version, const void *order) {
  _Atomic uint64_t *slot = slot_of(memory, version);

  /* a version that is no slot's but another's matches no reader; nothing of the new order is seen before it */
  atomic_store_explicit(&slot[0], version + 1, memory_order_relaxed);
  atomic_thread_fence(memory_order_release);
  write_words(slot + 1, order, memory->order_bytes);
  atomic_store_explicit(&slot[0], version, memory_order_release);
  bell_set(memory->orders, version);
}

/* copies order number `version`; false when the writer has come round meanwhile */
static bool read_order(const struct stream_memory *memory, uint32_t version, void *order) {
  _Atomic uint64_t *slot = slot_of(memory, version);
  if (atomic_load_explicit(&slot[0], memory_order_acquire) != version) return false;
  read_words(order, slot + 1, memory->order_bytes);
  atomic_thread_fence(memory_order_acquire);
  return atomic_load_explicit(&slot[0], memory_order_relaxed) == version;
}

uint32_t stream_memory_read(struct stream_memory *memory, uint32_t last, void *order) {
  uint32_t newest = bell_number(memory->orders);
  while (newest != last && !read_order(memory, newest, order)) newest = bell_number(memory->orders);
  return newest;
}
