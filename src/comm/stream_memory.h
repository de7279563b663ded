/* Inside comm/: what the ranks of the learner's node share of a stream (comm/stream.h). It is atomics and bells in
 * zeroed memory that somebody else provides, and calls neither MPI nor, but for the bells, the kernel.
 *
 * Places: two for each actor, which it alone writes before it puts the delivery in the row, and the learner alone reads
 * until it lets go of it.
 *
 * The row: actors draw tickets, so deliveries of all actors stand in one row in the order in which they came. It has as
 * many slots as there are places. No slot is written before the entry that it held was taken: the ticket of the next
 * entry is drawn after a place was let go of, which had been taken from the row.
 *
 * Orders: a few slots that are written in turn. Each says which order it holds, so a reader that was overtaken by the
 * writer, which has to come round for that, notices it and takes the newest instead: a seqlock, whose data are atomic
 * words, as C11 demands. So the writer never waits. */
#ifndef COMM_STREAM_MEMORY_H
#define COMM_STREAM_MEMORY_H

#include "comm/bell.h"

#include <stdbool.h>
#include <stddef.h>

#define STREAM_ORDER_SLOTS 4

/* What stands before a delivery or an order, in shared memory and in messages. */
struct stream_head {
  uint64_t bytes;   /* of a delivery */
  uint32_t version; /* of an order */
  char padding[52]; /* what follows is aligned as the head is */
};

/* Pointers of one process into the memory. */
struct stream_memory {
  int actors;
  size_t order_bytes, slot_words; /* of an order; of its slot, with its version */
  struct bell *arrivals;          /* rings for each delivery */
  struct bell *orders;            /* stands at the version of the newest order; 0: there is none */
  struct bell *released;          /* [actors] stand at how many deliveries the learner has let go of */
  _Atomic uint64_t *tickets;      /* drawn so far; then entries[2 * actors] */
  _Atomic uint64_t *entries;      /* ticket + 1 in the low half, actor in the high one */
  _Atomic uint64_t *slots;        /* [STREAM_ORDER_SLOTS, slot_words] */
  char *places;
  uint64_t taken; /* the learner's: entries so far */
};

/* Bytes that such memory takes; `rooms` [actors] of a delivery of each. */
size_t stream_memory_bytes(int actors, const size_t *rooms, size_t order_bytes);
/* Finds everything in zeroed bytes, aligned to 128 and the same for all ranks. */
void stream_memory_open(struct stream_memory *memory, void *bytes, int actors, const size_t *rooms, size_t order_bytes);

/* Bytes of one place: the head, the room, up to the next head. */
size_t stream_place_bytes(size_t room);
/* One of an actor's two places. */
struct stream_head *stream_memory_place(const struct stream_memory *memory, const size_t *rooms, int actor, int which);

/* Puts an actor's delivery in the row. */
void stream_memory_arrive(struct stream_memory *memory, int actor);
/* Takes the oldest from the row: the actor whose it is, or -1 where there is none. */
int stream_memory_take(struct stream_memory *memory);

/* Writes order number `version`, one more than the last. */
void stream_memory_tell(struct stream_memory *memory, uint32_t version, const void *order);
/* Copies the newest order that is there, and returns its version; does nothing where that is `last`. */
uint32_t stream_memory_read(struct stream_memory *memory, uint32_t last, void *order);

#endif
