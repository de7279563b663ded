#include "base/format.h"

#include <stdio.h>
#include <stdlib.h>

char *format_text(const char *format, va_list arguments) {
  va_list again;
  va_copy(again, arguments);
  int length = vsnprintf(NULL, 0, format, again);
  va_end(again);
  char *text = length < 0 ? NULL : malloc((size_t)length + 1);
  if (text != NULL) vsnprintf(text, (size_t)length + 1, format, arguments);
  return text;
}
