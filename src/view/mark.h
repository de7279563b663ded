/* The mark by which muster recognises pictures that it has written (store/output.h): a comment in the picture's
 * format. */
#ifndef VIEW_MARK_H
#define VIEW_MARK_H

#include "base/status.h"

#include <stddef.h>

/* Puts the mark into a picture: `*image`, malloc()ed, of `*length` bytes. Anything that is not a picture of that format
 * is left as it is. Error MEMORY. */
MUSTER_CHECKED muster_status mark_svg(char **image, size_t *length);
MUSTER_CHECKED muster_status mark_png(char **image, size_t *length);

#endif
