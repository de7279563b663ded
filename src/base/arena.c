#include "base/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define ARENA_ALIGNMENT 64
#define LARGE_PAGE ((size_t)2 << 20) /* bytes */

struct arena_block {
  struct arena_block *next;
};

struct arena {
  struct arena_block *blocks;
  size_t bytes, room; /* bytes handed out; the same with the padding for alignment */
  char *memory;       /* [limit] memory to hand out; NULL: blocks come from the system */
  size_t limit;
};

muster_status arena_create(struct arena **out) {
  struct arena *arena = calloc(1, sizeof *arena);
  if (arena == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory");
  *out = arena;
  return MUSTER_OK;
}

muster_status arena_create_in(void *memory, size_t bytes, struct arena **out) {
  MUSTER_TRY(arena_create(out));
  (*out)->memory = memory;
  (*out)->limit = bytes;
  return MUSTER_OK;
}

void arena_destroy(struct arena **arena) {
  if (*arena == NULL) return;
  for (struct arena_block *block = (*arena)->blocks; block != NULL;) {
    struct arena_block *next = block->next;
    free(block);
    block = next;
  }
  free(*arena);
  *arena = NULL;
}

/* takes a block from the system: calloc() gives zeroed pages for large blocks without touching them; what is handed out
 * starts at the next aligned address */
static void *take_block(struct arena *arena, size_t bytes) {
  struct arena_block *block = calloc(1, sizeof *block + bytes + ARENA_ALIGNMENT);
  if (block == NULL) return NULL;
  block->next = arena->blocks;
  arena->blocks = block;
  uintptr_t start = (uintptr_t)(block + 1);
  return (void *)((start + ARENA_ALIGNMENT - 1) & ~(uintptr_t)(ARENA_ALIGNMENT - 1));
}

muster_status arena_take(struct arena *arena, size_t count, size_t size, const char *what, void **out) {
  const size_t limit = SIZE_MAX / 4;
  if (size != 0 && count > limit / size)
    return status_error(MUSTER_ERROR_MEMORY, "out of memory: %s would need %zu times %zu bytes", what, count, size);
  const size_t bytes = count * size, room = (bytes + ARENA_ALIGNMENT - 1) / ARENA_ALIGNMENT * ARENA_ALIGNMENT;
  void *taken = NULL;
  if (arena->memory == NULL)
    taken = take_block(arena, bytes);
  else if (room <= arena->limit - arena->room)
    taken = arena->memory + arena->room;
  if (taken == NULL)
    return status_error(MUSTER_ERROR_MEMORY, "out of memory: %s needs %.1f MB", what, 1e-6 * (double)bytes);
  arena->bytes += bytes;
  arena->room += room;
  *out = taken;
  return MUSTER_OK;
}

/* asks for large pages in the part of the block that whole ones fill; it is a wish, of which a system may know nothing
 */
static void ask_for_large_pages(void *block, size_t bytes) {
#ifdef MADV_HUGEPAGE
  const uintptr_t first = ((uintptr_t)block + LARGE_PAGE - 1) & ~(LARGE_PAGE - 1);
  const uintptr_t end = ((uintptr_t)block + bytes) & ~(LARGE_PAGE - 1);
  if (end > first) (void)madvise((void *)first, end - first, MADV_HUGEPAGE);
#else
  (void)block;
  (void)bytes;
#endif
}

muster_status arena_take_scattered(struct arena *arena, size_t count, size_t size, const char *what, void **out) {
  MUSTER_TRY(arena_take(arena, count, size, what, out));
  if (arena->memory == NULL) ask_for_large_pages(*out, count * size);
  return MUSTER_OK;
}

size_t arena_bytes(const struct arena *arena) { return arena->bytes; }
size_t arena_room(const struct arena *arena) { return arena->room; }
