/* Images, one after the other, as an animated GIF in memory. */
#ifndef CANVAS_GIF_H
#define CANVAS_GIF_H

#include "canvas/picture.h"

#define GIF_MAX_FPS 50.0 /* a GIF counts hundredths of a second, and viewers take one of them for a mistake */

struct gif;

/* `fps`: images a second, at most GIF_MAX_FPS. `comment`: a text within the file that no viewer shows; borrowed. Delays
 * are whole hundredths of a second, spread so that the pace holds over many images. */
MUSTER_CHECKED muster_status gif_create(double fps, const char *comment, struct gif **out);
void gif_destroy(struct gif **gif); /* accepts NULL inside */

/* Appends an image; all have the size of the first one. Only what has changed is written. */
MUSTER_CHECKED muster_status gif_add(struct gif *gif, const struct image *image);

/* Ends the animation, which shall have an image; afterwards the GIF can only be destroyed. `*bytes` are borrowed. */
MUSTER_CHECKED muster_status gif_finish(struct gif *gif, const void **bytes, size_t *size);

#endif
