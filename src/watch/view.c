#include "watch/view.h"

#include "base/terminal.h"
#include "watch/chart.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CURVE_LINES 12 /* at most */
#define CURVE_LABEL 9  /* columns left of the curve */
#define NAME_COLUMNS 20
#define SECOND_COLUMN 46 /* where the times begin, next to the metrics */
#define STAGE_COLUMNS 27 /* of a stage's name and numbers, before its bar */
#define PATH_COLUMN 59   /* of the table of runs */
#define PATH_BYTES 4096

/* ---- pieces ---- */

static const char *style_of(enum run_state state) {
  static const char *const styles[] = {SHEET_DIM, SHEET_GOOD, SHEET_BAD, SHEET_BOLD, SHEET_WARNING, SHEET_BAD};
  return styles[state];
}

/* "3m05s", "?" when it is not known */
static const char *seconds_text(double seconds, char text[32]) {
  terminal_format_seconds(seconds, text, 32);
  return text;
}

static const char *count_text(double count, char text[32]) {
  terminal_format_count(count, text, 32);
  return text;
}

static const char *value_text(double value, char text[32]) {
  if (!isfinite(value))
    strcpy(text, "-");
  else
    snprintf(text, 32, fabs(value) >= 1e5 || (value != 0.0 && fabs(value) < 1e-3) ? "%.2e" : "%.4g", value);
  return text;
}

/* the share of the steps that is done; NAN when it is not known */
static double share_done(const struct run_record *record) {
  double share = record->steps / run_record_number(record, "total_steps");
  return share > 1.0 ? 1.0 : share;
}

static void add_bar(struct sheet *sheet, double share, int columns) {
  int filled = isfinite(share) ? (int)floor(share * columns) : 0;
  for (int i = 0; i < columns; i++)
    sheet_add(sheet, "%s", i < filled ? (sheet->utf8 ? "\u2588" : "#") : (sheet->utf8 ? "\u2591" : "."));
}

static double last_value(const struct run_record *record, const char *name) {
  return metrics_table_last(record->metrics, name);
}

/* ---- the head of a run ---- */

static void add_names(struct sheet *sheet, const struct run_record *record) {
  char clean[RUN_RECORD_TEXT];
  if (!run_record_has_config(record)) {
    sheet_line(sheet, SHEET_BOLD "%s" SHEET_PLAIN, sheet_clean(sheet, record->path, clean, sizeof clean));
    return;
  }
  sheet_line(sheet, SHEET_BOLD "%s" SHEET_PLAIN " | ",
             sheet_clean(sheet, run_record_option(record, "env.name"), clean, sizeof clean));
  sheet_add(sheet, "%s | ", sheet_clean(sheet, run_record_option(record, "algorithm.name"), clean, sizeof clean));
  sheet_add(sheet, "seed %s | ", sheet_clean(sheet, run_record_option(record, "seed"), clean, sizeof clean));
  sheet_add(sheet, "%d rank%s", record->ranks, record->ranks == 1 ? "" : "s");
  if (record->hosts > 0) {
    sheet_add(sheet, " on %s", sheet_clean(sheet, record->learner_host, clean, sizeof clean));
    if (record->hosts > 1) sheet_add(sheet, " and %d more host%s", record->hosts - 1, record->hosts == 2 ? "" : "s");
  }
}

/* how it stands, in words */
static void add_state(struct sheet *sheet, const struct run_record *record) {
  char age[32], clean[RUN_RECORD_TEXT];
  seconds_text(record->row_age, age);
  sheet_line(sheet, "%s%s" SHEET_PLAIN, style_of(record->state), run_state_name(record->state));
  switch (record->state) {
  case RUN_WAITING: sheet_add(sheet, " for the first row of metrics"); break;
  case RUN_RUNNING: sheet_add(sheet, ", last row %s ago", age); break;
  case RUN_STALLED: sheet_add(sheet, ": no row for %s", age); break;
  case RUN_FINISHED:
    if (isfinite(record->evaluation_return))
      sheet_add(sheet, ": evaluation %.2f +- %.2f", record->evaluation_return, record->evaluation_std);
    break;
  case RUN_INTERRUPTED: sheet_add(sheet, ": `train --resume` goes on"); break;
  case RUN_DIED:
    if (isfinite(record->row_age)) sheet_add(sheet, " %s ago", age);
    sheet_add(sheet, " without a summary: `train --resume` goes on");
    break;
  }
  if (run_record_has_config(record))
    sheet_add(sheet, SHEET_DIM " | %s", sheet_clean(sheet, record->path, clean, sizeof clean));
  if (record->started[0] != '\0') sheet_add(sheet, " | started %s", record->started);
}

static void add_progress(struct sheet *sheet, const struct run_record *record) {
  char steps[32], total[32], speed[32], time[32];
  double share = share_done(record);
  int bar = sheet->columns - 56 < 40 ? sheet->columns - 56 : 40;
  sheet_line(sheet, "%s", "");
  if (bar >= 8) {
    add_bar(sheet, share, bar);
    sheet_add(sheet, " ");
  }
  if (isfinite(share)) sheet_add(sheet, "%.0f %% | ", floor(100.0 * share));
  sheet_add(sheet, "%s", count_text(record->steps, steps));
  if (run_record_has_config(record))
    sheet_add(sheet, " of %s", count_text(run_record_number(record, "total_steps"), total));
  bool runs = record->state == RUN_RUNNING || record->state == RUN_STALLED;
  sheet_add(sheet, " steps | %s steps/s | ",
            count_text(runs ? record->steps_per_second : record->average_speed, speed));
  sheet_add(sheet, runs ? "%s left" : "took %s", seconds_text(runs ? record->seconds_left : record->seconds, time));
}

static void add_returns(struct sheet *sheet, const struct run_record *record) {
  char text[32];
  sheet_line(sheet, SHEET_BOLD "return %s" SHEET_PLAIN, value_text(record->mean_return, text));
  sheet_add(sheet, " | length %s", value_text(last_value(record, "rollout/ep_len_mean"), text));
  double evaluation = last_value(record, "eval/mean_reward");
  if (isfinite(evaluation)) {
    sheet_add(sheet, " | evaluation %s", value_text(evaluation, text));
    sheet_add(sheet, " +- %s", value_text(last_value(record, "eval/std_reward"), text));
  }
}

/* ---- the curve ---- */

static void add_curve(struct sheet *sheet, const struct run_record *record, int lines) {
  if (record->metrics->n_rows == 0 || lines < 3) return;
  const double *steps = metrics_table_column(record->metrics, COLUMN_STEPS);
  const double *returns = metrics_table_column(record->metrics, COLUMN_RETURN);
  struct chart *chart = malloc(sizeof *chart);
  char high[32], low[32], end[32];
  int columns = sheet->columns - CURVE_LABEL - 2, rows = lines - 1;
  if (chart != NULL && steps != NULL && returns != NULL &&
      chart_draw(chart, steps, returns, record->metrics->n_rows, columns, rows, sheet->utf8)) {
    value_text(chart->high, high);
    value_text(chart->low, low);
    for (int row = 0; row < chart->rows; row++)
      sheet_line(sheet, SHEET_DIM "%*s %s" SHEET_PLAIN "%s", CURVE_LABEL,
                 row == 0                 ? high
                 : row == chart->rows - 1 ? low
                                          : "",
                 sheet->utf8 ? "\u2502" : "|", chart->row[row]);
    sheet_line(sheet, SHEET_DIM "%*s %s0%*s steps", CURVE_LABEL, "", sheet->utf8 ? "\u2514" : "+",
               chart->columns > 7 ? chart->columns - 7 : 0, count_text(record->steps, end));
  }
  free(chart);
}

/* ---- metrics and times side by side ---- */

/* what the last tenth of the rows did against the tenth before */
static const char *trend_of(const double *values, size_t n, bool utf8) {
  const size_t part = n / 10 > 0 ? n / 10 : 1;
  double means[2] = {0.0, 0.0}, spread = 0.0;
  if (n < 2 * part) return " ";
  for (int half = 0; half < 2; half++)
    for (size_t i = 0; i < part; i++) means[half] += values[n - (2 - (size_t)half) * part + i] / (double)part;
  for (size_t i = 0; i < n; i++)
    if (isfinite(values[i])) spread = fmax(spread, fabs(values[i] - means[1]));
  double change = means[1] - means[0];
  if (!(fabs(change) > 0.05 * spread)) return utf8 ? "\u2192" : "=";
  return change > 0.0 ? (utf8 ? "\u2191" : "^") : (utf8 ? "\u2193" : "v");
}

/* the names that have a value, in this order where there are any, then the other ones of the section */
static int list_metrics(const struct metrics_table *metrics, const char **names, int max) {
  static const char *const first[] = {
      "train/approx_kl",    "train/clip_fraction", "train/entropy_loss",       "train/policy_gradient_loss",
      "train/value_loss",   "train/loss",          "train/explained_variance", "train/gradient_norm",
      "train/learning_rate"};
  static const char *const left_out[] = {"train/n_updates", "train/clip_range", "train/first_ratio_mismatch",
                                         "train/skipped_updates"};
  int n = 0;
  for (size_t i = 0; i < sizeof first / sizeof *first && n < max; i++)
    if (!isnan(metrics_table_last(metrics, first[i]))) names[n++] = first[i];
  for (size_t column = 0; column < metrics->n_columns && n < max; column++) {
    const char *name = metrics->names[column];
    bool is_listed = strncmp(name, "train/", 6) != 0 || isnan(metrics_table_last(metrics, name));
    for (size_t i = 0; i < sizeof first / sizeof *first; i++) is_listed |= strcmp(name, first[i]) == 0;
    for (size_t i = 0; i < sizeof left_out / sizeof *left_out; i++) is_listed |= strcmp(name, left_out[i]) == 0;
    if (!is_listed) names[n++] = name;
  }
  return n;
}

static void add_metric(struct sheet *sheet, const struct metrics_table *metrics, const char *name, int columns) {
  char text[32], spark[CHART_ROW_BYTES];
  const double *values = metrics_table_column(metrics, name);
  sheet_add(sheet, "%-*.*s %9s %s ", NAME_COLUMNS, NAME_COLUMNS, name + strlen("train/"),
            value_text(metrics_table_last(metrics, name), text), trend_of(values, metrics->n_rows, sheet->utf8));
  chart_spark(values, metrics->n_rows, columns - NAME_COLUMNS - 13, sheet->utf8, spark);
  sheet_add(sheet, SHEET_DIM "%s" SHEET_PLAIN, spark);
}

#define MAX_STAGES 24

/* where the time goes: each column time/<stage>_seconds, summed over the run */
struct stage {
  char name[32];
  double seconds;
};

static int list_stages(const struct run_record *record, struct stage stages[MAX_STAGES], double *total) {
  int n = 0;
  *total = 0.0;
  for (size_t column = 0; column < record->metrics->n_columns && n < MAX_STAGES; column++)
    if (run_record_stage(record, column, stages[n].name, &stages[n].seconds)) *total += stages[n++].seconds;
  return n;
}

static void add_stage(struct sheet *sheet, const struct stage *stage, double total, int columns) {
  char text[32];
  double share = total > 0.0 ? stage->seconds / total : 0.0;
  snprintf(text, sizeof text, "%.2fs", stage->seconds);
  if (stage->seconds >= 60.0) seconds_text(stage->seconds, text);
  sheet_add(sheet, "%-11.11s %7s %3.0f %% ", stage->name, text, 100.0 * share);
  int bar = columns - STAGE_COLUMNS < 20 ? columns - STAGE_COLUMNS : 20;
  for (int i = 0; i < (int)lround(share * bar); i++) sheet_add(sheet, "%s", sheet->utf8 ? "\u2588" : "#");
}

/* metrics on the left, stages to the right of them or, where it is narrow, below */
struct tables {
  bool is_wide;
  int n_names, n_stages, rows;
  const char *names[64];
  struct stage stages[MAX_STAGES];
  double total; /* seconds of all stages */
};

static void plan_tables(struct tables *tables, const struct run_record *record, int columns) {
  *tables = (struct tables){.is_wide = columns >= SECOND_COLUMN + STAGE_COLUMNS};
  if (record->metrics->n_rows == 0) return;
  tables->n_names = list_metrics(record->metrics, tables->names, sizeof tables->names / sizeof *tables->names);
  tables->n_stages = list_stages(record, tables->stages, &tables->total);
  tables->rows = tables->n_names + tables->n_stages;
  if (tables->is_wide) tables->rows = tables->n_names > tables->n_stages ? tables->n_names : tables->n_stages;
}

static void add_tables(struct sheet *sheet, const struct tables *tables, const struct run_record *record, int lines) {
  for (int row = 0; row < tables->rows && row < lines; row++) {
    int stage = tables->is_wide ? row : row - tables->n_names;
    int left = tables->is_wide ? SECOND_COLUMN : 0; /* of the stages */
    sheet_line(sheet, "%s", "");
    if (row < tables->n_names)
      add_metric(sheet, record->metrics, tables->names[row], tables->is_wide ? SECOND_COLUMN - 2 : sheet->columns);
    if (stage < 0 || stage >= tables->n_stages) continue;
    sheet_fill(sheet, left);
    add_stage(sheet, &tables->stages[stage], tables->total, sheet->columns - left);
  }
}

/* ---- a whole run ---- */

static void add_checkpoint(struct sheet *sheet, const struct run_record *record) {
  char age[32];
  if (record->checkpoint[0] != '\0')
    sheet_line(sheet, "checkpoint %s, %s ago", record->checkpoint, seconds_text(record->checkpoint_age, age));
  else
    sheet_line(sheet, "no checkpoint yet");
  double skipped = last_value(record, "train/skipped_updates"), restarts = last_value(record, "env/restarts");
  if (skipped > 0.0) sheet_add(sheet, SHEET_WARNING " | %.0f updates skipped" SHEET_PLAIN, skipped);
  if (restarts > 0.0) sheet_add(sheet, SHEET_WARNING " | environments restarted %.0f times" SHEET_PLAIN, restarts);
}

/* over as many lines as it takes */
static void add_failure(struct sheet *sheet, const struct run_record *record) {
  char clean[RUN_RECORD_TEXT];
  const char *message = muster_status_message(record->failure), *text = clean;
  const size_t length = strcspn(message, "\n"); /* its first line */
  sheet_clean(sheet, message, clean, sizeof clean);
  if (length < sizeof clean) clean[length] = '\0';
  bool is_style;
  int column = 0;
  for (int bytes; (bytes = sheet_next(&text, &is_style)) > 0; column++) {
    if (column % sheet->columns == 0) sheet_line(sheet, SHEET_BAD);
    sheet_add(sheet, "%.*s", bytes, text - bytes);
  }
}

void view_run(struct sheet *sheet, const struct run_record *record, int lines) {
  const int end = sheet->lines + lines;
  add_names(sheet, record);
  add_state(sheet, record);
  add_failure(sheet, record);
  if (record->metrics->n_rows > 0) {
    add_progress(sheet, record);
    add_returns(sheet, record);
    add_checkpoint(sheet, record);
    struct tables tables;
    plan_tables(&tables, record, sheet->columns);
    const int spare = end - sheet->lines - tables.rows - 1;
    add_curve(sheet, record, spare < CURVE_LINES ? spare : CURVE_LINES);
    if (spare >= 0) sheet_line(sheet, "%s", "");
    add_tables(sheet, &tables, record, end - sheet->lines);
  }
  if (sheet->lines > end) sheet->lines = end;
}

/* ---- the table ---- */

/* a path; of one that is too long for the room the end, which tells more, behind a mark of the cut */
static void add_end_of(struct sheet *sheet, const char *path, int room) {
  const char *start = path;
  bool is_style;
  int length = 0;
  while (sheet_next(&start, &is_style) > 0) length++;
  start = path;
  for (int i = 0; length > room && room > 8 && i <= length - room; i++) sheet_next(&start, &is_style);
  sheet_add(sheet, "%s%s", start == path ? "" : sheet->utf8 ? "\u2026" : "<", start);
}

static void add_table_line(struct sheet *sheet, const struct run_record *record, bool is_chosen) {
  char clean[PATH_BYTES], text[32], done[32] = "?", spark[CHART_ROW_BYTES] = "";
  const bool runs = record->state == RUN_RUNNING;
  const double share = share_done(record);
  if (isfinite(share)) snprintf(done, sizeof done, "%.0f %%", floor(100.0 * share));
  sheet_line(sheet, "%s%s%-11s", is_chosen ? SHEET_CHOSEN "> " : "  ", is_chosen ? "" : style_of(record->state),
             run_state_name(record->state));
  if (!is_chosen) sheet_add(sheet, SHEET_PLAIN);
  sheet_add(sheet, " %5s", done);
  sheet_add(sheet, " %5s", count_text(record->steps, text));
  sheet_add(sheet, " %7s", count_text(runs ? record->steps_per_second : record->average_speed, text));
  sheet_add(sheet, " %6s", runs ? seconds_text(record->seconds_left, text) : "");
  sheet_add(sheet, " %8s ", value_text(record->mean_return, text));
  const double *returns = metrics_table_column(record->metrics, COLUMN_RETURN);
  if (returns != NULL) chart_spark(returns, record->metrics->n_rows, 8, sheet->utf8, spark);
  sheet_add(sheet, "%s ", spark);
  sheet_fill(sheet, PATH_COLUMN);
  add_end_of(sheet, sheet_clean(sheet, record->path, clean, sizeof clean), sheet->columns - PATH_COLUMN);
}

void view_table(struct sheet *sheet, struct run_record *const *records, int n, int chosen, int lines) {
  sheet_line(sheet, SHEET_DIM "  %-11s %5s %5s %7s %6s %8s %8s run", "state", "done", "steps", "steps/s", "left",
             "return", "");
  const int rows = lines - 1 < n ? lines - 1 : n;
  int first = chosen < rows ? 0 : chosen - rows + 1;
  for (int i = first; i < first + rows; i++) add_table_line(sheet, records[i], i == chosen);
}
