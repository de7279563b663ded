#include "view/html.h"

#include "base/format.h"
#include "base/shown.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void html_text(FILE *page, const char *text) {
  bool as_is;
  for (size_t length; (length = shown_next(text, &as_is)) > 0; text += length) {
    switch (*text) {
    case '&': fputs("&amp;", page); break;
    case '<': fputs("&lt;", page); break;
    case '>': fputs("&gt;", page); break;
    case '"': fputs("&quot;", page); break;
    default:
      if (as_is || *text == '\n')
        fwrite(text, 1, length, page);
      else
        fputs("\xef\xbf\xbd", page);
    }
  }
}

MUSTER_PRINTF(2, 0) static void print_escaped(FILE *page, const char *format, va_list arguments) {
  char *text = format_text(format, arguments);
  if (text == NULL) return; // without memory the text is left out; the rest of the page is still of use
  html_text(page, text);
  free(text);
}

void html_print(FILE *page, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  print_escaped(page, format, arguments);
  va_end(arguments);
}

void html_cell(FILE *page, const char *kind, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  if (kind[0] != '\0')
    fprintf(page, "<td class=\"%s\">", kind);
  else
    fputs("<td>", page);
  print_escaped(page, format, arguments);
  fputs("</td>", page);
  va_end(arguments);
}

void html_note(FILE *page, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("<p class=\"note\">", page);
  print_escaped(page, format, arguments);
  fputs("</p>\n", page);
  va_end(arguments);
}

void html_pair(FILE *page, const char *name, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("<tr><th>", page);
  html_text(page, name);
  fputs("</th><td>", page);
  print_escaped(page, format, arguments);
  fputs("</td></tr>\n", page);
  va_end(arguments);
}
