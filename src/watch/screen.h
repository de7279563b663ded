/* A terminal whose whole screen is redrawn, and its keys. */
#ifndef WATCH_SCREEN_H
#define WATCH_SCREEN_H

#include "watch/styled.h"

enum screen_key { SCREEN_NOTHING, SCREEN_RESIZED, SCREEN_UP, SCREEN_DOWN, SCREEN_QUIT };

struct screen;

/* Takes over the terminal; `*out` is NULL where the screen cannot be used: TERM is dumb or unknown, or standard input
 * or output is not a terminal. Error USAGE: muster was built without the live view. */
MUSTER_CHECKED muster_status screen_open(struct screen **out);
/* Restores the terminal; accepts NULL inside. Signals that end the process do so, too. */
void screen_close(struct screen **screen);

void screen_size(const struct screen *screen, int *columns, int *lines);

/* Shows the lines, cut at the screen's edges. */
void screen_show(struct screen *screen, const struct styled_text *styled);

/* Waits for a key, for at most `seconds`. */
enum screen_key screen_wait(struct screen *screen, double seconds);

#endif
