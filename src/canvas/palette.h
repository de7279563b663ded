/* Chooses at most 256 colors that represent all colors of an image. */
#ifndef CANVAS_PALETTE_H
#define CANVAS_PALETTE_H

#include "canvas/picture.h"

#define PALETTE_COLORS 256
#define PALETTE_SLOTS 8192 /* a power of two */

struct palette {
  int n;
  uint32_t color[PALETTE_COLORS]; /* 0x00RRGGBB; the most frequent ones of the image */
  struct palette_slot {
    uint32_t color, count; /* count 0: free */
    uint8_t index;         /* index of the color that represents it */
  } slot[PALETTE_SLOTS];
};

/* Chooses the colors of a part of an image. If there are up to 256, all are kept; otherwise the rarest ones, which come
 * from smoothed edges, are replaced by the nearest. */
void palette_choose(struct palette *palette, const struct image *image);

/* The index of the color that represents this one. */
uint8_t palette_find(const struct palette *palette, uint32_t color);

#endif
