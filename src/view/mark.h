/* The mark by which muster knows pictures of its own (store/output.h), as their formats have comments. */
#ifndef VIEW_MARK_H
#define VIEW_MARK_H

#include "base/status.h"

#include <stddef.h>

/* Puts the mark into a picture: `*image`, malloc()ed, of `*length` bytes. One that is none is left as it is. Error
 * MEMORY. */
MUSTER_CHECKED muster_status mark_svg(char **image, size_t *length);
MUSTER_CHECKED muster_status mark_png(char **image, size_t *length);

#endif
