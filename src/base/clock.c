#include "base/clock.h"

#include <time.h>

double clock_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void clock_stamp(char *text, size_t size) {
  time_t now = time(NULL);
  struct tm local;
  localtime_r(&now, &local);
  strftime(text, size, "%Y-%m-%d %H:%M:%S", &local);
}
