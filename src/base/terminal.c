#include "base/terminal.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

bool terminal_is_watched(void) {
  if (!isatty(STDOUT_FILENO)) return false;
  if (getenv("OMPI_COMM_WORLD_SIZE") == NULL) return true;
  char path[64];
  snprintf(path, sizeof path, "/proc/%ld/fd/1", (long)getppid());
  int parent = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC);
  if (parent < 0) return false;
  bool watched = isatty(parent) != 0;
  close(parent);
  return watched;
}

void terminal_show_progress(bool terminal, const char *line, bool last) {
  if (terminal)
    printf("\r\033[K%s%s", line, last ? "\n" : "");
  else
    printf("%s\n", line);
  fflush(stdout);
}

void terminal_format_count(double count, char *text, size_t size) {
  static const char units[] = " kMGT";
  double value = count;
  int unit = 0;
  while (value >= 1000.0 && unit < 4) {
    value /= 1000.0;
    unit++;
  }
  if (!isfinite(count))
    snprintf(text, size, "?");
  else if (unit == 0)
    snprintf(text, size, "%.0f", trunc(count));
  else if (value >= 1e6)
    snprintf(text, size, "%.3g", count);
  else
    snprintf(text, size, "%.*f%c", value < 10 ? 2 : value < 100 ? 1 : 0, value, units[unit]);
}

void terminal_format_seconds(double seconds, char *text, size_t size) {
  if (!(fabs(seconds) < 1e12)) {
    snprintf(text, size, "?");
    return;
  }
  long long whole = (long long)ceil(seconds);
  if (whole < 60)
    snprintf(text, size, "%llds", whole);
  else if (whole < 3600)
    snprintf(text, size, "%lldm%02llds", whole / 60, whole % 60);
  else
    snprintf(text, size, "%lldh%02lldm", whole / 3600, whole / 60 % 60);
}
