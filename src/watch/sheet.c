#include "watch/sheet.h"

#include "base/shown.h"

#include <stdarg.h>
#include <string.h>

void sheet_clear(struct sheet *sheet, int columns, bool utf8) {
  sheet->columns = columns;
  sheet->utf8 = utf8;
  sheet->lines = 0;
}

static void append(struct sheet *sheet, const char *format, va_list arguments) {
  if (sheet->lines == 0) return;
  char *line = sheet->line[sheet->lines - 1];
  size_t length = strlen(line);
  vsnprintf(line + length, SHEET_LINE_BYTES - length, format, arguments);
}

void sheet_line(struct sheet *sheet, const char *format, ...) {
  if (sheet->lines == SHEET_LINES) return;
  sheet->line[sheet->lines++][0] = '\0';
  va_list arguments;
  va_start(arguments, format);
  append(sheet, format, arguments);
  va_end(arguments);
}

void sheet_add(struct sheet *sheet, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  append(sheet, format, arguments);
  va_end(arguments);
}

static bool is_style(char byte) { return byte > 0 && byte < SHEET_STYLES; }

int sheet_next(const char **text, bool *style) {
  const char *start = *text;
  if (*start == '\0') return 0;
  *style = is_style(*start);
  (*text)++;
  while (((unsigned char)**text & 0xc0) == 0x80) (*text)++;
  return (int)(*text - start);
}

/* columns that a text takes */
static int width_of(const char *text) {
  int width = 0;
  bool style;
  while (sheet_next(&text, &style) > 0) width += !style;
  return width;
}

void sheet_fill(struct sheet *sheet, int column) {
  if (sheet->lines == 0) return;
  int missing = column - width_of(sheet->line[sheet->lines - 1]);
  if (missing > 0) sheet_add(sheet, "%*s", missing, "");
}

const char *sheet_shown(const char *character, int *bytes) {
  if (shown_length(character) == (size_t)*bytes) return character;
  *bytes = 1;
  return "?";
}

void sheet_print(const struct sheet *sheet, FILE *file) {
  for (int i = 0; i < sheet->lines; i++) {
    char plain[SHEET_LINE_BYTES];
    size_t length = 0, end = 0;
    const char *text = sheet->line[i];
    bool style;
    int column = 0;
    for (int bytes; column < sheet->columns && (bytes = sheet_next(&text, &style)) > 0;) {
      if (style) continue;
      const char *character = sheet_shown(text - bytes, &bytes);
      memcpy(plain + length, character, (size_t)bytes);
      length += (size_t)bytes;
      if (*character != ' ') end = length;
      column++;
    }
    fprintf(file, "%.*s\n", (int)end, plain);
  }
}

const char *sheet_clean(const struct sheet *sheet, const char *text, char *clean, size_t size) {
  size_t length = 0;
  bool as_is;
  for (size_t bytes; (bytes = shown_next(text, &as_is)) > 0; text += bytes) {
    as_is = as_is && (bytes == 1 || sheet->utf8);
    size_t put = as_is ? bytes : 1;
    if (length + put >= size) break;
    memcpy(clean + length, as_is ? text : "?", put);
    length += put;
  }
  clean[length] = '\0';
  return clean;
}
