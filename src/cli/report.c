#include "cli/command.h"
#include "store/output.h"
#include "view/page.h"
#include "view/plot.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

static const char help[] =
    "usage: muster report RUN... [-o FILE.html] [-s N] [-t TEXT] [--force]\n"
    "\n"
    "Writes one HTML page about one or more run folders, finished or not, that needs nothing else: results side by\n"
    "side, learning curves (by gnuplot), what differs, and for each run its result, layout, where time went,\n"
    "checkpoints, how to repeat it, and its config.\n"
    "\n"
    "  -o, --output FILE  page to write (default report.html)\n"
    "  -s, --smooth N     in the curves each value becomes the mean of the last N rows of its run (default 1)\n"
    "  -t, --title TEXT   of the page (default: environment and algorithm)\n"
    "  -f, --force        replace FILE though muster did not make it\n"
    "  -h, --help         this text\n";

struct arguments {
  struct output_request output;
  const char *title;
  long long smooth;
};

/* returns -1 to go on, else an exit code */
static int parse(int argc, char **argv, struct arguments *arguments) {
  static const struct option options[] = {
      {"output", required_argument, NULL, 'o'}, {"smooth", required_argument, NULL, 's'},
      {"title", required_argument, NULL, 't'},  {"force", no_argument, NULL, 'f'},
      {"help", no_argument, NULL, 'h'},         {0}};
  for (int letter; (letter = getopt_long(argc, argv, "o:s:t:fh", options, NULL)) != -1;) {
    switch (letter) {
    case 'o': arguments->output.path = optarg; break;
    case 's':
      if (!command_parse_count("report", "--smooth", optarg, 1, &arguments->smooth)) return EXIT_USAGE;
      break;
    case 't': arguments->title = optarg; break;
    case 'f': arguments->output.force = true; break;
    case 'h': fputs(help, stdout); return EXIT_DONE;
    default: return EXIT_USAGE;
    }
  }
  if (optind == argc) return command_usage_error("report", "expects at least one run folder");
  return -1;
}

/* the curves as SVG; NULL where no run has a row yet */
static muster_status draw_curves(const struct grouped_runs *runs, const struct arguments *arguments, char **curves) {
  struct plot_request request = {.panels = plot_report_panels, .smooth = (size_t)arguments->smooth, .title = ""};
  while (plot_report_panels[request.n_panels].metric != NULL) request.n_panels++;
  size_t length, rows = 0;
  for (size_t i = 0; i < runs->n; i++) rows += runs->info[i]->metrics->n_rows;
  return rows > 0 ? plot_render(runs, &request, curves, &length) : MUSTER_OK;
}

static muster_status write_page(const struct grouped_runs *runs, const struct arguments *arguments,
                                const char *curves) {
  char *text = NULL;
  size_t length = 0;
  FILE *page = open_memstream(&text, &length);
  if (page == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory for %s", arguments->output.path);
  page_write(page, runs, arguments->title, curves);
  bool failed = ferror(page) != 0;
  failed = fclose(page) != 0 || failed;
  muster_status status = failed ? status_error(MUSTER_ERROR_MEMORY, "out of memory for %s", arguments->output.path)
                                : output_write(&arguments->output, text, length);
  free(text);
  return status;
}

int command_report(int argc, char **argv) {
  struct arguments arguments = {.output = {.option = "--output", .path = "report.html"}, .smooth = 1};
  int exit_code = parse(argc, argv, &arguments);
  if (exit_code >= 0) return exit_code;
  struct grouped_runs *runs = NULL;
  char *curves = NULL;
  muster_status status = grouped_runs_read((const char *const *)argv + optind, (size_t)(argc - optind), &runs);
  if (status == MUSTER_OK) status = output_check(&arguments.output);
  if (status == MUSTER_OK) status = draw_curves(runs, &arguments, &curves);
  if (status == MUSTER_OK) status = write_page(runs, &arguments, curves);
  if (status == MUSTER_OK && !output_is_stdout(arguments.output.path)) printf("%s\n", arguments.output.path);
  free(curves);
  grouped_runs_destroy(&runs);
  return command_finish("report", status);
}
