/* Stands in for this module where muster is built without views: no picture is ever made. */
#include "canvas/gif.h"
#include "canvas/picture.h"

static muster_status there_is_none(void) {
  return status_error(MUSTER_ERROR_USAGE, "this build of muster draws no pictures: it was made with MUSTER_VIEWS=OFF");
}

muster_status picture_create(int side, struct picture **out) {
  (void)side, (void)out;
  return there_is_none();
}

void picture_destroy(struct picture **picture) { *picture = NULL; }

muster_canvas *picture_canvas(struct picture *picture) {
  (void)picture;
  return NULL;
}

muster_status picture_image(struct picture *picture, struct image *out) {
  (void)picture, (void)out;
  return there_is_none();
}

muster_status gif_create(double fps, const char *comment, struct gif **out) {
  (void)fps, (void)comment, (void)out;
  return there_is_none();
}

void gif_destroy(struct gif **gif) { *gif = NULL; }

muster_status gif_add(struct gif *gif, const struct image *image) {
  (void)gif, (void)image;
  return there_is_none();
}

muster_status gif_finish(struct gif *gif, const void **bytes, size_t *size) {
  (void)gif, (void)bytes, (void)size;
  return there_is_none();
}
