#include "view/plot.h"

#include "view/gnuplot.h"
#include "view/mark.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const struct plot_panel plot_default_panels[] = {
    {COLUMN_RETURN, false}, {COLUMN_RETURN, true}, {"train/loss", false}, {"train/approx_kl", false}, {NULL, false},
};

const struct plot_panel plot_report_panels[] = {
    {COLUMN_RETURN, false},
    {COLUMN_RETURN, true},
    {"eval/mean_reward", false},
    {"rollout/ep_len_mean", false},
    {"train/loss", false},
    {"train/approx_kl", false},
    {"train/value_loss", false},
    {"train/entropy_loss", false},
    {"train/explained_variance", false},
    {"train/q_value", false},
    {"rollout/exploration_rate", false},
    {"time/fps", true},
    {NULL, false},
};

/* the title of a metric above its panel, with its tag next to it; other metrics show only their tag */
static const struct {
  const char *metric, *title;
} titles[] = {
    {COLUMN_RETURN, "Return, mean of 100 episodes"},
    {"rollout/ep_len_mean", "Length, mean of 100 episodes"},
    {"eval/mean_reward", "Return in evaluations"},
    {"train/loss", "Loss"},
    {"train/policy_gradient_loss", "Loss of the policy"},
    {"train/value_loss", "Loss of the value function"},
    {"train/entropy_loss", "Negative entropy"},
    {"train/approx_kl", "KL divergence of an update"},
    {"train/clip_fraction", "Share of clipped samples"},
    {"train/explained_variance", "Explained variance"},
    {"train/q_value", "Value of the actions taken"},
    {"rollout/exploration_rate", "Probability of a random action"},
    {"train/learning_rate", "Learning rate"},
    {"time/fps", "Steps per second"},
};

/* the colours of Okabe and Ito 2008, distinguishable with any kind of colour vision; without the yellow, which is faint
 * on white */
static const char *const colors[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000"};
enum { COLORS = sizeof colors / sizeof *colors };

/* pixels */
enum {
  PANEL_WIDTH = 560,
  PANEL_HEIGHT = 300,
  INDENT = 16,
  LEFT = 72,
  RIGHT = 22,
  TOP = 36,
  BOTTOM = 50,
  TITLE_LINE = 40,
  SUBTITLE_LINE = 20,
  LEGEND_LINE = 22,
  LETTER = 8, /* width that gnuplot assumes at most for a letter of the legend */
  SAMPLE = 64 /* length of the line before a text in the legend */
};

struct axis {
  double low, high;
  double unit;        /* the unit in which tics have round numbers */
  const char *letter; /* letter of the unit, printed after each number */
};

struct drawn_panel {
  struct plot_panel what;
  struct curve *curves; /* [n_groups] */
};

/* a picture while it is being drawn */
struct drawing {
  const struct grouped_runs *runs;
  const struct plot_request *request;
  struct drawn_panel *panels; /* [n] panels that have values */
  size_t n;
  FILE *script;
  char title[RUN_LABEL_SIZE], lines[128]; /* texts above the panels, "" for none */
  int width, height, legend_top, header;  /* pixels */
  int columns, rows;
  int legend_columns;
};

/* --- what is drawn --- */

bool plot_has_values(const struct run_info *info, const char *metric) {
  const double *column = metrics_table_column(info->metrics, metric);
  for (size_t row = 0; column != NULL && row < info->metrics->n_rows; row++)
    if (isfinite(column[row])) return true;
  return false;
}

static void release_panel(const struct drawing *drawing, struct drawn_panel *panel) {
  for (size_t g = 0; panel->curves != NULL && g < drawing->runs->n_groups; g++) curve_release(&panel->curves[g]);
  free(panel->curves);
}

static muster_status create_panel(struct drawing *drawing, struct plot_panel what) {
  const struct grouped_runs *runs = drawing->runs;
  struct curve_request request = {.x = what.over_seconds ? COLUMN_SECONDS : COLUMN_STEPS,
                                  .y = what.metric,
                                  .band = drawing->request->band,
                                  .smooth = drawing->request->smooth};
  struct drawn_panel *panel = &drawing->panels[drawing->n];
  *panel = (struct drawn_panel){what, calloc(runs->n_groups, sizeof *panel->curves)};
  if (panel->curves == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory for the curves");
  drawing->n++;
  size_t points = 0;
  for (size_t g = 0; g < runs->n_groups; g++) {
    MUSTER_TRY(curve_create(runs, &runs->groups[g], &request, &panel->curves[g]));
    points += panel->curves[g].n;
  }
  if (points > 0) return MUSTER_OK;
  release_panel(drawing, panel);
  drawing->n--;
  return MUSTER_OK;
}

static muster_status create_panels(struct drawing *drawing) {
  const struct plot_request *request = drawing->request;
  drawing->panels = calloc(request->n_panels, sizeof *drawing->panels);
  if (drawing->panels == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory for the panels");
  for (size_t i = 0; i < request->n_panels; i++) MUSTER_TRY(create_panel(drawing, request->panels[i]));
  if (drawing->n == 0)
    return status_error(MUSTER_ERROR_IO, "there is nothing to draw yet: none of the runs has a value of %s%s",
                        request->panels[0].metric, request->n_panels > 1 ? " or of any other metric asked for" : "");
  return MUSTER_OK;
}

/* counts bytes that begin a character */
static int count_letters(const char *text) {
  int n = 0;
  for (; *text != '\0'; text++) n += ((unsigned char)*text & 0xc0) != 0x80;
  return n;
}

/* describes lines and bands; "" where each line is one run without smoothing */
static void describe_lines(struct drawing *drawing) {
  static const char *const bands[] = {"band: one standard deviation over seeds (n - 1) to either side",
                                      "band: least to greatest seed", "no band"};
  const struct plot_request *request = drawing->request;
  bool together = drawing->runs->n > drawing->runs->n_groups;
  int length = snprintf(drawing->lines, sizeof drawing->lines, "%s%s", together ? "line: mean over seeds, " : "",
                        together ? bands[request->band] : "");
  if (request->smooth > 1)
    snprintf(drawing->lines + length, sizeof drawing->lines - (size_t)length,
             "%seach value the mean of the last %zu rows", together ? "; " : "", request->smooth);
}

static void choose_texts(struct drawing *drawing) {
  grouped_runs_title(drawing->runs, drawing->title);
  if (drawing->request->title != NULL) snprintf(drawing->title, sizeof drawing->title, "%s", drawing->request->title);
  describe_lines(drawing);
  drawing->legend_top = (drawing->title[0] != '\0' ? TITLE_LINE : 8) + (drawing->lines[0] != '\0' ? SUBTITLE_LINE : 0);
}

static void lay_out(struct drawing *drawing) {
  const struct plot_request *request = drawing->request;
  drawing->columns = drawing->n > 1 ? 2 : 1;
  drawing->rows = ((int)drawing->n + drawing->columns - 1) / drawing->columns;
  drawing->width = request->width > 0 ? request->width : drawing->n > 1 ? 2 * PANEL_WIDTH : PANEL_WIDTH + 160;
  int longest = 0, groups = (int)drawing->runs->n_groups;
  for (int g = 0; g < groups; g++) {
    int length = count_letters(drawing->runs->groups[g].label);
    if (length > longest) longest = length;
  }
  int fit = (drawing->width - LEFT) / (longest * LETTER + SAMPLE);
  drawing->legend_columns = fit < 1 ? 1 : fit > groups ? groups : fit;
  int legend_rows = (groups + drawing->legend_columns - 1) / drawing->legend_columns;
  drawing->header = drawing->legend_top + legend_rows * LEGEND_LINE + INDENT;
  int panel_height = drawing->n > 1 ? PANEL_HEIGHT : PANEL_HEIGHT + 100;
  drawing->height = request->height > 0 ? request->height : drawing->header + drawing->rows * panel_height;
}

/* --- axes --- */

/* a round number near the range divided by the number of parts: 1, 2, 2.5 or 5 times a power of ten */
static double round_step(double range, int parts) {
  static const double factors[] = {1, 2, 2.5, 5, 10};
  double raw = range / parts, power = pow(10, floor(log10(raw)));
  int i = 0;
  while (i < 4 && factors[i] * power < raw * (1 - 1e-9)) i++;
  return factors[i] * power;
}

static void choose_number_unit(struct axis *axis) {
  double most = fmax(fabs(axis->low), fabs(axis->high));
  axis->unit = most >= 1e9 ? 1e9 : most >= 1e6 ? 1e6 : most >= 5e3 ? 1e3 : 1;
  axis->letter = most >= 1e9 ? "G" : most >= 1e6 ? "M" : most >= 5e3 ? "k" : "";
}

static struct axis make_x_axis(const struct drawing *drawing, const struct drawn_panel *panel) {
  struct axis axis = {.low = 0, .high = 0, .letter = ""};
  for (size_t g = 0; g < drawing->runs->n_groups; g++)
    if (panel->curves[g].n > 0) axis.high = fmax(axis.high, panel->curves[g].x[panel->curves[g].n - 1]);
  if (!(axis.high > 0)) axis.high = 1;
  if (panel->what.over_seconds)
    axis.unit = axis.high < 180 ? 1 : axis.high < 3 * 3600 ? 60 : axis.high < 3 * 86400 ? 3600 : 86400;
  else
    choose_number_unit(&axis);
  return axis;
}

/* shows every mean, and bands as far as a quarter of the means' range beyond the means, so that one outlier does not
 * flatten all curves */
static struct axis make_y_axis(const struct drawing *drawing, const struct drawn_panel *panel) {
  double least = INFINITY, most = -INFINITY, low = INFINITY, high = -INFINITY;
  for (size_t g = 0; g < drawing->runs->n_groups; g++) {
    const struct curve *curve = &panel->curves[g];
    for (size_t i = 0; i < curve->n; i++) {
      least = fmin(least, curve->mean[i]);
      most = fmax(most, curve->mean[i]);
      low = fmin(low, curve->low[i]);
      high = fmax(high, curve->high[i]);
    }
  }
  double beyond = drawing->request->band == BAND_NONE ? 0 : 0.25 * (most - least);
  struct axis axis = {.low = fmax(low, least - beyond), .high = fmin(high, most + beyond)};
  double margin = 0.05 * (axis.high - axis.low);
  if (!(margin > 1e-9 * fmax(fabs(axis.low), fabs(axis.high)))) margin = axis.high != 0 ? 0.1 * fabs(axis.high) : 1;
  axis.low -= margin;
  axis.high += margin;
  choose_number_unit(&axis);
  return axis;
}

static void write_axis(FILE *script, char name, struct axis axis) {
  fprintf(script, "set %crange [%.17g:%.17g]\nset %ctics nomirror (", name, axis.low, axis.high, name);
  double step = round_step((axis.high - axis.low) / axis.unit, 6);
  double first = ceil(axis.low / axis.unit / step - 1e-9), last = floor(axis.high / axis.unit / step + 1e-9);
  for (double i = first; i <= last; i++) {
    double value = i * step + 0.0; // no -0
    fprintf(script, "%s'%.6g%s' %.17g", i > first ? ", " : "", value, value != 0 ? axis.letter : "", value * axis.unit);
  }
  fprintf(script, ")\n");
}

static void write_x_axis(const struct drawing *drawing, const struct drawn_panel *panel) {
  bool over_seconds = panel->what.over_seconds;
  struct axis axis = make_x_axis(drawing, panel);
  write_axis(drawing->script, 'x', axis);
  const char *unit = axis.unit < 2 ? "s" : axis.unit < 100 ? "min" : axis.unit < 4000 ? "h" : "days";
  fprintf(drawing->script, "set xlabel '%s%s%s' offset 0,%g\n", over_seconds ? "wall time [" : "steps",
          over_seconds ? unit : "", over_seconds ? "]" : "", drawing->request->format == PLOT_SVG ? 0.9 : 0.3);
}

/* --- the script --- */

/* a position in the picture as a share of its size, which gnuplot counts from the lower left corner */
static double across(const struct drawing *drawing, double pixels) { return pixels / drawing->width; }
static double up(const struct drawing *drawing, double pixels_from_top) {
  return 1 - pixels_from_top / drawing->height;
}

static void write_data(const struct drawing *drawing) {
  for (size_t p = 0; p < drawing->n; p++)
    for (size_t g = 0; g < drawing->runs->n_groups; g++) {
      const struct curve *curve = &drawing->panels[p].curves[g];
      if (curve->n == 0) continue;
      fprintf(drawing->script, "$curve_%zu_%zu << END\n", p, g);
      for (size_t i = 0; i < curve->n; i++)
        fprintf(drawing->script, "%.9g %.9g %.9g %.9g\n", curve->x[i], curve->mean[i], curve->low[i], curve->high[i]);
      fprintf(drawing->script, "END\n");
    }
}

/* size of the picture's letters, in the unit of the format: 13 pixels */
static double font_size(const struct drawing *drawing) { return drawing->request->format == PLOT_SVG ? 13 : 10; }

static void write_start(const struct drawing *drawing) {
  FILE *script = drawing->script;
  bool svg = drawing->request->format == PLOT_SVG;
  fprintf(script, "set encoding utf8\nset terminal %s size %d,%d font 'sans-serif,%g' background '#ffffff'%s\n",
          svg ? "svg" : "pngcairo", drawing->width, drawing->height, font_size(drawing),
          svg ? " name 'muster_curves'" : "");
  fputs("set multiplot\n", script);
}

/* writes a position in the picture, given in pixels from the upper left corner */
static void write_place(const struct drawing *drawing, double x, double y) {
  fprintf(drawing->script, " at screen %.6f,%.6f ", across(drawing, x), up(drawing, y));
}

/* a heading; `size` is relative to that of the picture's letters */
static void write_heading(const struct drawing *drawing, const char *text, double x, double y, double size) {
  fprintf(drawing->script, "set label ");
  gnuplot_quote_bold(drawing->script, text);
  write_place(drawing, x, y);
  fprintf(drawing->script, "left enhanced font 'sans-serif,%g' textcolor '#222222'\n", font_size(drawing) * size);
}

/* a small grey text to the left or to the right of a position */
static void write_remark(const struct drawing *drawing, const char *text, double x, double y, const char *side) {
  fprintf(drawing->script, "set label ");
  gnuplot_quote(drawing->script, text);
  write_place(drawing, x, y);
  fprintf(drawing->script, "%s noenhanced font 'sans-serif,%g' textcolor '#777777'\n", side, font_size(drawing) * 0.88);
}

/* the style and the names of the groups' lines */
static void write_line_style(const struct drawing *drawing, size_t group) {
  fprintf(drawing->script, " lw 1.6 dt %zu lc rgb '%s' title ", 1 + group / COLORS % 4, colors[group % COLORS]);
  gnuplot_quote(drawing->script, drawing->runs->groups[group].label);
}

/* a frame for what is drawn next, in pixels */
static void write_frame(const struct drawing *drawing, double left, double right, double top, double bottom) {
  fprintf(drawing->script, "set lmargin at screen %.6f\nset rmargin at screen %.6f\n", across(drawing, left),
          across(drawing, right));
  fprintf(drawing->script, "set tmargin at screen %.6f\nset bmargin at screen %.6f\n", up(drawing, top),
          up(drawing, bottom));
}

/* title, description of the lines, and legend: a separate plot without axes, as wide as the picture */
static void write_header(const struct drawing *drawing) {
  if (drawing->title[0] != '\0') write_heading(drawing, drawing->title, INDENT, TITLE_LINE - 16, 1.3);
  write_remark(drawing, drawing->lines, INDENT, drawing->legend_top - SUBTITLE_LINE + 8, "left");
  write_frame(drawing, 0, drawing->width, drawing->legend_top, drawing->header);
  fprintf(drawing->script,
          "set key inside left top horizontal Left reverse samplen 3 spacing %g maxcols %d noenhanced textcolor "
          "'#222222'\nunset border\nunset tics\nset xrange [0:1]\nset yrange [0:1]\nplot ",
          drawing->request->format == PLOT_SVG ? 1.1 : 1.4, drawing->legend_columns);
  for (size_t g = 0; g < drawing->runs->n_groups; g++) {
    fputs(g > 0 ? ", NaN" : "NaN", drawing->script);
    write_line_style(drawing, g);
  }
  fputs("\nunset key\nunset label\n", drawing->script);
}

/* the style of all panels */
static void write_panel_style(const struct drawing *drawing) {
  fprintf(drawing->script,
          "set border 3 lc rgb '#888888'\nset tics out nomirror scale 0.5 textcolor '#444444'\nset xtics offset 0,%g\n"
          "set grid xtics ytics lt 1 lc rgb '#e4e4e4' lw 1\nset style fill transparent solid 0.2 noborder\n",
          drawing->request->format == PLOT_SVG ? 0.4 : 0.0);
}

static const char *find_title(const char *metric) {
  for (size_t i = 0; i < sizeof titles / sizeof *titles; i++)
    if (strcmp(titles[i].metric, metric) == 0) return titles[i].title;
  return metric;
}

static void write_panel_frame(const struct drawing *drawing, size_t p) {
  const struct drawn_panel *panel = &drawing->panels[p];
  double width = (double)drawing->width / drawing->columns;
  double height = (double)(drawing->height - drawing->header) / drawing->rows;
  double left = (int)p % drawing->columns * width, right = left + width - RIGHT;
  double top = drawing->header + (int)p / drawing->columns * height;
  write_frame(drawing, left + LEFT, right, top + TOP, top + height - BOTTOM);
  const char *metric = panel->what.metric, *title = find_title(metric);
  write_heading(drawing, title, left + INDENT, top + TOP / 2.0, 1);
  if (title != metric) write_remark(drawing, metric, right, top + TOP / 2.0, "right");
  write_x_axis(drawing, panel);
  write_axis(drawing->script, 'y', make_y_axis(drawing, panel));
}

static void write_curves(const struct drawing *drawing, size_t p) {
  enum { MARKED = 30 };
  FILE *script = drawing->script;
  const char *before = "plot ";
  for (size_t g = 0; g < drawing->runs->n_groups && drawing->request->band != BAND_NONE; g++) {
    if (drawing->panels[p].curves[g].n == 0 || drawing->panels[p].curves[g].n_seeds < 2) continue;
    fprintf(script, "%s$curve_%zu_%zu using 1:3:4 with filledcurves lc rgb '%s' notitle", before, p, g,
            colors[g % COLORS]);
    before = ", ";
  }
  for (size_t g = 0; g < drawing->runs->n_groups; g++) {
    const struct curve *curve = &drawing->panels[p].curves[g];
    if (curve->n == 0) continue;
    fprintf(script, "%s$curve_%zu_%zu using 1:2 with %s", before, p, g,
            curve->n <= MARKED ? "linespoints pt 7 ps 0.5" : "lines");
    write_line_style(drawing, g);
    before = ", ";
  }
  fputc('\n', script);
}

static void write_script(const struct drawing *drawing) {
  write_data(drawing);
  write_start(drawing);
  write_header(drawing);
  write_panel_style(drawing);
  for (size_t p = 0; p < drawing->n; p++) {
    write_panel_frame(drawing, p);
    write_curves(drawing, p);
    fprintf(drawing->script, "unset label\n");
  }
  fprintf(drawing->script, "unset multiplot\n");
}

static muster_status draw(struct drawing *drawing, char **image, size_t *length) {
  char *text = NULL;
  size_t text_length = 0;
  MUSTER_TRY(create_panels(drawing));
  choose_texts(drawing);
  lay_out(drawing);
  drawing->script = open_memstream(&text, &text_length);
  if (drawing->script == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory for the picture");
  write_script(drawing);
  bool failed = ferror(drawing->script) != 0;
  failed = fclose(drawing->script) != 0 || failed;
  muster_status status = failed ? status_error(MUSTER_ERROR_MEMORY, "out of memory for the picture")
                                : gnuplot_run(text, text_length, image, length);
  free(text);
  return status;
}

muster_status plot_render(const struct grouped_runs *runs, const struct plot_request *request, char **image,
                          size_t *length) {
  struct drawing drawing = {.runs = runs, .request = request};
  muster_status status = draw(&drawing, image, length);
  if (status == MUSTER_OK) status = request->format == PLOT_SVG ? mark_svg(image, length) : mark_png(image, length);
  for (size_t p = 0; p < drawing.n; p++) release_panel(&drawing, &drawing.panels[p]);
  free(drawing.panels);
  return status;
}
