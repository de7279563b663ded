#include "watch/styled.h"

#include "base/shown.h"

#include <stdarg.h>
#include <string.h>

void styled_clear(struct styled_text *styled, int columns, bool utf8) {
  styled->columns = columns;
  styled->utf8 = utf8;
  styled->lines = 0;
}

static void append(struct styled_text *styled, const char *format, va_list arguments) {
  if (styled->lines == 0) return;
  char *line = styled->line[styled->lines - 1];
  size_t length = strlen(line);
  vsnprintf(line + length, STYLED_LINE_BYTES - length, format, arguments);
}

void styled_line(struct styled_text *styled, const char *format, ...) {
  if (styled->lines == STYLED_LINES) return;
  styled->line[styled->lines++][0] = '\0';
  va_list arguments;
  va_start(arguments, format);
  append(styled, format, arguments);
  va_end(arguments);
}

void styled_add(struct styled_text *styled, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  append(styled, format, arguments);
  va_end(arguments);
}

static bool is_style(char byte) { return byte > 0 && byte < STYLES; }

int styled_next(const char **text, bool *style) {
  const char *start = *text;
  if (*start == '\0') return 0;
  *style = is_style(*start);
  (*text)++;
  while (((unsigned char)**text & 0xc0) == 0x80) (*text)++;
  return (int)(*text - start);
}

/* columns that a text takes up */
static int width_of(const char *text) {
  int width = 0;
  bool style;
  while (styled_next(&text, &style) > 0) width += !style;
  return width;
}

void styled_fill(struct styled_text *styled, int column) {
  if (styled->lines == 0) return;
  int missing = column - width_of(styled->line[styled->lines - 1]);
  if (missing > 0) styled_add(styled, "%*s", missing, "");
}

const char *styled_shown(const char *character, int *bytes) {
  if (shown_length(character) == (size_t)*bytes) return character;
  *bytes = 1;
  return "?";
}

void styled_print(const struct styled_text *styled, FILE *file) {
  for (int i = 0; i < styled->lines; i++) {
    char plain[STYLED_LINE_BYTES];
    size_t length = 0, end = 0;
    const char *text = styled->line[i];
    bool style;
    int column = 0;
    for (int bytes; column < styled->columns && (bytes = styled_next(&text, &style)) > 0;) {
      if (style) continue;
      const char *character = styled_shown(text - bytes, &bytes);
      memcpy(plain + length, character, (size_t)bytes);
      length += (size_t)bytes;
      if (*character != ' ') end = length;
      column++;
    }
    fprintf(file, "%.*s\n", (int)end, plain);
  }
}

const char *styled_clean(const struct styled_text *styled, const char *text, char *clean, size_t size) {
  size_t length = 0;
  bool as_is;
  for (size_t bytes; (bytes = shown_next(text, &as_is)) > 0; text += bytes) {
    as_is = as_is && (bytes == 1 || styled->utf8);
    size_t put = as_is ? bytes : 1;
    if (length + put >= size) break;
    memcpy(clean + length, as_is ? text : "?", put);
    length += put;
  }
  clean[length] = '\0';
  return clean;
}
