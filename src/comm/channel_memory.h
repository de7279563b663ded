/* Inside comm/: the part of a channel (comm/channel.h) that the ranks of the learner's node share. It consists of
 * atomics and events in zeroed memory that the caller provides. It does not call MPI, and only the events call the
 * kernel.
 *
 * Slots: two for each actor. Only the actor writes to a slot, before it puts the message in the queue; after that only
 * the learner reads it, until it gives the slot back.
 *
 * The queue: actors draw numbered tickets, so messages of all actors are in one queue in the order in which they
 * arrived. It has as many entries as there are slots. No entry is overwritten before the learner has taken it: an actor
 * draws a ticket only after one of its slots was given back, and the entry of that slot had been taken from the queue
 * before.
 *
 * Commands: a few slots that are written in turn. Each says which command it holds, so a reader notices when the
 * writer, having gone once round all slots, has overwritten the slot meanwhile; it then reads the newest command
 * instead. This is a seqlock, whose data are atomic words, as C11 demands. So the writer never waits. */
#ifndef COMM_CHANNEL_MEMORY_H
#define COMM_CHANNEL_MEMORY_H

#include "comm/event.h"

#include <stdbool.h>
#include <stddef.h>

#define CHANNEL_COMMAND_SLOTS 4

/* The head before a message or a command, in shared memory and in MPI messages. */
struct channel_head {
  uint64_t bytes;   /* of a message */
  uint32_t version; /* of a command */
  char padding[52]; /* so that what follows is aligned like the head */
};

/* The pointers of one process into the shared memory. */
struct channel_memory {
  int actors;
  size_t command_bytes, slot_words; /* bytes of a command; 64-bit words of its slot, including the version */
  struct event *arrivals;           /* signalled for each message */
  struct event *commands;           /* its number is the version of the newest command; 0: there is none */
  struct event *credited;           /* [actors] their numbers count the messages that the learner has given back */
  _Atomic uint64_t *tickets;        /* number of tickets drawn so far; entries[2 * actors] follow it */
  _Atomic uint64_t *entries;        /* ticket + 1 in the low half, actor in the high one */
  _Atomic uint64_t *command_slots;  /* [CHANNEL_COMMAND_SLOTS, slot_words] */
  char *slots;
  uint64_t taken; /* of the learner: entries taken so far */
};

/* The bytes that this memory takes; `rooms` [actors]: the largest message of each actor. */
size_t channel_memory_bytes(int actors, const size_t *rooms, size_t command_bytes);
/* Sets the pointers into zeroed bytes, aligned to 128, which all ranks share. */
void channel_memory_open(struct channel_memory *memory, void *bytes, int actors, const size_t *rooms,
                         size_t command_bytes);

/* Bytes of one slot: the head and the message, rounded up so that the next head is aligned. */
size_t channel_slot_bytes(size_t room);
/* One of an actor's two slots. */
struct channel_head *channel_memory_slot(const struct channel_memory *memory, const size_t *rooms, int actor,
                                         int which);

/* Puts an actor's message in the queue. */
void channel_memory_arrive(struct channel_memory *memory, int actor);
/* Takes the oldest message from the queue; returns its actor, or -1 where there is none. */
int channel_memory_take(struct channel_memory *memory);

/* Writes command number `version`, one more than the last. */
void channel_memory_write_command(struct channel_memory *memory, uint32_t version, const void *command);
/* Copies the newest command and returns its version; copies nothing where the version is `last`. */
uint32_t channel_memory_read_command(struct channel_memory *memory, uint32_t last, void *command);

#endif
