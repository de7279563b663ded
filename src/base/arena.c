#include "base/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_ALIGNMENT 64

struct arena_block {
  struct arena_block *next;
};

struct arena {
  struct arena_block *blocks;
  size_t bytes;
};

muster_status arena_create(struct arena **out) {
  struct arena *arena = calloc(1, sizeof *arena);
  if (arena == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory");
  *out = arena;
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

muster_status arena_take(struct arena *arena, size_t count, size_t size, const char *what, void **out) {
  const size_t limit = SIZE_MAX / 4;
  if (size != 0 && count > limit / size)
    return status_error(MUSTER_ERROR_MEMORY, "out of memory: %s would need %zu times %zu bytes", what, count, size);
  /* calloc gives zeroed pages for large blocks without touching them; the block starts at the next aligned address */
  struct arena_block *block = calloc(1, sizeof *block + count * size + ARENA_ALIGNMENT);
  if (block == NULL)
    return status_error(MUSTER_ERROR_MEMORY, "out of memory: %s needs %.1f MB", what, 1e-6 * (double)(count * size));
  block->next = arena->blocks;
  arena->blocks = block;
  arena->bytes += count * size;
  uintptr_t start = (uintptr_t)(block + 1);
  *out = (void *)((start + ARENA_ALIGNMENT - 1) & ~(uintptr_t)(ARENA_ALIGNMENT - 1));
  return MUSTER_OK;
}

size_t arena_bytes(const struct arena *arena) { return arena->bytes; }
