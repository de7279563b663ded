/* A report on runs as one HTML page that loads no other files. */
#ifndef VIEW_PAGE_H
#define VIEW_PAGE_H

#include "runs/groups.h"

/* Writes the page: a table that compares results, curves, the options that differ, and a part about each run. `curves`
 * is an SVG file as text, NULL where there is nothing to draw; `title` may be NULL: environment and algorithm. */
void page_write(FILE *page, const struct grouped_runs *runs, const char *title, const char *curves);

#endif
