#include "watch/chart.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* means of y in `bins` equal parts of the range of x, from 0 to its last value; NAN where a part has no value. With x
 * NULL the range of row numbers is divided. */
static void average(const double *x, const double *y, size_t n, int bins, double *means) {
  double counts[2 * CHART_MAX_COLUMNS] = {0.0};
  for (int i = 0; i < bins; i++) means[i] = 0.0;
  const double end = x != NULL ? x[n - 1] : (double)n;
  for (size_t i = 0; i < n; i++) {
    double part = (x != NULL ? x[i] : (double)i) / end;
    if (isnan(y[i]) || !(part >= 0.0 && part <= 1.0)) continue;
    int bin = (int)(part * bins);
    if (bin == bins) bin--;
    means[bin] += y[i];
    counts[bin] += 1.0;
  }
  for (int i = 0; i < bins; i++) means[i] = counts[i] > 0.0 ? means[i] / counts[i] : (double)NAN;
}

static bool find_range(const double *values, int n, double *low, double *high) {
  *low = INFINITY;
  *high = -INFINITY;
  for (int i = 0; i < n; i++) {
    if (!isfinite(values[i])) continue;
    *low = fmin(*low, values[i]);
    *high = fmax(*high, values[i]);
  }
  return *low <= *high;
}

/* ---- a curve ---- */

/* dots; row 0 is at the top */
struct dots {
  int wide, high;
  bool set[4 * CHART_MAX_ROWS][2 * CHART_MAX_COLUMNS];
};

static void draw_line(struct dots *dots, int x0, int y0, int x1, int y1) {
  int length = abs(x1 - x0) > abs(y1 - y0) ? abs(x1 - x0) : abs(y1 - y0);
  for (int i = 0; i <= length; i++) {
    double part = length > 0 ? (double)i / length : 0.0;
    dots->set[y0 + lround(part * (y1 - y0))][x0 + lround(part * (x1 - x0))] = true;
  }
}

static void draw_means(struct dots *dots, const double *means, double low, double high) {
  int last_x = -1, last_y = 0;
  for (int x = 0; x < dots->wide; x++) {
    if (!isfinite(means[x])) continue;
    double part = high > low ? (means[x] - low) / (high - low) : 0.5;
    int y = (int)lround((1.0 - part) * (dots->high - 1));
    if (last_x < 0)
      draw_line(dots, x, y, x, y);
    else
      draw_line(dots, last_x, last_y, x, y);
    last_x = x;
    last_y = y;
  }
}

/* a braille character, made of two columns and four rows of dots */
static void write_braille(const struct dots *dots, int column, int row, char text[4]) {
  static const unsigned char bits[4][2] = {{1, 8}, {2, 16}, {4, 32}, {64, 128}};
  unsigned pattern = 0;
  for (int y = 0; y < 4; y++)
    for (int x = 0; x < 2; x++)
      if (dots->set[4 * row + y][2 * column + x]) pattern |= bits[y][x];
  text[0] = (char)0xe2;
  text[1] = (char)(0xa0 + (pattern >> 6));
  text[2] = (char)(0x80 + (pattern & 63));
  text[3] = '\0';
}

bool chart_draw(struct chart *chart, const double *x, const double *y, size_t n, int columns, int rows, bool utf8) {
  chart->columns = columns < CHART_MAX_COLUMNS ? columns : CHART_MAX_COLUMNS;
  chart->rows = rows < CHART_MAX_ROWS ? rows : CHART_MAX_ROWS;
  if (n == 0 || chart->columns < 1 || chart->rows < 1) return false;
  static const int dot_columns[] = {1, 2}, dot_rows[] = {1, 4};
  double means[2 * CHART_MAX_COLUMNS];
  struct dots *dots = calloc(1, sizeof *dots);
  if (dots == NULL) return false;
  dots->wide = chart->columns * dot_columns[utf8];
  dots->high = chart->rows * dot_rows[utf8];
  average(x, y, n, dots->wide, means);
  bool found = find_range(means, dots->wide, &chart->low, &chart->high);
  if (found) draw_means(dots, means, chart->low, chart->high);
  for (int row = 0; found && row < chart->rows; row++) {
    char *text = chart->row[row];
    for (int column = 0; column < chart->columns; column++) {
      char character[4] = {dots->set[row][column] ? '*' : ' '};
      if (utf8) write_braille(dots, column, row, character);
      text = stpcpy(text, character);
    }
  }
  free(dots);
  return found;
}

/* ---- a sparkline ---- */

void chart_spark(const double *y, size_t n, int columns, bool utf8, char text[CHART_ROW_BYTES]) {
  static const char *const blocks[8] = {"\u2581", "\u2582", "\u2583", "\u2584", "\u2585", "\u2586", "\u2587", "\u2588"};
  static const char *const marks[8] = {"_", ".", "-", "~", "=", "+", "*", "#"};
  double means[CHART_MAX_COLUMNS], low, high;
  text[0] = '\0';
  if (columns > CHART_MAX_COLUMNS) columns = CHART_MAX_COLUMNS;
  if ((size_t)columns > n) columns = (int)n;
  if (columns < 1) return;
  average(NULL, y, n, columns, means);
  if (!find_range(means, columns, &low, &high)) return;
  for (int i = 0; i < columns; i++) {
    int level = isfinite(means[i]) && high > low ? (int)lround(7.0 * (means[i] - low) / (high - low)) : 3;
    text = stpcpy(text, !isfinite(means[i]) ? " " : utf8 ? blocks[level] : marks[level]);
  }
}
