#include "base/shown.h"

#include "base/format.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

size_t utf8_decode(const char *text, uint32_t *code) {
  const unsigned char *byte = (const unsigned char *)text;
  if (byte[0] < 0x80) {
    if (code != NULL) *code = byte[0];
    return byte[0] != 0;
  }
  if (byte[0] < 0xc2 || byte[0] > 0xf4) return 0;
  size_t length = byte[0] >= 0xf0 ? 4 : byte[0] >= 0xe0 ? 3 : 2;
  uint32_t found = byte[0] & (0xffu >> (length + 1));
  for (size_t i = 1; i < length; i++) {
    if ((byte[i] & 0xc0) != 0x80) return 0; // also where the text ends
    found = found << 6 | (byte[i] & 0x3f);
  }
  bool wrong = (length == 3 && found < 0x800) || (length == 4 && found < 0x10000) ||
               (found >= 0xd800 && found <= 0xdfff) || found > 0x10ffff;
  if (wrong) return 0;
  if (code != NULL) *code = found;
  return length;
}

static bool may_be_shown(uint32_t code) {
  if (code < 0x20 || (code >= 0x7f && code < 0xa0)) return false;       // C0, delete, C1
  if (code == 0x2028 || code == 0x2029) return false;                   // separators of lines and paragraphs
  if (code == 0xfeff || code == 0xfffe || code == 0xffff) return false; // marks of byte order
  return !(code >= 0x202a && code <= 0x202e) && !(code >= 0x2066 && code <= 0x2069); // of the writing direction
}

size_t shown_length(const char *text) {
  uint32_t code;
  size_t length = utf8_decode(text, &code);
  return length > 0 && may_be_shown(code) ? length : 0;
}

size_t shown_next(const char *text, bool *as_is) {
  size_t length = utf8_decode(text, NULL);
  *as_is = shown_length(text) > 0;
  return length > 0 || *text == '\0' ? length : 1;
}

/* the escape sequence for the character or the byte at `text`, and how many bytes it replaces */
static size_t write_out(const char *text, char piece[16]) {
  uint32_t code;
  size_t length = utf8_decode(text, &code);
  if (length > 0 && may_be_shown(code)) {
    snprintf(piece, 16, "%.*s", (int)length, text);
  } else if (length == 0) {
    snprintf(piece, 16, "\\x%02x", (unsigned char)*text);
    length = 1;
  } else if (code == '\n' || code == '\t') {
    snprintf(piece, 16, code == '\n' ? "\\n" : "\\t");
  } else {
    snprintf(piece, 16, length == 1 ? "\\x%02" PRIx32 : "\\u%04" PRIx32, code);
  }
  return length;
}

void shown_write(FILE *file, const char *text) {
  for (char piece[16]; *text != '\0';) {
    text += write_out(text, piece);
    fputs(piece, file);
  }
}

const char *shown_copy(const char *from, char *text, size_t size) {
  size_t length = 0;
  for (char piece[16]; *from != '\0';) {
    from += write_out(from, piece);
    size_t bytes = strlen(piece);
    if (length + bytes >= size) break;
    memcpy(text + length, piece, bytes);
    length += bytes;
  }
  if (size > 0) text[length] = '\0';
  return text;
}

void shown_print(FILE *file, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  char *text = format_text(format, arguments);
  va_end(arguments);
  if (text == NULL) return; // no memory: nothing can be shown
  size_t end = strlen(format), length = strlen(text);
  bool ends_line = end > 0 && format[end - 1] == '\n' && length > 0;
  if (ends_line) text[length - 1] = '\0';
  shown_write(file, text);
  if (ends_line) fputc('\n', file);
  free(text);
}
