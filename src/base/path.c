#include "base/path.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

void path_here(char *out, size_t size) {
  if (getcwd(out, size) == NULL) out[0] = '\0';
}

void path_absolute(const char *home, const char *path, char *out, size_t size) {
  snprintf(out, size, "%s", path);
  if (path[0] == '/' || path[0] == '\0' || home[0] == '\0') return;
  while (path[0] == '.' && path[1] == '/') path += 2;
  const char *gap = strcmp(home, "/") == 0 ? "" : "/";
  if (strlen(home) + strlen(gap) + strlen(path) < size) snprintf(out, size, "%s%s%s", home, gap, path);
}
