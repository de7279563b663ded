/* Draws curves with characters. */
#ifndef WATCH_CHART_H
#define WATCH_CHART_H

#include <stdbool.h>
#include <stddef.h>

#define CHART_MAX_COLUMNS 320
#define CHART_MAX_ROWS 64
#define CHART_ROW_BYTES (3 * CHART_MAX_COLUMNS + 1)

struct chart {
  int columns, rows; /* of characters */
  double low, high;  /* the values at the bottom and at the top */
  char row[CHART_MAX_ROWS][CHART_ROW_BYTES];
};

/* Draws y over x, both [n], x growing, from 0 on; each column shows the mean of its values. NANs are left out. False,
 * and nothing is drawn, when there is no value. `utf8`: braille dots, eight in a character; else a star for each
 * column. */
bool chart_draw(struct chart *chart, const double *x, const double *y, size_t n, int columns, int rows, bool utf8);

/* Draws y [n] as a sparkline: one row of up to `columns` characters, scaled from the lowest to the highest value. */
void chart_spark(const double *y, size_t n, int columns, bool utf8, char text[CHART_ROW_BYTES]);

#endif
