#include "canvas/palette.h"

#include <stdlib.h>
#include <string.h>

/* the slot of a color: the one that holds it, or else the free one where it belongs */
static size_t find_slot(const struct palette *palette, uint32_t color) {
  size_t at = color * 2654435761u >> 19; /* Knuth's multiplicative hash, its upper 13 bits */
  while (palette->slot[at].count > 0 && palette->slot[at].color != color) at = (at + 1) % PALETTE_SLOTS;
  return at;
}

static int compare_counts(const void *a, const void *b) {
  const struct palette_slot *one = *(struct palette_slot *const *)a, *other = *(struct palette_slot *const *)b;
  if (one->count != other->count) return one->count > other->count ? -1 : 1;
  return (one->color > other->color) - (one->color < other->color);
}

static uint8_t nearest(const struct palette *palette, uint32_t color) {
  int best = 0;
  long best_distance = -1;
  for (int i = 0; i < palette->n; i++) {
    long distance = 0;
    for (int shift = 0; shift <= 16; shift += 8) {
      long difference = (long)(color >> shift & 255) - (long)(palette->color[i] >> shift & 255);
      distance += difference * difference;
    }
    if (best_distance >= 0 && distance >= best_distance) continue;
    best = i;
    best_distance = distance;
  }
  return (uint8_t)best;
}

void palette_choose(struct palette *palette, const struct image *image) {
  memset(palette, 0, sizeof *palette);
  struct palette_slot *found[PALETTE_SLOTS / 2];
  size_t n = 0;
  for (int y = 0; y < image->height; y++)
    for (int x = 0; x < image->width; x++) {
      uint32_t color = image->pixels[(size_t)y * (size_t)image->stride + (size_t)x] & 0xffffff;
      struct palette_slot *slot = &palette->slot[find_slot(palette, color)];
      if (slot->count == 0) {
        /* palette_find() handles colors that do not fit into the table */
        if (n == PALETTE_SLOTS / 2) continue;
        found[n++] = slot;
        slot->color = color;
      }
      slot->count++;
    }

  qsort(found, n, sizeof *found, compare_counts);
  palette->n = n < PALETTE_COLORS ? (int)n : PALETTE_COLORS;
  for (int i = 0; i < palette->n; i++) {
    palette->color[i] = found[i]->color;
    found[i]->index = (uint8_t)i;
  }
  for (size_t i = PALETTE_COLORS; i < n; i++) found[i]->index = nearest(palette, found[i]->color);
}

uint8_t palette_find(const struct palette *palette, uint32_t color) {
  const struct palette_slot *slot = &palette->slot[find_slot(palette, color)];
  return slot->count > 0 ? slot->index : nearest(palette, color);
}
