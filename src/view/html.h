/* Writes pieces of HTML; all text is escaped. */
#ifndef VIEW_HTML_H
#define VIEW_HTML_H

#include "base/status.h"

#include <stdio.h>

/* Writes a text that may stand between tags or in double quotes; characters that are not printable become the
 * replacement character, except line breaks. */
void html_text(FILE *page, const char *text);
MUSTER_PRINTF(2, 3) void html_print(FILE *page, const char *format, ...);

/* One cell of a table, <td>. `kind` is its class, "" for none. */
MUSTER_PRINTF(3, 4) void html_cell(FILE *page, const char *kind, const char *format, ...);

/* A paragraph in small grey letters (a note). */
MUSTER_PRINTF(2, 3) void html_note(FILE *page, const char *format, ...);

/* One row of a table of names and values. */
MUSTER_PRINTF(3, 4) void html_pair(FILE *page, const char *name, const char *format, ...);

#endif
