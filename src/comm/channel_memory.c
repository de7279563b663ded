#include "comm/channel_memory.h"

#include <assert.h>
#include <string.h>

static_assert(sizeof(struct channel_head) == 64, "a head is as long as a cache line");

static size_t round_up(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }

size_t channel_slot_bytes(size_t room) {
  return sizeof(struct channel_head) + round_up(room, sizeof(struct channel_head));
}

/* --- layout: events, slots, commands, the queue --- */

static size_t slots_bytes(int actors, const size_t *rooms) {
  size_t bytes = 0;
  for (int actor = 0; actor < actors; actor++) bytes += 2 * channel_slot_bytes(rooms[actor]);
  return bytes;
}

/* words of one command: its version, then the command in whole words, rounded up to a cache line */
static size_t slot_words(size_t command_bytes) {
  return round_up(sizeof(uint64_t) + command_bytes, sizeof(struct channel_head)) / sizeof(uint64_t);
}

size_t channel_memory_bytes(int actors, const size_t *rooms, size_t command_bytes) {
  size_t events = 2 + (size_t)actors, queue = 1 + 2 * (size_t)actors;
  return events * sizeof(struct event) + slots_bytes(actors, rooms) +
         (CHANNEL_COMMAND_SLOTS * slot_words(command_bytes) + queue) * sizeof(uint64_t);
}

void channel_memory_open(struct channel_memory *memory, void *bytes, int actors, const size_t *rooms,
                         size_t command_bytes) {
  struct event *events = bytes;
  char *slots = (char *)(events + 2 + actors);
  _Atomic uint64_t *command_slots = (_Atomic uint64_t *)(void *)(slots + slots_bytes(actors, rooms));
  _Atomic uint64_t *queue = command_slots + CHANNEL_COMMAND_SLOTS * slot_words(command_bytes);
  *memory = (struct channel_memory){.actors = actors,
                                    .command_bytes = command_bytes,
                                    .slot_words = slot_words(command_bytes),
                                    .arrivals = events,
                                    .commands = events + 1,
                                    .credited = events + 2,
                                    .tickets = queue,
                                    .entries = queue + 1,
                                    .command_slots = command_slots,
                                    .slots = slots};
}

struct channel_head *channel_memory_slot(const struct channel_memory *memory, const size_t *rooms, int actor,
                                         int which) {
  char *first = memory->slots + slots_bytes(actor, rooms);
  return (struct channel_head *)(void *)(first + (size_t)which * channel_slot_bytes(rooms[actor]));
}

/* --- the queue of messages --- */

void channel_memory_arrive(struct channel_memory *memory, int actor) {
  uint64_t ticket = atomic_fetch_add_explicit(memory->tickets, 1, memory_order_acq_rel);
  uint64_t entry = (uint64_t)actor << 32 | (uint32_t)(ticket + 1);
  atomic_store_explicit(&memory->entries[ticket % (2 * (uint64_t)memory->actors)], entry, memory_order_release);
  event_signal(memory->arrivals);
}

int channel_memory_take(struct channel_memory *memory) {
  uint64_t slot = memory->taken % (2 * (uint64_t)memory->actors);
  uint64_t entry = atomic_load_explicit(&memory->entries[slot], memory_order_acquire);
  if ((uint32_t)entry != (uint32_t)(memory->taken + 1)) return -1;
  memory->taken++;
  return (int)(entry >> 32);
}

/* --- commands --- */

static _Atomic uint64_t *slot_of(const struct channel_memory *memory, uint32_t version) {
  return memory->command_slots + version % CHANNEL_COMMAND_SLOTS * memory->slot_words;
}

/* A command is copied in whole words; remaining bytes go into a last word with padding. */

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

void channel_memory_write_command(struct channel_memory *memory, uint32_t version, const void *command) {
  _Atomic uint64_t *slot = slot_of(memory, version);

  /* version + 1 belongs in another slot, so it matches no reader of this one; readers see it before any part of the new
   * command */
  atomic_store_explicit(&slot[0], version + 1, memory_order_relaxed);
  atomic_thread_fence(memory_order_release);
  write_words(slot + 1, command, memory->command_bytes);
  atomic_store_explicit(&slot[0], version, memory_order_release);
  event_set(memory->commands, version);
}

/* copies command number `version`; false when the writer has overwritten its slot meanwhile */
static bool read_command(const struct channel_memory *memory, uint32_t version, void *command) {
  _Atomic uint64_t *slot = slot_of(memory, version);
  if (atomic_load_explicit(&slot[0], memory_order_acquire) != version) return false;
  read_words(command, slot + 1, memory->command_bytes);
  atomic_thread_fence(memory_order_acquire);
  return atomic_load_explicit(&slot[0], memory_order_relaxed) == version;
}

uint32_t channel_memory_read_command(struct channel_memory *memory, uint32_t last, void *command) {
  uint32_t newest = event_number(memory->commands);
  while (newest != last && !read_command(memory, newest, command)) newest = event_number(memory->commands);
  return newest;
}
