/* The conformance suite's check of pictures: lets the environment draw on a canvas that only checks the calls. */
#include "env/conformance_checks.h"

#include <math.h>

struct inspector {
  muster_canvas canvas;
  struct examination *examination;
  int drawings; /* how many since the view was chosen; -1: no view yet */
};

/* every drawing comes after the view, with finite numbers */
static void inspect(struct inspector *inspector, const char *what, size_t n, const double *numbers) {
  if (inspector->drawings < 0)
    examination_fail(inspector->examination, "render_picture() calls %s before view()", what);
  for (size_t i = 0; i < n; i++)
    if (!isfinite(numbers[i]))
      examination_fail(inspector->examination, "render_picture() calls %s with %g, not a finite number", what,
                       numbers[i]);
  inspector->drawings++;
}

static void inspect_view(muster_canvas *canvas, double left, double right, double bottom, double top,
                         uint32_t background) {
  (void)background;
  struct inspector *inspector = canvas->self;
  if (!(isfinite(left) && isfinite(bottom) && isfinite(right) && isfinite(top) && left < right && bottom < top))
    examination_fail(inspector->examination,
                     "render_picture() calls view(%g, %g, %g, %g): expects left < right and bottom < top, all finite",
                     left, right, bottom, top);
  inspector->drawings = 0;
}

static void inspect_polygon(muster_canvas *canvas, size_t n, const double *points, uint32_t color) {
  (void)color;
  inspect(canvas->self, "polygon()", 2 * n, points);
}

static void inspect_line(muster_canvas *canvas, size_t n, const double *points, double width, uint32_t color) {
  (void)color;
  inspect(canvas->self, "line()", 2 * n, points);
  inspect(canvas->self, "line()", 1, &width);
}

static void inspect_circle(muster_canvas *canvas, double x, double y, double radius, uint32_t color) {
  (void)color;
  const double numbers[] = {x, y, radius};
  inspect(canvas->self, "circle()", 3, numbers);
}

static void inspect_image(muster_canvas *canvas, double left, double right, double bottom, double top, size_t width,
                          size_t height, const uint8_t *rgb) {
  struct inspector *inspector = canvas->self;
  const double corners[] = {left, right, bottom, top};
  inspect(inspector, "image()", 4, corners);
  if (!(left < right && bottom < top) || width == 0 || height == 0 || rgb == NULL)
    examination_fail(inspector->examination,
                     "render_picture() calls image() with %zu x %zu pixels over %g to %g and %g to %g: expects pixels, "
                     "left < right and bottom < top",
                     width, height, left, right, bottom, top);
}

void check_picture(struct subject *subject) {
  struct examination *examination = subject->examination;
  const muster_env_type *type = subject->type;
  if (type->render_picture == NULL) {
    examination_find(examination, CONFORMANCE_PASS, "it has no render_picture, which is only for looking at it");
    return;
  }
  if (!(type->render_fps >= 0.0 && isfinite(type->render_fps)))
    examination_fail(examination, "render_fps is %g: expects steps a second, or 0", type->render_fps);
  struct inspector inspector = {.canvas = {.struct_size = sizeof inspector.canvas,
                                           .self = &inspector,
                                           .view = inspect_view,
                                           .polygon = inspect_polygon,
                                           .line = inspect_line,
                                           .circle = inspect_circle,
                                           .image = inspect_image},
                                .examination = examination};
  struct player player = player_create(subject, 0, GUARD_NONE);
  int drawings = 0;
  player_reset(&player);
  for (int i = 0; i < 20; i++) {
    inspector.drawings = -1;
    examination->call = "render_picture()";
    type->render_picture(player.env, &inspector.canvas);
    if (inspector.drawings < 0) examination_fail(examination, "render_picture() does not call view()");
    drawings += inspector.drawings;
    player_draw(&player);
    player_step(&player);
    if (player_ended(&player)) player_reset(&player);
  }
  player_destroy(&player);
  examination_find(examination, CONFORMANCE_PASS, "20 pictures of %d drawings in all, at finite places", drawings);
}
