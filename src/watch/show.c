#include "watch/show.h"

#include "base/format.h"
#include "base/terminal.h"
#include "watch/chart.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CURVE_LINES 12 /* at most */
#define CURVE_LABEL 9  /* columns to the left of the curve */
#define NAME_COLUMNS 20
#define SECOND_COLUMN 46 /* where the times begin, next to the metrics */
#define STAGE_COLUMNS 27 /* of a stage's name and numbers, before its bar */
#define PATH_COLUMN 59   /* of the table of runs */
#define PATH_BYTES 4096

/* ---- pieces ---- */

static const char *style_of(enum run_state state) {
  static const char *const styles[] = {STYLE_DIM, STYLE_GOOD, STYLE_BAD, STYLE_BOLD, STYLE_WARNING, STYLE_BAD};
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

/* the share of the steps that are done; NAN when it is not known */
static double share_done(const struct run_info *info) {
  double share = info->steps / run_info_number(info, "total_steps");
  return share > 1.0 ? 1.0 : share;
}

static void add_bar(struct styled_text *styled, double share, int columns) {
  int filled = isfinite(share) ? (int)floor(share * columns) : 0;
  for (int i = 0; i < columns; i++)
    styled_add(styled, "%s", i < filled ? (styled->utf8 ? "\u2588" : "#") : (styled->utf8 ? "\u2591" : "."));
}

static double last_value(const struct run_info *info, const char *name) {
  return metrics_table_last(info->metrics, name);
}

/* ---- the head of a run ---- */

static void add_names(struct styled_text *styled, const struct run_info *info) {
  char clean[RUN_INFO_TEXT];
  if (!run_info_has_config(info)) {
    styled_line(styled, STYLE_BOLD "%s" STYLE_PLAIN, styled_clean(styled, info->path, clean, sizeof clean));
    return;
  }
  styled_line(styled, STYLE_BOLD "%s" STYLE_PLAIN " | ",
              styled_clean(styled, run_info_option(info, "env.name"), clean, sizeof clean));
  styled_add(styled, "%s | ", styled_clean(styled, run_info_option(info, "algorithm.name"), clean, sizeof clean));
  styled_add(styled, "seed %s | ", styled_clean(styled, run_info_option(info, "seed"), clean, sizeof clean));
  styled_add(styled, "%d rank%s", info->ranks, plural(info->ranks));
  if (info->hosts > 0) {
    styled_add(styled, " on %s", styled_clean(styled, info->learner_host, clean, sizeof clean));
    if (info->hosts > 1) styled_add(styled, " and %d more host%s", info->hosts - 1, info->hosts == 2 ? "" : "s");
  }
}

/* the state of the run, in words */
static void add_state(struct styled_text *styled, const struct run_info *info) {
  char age[32], clean[RUN_INFO_TEXT];
  seconds_text(info->row_age, age);
  styled_line(styled, "%s%s" STYLE_PLAIN, style_of(info->state), run_state_name(info->state));
  switch (info->state) {
  case RUN_WAITING: styled_add(styled, " for the first row of metrics"); break;
  case RUN_RUNNING: styled_add(styled, ", last row %s ago", age); break;
  case RUN_STALLED: styled_add(styled, ": no row for %s", age); break;
  case RUN_FINISHED:
    if (isfinite(info->evaluation_return))
      styled_add(styled, ": evaluation %.2f +- %.2f", info->evaluation_return, info->evaluation_std);
    break;
  case RUN_INTERRUPTED: styled_add(styled, ": `train --resume` goes on"); break;
  case RUN_DIED:
    if (isfinite(info->row_age)) styled_add(styled, " %s ago", age);
    styled_add(styled, " without a summary: `train --resume` goes on");
    break;
  }
  if (run_info_has_config(info))
    styled_add(styled, STYLE_DIM " | %s", styled_clean(styled, info->path, clean, sizeof clean));
  if (info->started[0] != '\0') styled_add(styled, " | started %s", info->started);
}

static void add_progress(struct styled_text *styled, const struct run_info *info) {
  char steps[32], total[32], speed[32], time[32];
  double share = share_done(info);
  int bar = styled->columns - 56 < 40 ? styled->columns - 56 : 40;
  styled_line(styled, "%s", "");
  if (bar >= 8) {
    add_bar(styled, share, bar);
    styled_add(styled, " ");
  }
  if (isfinite(share)) styled_add(styled, "%.0f %% | ", floor(100.0 * share));
  styled_add(styled, "%s", count_text(info->steps, steps));
  if (run_info_has_config(info)) styled_add(styled, " of %s", count_text(run_info_number(info, "total_steps"), total));
  bool runs = info->state == RUN_RUNNING || info->state == RUN_STALLED;
  styled_add(styled, " steps | %s steps/s | ", count_text(runs ? info->steps_per_second : info->average_speed, speed));
  styled_add(styled, runs ? "%s left" : "took %s", seconds_text(runs ? info->seconds_left : info->seconds, time));
}

static void add_returns(struct styled_text *styled, const struct run_info *info) {
  char text[32];
  styled_line(styled, STYLE_BOLD "return %s" STYLE_PLAIN, value_text(info->mean_return, text));
  styled_add(styled, " | length %s", value_text(last_value(info, "rollout/ep_len_mean"), text));
  double evaluation = last_value(info, "eval/mean_reward");
  if (isfinite(evaluation)) {
    styled_add(styled, " | evaluation %s", value_text(evaluation, text));
    styled_add(styled, " +- %s", value_text(last_value(info, "eval/std_reward"), text));
  }
}

/* ---- the curve ---- */

static void add_curve(struct styled_text *styled, const struct run_info *info, int lines) {
  if (info->metrics->n_rows == 0 || lines < 3) return;
  const double *steps = metrics_table_column(info->metrics, COLUMN_STEPS);
  const double *returns = metrics_table_column(info->metrics, COLUMN_RETURN);
  struct chart *chart = malloc(sizeof *chart);
  char high[32], low[32], end[32];
  int columns = styled->columns - CURVE_LABEL - 2, rows = lines - 1;
  if (chart != NULL && steps != NULL && returns != NULL &&
      chart_draw(chart, steps, returns, info->metrics->n_rows, columns, rows, styled->utf8)) {
    value_text(chart->high, high);
    value_text(chart->low, low);
    for (int row = 0; row < chart->rows; row++)
      styled_line(styled, STYLE_DIM "%*s %s" STYLE_PLAIN "%s", CURVE_LABEL,
                  row == 0                 ? high
                  : row == chart->rows - 1 ? low
                                           : "",
                  styled->utf8 ? "\u2502" : "|", chart->row[row]);
    styled_line(styled, STYLE_DIM "%*s %s0%*s steps", CURVE_LABEL, "", styled->utf8 ? "\u2514" : "+",
                chart->columns > 7 ? chart->columns - 7 : 0, count_text(info->steps, end));
  }
  free(chart);
}

/* ---- metrics and times side by side ---- */

/* the trend: the last tenth of the rows compared with the tenth before */
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

/* lists the metrics of a section that have values: first the given names, in their order, then the others */
static int list_metrics(const struct metrics_table *metrics, const char **names, int max) {
  static const char *const first[] = {
      "train/approx_kl",     "train/clip_fraction",      "train/entropy_loss", "train/policy_gradient_loss",
      "train/value_loss",    "rollout/exploration_rate", "train/loss",         "train/explained_variance",
      "train/gradient_norm", "train/learning_rate"};
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

static void add_metric(struct styled_text *styled, const struct metrics_table *metrics, const char *name, int columns) {
  char text[32], spark[CHART_ROW_BYTES];
  const double *values = metrics_table_column(metrics, name);
  styled_add(styled, "%-*.*s %9s %s ", NAME_COLUMNS, NAME_COLUMNS, strrchr(name, '/') + 1,
             value_text(metrics_table_last(metrics, name), text), trend_of(values, metrics->n_rows, styled->utf8));
  chart_spark(values, metrics->n_rows, columns - NAME_COLUMNS - 13, styled->utf8, spark);
  styled_add(styled, STYLE_DIM "%s" STYLE_PLAIN, spark);
}

#define MAX_STAGES 24

/* the seconds of each stage: columns time/<stage>_seconds, summed over the run */
struct stage {
  char name[32];
  double seconds;
};

static int list_stages(const struct run_info *info, struct stage stages[MAX_STAGES], double *total) {
  int n = 0;
  *total = 0.0;
  for (size_t column = 0; column < info->metrics->n_columns && n < MAX_STAGES; column++)
    if (run_info_stage(info, column, stages[n].name, &stages[n].seconds)) *total += stages[n++].seconds;
  return n;
}

static void add_stage(struct styled_text *styled, const struct stage *stage, double total, int columns) {
  char text[32];
  double share = total > 0.0 ? stage->seconds / total : 0.0;
  snprintf(text, sizeof text, "%.2fs", stage->seconds);
  if (stage->seconds >= 60.0) seconds_text(stage->seconds, text);
  styled_add(styled, "%-11.11s %7s %3.0f %% ", stage->name, text, 100.0 * share);
  int bar = columns - STAGE_COLUMNS < 20 ? columns - STAGE_COLUMNS : 20;
  for (int i = 0; i < (int)lround(share * bar); i++) styled_add(styled, "%s", styled->utf8 ? "\u2588" : "#");
}

/* metrics on the left; stages to the right of them, or below on a narrow screen */
struct tables {
  bool is_wide;
  int n_names, n_stages, rows;
  const char *names[64];
  struct stage stages[MAX_STAGES];
  double total; /* seconds of all stages */
};

static void plan_tables(struct tables *tables, const struct run_info *info, int columns) {
  *tables = (struct tables){.is_wide = columns >= SECOND_COLUMN + STAGE_COLUMNS};
  if (info->metrics->n_rows == 0) return;
  tables->n_names = list_metrics(info->metrics, tables->names, sizeof tables->names / sizeof *tables->names);
  tables->n_stages = list_stages(info, tables->stages, &tables->total);
  tables->rows = tables->n_names + tables->n_stages;
  if (tables->is_wide) tables->rows = tables->n_names > tables->n_stages ? tables->n_names : tables->n_stages;
}

static void add_tables(struct styled_text *styled, const struct tables *tables, const struct run_info *info,
                       int lines) {
  for (int row = 0; row < tables->rows && row < lines; row++) {
    int stage = tables->is_wide ? row : row - tables->n_names;
    int left = tables->is_wide ? SECOND_COLUMN : 0; /* column where the stages begin */
    styled_line(styled, "%s", "");
    if (row < tables->n_names)
      add_metric(styled, info->metrics, tables->names[row], tables->is_wide ? SECOND_COLUMN - 2 : styled->columns);
    if (stage < 0 || stage >= tables->n_stages) continue;
    styled_fill(styled, left);
    add_stage(styled, &tables->stages[stage], tables->total, styled->columns - left);
  }
}

/* ---- a whole run ---- */

static void add_checkpoint(struct styled_text *styled, const struct run_info *info) {
  char age[32];
  if (info->checkpoint[0] != '\0')
    styled_line(styled, "checkpoint %s, %s ago", info->checkpoint, seconds_text(info->checkpoint_age, age));
  else
    styled_line(styled, "no checkpoint yet");
  double skipped = last_value(info, "train/skipped_updates"), restarts = last_value(info, "env/restarts");
  if (skipped > 0.0) styled_add(styled, STYLE_WARNING " | %.0f updates skipped" STYLE_PLAIN, skipped);
  if (restarts > 0.0) styled_add(styled, STYLE_WARNING " | environments restarted %.0f times" STYLE_PLAIN, restarts);
}

/* over as many lines as the text needs */
static void add_failure(struct styled_text *styled, const struct run_info *info) {
  char clean[RUN_INFO_TEXT];
  const char *message = muster_status_message(info->failure), *text = clean;
  const size_t length = strcspn(message, "\n"); /* its first line */
  styled_clean(styled, message, clean, sizeof clean);
  if (length < sizeof clean) clean[length] = '\0';
  bool is_style;
  int column = 0;
  for (int bytes; (bytes = styled_next(&text, &is_style)) > 0; column++) {
    if (column % styled->columns == 0) styled_line(styled, STYLE_BAD);
    styled_add(styled, "%.*s", bytes, text - bytes);
  }
}

void show_run(struct styled_text *styled, const struct run_info *info, int lines) {
  const int end = styled->lines + lines;
  add_names(styled, info);
  add_state(styled, info);
  add_failure(styled, info);
  if (info->metrics->n_rows > 0) {
    add_progress(styled, info);
    add_returns(styled, info);
    add_checkpoint(styled, info);
    struct tables tables;
    plan_tables(&tables, info, styled->columns);
    const int spare = end - styled->lines - tables.rows - 1;
    add_curve(styled, info, spare < CURVE_LINES ? spare : CURVE_LINES);
    if (spare >= 0) styled_line(styled, "%s", "");
    add_tables(styled, &tables, info, end - styled->lines);
  }
  if (styled->lines > end) styled->lines = end;
}

/* ---- the table ---- */

/* writes a path; if it is too long, only its end, which says more than its beginning, after a mark of the cut */
static void add_end_of(struct styled_text *styled, const char *path, int room) {
  const char *start = path;
  bool is_style;
  int length = 0;
  while (styled_next(&start, &is_style) > 0) length++;
  start = path;
  for (int i = 0; length > room && room > 8 && i <= length - room; i++) styled_next(&start, &is_style);
  styled_add(styled, "%s%s", start == path ? "" : styled->utf8 ? "\u2026" : "<", start);
}

static void add_table_line(struct styled_text *styled, const struct run_info *info, bool is_chosen) {
  char clean[PATH_BYTES], text[32], done[32] = "?", spark[CHART_ROW_BYTES] = "";
  const bool runs = info->state == RUN_RUNNING;
  const double share = share_done(info);
  if (isfinite(share)) snprintf(done, sizeof done, "%.0f %%", floor(100.0 * share));
  styled_line(styled, "%s%s%-11s", is_chosen ? STYLE_CHOSEN "> " : "  ", is_chosen ? "" : style_of(info->state),
              run_state_name(info->state));
  if (!is_chosen) styled_add(styled, STYLE_PLAIN);
  styled_add(styled, " %5s", done);
  styled_add(styled, " %5s", count_text(info->steps, text));
  styled_add(styled, " %7s", count_text(runs ? info->steps_per_second : info->average_speed, text));
  styled_add(styled, " %6s", runs ? seconds_text(info->seconds_left, text) : "");
  styled_add(styled, " %8s ", value_text(info->mean_return, text));
  const double *returns = metrics_table_column(info->metrics, COLUMN_RETURN);
  if (returns != NULL) chart_spark(returns, info->metrics->n_rows, 8, styled->utf8, spark);
  styled_add(styled, "%s ", spark);
  styled_fill(styled, PATH_COLUMN);
  add_end_of(styled, styled_clean(styled, info->path, clean, sizeof clean), styled->columns - PATH_COLUMN);
}

void show_table(struct styled_text *styled, struct run_info *const *infos, int n, int chosen, int lines) {
  styled_line(styled, STYLE_DIM "  %-11s %5s %5s %7s %6s %8s %8s run", "state", "done", "steps", "steps/s", "left",
              "return", "");
  const int rows = lines - 1 < n ? lines - 1 : n;
  int first = chosen < rows ? 0 : chosen - rows + 1;
  for (int i = first; i < first + rows; i++) add_table_line(styled, infos[i], i == chosen);
}
