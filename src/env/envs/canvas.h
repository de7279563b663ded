/* A small picture in characters, for render_text(). A character is about twice as high as wide. */
#ifndef ENV_ENVS_CANVAS_H
#define ENV_ENVS_CANVAS_H

#include <math.h>
#include <stdio.h>
#include <string.h>

#define CANVAS_ROWS 13
#define CANVAS_COLUMNS 61

struct canvas {
  char cell[CANVAS_ROWS][CANVAS_COLUMNS];
};

static inline void canvas_clear(struct canvas *canvas) { memset(canvas->cell, ' ', sizeof canvas->cell); }

/* x from 0 (left) to 1 (right), y from 0 (bottom) to 1 (top); what lies outside is not drawn */
static inline void canvas_put(struct canvas *canvas, double x, double y, char mark) {
  long column = lround(x * (CANVAS_COLUMNS - 1)), row = lround((1.0 - y) * (CANVAS_ROWS - 1));
  if (column >= 0 && column < CANVAS_COLUMNS && row >= 0 && row < CANVAS_ROWS) canvas->cell[row][column] = mark;
}

static inline void canvas_line(struct canvas *canvas, double x0, double y0, double x1, double y1, char mark) {
  for (int i = 0; i <= CANVAS_COLUMNS; i++) {
    double part = (double)i / CANVAS_COLUMNS;
    canvas_put(canvas, x0 + part * (x1 - x0), y0 + part * (y1 - y0), mark);
  }
}

/* Writes the picture and a line below it, at most `size` bytes. */
static inline void canvas_write(const struct canvas *canvas, const char *caption, char *text, size_t size) {
  size_t used = 0;
  for (int row = 0; row < CANVAS_ROWS && used < size; row++)
    used += (size_t)snprintf(text + used, size - used, "%.*s\n", CANVAS_COLUMNS, canvas->cell[row]);
  if (used < size) snprintf(text + used, size - used, "%s\n", caption);
}

#endif
