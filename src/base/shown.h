/* Text from outside, such as names out of files and messages of plug-ins, as it may be shown: what would act on a
 * terminal, or is no text at all, is written out. */
#ifndef BASE_SHOWN_H
#define BASE_SHOWN_H

#include "muster/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Bytes of the character of UTF-8 at `text`, and which one it is (`code` may be NULL); 0 at what is none: overlong
 * forms, surrogates, what is beyond Unicode, and the final zero. Unicode 15, table 3-7. */
size_t utf8_decode(const char *text, uint32_t *code);

/* Bytes of the character at `text` when it may be shown as it is; 0 at control characters (C0, delete, C1), line and
 * paragraph separators, marks of byte order, embeddings and overrides of the direction of writing, at bytes that are
 * not UTF-8, and at the final zero. */
size_t shown_length(const char *text);

/* Bytes of what is at `text`, for one sign in its place where it may not be shown: of a whole character, or one that
 * belongs to none; 0 at the final zero. `*as_is`: whether it may be shown. */
size_t shown_next(const char *text, bool *as_is);

/* Writes a text for a terminal on one line: what may not be shown is written as \n, \t, \x1b, \u202e. */
void shown_write(FILE *file, const char *text);

/* printf() to a terminal for texts that come from outside: the result as shown_write() has it, but for the line break
 * at the end of the format. */
MUSTER_PRINTF(2, 3) void shown_print(FILE *file, const char *format, ...);

/* The same into text[size], always ended by a zero and cut between characters; returns text. SHOWN_GROWTH times the
 * bytes of `from`, and one, are always enough. */
enum { SHOWN_GROWTH = 6 };
const char *shown_copy(const char *from, char *text, size_t size);

#endif
