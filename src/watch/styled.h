/* Lines of styled text, to be shown on a terminal or printed. */
#ifndef WATCH_STYLED_H
#define WATCH_STYLED_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define STYLED_LINES 256
#define STYLED_LINE_BYTES 2048

/* Control characters inside a text that take up no column: each sets the style of what follows. A line begins in the
 * plain style. */
#define STYLE_PLAIN "\001"
#define STYLE_BOLD "\002"
#define STYLE_DIM "\003"
#define STYLE_GOOD "\004"
#define STYLE_WARNING "\005"
#define STYLE_BAD "\006"
#define STYLE_CHOSEN "\007" /* the line that a key acts on */
#define STYLES 8            /* each style character is smaller than this */

struct styled_text {
  int columns;
  bool utf8; /* whether the terminal shows more than ASCII */
  int lines;
  char line[STYLED_LINES][STYLED_LINE_BYTES];
};

/* Empties the text; `columns` is the width of a line. */
void styled_clear(struct styled_text *styled, int columns, bool utf8);

/* Begins a new line, if there is room for one more. */
MUSTER_PRINTF(2, 3) void styled_line(struct styled_text *styled, const char *format, ...);
/* Appends to the last line. */
MUSTER_PRINTF(2, 3) void styled_add(struct styled_text *styled, const char *format, ...);
/* Fills the last line with blanks up to a column; columns count from 0. */
void styled_fill(struct styled_text *styled, int column);

/* Prints all lines, cut at the last column, without styles and trailing blanks. */
void styled_print(const struct styled_text *styled, FILE *file);

/* Copies a text from outside, such as a path: characters that may not be shown become '?'; without UTF-8, so does
 * everything that is not ASCII. */
const char *styled_clean(const struct styled_text *styled, const char *text, char *clean, size_t size);

/* The next character of a line: returns the number of its bytes, which begin at *text, and moves *text past them; 0 at
 * the end. `*is_style`: it is one of the style characters above, which take no column. */
int styled_next(const char **text, bool *is_style);

/* A character that styled_next() found, of `*bytes` bytes, made safe to show: "?" in place of one that would control
 * the terminal or is not valid text. */
const char *styled_shown(const char *character, int *bytes);

#endif
