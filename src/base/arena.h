/* Memory that is handed out during set-up and released at once: steady state allocates nothing. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/status.h"

#include <stddef.h>

struct arena; /* owns every block that it handed out */

MUSTER_CHECKED muster_status arena_create(struct arena **out);
/* An arena that hands out the zeroed bytes of `memory` (borrowed, aligned to 64), and fails where they are used up. */
MUSTER_CHECKED muster_status arena_create_in(void *memory, size_t bytes, struct arena **out);
void arena_destroy(struct arena **arena); /* accepts NULL inside, nulls the handle */

/* Hands out count * size zeroed bytes, aligned to 64, that live until arena_destroy(). Blocks from 8 MB on come from
 * the system as untouched pages: bytes that are never written take no resident memory. Blocks from 16 kB on, such as
 * weights and activations, lie side by side in large pages where the system has some to give (on Linux transparent
 * ones, "madvise" or "always"): then a page of 2 MB is resident as soon as a byte of it is written, and the processor
 * knows where all of them are. `what` names the block in the error. */
MUSTER_CHECKED muster_status arena_take(struct arena *arena, size_t count, size_t size, const char *what, void **out);

/* The same for bytes that are read here and there, such as drawn steps of a replay: blocks from 8 MB on are in large
 * pages, too, and reading takes one look into the memory in place of two. Without large pages, or of memory that was
 * handed to the arena, it is arena_take(). */
MUSTER_CHECKED muster_status arena_take_scattered(struct arena *arena, size_t count, size_t size, const char *what,
                                                  void **out);

/* Bytes handed out so far; and how much memory arena_create_in() needs to hand out the same again. */
size_t arena_bytes(const struct arena *arena);
size_t arena_room(const struct arena *arena);

/* arena_take() for an array of objects of the pointer's type: ARENA_TAKE(arena, n, "rewards", &batch->reward). */
#define ARENA_TAKE(arena, count, what, pointer)                                                                        \
  arena_take((arena), (count), sizeof **(pointer), (what), (void **)(pointer))

#endif
