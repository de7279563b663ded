/* At most 256 colors that stand for all of an image. */
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
    uint8_t index;         /* of the color that stands for it */
  } slot[PALETTE_SLOTS];
};

/* Chooses the colors of a part of an image. One with up to 256 colors keeps all of them; in others the rarest ones, of
 * the smoothed edges, are replaced by the nearest. */
void palette_choose(struct palette *palette, const struct image *image);

/* The index of the color that stands for this one. */
uint8_t palette_find(const struct palette *palette, uint32_t color);

#endif
