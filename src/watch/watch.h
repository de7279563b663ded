/* `muster watch`: shows runs while they go on, or as they are now. */
#ifndef WATCH_WATCH_H
#define WATCH_WATCH_H

#include "base/status.h"

#include <stdbool.h>

struct watch_request {
  const char *const *paths; /* [n] folders of runs, or of folders of runs */
  int n;
  bool once;       /* print them as they are now */
  double interval; /* the shortest time between reads of the files, in seconds */
};

/* Shows the runs on the terminal until a key ends it; prints them once where there is no terminal with a usable screen,
 * or when asked to. The locale must be set (LC_CTYPE). Errors as of run_list_find(). */
MUSTER_CHECKED muster_status watch_runs(const struct watch_request *request);

#endif
