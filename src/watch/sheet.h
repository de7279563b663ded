/* Lines of styled text, to be shown on a terminal or printed. */
#ifndef WATCH_SHEET_H
#define WATCH_SHEET_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define SHEET_LINES 256
#define SHEET_LINE_BYTES 2048

/* Characters in a text that take no room: from here on it is written like this. A line begins plain. */
#define SHEET_PLAIN "\001"
#define SHEET_BOLD "\002"
#define SHEET_DIM "\003"
#define SHEET_GOOD "\004"
#define SHEET_WARNING "\005"
#define SHEET_BAD "\006"
#define SHEET_CHOSEN "\007" /* the line that a key acts on */
#define SHEET_STYLES 8      /* each is smaller than this */

struct sheet {
  int columns;
  bool utf8; /* whether the terminal shows more than ASCII */
  int lines;
  char line[SHEET_LINES][SHEET_LINE_BYTES];
};

/* Empties it; `columns` is the room for a line. */
void sheet_clear(struct sheet *sheet, int columns, bool utf8);

/* Begins a line, if there is room for one more. */
MUSTER_PRINTF(2, 3) void sheet_line(struct sheet *sheet, const char *format, ...);
/* Goes on with the last line. */
MUSTER_PRINTF(2, 3) void sheet_add(struct sheet *sheet, const char *format, ...);
/* Fills the last line with blanks up to a column, from 0. */
void sheet_fill(struct sheet *sheet, int column);

/* Prints all lines, cut at the last column, without styles and trailing blanks. */
void sheet_print(const struct sheet *sheet, FILE *file);

/* Copies a text from outside, such as a path: what may not be shown becomes '?', and without UTF-8 all that is not
 * ASCII. */
const char *sheet_clean(const struct sheet *sheet, const char *text, char *clean, size_t size);

/* The next character of a line: its bytes from *text on, which it moves behind them; 0 at the end. `*is_style`: one of
 * the above, which takes no column. */
int sheet_next(const char **text, bool *is_style);

/* A character that sheet_next() found, of `*bytes` bytes, as it may be shown: "?" in the place of one that would act on
 * the terminal or is no text. */
const char *sheet_shown(const char *character, int *bytes);

#endif
