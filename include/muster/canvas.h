/* A canvas, on which an environment draws a picture of its state: muster_env_type.render_picture() is handed one.
 *
 * The environment calls view() first, and then draws from back to front. Lengths and places are in the environment's
 * own units, x to the right and y up; what lies outside the view is not shown. A color is 0xRRGGBB. Points are x, y, x,
 * y, ... */
#ifndef MUSTER_CANVAS_H
#define MUSTER_CANVAS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct muster_canvas muster_canvas;

struct muster_canvas {
  size_t struct_size; /* of this table in the muster that draws; later versions may add functions at its end */
  void *self;         /* muster's */

  /* Says what part of the plane the picture shows, which gives the picture its shape, and fills it with the
   * background. */
  void (*view)(muster_canvas *canvas, double left, double right, double bottom, double top, uint32_t background);

  /* A filled polygon; `points`: [n, 2]. */
  void (*polygon)(muster_canvas *canvas, size_t n, const double *points, uint32_t color);

  /* Lines from point to point, with round ends; `points`: [n, 2]. */
  void (*line)(muster_canvas *canvas, size_t n, const double *points, double width, uint32_t color);

  /* A filled circle. */
  void (*circle)(muster_canvas *canvas, double x, double y, double radius, uint32_t color);

  /* An image, as a renderer or a camera makes it, stretched over a rectangle of the view, left < right and bottom <
   * top. `rgb`: [height, width, 3], row by row from the top, borrowed for the call. Call muster_canvas_image(), since
   * it came later than the others. */
  void (*image)(muster_canvas *canvas, double left, double right, double bottom, double top, size_t width,
                size_t height, const uint8_t *rgb);
};

static inline void muster_canvas_rectangle(muster_canvas *canvas, double left, double right, double bottom, double top,
                                           uint32_t color) {
  const double points[] = {left, bottom, right, bottom, right, top, left, top};
  canvas->polygon(canvas, 4, points, color);
}

/* Draws an image, where the muster that draws can: returns 1, or 0 with nothing drawn. */
static inline int muster_canvas_image(muster_canvas *canvas, double left, double right, double bottom, double top,
                                      size_t width, size_t height, const uint8_t *rgb) {
  if (canvas->struct_size < offsetof(muster_canvas, image) + sizeof canvas->image) return 0;
  canvas->image(canvas, left, right, bottom, top, width, height, rgb);
  return 1;
}

#ifdef __cplusplus
}
#endif
#endif
