/* A canvas of pixels, on which environments draw pictures of themselves. */
#ifndef CANVAS_PICTURE_H
#define CANVAS_PICTURE_H

#include "base/status.h"
#include "muster/canvas.h"

/* Pixels 0x00RRGGBB, row by row from the top; each row begins `stride` pixels after the previous one. */
struct image {
  int width, height, stride;
  const uint32_t *pixels;
};

struct picture;

/* A picture whose longer side is `side` pixels long. It has the shape of the first view, or is square where there is
 * none. Later views of another shape are fitted into it. */
MUSTER_CHECKED muster_status picture_create(int side, struct picture **out);
void picture_destroy(struct picture **picture); /* accepts NULL inside */

/* The canvas to draw on; borrowed for the life of the picture. */
muster_canvas *picture_canvas(struct picture *picture);

/* The image that was drawn, borrowed until the next drawing. Error ENVIRONMENT: the environment drew with numbers that
 * are not finite, or with an empty view. */
MUSTER_CHECKED muster_status picture_image(struct picture *picture, struct image *out);

#endif
