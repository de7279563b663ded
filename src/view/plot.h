/* Draws learning curves as a picture: one panel for each metric, and in it one line with a band for each group of
 * runs. */
#ifndef VIEW_PLOT_H
#define VIEW_PLOT_H

#include "view/curve.h"

enum plot_format { PLOT_SVG, PLOT_PNG };

struct plot_panel {
  const char *metric; /* a column of metrics.csv */
  bool over_seconds;  /* against wall time instead of steps */
};

struct plot_request {
  const struct plot_panel *panels; /* [n_panels]; those without values are left out */
  size_t n_panels;
  enum plot_format format;
  enum curve_band band;
  size_t smooth;     /* as in struct curve_request */
  const char *title; /* NULL: environment and algorithm, where all runs share them */
  int width, height; /* pixels; 0: chosen to suit the number of panels */
};

enum { PLOT_LEAST_SIZE = 300, PLOT_MOST_SIZE = 10000 };

/* The panels that are drawn by default: the return over steps and over seconds, loss, KL divergence; and the longer
 * list of a report. Both lists end with a metric NULL. */
extern const struct plot_panel plot_default_panels[], plot_report_panels[];

/* Whether a run has a finite value of a metric. */
bool plot_has_values(const struct run_info *info, const char *metric);

/* Draws the picture; `*image` is the content of a file of the requested format, `*length` bytes, which the caller
 * frees. Errors: IO (nothing to draw, and those of gnuplot_run()), MEMORY. */
MUSTER_CHECKED muster_status plot_render(const struct grouped_runs *runs, const struct plot_request *request,
                                         char **image, size_t *length);

#endif
