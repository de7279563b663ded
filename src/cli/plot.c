#include "view/plot.h"
#include "base/nearest.h"
#include "base/shown.h"
#include "cli/command.h"
#include "store/output.h"

#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "usage: muster plot RUN... [-o FILE.svg | FILE.png] [-m METRIC]... [OPTIONS]\n"
    "       muster plot RUN... --list\n"
    "\n"
    "Draws learning curves of one or more run folders, finished or not, by gnuplot. Runs that differ in nothing but\n"
    "the seed become one line, their mean, with a band; others become lines of their own, side by side.\n"
    "\n"
    "  -o, --output FILE    picture to write, .svg or .png (default plot.svg)\n"
    "  -m, --metric METRIC  a column of metrics.csv (default: return, loss and KL divergence); may be repeated\n"
    "  -x, --x AXIS         steps or seconds (default: the return over both, the rest over steps)\n"
    "  -b, --band BAND      std: standard deviation over the seeds (n - 1); minmax: least to greatest; none (default "
    "std)\n"
    "  -s, --smooth N       each value becomes the mean of the last N rows of its run (default 1)\n"
    "  -t, --title TEXT     above the picture (default: environment and algorithm)\n"
    "      --width N        pixels, 300 to 10000 (default: what suits the number of panels)\n"
    "      --height N\n"
    "  -f, --force          replace FILE though muster did not make it\n"
    "  -l, --list           print the metrics of the runs with their newest values, and draw nothing\n"
    "  -h, --help           this text\n";

enum axis { AXIS_DEFAULT, AXIS_STEPS, AXIS_SECONDS };

struct arguments {
  struct output_request output;
  const char **metrics; /* [n_metrics], owned */
  size_t n_metrics;
  enum axis axis;
  bool list;
  struct plot_request plot;
};

/* --- the command line --- */

static bool ends_with(const char *text, const char *end) {
  size_t length = strlen(text), end_length = strlen(end);
  return length > end_length && strcmp(text + length - end_length, end) == 0;
}

/* the index of a word among those that an option takes; -1 and a message when it is not among them */
static int parse_word(const char *option, const char *text, const char *const *words, const char *expected) {
  for (int i = 0; words[i] != NULL; i++)
    if (strcmp(text, words[i]) == 0) return i;
  command_usage_error("plot", "%s: %s: expects %s", option, text, expected);
  return -1;
}

static bool parse_size(const char *option, const char *text, int *pixels) {
  long long value;
  if (!command_parse_count("plot", option, text, PLOT_LEAST_SIZE, &value)) return false;
  if (value > PLOT_MOST_SIZE)
    return command_usage_error("plot", "%s: %s: expects at most %d pixels", option, text, PLOT_MOST_SIZE), false;
  *pixels = (int)value;
  return true;
}

static bool parse_output(const char *text, struct arguments *arguments) {
  arguments->output.path = text;
  arguments->plot.format = ends_with(text, ".png") ? PLOT_PNG : PLOT_SVG;
  if (ends_with(text, ".png") || ends_with(text, ".svg") || output_is_special(text) || output_is_stdout(text))
    return true;
  return command_usage_error("plot", "--output: %s: expects a name that ends in .svg or .png", text), false;
}

/* handles one option; false and a message when it is wrong */
static bool parse_option(int letter, const char *text, struct arguments *arguments) {
  static const char *const axes[] = {"steps", "seconds", NULL}, *const bands[] = {"std", "minmax", "none", NULL};
  long long count;
  int word;
  switch (letter) {
  case 'o': return parse_output(text, arguments);
  case 'f': arguments->output.force = true; return true;
  case 'm': arguments->metrics[arguments->n_metrics++] = text; return true;
  case 'x':
    word = parse_word("--x", text, axes, "steps or seconds");
    arguments->axis = word == 1 ? AXIS_SECONDS : AXIS_STEPS;
    return word >= 0;
  case 'b':
    word = parse_word("--band", text, bands, "std, minmax or none");
    arguments->plot.band = word == 1 ? BAND_MIN_MAX : word == 2 ? BAND_NONE : BAND_STD;
    return word >= 0;
  case 's':
    if (!command_parse_count("plot", "--smooth", text, 1, &count)) return false;
    arguments->plot.smooth = (size_t)count;
    return true;
  case 't': arguments->plot.title = text; return true;
  case 'W': return parse_size("--width", text, &arguments->plot.width);
  case 'H': return parse_size("--height", text, &arguments->plot.height);
  default: arguments->list = true; return true;
  }
}

/* returns -1 to go on, else an exit code */
static int parse(int argc, char **argv, struct arguments *arguments) {
  static const struct option options[] = {
      {"output", required_argument, NULL, 'o'}, {"metric", required_argument, NULL, 'm'},
      {"x", required_argument, NULL, 'x'},      {"band", required_argument, NULL, 'b'},
      {"smooth", required_argument, NULL, 's'}, {"title", required_argument, NULL, 't'},
      {"width", required_argument, NULL, 'W'},  {"height", required_argument, NULL, 'H'},
      {"force", no_argument, NULL, 'f'},        {"list", no_argument, NULL, 'l'},
      {"help", no_argument, NULL, 'h'},         {0}};
  for (int letter; (letter = getopt_long(argc, argv, "o:m:x:b:s:t:flh", options, NULL)) != -1;) {
    if (letter == '?') return EXIT_USAGE;
    if (letter == 'h') return fputs(help, stdout), EXIT_DONE;
    if (!parse_option(letter, optarg, arguments)) return EXIT_USAGE;
  }
  if (optind == argc) return command_usage_error("plot", "expects at least one run folder");
  return -1;
}

/* --- metrics --- */

/* a metric's newest value in each run */
static void print_metric(const struct grouped_runs *runs, const char *metric) {
  shown_print(stdout, "%-32s", metric);
  for (size_t i = 0; i < runs->n; i++) {
    double value = metrics_table_last(runs->info[i]->metrics, metric);
    if (isnan(value))
      printf(" %12s", "-");
    else
      printf(" %12.6g", value);
  }
  putchar('\n');
}

/* whether a run before this one has the column already */
static bool was_listed(const struct grouped_runs *runs, size_t i, const char *metric) {
  for (size_t before = 0; before < i; before++)
    if (metrics_table_column(runs->info[before]->metrics, metric) != NULL) return true;
  return false;
}

static void print_list(const struct grouped_runs *runs) {
  printf("%-32s", "metric");
  for (size_t i = 0; i < runs->n; i++) shown_print(stdout, " %12.12s", runs->info[i]->name);
  putchar('\n');
  for (size_t i = 0; i < runs->n; i++)
    for (size_t c = 0; c < runs->info[i]->metrics->n_columns; c++)
      if (!was_listed(runs, i, runs->info[i]->metrics->names[c])) print_metric(runs, runs->info[i]->metrics->names[c]);
}

/* refuses a metric that no run has as a column */
static muster_status check_metric(const struct grouped_runs *runs, const char *metric) {
  struct nearest nearest = nearest_start(metric);
  bool has_columns = false;
  for (size_t i = 0; i < runs->n; i++) {
    const struct metrics_table *table = runs->info[i]->metrics;
    if (metrics_table_column(table, metric) != NULL) return MUSTER_OK;
    has_columns = has_columns || table->n_columns > 0;
    for (size_t c = 0; c < table->n_columns; c++) nearest_offer(&nearest, table->names[c]);
  }
  if (!has_columns) return MUSTER_OK; // all runs have just begun: a later message says so
  return status_error(MUSTER_ERROR_USAGE, "--metric: none of the runs has %s; %s (--list tells more)", metric,
                      nearest_advise(&nearest).text);
}

/* prints what will be missing in the picture */
static void note_missing(const struct grouped_runs *runs, const struct arguments *arguments,
                         const struct plot_panel *panels, size_t n) {
  for (size_t i = 0; i < runs->n; i++) {
    const struct run_info *info = runs->info[i];
    if (info->metrics->n_rows == 0)
      shown_print(stderr, "muster plot: note: %s has no row of metrics yet; it is left out\n", info->path);
    for (size_t p = 0; p < n && info->metrics->n_rows > 0 && arguments->n_metrics > 0; p++)
      if (!plot_has_values(info, panels[p].metric))
        shown_print(stderr, "muster plot: note: %s has no value of %s; it is left out there\n", info->path,
                    panels[p].metric);
  }
}

/* --- drawing --- */

/* the panels of the metrics asked for, or the default ones over one axis or both; [n], the caller frees */
static muster_status choose_panels(const struct arguments *arguments, struct plot_panel **out, size_t *n) {
  size_t defaults = 0;
  while (plot_default_panels[defaults].metric != NULL) defaults++;
  struct plot_panel *panels = calloc(defaults + arguments->n_metrics, sizeof *panels);
  if (panels == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory");
  *n = 0;
  for (size_t i = 0; i < arguments->n_metrics; i++)
    panels[(*n)++] = (struct plot_panel){arguments->metrics[i], arguments->axis == AXIS_SECONDS};
  for (size_t i = 0; i < defaults && arguments->n_metrics == 0; i++) {
    struct plot_panel panel = plot_default_panels[i];
    if (arguments->axis != AXIS_DEFAULT && panel.over_seconds)
      continue; // the same metric is drawn over the axis that was asked for
    panel.over_seconds = panel.over_seconds || arguments->axis == AXIS_SECONDS;
    panels[(*n)++] = panel;
  }
  *out = panels;
  return MUSTER_OK;
}

static muster_status draw(const struct grouped_runs *runs, struct arguments *arguments) {
  for (size_t i = 0; i < arguments->n_metrics; i++) MUSTER_TRY(check_metric(runs, arguments->metrics[i]));
  MUSTER_TRY(output_check(&arguments->output));
  struct plot_panel *panels = NULL;
  MUSTER_TRY(choose_panels(arguments, &panels, &arguments->plot.n_panels));
  arguments->plot.panels = panels;
  note_missing(runs, arguments, panels, arguments->plot.n_panels);
  char *image = NULL;
  size_t length;
  muster_status status = plot_render(runs, &arguments->plot, &image, &length);
  if (status == MUSTER_OK) status = output_write(&arguments->output, image, length);
  if (status == MUSTER_OK && !output_is_stdout(arguments->output.path)) printf("%s\n", arguments->output.path);
  free(image);
  free(panels);
  return status;
}

int command_plot(int argc, char **argv) {
  struct arguments arguments = {.output = {.option = "--output", .path = "plot.svg"}, .plot = {.smooth = 1}};
  arguments.metrics = calloc((size_t)argc, sizeof *arguments.metrics);
  int exit_code = arguments.metrics != NULL ? parse(argc, argv, &arguments) : EXIT_FAILED;
  if (exit_code < 0) {
    struct grouped_runs *runs = NULL;
    muster_status status = grouped_runs_read((const char *const *)argv + optind, (size_t)(argc - optind), &runs);
    if (status == MUSTER_OK && arguments.list) print_list(runs);
    if (status == MUSTER_OK && !arguments.list) status = draw(runs, &arguments);
    grouped_runs_destroy(&runs);
    exit_code = command_finish("plot", status);
  }
  free(arguments.metrics);
  return exit_code;
}
