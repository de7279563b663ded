#include "config/text.h"

#include "base/shown.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct text_sink text_sink_start(char *text, size_t size) {
  if (size > 0) text[0] = '\0';
  return (struct text_sink){.text = text, .size = size};
}

void text_put(struct text_sink *sink, char byte) {
  if (sink->length + 1 < sink->size) {
    sink->text[sink->length] = byte;
    sink->text[sink->length + 1] = '\0';
  }
  sink->length++;
}

void text_print(struct text_sink *sink, const char *format, ...) {
  size_t used = sink->length < sink->size ? sink->length : sink->size;
  va_list arguments;
  va_start(arguments, format);
  int written = vsnprintf(used < sink->size ? sink->text + used : NULL, sink->size - used, format, arguments);
  va_end(arguments);
  if (written > 0) sink->length += (size_t)written;
}

bool text_was_cut(const struct text_sink *sink) { return sink->length >= sink->size; }

/* whether `text` is one of the words, a list that ends with NULL */
static bool is_one_of(const char *text, const char *const *words) {
  for (; *words != NULL; words++)
    if (strcmp(text, *words) == 0) return true;
  return false;
}

bool text_is_null(const char *text) {
  static const char *const words[] = {"", "~", "null", "Null", "NULL", NULL};
  return is_one_of(text, words);
}

bool text_to_bool(const char *text, bool *out) {
  static const char *const yes[] = {"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON", "y", "Y", NULL};
  static const char *const no[] = {"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF", "n", "N", NULL};
  *out = is_one_of(text, yes);
  return *out || is_one_of(text, no);
}

/* [+-] digits [. digits] [e [+-] digits], with at least one digit before the exponent and one in it */
static bool has_number_form(const char *text) {
  static const char digits[] = "0123456789";
  if (*text == '+' || *text == '-') text++;
  size_t whole = strspn(text, digits), fraction = 0;
  text += whole;
  if (*text == '.') {
    fraction = strspn(text + 1, digits);
    text += 1 + fraction;
  }
  if (whole + fraction == 0) return false;
  if (*text == 'e' || *text == 'E') {
    text++;
    if (*text == '+' || *text == '-') text++;
    size_t exponent = strspn(text, digits);
    if (exponent == 0) return false;
    text += exponent;
  }
  return *text == '\0';
}

bool text_to_number(const char *text, double *out) {
  if (!has_number_form(text)) return false;
  // the decimal point is ".", whichever locale a host program has set
  locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
  errno = 0;
  double value = plain != (locale_t)0 ? strtod_l(text, NULL, plain) : strtod(text, NULL);
  bool vanished = errno == ERANGE && value == 0;
  if (plain != (locale_t)0) freelocale(plain);
  if (!isfinite(value) || vanished) return false;
  *out = value;
  return true;
}

void text_write_number(struct text_sink *sink, double value) {
  locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0), before = (locale_t)0;
  if (plain != (locale_t)0) before = uselocale(plain);
  // writes whole numbers in full, others with the fewest digits that read back to the same number
  char text[40];
  if (value == floor(value) && fabs(value) < 1e15) {
    snprintf(text, sizeof text, "%.0f", value);
  } else {
    for (int precision = 1; precision <= 17; precision++) {
      snprintf(text, sizeof text, "%.*g", precision, value);
      if (strtod(text, NULL) == value) break;
    }
  }
  if (plain != (locale_t)0) {
    uselocale(before);
    freelocale(plain);
  }
  // "1e-05" is a string to readers of YAML 1.1, "1.0e-05" is a number
  size_t mantissa = strcspn(text, "e");
  bool bare = text[mantissa] == 'e' && strchr(text, '.') == NULL;
  text_print(sink, "%.*s%s%s", (int)mantissa, text, bare ? ".0" : "", text + mantissa);
}

size_t text_printable(const char *text) {
  uint32_t code = 0;
  size_t length = utf8_decode(text, &code);
  // C0 and C1 controls, line and paragraph separators, marks
  bool control = code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x2028 || code == 0x2029 || code == 0xfeff ||
                 code == 0xfffe || code == 0xffff;
  return length == 0 || control ? 0 : length;
}

bool text_is_printable(const char *text) {
  while (*text != '\0') {
    size_t length = text_printable(text);
    if (length == 0) return false;
    text += length;
  }
  return true;
}

const char *text_last_word(const char *key) {
  const char *dot = strrchr(key, '.');
  return dot != NULL ? dot + 1 : key;
}

bool text_is_dotted_key(const char *key) {
  size_t length = strlen(key);
  if (length == 0 || key[0] == '.' || key[length - 1] == '.') return false;
  return strstr(key, "..") == NULL && text_is_printable(key);
}

/* whether YAML surely reads `content` unquoted as it is, in block and in flow style */
static bool may_be_plain(const char *content) {
  static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  static const char others[] = "0123456789_/.+~-=%@ ";
  size_t length = strlen(content);
  if (length == 0 || content[length - 1] == ' ' || strncmp(content, "...", 3) == 0) return false;
  if (strchr(letters, content[0]) == NULL && strchr("0123456789_/.+~", content[0]) == NULL) return false;
  for (size_t i = 0; i < length; i++)
    if (strchr(letters, content[i]) == NULL && strchr(others, content[i]) == NULL) return false;
  return true;
}

static void write_quoted(struct text_sink *sink, const char *content) {
  text_put(sink, '"');
  while (*content != '\0') {
    size_t length = text_printable(content);
    if (length == 0) {
      text_print(sink, "\\x%02X", (unsigned char)*content++);
      continue;
    }
    if (*content == '"' || *content == '\\') text_put(sink, '\\');
    for (; length > 0; length--) text_put(sink, *content++);
  }
  text_put(sink, '"');
}

void text_write_scalar(struct text_sink *sink, const char *content, bool is_string) {
  double number;
  bool truth;
  bool is_value = text_to_number(content, &number) || text_to_bool(content, &truth) || text_is_null(content);
  bool plain = content[0] != '\0' && (is_value ? !is_string : may_be_plain(content));
  if (plain) {
    text_print(sink, "%s", content);
  } else {
    write_quoted(sink, content);
  }
}

/* reads the quoted scalar at *cursor and moves *cursor behind its closing quote */
static bool read_quoted(const char **cursor, struct text_sink *content) {
  const char *text = *cursor;
  char quote = *text++;
  for (;; text++) {
    if (*text == '\0') return false;
    bool escaped = quote == '"' ? *text == '\\' : *text == '\'' && text[1] == '\'';
    if (escaped) {
      text++;
      if (quote == '"' && *text != '"' && *text != '\\') return false;
    } else if (*text == quote) {
      break;
    }
    text_put(content, *text);
  }
  *cursor = text + 1;
  return !text_was_cut(content);
}

bool text_unquote(const char *text, char *content, size_t size, bool *quoted) {
  struct text_sink sink = text_sink_start(content, size);
  *quoted = *text == '"' || *text == '\'';
  if (*quoted) return read_quoted(&text, &sink) && *text == '\0';
  text_print(&sink, "%s", text);
  return !text_was_cut(&sink);
}

bool text_read_item(const char **cursor, char *content, size_t size) {
  struct text_sink sink = text_sink_start(content, size);
  const char *text = *cursor + strspn(*cursor, " ");
  if (*text == '"' || *text == '\'') {
    if (!read_quoted(&text, &sink)) return false;
  } else {
    // reads up to an indicator, without the spaces before it; a colon is an indicator only before a space or the end
    const char *start = text, *end = text;
    for (; *text != '\0' && strchr(",]}", *text) == NULL; text++) {
      if (*text == ':' && (text[1] == ' ' || text[1] == '\0')) break;
      if (*text != ' ') end = text + 1;
    }
    text_print(&sink, "%.*s", (int)(end - start), start);
  }
  *cursor = text + strspn(text, " ");
  return !text_was_cut(&sink);
}
