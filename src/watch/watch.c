#include "watch/watch.h"

#include "base/clock.h"
#include "runs/list.h"
#include "watch/screen.h"
#include "watch/show.h"

#include <langinfo.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define PRINTED_LINES 40 /* of one run */
#define MAX_COLUMNS 300
#define PATIENCE 10.0 /* reading may take a tenth of the time: the wait is at least so many times the last read */

struct watcher {
  const struct watch_request *request;
  struct run_list list;
  int chosen;
  bool utf8;
  struct styled_text *styled;
};

/* finds and reads the runs; the chosen one stays chosen when others come or go */
static muster_status look(struct watcher *watcher) {
  const struct run_info *chosen = watcher->list.n > 0 ? watcher->list.info[watcher->chosen] : NULL;
  char *path = chosen != NULL ? strdup(chosen->path) : NULL;
  muster_status status = run_list_find(&watcher->list, watcher->request->paths, watcher->request->n);
  watcher->chosen = 0;
  for (int i = 0; path != NULL && i < watcher->list.n; i++)
    if (strcmp(watcher->list.info[i]->path, path) == 0) watcher->chosen = i;
  free(path);
  if (status == MUSTER_OK) run_list_refresh(&watcher->list);
  return status;
}

/* ---- printed once ---- */

static int columns_of_output(void) {
  struct winsize size;
  const char *wanted = getenv("COLUMNS");
  int columns = wanted != NULL ? atoi(wanted) : 0;
  if (columns <= 0 && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) columns = size.ws_col;
  return columns <= 0 ? 80 : columns < 20 ? 20 : columns > MAX_COLUMNS ? MAX_COLUMNS : columns;
}

static void print_once(struct watcher *watcher) {
  struct styled_text *styled = watcher->styled;
  const struct run_list *list = &watcher->list;
  styled_clear(styled, columns_of_output(), watcher->utf8);
  if (list->n == 1)
    show_run(styled, list->info[0], PRINTED_LINES);
  else
    show_table(styled, list->info, list->n, -1, STYLED_LINES);
  styled_print(styled, stdout);
}

/* ---- live ---- */

static void draw(struct watcher *watcher, struct screen *screen) {
  int columns, lines;
  struct styled_text *styled = watcher->styled;
  const struct run_list *list = &watcher->list;
  screen_size(screen, &columns, &lines);
  styled_clear(styled, columns < MAX_COLUMNS ? columns : MAX_COLUMNS, watcher->utf8);
  int left = lines - 1; /* the last line lists the keys */
  if (list->n > 1) {
    /* a table on at most a third of the screen, above the chosen run */
    int table = list->n + 1 < left / 3 + 1 ? list->n + 1 : left / 3 + 1;
    show_table(styled, list->info, list->n, watcher->chosen, table < 2 ? 2 : table);
    styled_line(styled, "%s", "");
    left -= styled->lines;
  }
  show_run(styled, list->info[watcher->chosen], left);
  while (styled->lines < lines - 1) styled_line(styled, "%s", "");
  styled->lines = lines - 1 > 0 ? lines - 1 : 0;
  styled_line(styled, STYLE_DIM "q quit");
  if (list->n > 1) styled_add(styled, "   up, down: run %d of %d", watcher->chosen + 1, list->n);
  screen_show(screen, styled);
}

static muster_status watch_live(struct watcher *watcher, struct screen *screen) {
  double next = clock_seconds() + watcher->request->interval;
  for (;;) {
    double now = clock_seconds();
    if (now >= next) {
      MUSTER_TRY(look(watcher));
      double read = clock_seconds();
      next = read + fmax(watcher->request->interval, PATIENCE * (read - now));
    }
    draw(watcher, screen);
    switch (screen_wait(screen, next - clock_seconds())) {
    case SCREEN_QUIT: return MUSTER_OK;
    case SCREEN_UP: watcher->chosen -= watcher->chosen > 0; break;
    case SCREEN_DOWN: watcher->chosen += watcher->chosen + 1 < watcher->list.n; break;
    case SCREEN_RESIZED:
    case SCREEN_NOTHING: break;
    }
  }
}

muster_status watch_runs(const struct watch_request *request) {
  struct watcher watcher = {
      .request = request, .utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0, .styled = malloc(sizeof *watcher.styled)};
  if (watcher.styled == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory");

  /* errors in the paths are printed before the program takes over the screen */
  struct screen *screen = NULL;
  muster_status status = look(&watcher);
  if (status == MUSTER_OK && !request->once) status = screen_open(&screen);
  if (screen != NULL)
    status = watch_live(&watcher, screen);
  else if (status == MUSTER_OK)
    print_once(&watcher);
  screen_close(&screen);
  run_list_destroy(&watcher.list);
  free(watcher.styled);
  return status;
}
