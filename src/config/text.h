/* Scalars of YAML as text: words, numbers, quotes, and a bounded buffer to write them into. */
#ifndef CONFIG_TEXT_H
#define CONFIG_TEXT_H

#include "muster/status.h"

#include <stdbool.h>
#include <stddef.h>

enum {
  TEXT_LIMIT = 4096,              /* bytes of the longest scalar or list that a config may hold */
  TEXT_SIZE = 2 * TEXT_LIMIT + 3, /* room for such a scalar in quotes, every byte escaped, and the final zero */
  TEXT_KEY_SIZE = 256             /* room for the longest dotted key and the final zero */
};

/* Collects text in a caller's buffer as snprintf does: cuts what does not fit, but counts it in `length`. */
struct text_sink {
  char *text; /* borrowed; always ends with a zero when size > 0 */
  size_t size, length;
};

struct text_sink text_sink_start(char *text, size_t size);
void text_put(struct text_sink *sink, char byte);
MUSTER_PRINTF(2, 3) void text_print(struct text_sink *sink, const char *format, ...);
bool text_was_cut(const struct text_sink *sink);

/* Whether plain text means null: null, Null, NULL, ~, or an empty text. */
bool text_is_null(const char *text);

/* Reads any of YAML 1.1's words for true and false. */
bool text_to_bool(const char *text, bool *out);

/* Reads a whole text as a finite decimal number, whatever the locale. False on anything else: trailing text, nan, inf,
 * hexadecimal, underscores, overflow, and a number so small that it becomes zero. */
bool text_to_number(const char *text, double *out);

/* Writes the shortest decimal text that reads back to the same bits, with a point before any exponent, so that readers
 * of YAML 1.1 see a number. */
void text_write_number(struct text_sink *sink, double value);

/* Bytes of the printable UTF-8 character at `text`; 0 at a control character, at a line break, at bytes that are not
 * UTF-8, and at the final zero. */
size_t text_printable(const char *text);

/* Whether all of `text` is printable. */
bool text_is_printable(const char *text);

/* The last word of a dotted key, after its last dot. */
const char *text_last_word(const char *key);

/* Whether a dotted key has no empty word and no control character. */
bool text_is_dotted_key(const char *key);

/* Writes `content` as a scalar that is valid in block and in flow style: plain where possible, else in double quotes.
 * With `is_string` set, what would read as a number, a truth value or null is quoted too. */
void text_write_scalar(struct text_sink *sink, const char *content, bool is_string);

/* Reads a whole text that holds one scalar, plain or quoted, into content[size]. False when a quote does not close, on
 * an unknown escape, on text behind the quote, or when it does not fit. */
bool text_unquote(const char *text, char *content, size_t size, bool *quoted);

/* Reads one scalar of a flow list or mapping at *cursor into content[size] and moves *cursor behind it and behind the
 * spaces that follow, onto the ',' ']' '}' ':' or zero. False as for text_unquote(). */
bool text_read_item(const char **cursor, char *content, size_t size);

#endif
