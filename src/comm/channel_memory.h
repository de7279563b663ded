/* Inside comm/: what the ranks of the learner's node share of a channel (comm/channel.h). It is atomics and events in
 * zeroed memory that somebody else provides, and calls neither MPI nor, but for the events, the kernel.
 *
 * Slots: two for each actor, which it alone writes before it puts the message in the queue, and the learner alone reads
 * until it gives it back.
 *
 * The queue: actors draw tickets, so messages of all actors stand in one queue in the order in which they came. It has
 * as many entries as there are slots. No entry is written before the one that stood there was taken: the ticket of the
 * next entry is drawn after a slot was given back, whose entry had been taken from the queue.
 *
 * Commands: a few slots that are written in turn. Each says which command it holds, so a reader that was overtaken by
 * the writer, which has to come round for that, notices it and takes the newest instead: a seqlock, whose data are
 * atomic words, as C11 demands. So the writer never waits. */
#ifndef COMM_CHANNEL_MEMORY_H
#define COMM_CHANNEL_MEMORY_H

#include "comm/event.h"

#include <stdbool.h>
#include <stddef.h>

#define CHANNEL_COMMAND_SLOTS 4

/* What stands before a message or a command, in shared memory and in messages. */
struct channel_head {
  uint64_t bytes;   /* of a message */
  uint32_t version; /* of a command */
  char padding[52]; /* what follows is aligned as the head is */
};

/* Pointers of one process into the memory. */
struct channel_memory {
  int actors;
  size_t command_bytes, slot_words; /* of a command; of its slot, with its version */
  struct event *arrivals;           /* rings for each message */
  struct event *commands;           /* stands at the version of the newest command; 0: there is none */
  struct event *credited;           /* [actors] stand at how many messages the learner has let go of */
  _Atomic uint64_t *tickets;        /* drawn so far; then entries[2 * actors] */
  _Atomic uint64_t *entries;        /* ticket + 1 in the low half, actor in the high one */
  _Atomic uint64_t *command_slots;  /* [CHANNEL_COMMAND_SLOTS, slot_words] */
  char *slots;
  uint64_t taken; /* the learner's: entries so far */
};

/* Bytes that such memory takes; `rooms` [actors] of a message of each. */
size_t channel_memory_bytes(int actors, const size_t *rooms, size_t command_bytes);
/* Finds everything in zeroed bytes, aligned to 128 and the same for all ranks. */
void channel_memory_open(struct channel_memory *memory, void *bytes, int actors, const size_t *rooms,
                         size_t command_bytes);

/* Bytes of one slot: the head, the room, up to the next head. */
size_t channel_slot_bytes(size_t room);
/* One of an actor's two slots. */
struct channel_head *channel_memory_slot(const struct channel_memory *memory, const size_t *rooms, int actor,
                                         int which);

/* Puts an actor's message in the queue. */
void channel_memory_arrive(struct channel_memory *memory, int actor);
/* Takes the oldest from the queue: the actor whose it is, or -1 where there is none. */
int channel_memory_take(struct channel_memory *memory);

/* Writes command number `version`, one more than the last. */
void channel_memory_write_command(struct channel_memory *memory, uint32_t version, const void *command);
/* Copies the newest command that is there, and returns its version; does nothing where that is `last`. */
uint32_t channel_memory_read_command(struct channel_memory *memory, uint32_t last, void *command);

#endif
