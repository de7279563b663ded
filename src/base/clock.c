#include "base/clock.h"

#include <time.h>

static double read_clock(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

double clock_seconds(void) { return read_clock(CLOCK_MONOTONIC); }

double clock_wall_seconds(void) { return read_clock(CLOCK_REALTIME); }

void clock_stamp(char *text, size_t size) {
  time_t now = time(NULL);
  struct tm local;
  localtime_r(&now, &local);
  strftime(text, size, "%Y-%m-%d %H:%M:%S", &local);
}
