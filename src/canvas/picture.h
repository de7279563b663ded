/* A canvas of pixels, on which environments draw pictures of themselves. */
#ifndef CANVAS_PICTURE_H
#define CANVAS_PICTURE_H

#include "base/status.h"
#include "muster/canvas.h"

/* Pixels 0x00RRGGBB, row by row from the top; a row is `stride` pixels after the one before. */
struct image {
  int width, height, stride;
  const uint32_t *pixels;
};

struct picture;

/* A picture whose longer side is `side` pixels long. Its shape is that of the first view, a square where there is none.
 * Later views of another shape are fitted into it. */
MUSTER_CHECKED muster_status picture_create(int side, struct picture **out);
void picture_destroy(struct picture **picture); /* accepts NULL inside */

/* What to draw on; borrowed for the life of the picture. */
muster_canvas *picture_canvas(struct picture *picture);

/* What has been drawn, borrowed until the next drawing. Error ENVIRONMENT: it was drawn with numbers that are not
 * finite, or with a view of no extent. */
MUSTER_CHECKED muster_status picture_image(struct picture *picture, struct image *out);

#endif
