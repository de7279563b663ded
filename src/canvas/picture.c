#include "canvas/picture.h"

#include <cairo.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

struct picture {
  muster_canvas canvas;
  int side, width, height;
  cairo_surface_t *surface; /* NULL before the first view */
  cairo_t *cairo;
  bool is_unsound; /* whether the environment drew with invalid numbers */
};

/* ---- what cairo needs ---- */

static void use_color(const struct picture *picture, uint32_t color) {
  cairo_set_source_rgb(picture->cairo, (color >> 16 & 255) / 255.0, (color >> 8 & 255) / 255.0, (color & 255) / 255.0);
}

static bool all_finite(const double *values, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (!isfinite(values[i])) return false;
  return true;
}

/* creates the pixels, in the shape of the first view */
static void create_surface(struct picture *picture, double wide, double high) {
  double longer = wide > high ? wide : high;
  picture->width = (int)fmax(1.0, round(picture->side * wide / longer));
  picture->height = (int)fmax(1.0, round(picture->side * high / longer));
  picture->surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, picture->width, picture->height);
  picture->cairo = cairo_create(picture->surface);
  cairo_set_line_cap(picture->cairo, CAIRO_LINE_CAP_ROUND);
  cairo_set_line_join(picture->cairo, CAIRO_LINE_JOIN_ROUND);
}

/* whether there is a view and all these numbers can be drawn */
static bool may_draw(struct picture *picture, const double *values, size_t n) {
  if (picture->cairo == NULL && !picture->is_unsound)
    picture->canvas.view(&picture->canvas, 0.0, 1.0, 0.0, 1.0, 0xffffff);
  if (!all_finite(values, n)) picture->is_unsound = true;
  return !picture->is_unsound;
}

static void follow(const struct picture *picture, size_t n, const double *points) {
  cairo_new_path(picture->cairo);
  for (size_t i = 0; i < n; i++) cairo_line_to(picture->cairo, points[2 * i], points[2 * i + 1]);
}

/* ---- the functions of the canvas ---- */

static void canvas_view(muster_canvas *canvas, double left, double right, double bottom, double top,
                        uint32_t background) {
  struct picture *picture = canvas->self;
  double wide = right - left, high = top - bottom;
  picture->is_unsound = !(isfinite(wide) && isfinite(high) && wide > 0.0 && high > 0.0);
  if (picture->is_unsound) return;
  if (picture->surface == NULL) create_surface(picture, wide, high);
  cairo_t *cairo = picture->cairo;
  cairo_identity_matrix(cairo);
  use_color(picture, background);
  cairo_paint(cairo);

  /* the middle of the view is the middle of the picture; y points up */
  double scale = fmin(picture->width / wide, picture->height / high);
  cairo_translate(cairo, 0.5 * picture->width, 0.5 * picture->height);
  cairo_scale(cairo, scale, -scale);
  cairo_translate(cairo, -0.5 * (left + right), -0.5 * (bottom + top));
}

static void canvas_polygon(muster_canvas *canvas, size_t n, const double *points, uint32_t color) {
  struct picture *picture = canvas->self;
  if (!may_draw(picture, points, 2 * n)) return;
  use_color(picture, color);
  follow(picture, n, points);
  cairo_fill(picture->cairo);
}

static void canvas_line(muster_canvas *canvas, size_t n, const double *points, double width, uint32_t color) {
  struct picture *picture = canvas->self;
  if (!may_draw(picture, points, 2 * n) || !may_draw(picture, &width, 1)) return;
  use_color(picture, color);
  follow(picture, n, points);
  cairo_set_line_width(picture->cairo, width);
  cairo_stroke(picture->cairo);
}

static void canvas_circle(muster_canvas *canvas, double x, double y, double radius, uint32_t color) {
  struct picture *picture = canvas->self;
  const double values[] = {x, y, radius};
  if (!may_draw(picture, values, 3) || radius <= 0.0) return;
  use_color(picture, color);
  cairo_new_path(picture->cairo);
  cairo_arc(picture->cairo, x, y, radius, 0.0, 6.283185307179586);
  cairo_fill(picture->cairo);
}

/* the pixels as cairo has them; NULL: there are none, or no memory for them */
static cairo_surface_t *surface_of(size_t width, size_t height, const uint8_t *rgb) {
  if (width == 0 || height == 0 || width > INT16_MAX || height > INT16_MAX) return NULL;
  cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)width, (int)height);
  unsigned char *bytes = cairo_image_surface_get_data(surface);
  if (bytes != NULL) {
    const size_t stride = (size_t)cairo_image_surface_get_stride(surface);
    for (size_t y = 0; y < height; y++) {
      uint32_t *row = (uint32_t *)(void *)(bytes + y * stride);
      for (size_t x = 0; x < width; x++, rgb += 3)
        row[x] = (uint32_t)rgb[0] << 16 | (uint32_t)rgb[1] << 8 | (uint32_t)rgb[2];
    }
    cairo_surface_mark_dirty(surface);
    return surface;
  }
  cairo_surface_destroy(surface);
  return NULL;
}

static void canvas_image(muster_canvas *canvas, double left, double right, double bottom, double top, size_t width,
                         size_t height, const uint8_t *rgb) {
  struct picture *picture = canvas->self;
  const double corners[] = {left, right, bottom, top};
  if (!may_draw(picture, corners, 4) || !(left < right && bottom < top)) return;
  cairo_surface_t *surface = surface_of(width, height, rgb);
  if (surface == NULL) return;
  cairo_save(picture->cairo);
  cairo_translate(picture->cairo, left, top);
  cairo_scale(picture->cairo, (right - left) / (double)width, (bottom - top) / (double)height);
  cairo_set_source_surface(picture->cairo, surface, 0.0, 0.0);
  /* what lies beyond the edge is the edge's color, so that edges are not blended with nothing */
  cairo_pattern_set_extend(cairo_get_source(picture->cairo), CAIRO_EXTEND_PAD);
  cairo_rectangle(picture->cairo, 0.0, 0.0, (double)width, (double)height);
  cairo_fill(picture->cairo);
  cairo_restore(picture->cairo);
  cairo_surface_destroy(surface);
}

/* ---- life ---- */

muster_status picture_create(int side, struct picture **out) {
  struct picture *picture = malloc(sizeof *picture);
  if (picture == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory for a picture");
  *picture = (struct picture){.canvas = {.struct_size = sizeof picture->canvas,
                                         .self = picture,
                                         .view = canvas_view,
                                         .polygon = canvas_polygon,
                                         .line = canvas_line,
                                         .circle = canvas_circle,
                                         .image = canvas_image},
                              .side = side};
  *out = picture;
  return MUSTER_OK;
}

void picture_destroy(struct picture **picture) {
  if (*picture == NULL) return;
  if ((*picture)->cairo != NULL) cairo_destroy((*picture)->cairo);
  if ((*picture)->surface != NULL) cairo_surface_destroy((*picture)->surface);
  free(*picture);
  *picture = NULL;
}

muster_canvas *picture_canvas(struct picture *picture) { return &picture->canvas; }

muster_status picture_image(struct picture *picture, struct image *out) {
  if (!may_draw(picture, NULL, 0))
    return status_error(MUSTER_ERROR_ENVIRONMENT,
                        "the environment draws a view of no extent, or numbers that are not finite");
  cairo_surface_flush(picture->surface);
  cairo_status_t status = cairo_status(picture->cairo);
  if (status != CAIRO_STATUS_SUCCESS)
    return status_error(MUSTER_ERROR_MEMORY, "a picture of %d x %d pixels: %s", picture->width, picture->height,
                        cairo_status_to_string(status));
  *out = (struct image){.width = picture->width,
                        .height = picture->height,
                        .stride = cairo_image_surface_get_stride(picture->surface) / (int)sizeof(uint32_t),
                        .pixels = (const uint32_t *)(const void *)cairo_image_surface_get_data(picture->surface)};
  return MUSTER_OK;
}
