/* Makes an animated GIF in memory from a sequence of images. */
#ifndef CANVAS_GIF_H
#define CANVAS_GIF_H

#include "canvas/picture.h"

#define GIF_MAX_FPS 50.0 /* a GIF counts hundredths of a second, and viewers take a delay of 1 for a mistake */

struct gif;

/* `fps`: images a second, at most GIF_MAX_FPS. `comment`: a text within the file that no viewer shows; borrowed. Delays
 * are whole hundredths of a second, distributed so that the rate is right over many images. */
MUSTER_CHECKED muster_status gif_create(double fps, const char *comment, struct gif **out);
void gif_destroy(struct gif **gif); /* accepts NULL inside */

/* Appends an image; all have the size of the first one. Only the part that has changed is written. */
MUSTER_CHECKED muster_status gif_add(struct gif *gif, const struct image *image);

/* Ends the animation, which must have at least one image; afterwards the GIF can only be destroyed. `*bytes` are
 * borrowed. */
MUSTER_CHECKED muster_status gif_finish(struct gif *gif, const void **bytes, size_t *size);

#endif
