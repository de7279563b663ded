/* Schedules: numbers that change over a run, by the share of it that is over. Each is a pure function of that share, so
 * it needs no state. As text, the spelling of rl-zoo (lin_0.001) and more:
 *
 *   0.001                                   always the same
 *   lin_0.001, lin_0.001_0.0001             in a straight line to zero, or to the second number
 *   cos_0.001, cos_0.001_0.0001             by half a cosine (Loshchilov and Hutter 2017, eq. 5, without restarts)
 *   warmup_0.1_lin_0.001                    from zero in a straight line over that share; then any of the above over
 *                                           the rest
 *   [[0, 0.0001], [0.1, 0.0003], [1, 0]]    in straight lines through points [share, value]; where two have the same
 *                                           share, it jumps */
#ifndef CONFIG_SCHEDULE_H
#define CONFIG_SCHEDULE_H

#include "config/text.h"

#include <stdbool.h>
#include <stdint.h>

enum { SCHEDULE_POINTS_MAX = 16 };

struct option_schedule {
  double initial, end; /* `end`: where a line or a cosine ends */
  double warm_up;      /* share of the run over which it rises from zero to `initial`; 0: none */
  bool linear, cosine; /* neither: it stays at `initial` */
  bool is_null;
  int32_t count; /* points; 0: none */
  double at[SCHEDULE_POINTS_MAX], value[SCHEDULE_POINTS_MAX];
};

/* Reads any of the texts above, whatever the range of its numbers; false where it is none. */
bool schedule_read(const char *text, struct option_schedule *out);

/* Writes a text that schedule_read() reads back to the same bits; "null" where it is null. */
void schedule_write(struct text_sink *sink, const struct option_schedule *schedule);

/* Whether it ever changes. */
bool schedule_is_constant(const struct option_schedule *schedule);

/* The value of a schedule; progress_remaining falls from 1 at the start to 0 at the end. */
double option_schedule_value(const struct option_schedule *schedule, double progress_remaining);

#endif
