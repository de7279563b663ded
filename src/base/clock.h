/* The time, for measuring and for time stamps. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stddef.h>

/* Seconds of a clock that never goes back; only differences mean anything. */
double clock_seconds(void);

/* Seconds since 1970, as the clock on the wall says. */
double clock_wall_seconds(void);

/* Writes the local time as "2026-11-20 23:06:49" (with a terminating zero) into text[size]; size >= 20. */
void clock_stamp(char *text, size_t size);

#endif
