/* Makes text from outside, such as names in files and messages of plug-ins, safe to show: what would control a
 * terminal, and what is not valid text, is written as an escape sequence. */
#ifndef BASE_SHOWN_H
#define BASE_SHOWN_H

#include "muster/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Bytes of the UTF-8 character at `text`; its code point is stored in `code` (may be NULL). 0 where there is no valid
 * character: overlong forms, surrogates, codes beyond Unicode, and the final zero. Unicode 15, table 3-7. */
size_t utf8_decode(const char *text, uint32_t *code);

/* Bytes of the character at `text` when it may be shown as it is; 0 at control characters (C0, delete, C1), line and
 * paragraph separators, byte order marks, embeddings and overrides of the writing direction, at bytes that are not
 * UTF-8, and at the final zero. */
size_t shown_length(const char *text);

/* Bytes at `text` that are shown or escaped together: a whole character, or a single byte that belongs to none; 0 at
 * the final zero. `*as_is`: whether they may be shown as they are. */
size_t shown_next(const char *text, bool *as_is);

/* Writes a text for a terminal on one line: what may not be shown is written as \n, \t, \x1b, \u202e. */
void shown_write(FILE *file, const char *text);

/* printf() to a terminal for texts that come from outside: the result is escaped like in shown_write(), except for the
 * line break at the end of the format. */
MUSTER_PRINTF(2, 3) void shown_print(FILE *file, const char *format, ...);

/* The same into text[size], always ended by a zero and cut between characters; returns text. SHOWN_GROWTH times the
 * bytes of `from`, plus one, are always enough. */
enum { SHOWN_GROWTH = 6 };
const char *shown_copy(const char *from, char *text, size_t size);

#endif
