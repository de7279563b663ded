/* Pieces of HTML with every text escaped. */
#ifndef VIEW_HTML_H
#define VIEW_HTML_H

#include "base/status.h"

#include <stdio.h>

/* Writes a text for anywhere between tags or in double quotes; what is not printable becomes the replacement character,
 * but for line breaks. */
void html_text(FILE *page, const char *text);
MUSTER_PRINTF(2, 3) void html_print(FILE *page, const char *format, ...);

/* One cell of a table: <td>; with a `kind`, which is the cell's class, "" for none. */
MUSTER_PRINTF(3, 4) void html_cell(FILE *page, const char *kind, const char *format, ...);

/* A paragraph in small grey letters. */
MUSTER_PRINTF(2, 3) void html_note(FILE *page, const char *format, ...);

/* One row of a table of names and values. */
MUSTER_PRINTF(3, 4) void html_pair(FILE *page, const char *name, const char *format, ...);

#endif
