#include "watch/screen.h"

#include <curses.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct screen {
  SCREEN *handle;
};

enum { PAIR_GOOD = 1, PAIR_WARNING, PAIR_BAD };

muster_status screen_open(struct screen **out) {
  *out = NULL;
  const char *terminal = getenv("TERM");
  if (terminal == NULL || strcmp(terminal, "dumb") == 0) return MUSTER_OK;
  if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) return MUSTER_OK;
  struct screen *screen = calloc(1, sizeof *screen);
  if (screen == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory");
  screen->handle = newterm(NULL, stdout, stdin);
  if (screen->handle == NULL) {
    free(screen);
    return MUSTER_OK;
  }
  cbreak();
  noecho();
  keypad(stdscr, TRUE);
  curs_set(0);
  if (has_colors() && start_color() == OK && use_default_colors() == OK) {
    init_pair(PAIR_GOOD, COLOR_GREEN, -1);
    init_pair(PAIR_WARNING, COLOR_YELLOW, -1);
    init_pair(PAIR_BAD, COLOR_RED, -1);
  }
  *out = screen;
  return MUSTER_OK;
}

void screen_close(struct screen **screen) {
  if (*screen == NULL) return;
  endwin();
  delscreen((*screen)->handle);
  free(*screen);
  *screen = NULL;
}

void screen_size(const struct screen *screen, int *columns, int *lines) {
  (void)screen;
  getmaxyx(stdscr, *lines, *columns);
}

void screen_show(struct screen *screen, const struct styled_text *styled) {
  /* in the order of the STYLE_ characters, from 1 on */
  const chtype attributes[STYLES] = {
      A_NORMAL, A_NORMAL, A_BOLD, A_DIM, COLOR_PAIR(PAIR_GOOD), COLOR_PAIR(PAIR_WARNING), COLOR_PAIR(PAIR_BAD) | A_BOLD,
      A_REVERSE};
  int columns, lines;
  screen_size(screen, &columns, &lines);
  erase();
  for (int row = 0; row < styled->lines && row < lines; row++) {
    const char *text = styled->line[row];
    bool is_style;
    int column = 0;
    attrset(A_NORMAL);
    move(row, 0);
    for (int bytes; column < columns && (bytes = styled_next(&text, &is_style)) > 0;) {
      if (is_style) {
        attrset((int)attributes[(int)text[-1]]);
      } else {
        const char *character = styled_shown(text - bytes, &bytes);
        addnstr(character, bytes);
        column++;
      }
    }
  }
  attrset(A_NORMAL);
  refresh();
}

enum screen_key screen_wait(struct screen *screen, double seconds) {
  (void)screen;
  timeout(seconds > 0.0 ? (int)(1000.0 * seconds) + 1 : 0);
  switch (getch()) {
  case 'q':
  case 'Q': return SCREEN_QUIT;
  case KEY_UP:
  case KEY_LEFT:
  case 'k': return SCREEN_UP;
  case KEY_DOWN:
  case KEY_RIGHT:
  case 'j': return SCREEN_DOWN;
  case KEY_RESIZE: return SCREEN_RESIZED;
  case ERR: return isatty(STDIN_FILENO) ? SCREEN_NOTHING : SCREEN_QUIT; /* the terminal is gone */
  default: return SCREEN_NOTHING;
  }
}
