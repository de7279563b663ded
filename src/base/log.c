#include "base/log.h"

#include "base/clock.h"
#include "base/shown.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void log_line(const struct logger *logger, enum log_level level, const char *format, ...) {
  if (level < logger->level) return;
  static const char *const marks[] = {"debug: ", "", "warning: ", "error: "};
  char stamp[32], line[1200], shown[2400];
  clock_stamp(stamp, sizeof stamp);
  int used = snprintf(line, sizeof line, "%s %s", stamp + 11, logger->role);
  if (logger->rank >= 0) used += snprintf(line + used, sizeof line - (size_t)used, " %d", logger->rank);
  used += snprintf(line + used, sizeof line - (size_t)used, ": %s", marks[level]);

  va_list arguments;
  va_start(arguments, format);
  vsnprintf(line + used, sizeof line - (size_t)used, format, arguments);
  va_end(arguments);
  shown_copy(line, shown, sizeof shown - 1);
  size_t length = strlen(shown);
  shown[length++] = '\n';
  ssize_t written = write(STDERR_FILENO, shown, length);
  (void)written; /* there is nowhere left to report a failure to */
}
