#include "base/shown.h"
#include "cli/command.h"
#include "config/text.h"
#include "runs/folder.h"
#include "runs/groups.h"
#include "store/json.h"

#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "usage: muster summary RUN... [--json | --csv]\n"
    "\n"
    "Shows what became of runs: a row for each, and statistics over those that differ in their "
    "seed alone. RUN is a run\n"
    "folder, or a folder that has run folders below it, such as that of a sweep.\n"
    "\n"
    "      --json     print one JSON object, with runs and groups\n"
    "      --csv      print the runs as CSV\n"
    "  -h, --help     this text\n"
    "\n"
    "return      mean and standard deviation over the last hundred episodes of training\n"
    "evaluation  the same over the episodes of the final evaluation\n"
    "solved at   steps after which the mean return reached the environment's threshold\n"
    "state       waiting, running, stalled, finished, interrupted, or died, as `muster watch` has it\n"
    "\n"
    "Over seeds, a seed that several runs have counts once, with the mean of these runs. Standard deviations over\n"
    "seeds are those of the sample (n - 1), those over episodes divide by n.\n";

/* --- text --- */

#define CELL_SIZE (RUN_PATH_SIZE + 32)

/* Cells of text under titles; a column is aligned to the left or, as numbers are, to the right. */
struct table {
  const char *const *titles; /* [columns] */
  const char *alignment;     /* 'l' or 'r' for each column */
  size_t rows;
  char (*cells)[CELL_SIZE]; /* [rows, columns] */
};

static size_t table_columns(const struct table *table) { return strlen(table->alignment); }

static muster_status table_create(const char *const *titles, const char *alignment, size_t rows, struct table *table) {
  *table = (struct table){.titles = titles, .alignment = alignment, .rows = rows};
  table->cells = calloc(rows * strlen(alignment), sizeof *table->cells);
  return table->cells != NULL ? MUSTER_OK
                              : status_error(MUSTER_ERROR_MEMORY, "out of memory: a table of %zu rows", rows);
}

static int table_width(const struct table *table, size_t column) {
  size_t width = strlen(table->titles[column]);
  for (size_t row = 0; row < table->rows; row++) {
    size_t length = strlen(table->cells[row * table_columns(table) + column]);
    if (length > width) width = length;
  }
  return (int)width;
}

/* prints the table and releases it */
static void table_print(struct table *table) {
  size_t columns = table_columns(table);
  for (size_t row = 0; row <= table->rows; row++) {
    for (size_t column = 0; column < columns; column++) {
      const char *text = row == 0 ? table->titles[column] : table->cells[(row - 1) * columns + column];
      bool last = column + 1 == columns;
      int width = table_width(table, column);
      if (column > 0 && !(last && text[0] == '\0')) fputs("  ", stdout);
      if (table->alignment[column] == 'r')
        printf("%*s", width, text);
      else
        printf("%-*s", last ? 0 : width, text);
    }
    putchar('\n');
  }
  free(table->cells);
}

/* "500.00 +- 0.00"; "-" for a value that is not known */
static void write_spread(char *cell, double mean, double std) {
  int used = snprintf(cell, CELL_SIZE, isnan(mean) ? "-" : "%.2f", mean);
  if (!isnan(std)) snprintf(cell + used, CELL_SIZE - (size_t)used, " +- %.2f", std);
}

static void write_number(char *cell, double value) {
  if (isnan(value))
    snprintf(cell, CELL_SIZE, "-");
  else
    snprintf(cell, CELL_SIZE, "%.0f", value);
}

static void write_run(const struct run_info *info, char (*cells)[CELL_SIZE]) {
  shown_copy(run_info_option(info, "env.name"), cells[0], CELL_SIZE);
  shown_copy(run_info_option(info, "algorithm.name"), cells[1], CELL_SIZE);
  snprintf(cells[2], CELL_SIZE, "%lld", (long long)info->seed);
  snprintf(cells[3], CELL_SIZE, "%lld", (long long)info->steps);
  write_spread(cells[4], info->mean_return, info->std_return);
  write_spread(cells[5], info->evaluation_return, info->evaluation_std);
  write_number(cells[6], info->solved_at_steps);
  write_number(cells[7], info->average_speed);
  snprintf(cells[8], CELL_SIZE, "%s", run_state_name(info->state));
  shown_copy(info->path, cells[9], CELL_SIZE);
}

static muster_status print_runs(const struct grouped_runs *runs) {
  static const char *const titles[] = {"env",        "algorithm", "seed",    "steps", "return",
                                       "evaluation", "solved at", "steps/s", "state", "run"};
  struct table table;
  MUSTER_TRY(table_create(titles, "llrrrrrrll", runs->n, &table));
  size_t row = 0;
  for (size_t g = 0; g < runs->n_groups; g++)
    for (size_t i = 0; i < runs->groups[g].n_members; i++)
      write_run(runs->info[runs->groups[g].members[i]], &table.cells[row++ * table_columns(&table)]);
  table_print(&table);
  return MUSTER_OK;
}

/* --- groups --- */

/* the results of a group's runs */
struct results {
  struct seed_statistics mean_return, evaluation_return, solved_at_steps, steps_per_second;
  size_t finished; /* runs */
};

static struct results results_of(const struct grouped_runs *runs, const struct run_group *group) {
  struct results results = {
      .mean_return = run_group_statistics(runs, group, offsetof(struct run_info, mean_return)),
      .evaluation_return = run_group_statistics(runs, group, offsetof(struct run_info, evaluation_return)),
      .solved_at_steps = run_group_statistics(runs, group, offsetof(struct run_info, solved_at_steps)),
      .steps_per_second = run_group_statistics(runs, group, offsetof(struct run_info, average_speed)),
  };
  for (size_t i = 0; i < group->n_members; i++)
    results.finished += runs->info[group->members[i]]->state == RUN_FINISHED;
  return results;
}

static void write_group(const struct grouped_runs *runs, const struct run_group *group, char (*cells)[CELL_SIZE]) {
  const struct run_info *info = runs->info[group->members[0]];
  const struct results results = results_of(runs, group);
  shown_copy(run_info_option(info, "env.name"), cells[0], CELL_SIZE);
  shown_copy(run_info_option(info, "algorithm.name"), cells[1], CELL_SIZE);
  snprintf(cells[2], CELL_SIZE, "%zu", group->n_seeds);
  snprintf(cells[3], CELL_SIZE, "%zu", group->n_members);
  snprintf(cells[4], CELL_SIZE, "%zu", results.finished);
  write_spread(cells[5], results.mean_return.mean, results.mean_return.std);
  write_spread(cells[6], results.mean_return.median, NAN);
  write_spread(cells[7], results.evaluation_return.mean, results.evaluation_return.std);
  write_spread(cells[8], results.evaluation_return.median, NAN);
  snprintf(cells[9], CELL_SIZE, "%zu", results.solved_at_steps.count);
  write_number(cells[10], results.solved_at_steps.median);
  write_number(cells[11], results.steps_per_second.mean);
  shown_copy(group->differences, cells[12], CELL_SIZE);
}

static muster_status print_groups(const struct grouped_runs *runs) {
  static const char *const titles[] = {"env",       "algorithm",
                                       "seeds",     "runs",
                                       "finished",  "return +- std(n-1)",
                                       "median",    "evaluation +- std(n-1)",
                                       "median",    "solved",
                                       "solved at", "steps/s",
                                       "options"};
  struct table table;
  MUSTER_TRY(table_create(titles, "llrrrrrrrrrrl", runs->n_groups, &table));
  for (size_t g = 0; g < runs->n_groups; g++)
    write_group(runs, &runs->groups[g], &table.cells[g * table_columns(&table)]);
  printf("\nover seeds (return and evaluation: mean +- std and median of the seeds' means; solved: seeds; solved at: "
         "median)\n");
  table_print(&table);
  return MUSTER_OK;
}

static muster_status print_text(const struct grouped_runs *runs) {
  MUSTER_TRY(print_runs(runs));
  return runs->n_groups < runs->n ? print_groups(runs) : MUSTER_OK;
}

/* --- for programs --- */

static void print_statistics_json(struct json *json, const char *key, struct seed_statistics statistics) {
  json_open_object(json, key);
  json_int(json, "seeds", (int64_t)statistics.count);
  json_number(json, "mean", statistics.mean);
  json_number(json, "std", statistics.std);
  json_number(json, "median", statistics.median);
  json_close_object(json);
}

static void print_run_json(struct json *json, const struct run_info *info, size_t group) {
  json_open_object(json, NULL);
  json_string(json, "run", info->path);
  json_string(json, "state", run_state_name(info->state));
  json_string(json, "env", run_info_option(info, "env.name"));
  json_string(json, "algorithm", run_info_option(info, "algorithm.name"));
  json_int(json, "seed", info->seed);
  json_int(json, "group", (int64_t)group);
  json_int(json, "total_steps", (int64_t)info->steps);
  json_number(json, "mean_return", info->mean_return);
  json_number(json, "std_return", info->std_return);
  json_number(json, "evaluation_return", info->evaluation_return);
  json_number(json, "evaluation_std", info->evaluation_std);
  json_number(json, "solved_at_steps", info->solved_at_steps);
  json_number(json, "steps_per_second", info->average_speed);
  json_close_object(json);
}

static void print_group_json(struct json *json, const struct grouped_runs *runs, const struct run_group *group) {
  const struct run_info *info = runs->info[group->members[0]];
  const struct results results = results_of(runs, group);
  json_open_object(json, NULL);
  json_string(json, "env", run_info_option(info, "env.name"));
  json_string(json, "algorithm", run_info_option(info, "algorithm.name"));
  json_string(json, "options", group->differences);
  json_int(json, "seeds", (int64_t)group->n_seeds);
  json_int(json, "runs", (int64_t)group->n_members);
  json_int(json, "finished", (int64_t)results.finished);
  print_statistics_json(json, "mean_return", results.mean_return);
  print_statistics_json(json, "evaluation_return", results.evaluation_return);
  print_statistics_json(json, "solved_at_steps", results.solved_at_steps);
  print_statistics_json(json, "steps_per_second", results.steps_per_second);
  json_close_object(json);
}

static void print_json(const struct grouped_runs *runs) {
  struct json json = json_begin(stdout);
  json_open_object(&json, NULL);
  json_open_array(&json, "runs");
  for (size_t g = 0; g < runs->n_groups; g++)
    for (size_t i = 0; i < runs->groups[g].n_members; i++)
      print_run_json(&json, runs->info[runs->groups[g].members[i]], g);
  json_close_array(&json);
  json_open_array(&json, "groups");
  for (size_t g = 0; g < runs->n_groups; g++) print_group_json(&json, runs, &runs->groups[g]);
  json_close_array(&json);
  json_close_object(&json);
}

/* a field of CSV: in quotes where necessary (RFC 4180); line breaks and other characters that may not be shown are
 * written as escape sequences */
static void print_field(const char *text) {
  char shown[SHOWN_GROWTH * RUN_PATH_SIZE];
  bool quoted = strpbrk(shown_copy(text, shown, sizeof shown), ",\"") != NULL;
  if (quoted) putchar('"');
  for (const char *at = shown; *at != '\0'; at++) {
    if (*at == '"') putchar('"');
    putchar(*at);
  }
  fputs(quoted ? "\"," : ",", stdout);
}

/* empty where it is not known, as in metrics.csv */
static void print_value(double value, char end) {
  char text[32] = "";
  struct text_sink sink = text_sink_start(text, sizeof text);
  if (!isnan(value)) text_write_number(&sink, value);
  printf("%s%c", text, end);
}

static void print_run_csv(const struct run_info *info, const struct run_group *group) {
  print_field(info->path);
  print_field(run_state_name(info->state));
  print_field(run_info_option(info, "env.name"));
  print_field(run_info_option(info, "algorithm.name"));
  print_field(group->differences);
  printf("%lld,%lld,", (long long)info->seed, (long long)info->steps);
  print_value(info->mean_return, ',');
  print_value(info->std_return, ',');
  print_value(info->evaluation_return, ',');
  print_value(info->evaluation_std, ',');
  print_value(info->solved_at_steps, ',');
  print_value(info->average_speed, '\n');
}

static void print_csv(const struct grouped_runs *runs) {
  printf("run,state,env,algorithm,options,seed,total_steps,mean_return,std_return,evaluation_return,evaluation_std,"
         "solved_at_steps,steps_per_second\n");
  for (size_t g = 0; g < runs->n_groups; g++)
    for (size_t i = 0; i < runs->groups[g].n_members; i++)
      print_run_csv(runs->info[runs->groups[g].members[i]], &runs->groups[g]);
}

/* --- the command --- */

int command_summary(int argc, char **argv) {
  enum { JSON = 1000, CSV };
  static const struct option options[] = {
      {"json", no_argument, NULL, JSON}, {"csv", no_argument, NULL, CSV}, {"help", no_argument, NULL, 'h'}, {0}};
  bool as_json = false, as_csv = false;
  for (int letter; (letter = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
    switch (letter) {
    case JSON: as_json = true; break;
    case CSV: as_csv = true; break;
    case 'h': fputs(help, stdout); return EXIT_DONE;
    default: return EXIT_USAGE;
    }
  }
  if (optind == argc) return command_usage_error("summary", "expects run folders, got none");
  if (as_json && as_csv) return command_usage_error("summary", "expects --json or --csv, got both");

  struct grouped_runs *runs = NULL;
  muster_status status = grouped_runs_find((const char *const *)argv + optind, (size_t)(argc - optind), &runs);
  if (status == MUSTER_OK && as_json)
    print_json(runs);
  else if (status == MUSTER_OK && as_csv)
    print_csv(runs);
  else if (status == MUSTER_OK)
    status = print_text(runs);
  grouped_runs_destroy(&runs);
  return command_finish("summary", status);
}
