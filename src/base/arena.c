#include "base/arena.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define ARENA_ALIGNMENT 64
#define LARGE_PAGE ((size_t)2 << 20) /* bytes */

/* Blocks from WORKING_LEAST to less than STRETCH bytes come from stretches of large pages. Not where AddressSanitizer
 * looks behind their ends: it knows them only if each is an allocation of its own. */
#define STRETCH ((size_t)8 << 20)
#if defined(__SANITIZE_ADDRESS__)
#define WORKING_LEAST STRETCH
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WORKING_LEAST STRETCH
#endif
#endif
#ifndef WORKING_LEAST
#define WORKING_LEAST ((size_t)16 << 10)
#endif

struct arena_block {
  struct arena_block *next;
};

/* The begin of a mapping of STRETCH + LARGE_PAGE bytes, of which STRETCH bytes are whole large pages. */
struct arena_stretch {
  struct arena_stretch *next;
};

struct arena {
  struct arena_block *blocks;
  struct arena_stretch *stretches;
  char *rest; /* [rest_bytes] of the newest stretch */
  size_t rest_bytes;
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
  for (struct arena_stretch *stretch = (*arena)->stretches; stretch != NULL;) {
    struct arena_stretch *next = stretch->next;
    (void)munmap(stretch, STRETCH + LARGE_PAGE);
    stretch = next;
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

static bool add_stretch(struct arena *arena) {
  const int access = PROT_READ | PROT_WRITE, kind = MAP_PRIVATE | MAP_ANONYMOUS;
  struct arena_stretch *stretch = mmap(NULL, STRETCH + LARGE_PAGE, access, kind, -1, 0);
  if (stretch == MAP_FAILED) return false;
  stretch->next = arena->stretches;
  arena->stretches = stretch;
  arena->rest = (char *)(((uintptr_t)(stretch + 1) + LARGE_PAGE - 1) & ~(uintptr_t)(LARGE_PAGE - 1));
  arena->rest_bytes = STRETCH;
  ask_for_large_pages(arena->rest, STRETCH);
  return true;
}

/* takes a block from the newest stretch, or from a new one */
static void *take_from_stretch(struct arena *arena, size_t room) {
  if (room > arena->rest_bytes && !add_stretch(arena)) return NULL;
  void *taken = arena->rest;
  arena->rest += room;
  arena->rest_bytes -= room;
  return taken;
}

muster_status arena_take(struct arena *arena, size_t count, size_t size, const char *what, void **out) {
  const size_t limit = SIZE_MAX / 4;
  if (size != 0 && count > limit / size)
    return status_error(MUSTER_ERROR_MEMORY, "out of memory: %s would need %zu times %zu bytes", what, count, size);
  const size_t bytes = count * size, room = (bytes + ARENA_ALIGNMENT - 1) / ARENA_ALIGNMENT * ARENA_ALIGNMENT;
  void *taken = NULL;
  if (arena->memory == NULL)
    taken = bytes >= WORKING_LEAST && bytes < STRETCH ? take_from_stretch(arena, room) : take_block(arena, bytes);
  else if (room <= arena->limit - arena->room)
    taken = arena->memory + arena->room;
  if (taken == NULL)
    return status_error(MUSTER_ERROR_MEMORY, "out of memory: %s needs %.1f MB", what, 1e-6 * (double)bytes);
  arena->bytes += bytes;
  arena->room += room;
  *out = taken;
  return MUSTER_OK;
}

muster_status arena_take_scattered(struct arena *arena, size_t count, size_t size, const char *what, void **out) {
  MUSTER_TRY(arena_take(arena, count, size, what, out));
  if (arena->memory == NULL) ask_for_large_pages(*out, count * size);
  return MUSTER_OK;
}

size_t arena_bytes(const struct arena *arena) { return arena->bytes; }
size_t arena_room(const struct arena *arena) { return arena->room; }
