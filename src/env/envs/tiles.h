/* Pictures of a field of square tiles, for render_picture(): tile (row, column) is one unit wide, row 0 is on top. */
#ifndef ENV_ENVS_TILES_H
#define ENV_ENVS_TILES_H

#include "muster/canvas.h"

#define TILES_FPS 4.0  /* steps a second, slow enough to follow */
#define TILES_GAP 0.02 /* the width of background on each side of a tile */

static inline void tiles_view(muster_canvas *canvas, int32_t rows, int32_t columns, uint32_t background) {
  canvas->view(canvas, -0.05, columns + 0.05, -rows - 0.05, 0.05, background);
}

static inline void tiles_fill(muster_canvas *canvas, int32_t row, int32_t column, uint32_t color) {
  muster_canvas_rectangle(canvas, column + TILES_GAP, column + 1 - TILES_GAP, -row - 1 + TILES_GAP, -row - TILES_GAP,
                          color);
}

/* a circle in a tile's middle */
static inline void tiles_circle(muster_canvas *canvas, int32_t row, int32_t column, double radius, uint32_t color) {
  canvas->circle(canvas, column + 0.5, -row - 0.5, radius, color);
}

/* a person who stands on a tile */
static inline void tiles_figure(muster_canvas *canvas, int32_t row, int32_t column, uint32_t color) {
  const double x = column + 0.5, y = -row - 0.5;
  const double body[] = {x - 0.2, y - 0.32, x + 0.2, y - 0.32, x + 0.12, y + 0.1, x - 0.12, y + 0.1};
  canvas->polygon(canvas, 4, body, color);
  canvas->circle(canvas, x, y + 0.19, 0.13, color);
}

/* a flag on a tile: the goal */
static inline void tiles_flag(muster_canvas *canvas, int32_t row, int32_t column, uint32_t color) {
  const double x = column + 0.36, y = -row - 0.5;
  const double pole[] = {x, y - 0.32, x, y + 0.32}, cloth[] = {x, y + 0.32, x + 0.34, y + 0.17, x, y + 0.02};
  canvas->line(canvas, 2, pole, 0.05, 0x333333);
  canvas->polygon(canvas, 3, cloth, color);
}

#endif
