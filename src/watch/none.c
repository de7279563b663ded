/* Stands in for the screen where muster is built without views: runs can be printed, but not shown live. */
#include "watch/screen.h"

#include <unistd.h>

muster_status screen_open(struct screen **out) {
  *out = NULL;
  if (!isatty(STDOUT_FILENO)) return MUSTER_OK;
  return status_error(
      MUSTER_ERROR_USAGE,
      "this build of muster has no live view: it was made with MUSTER_VIEWS=OFF; --once prints the runs");
}

void screen_close(struct screen **screen) { *screen = NULL; }

void screen_size(const struct screen *screen, int *columns, int *lines) {
  (void)screen;
  *columns = *lines = 0;
}

void screen_show(struct screen *screen, const struct styled_text *styled) { (void)screen, (void)styled; }

enum screen_key screen_wait(struct screen *screen, double seconds) {
  (void)screen, (void)seconds;
  return SCREEN_QUIT;
}
