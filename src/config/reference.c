#include "config/reference.h"

#include "base/shell.h"
#include "config/entry.h"
#include "config/nearest.h"
#include "config/other_tools.h"
#include "config/text.h"

#include <string.h>

enum { KEY, TYPE, DEFAULT, RANGE, OWNER, HELP, COLUMNS };

/* the largest width of a column; a longer cell pushes the rest of its line to the right */
enum { WIDTH_LIMIT = 32, CELL_SIZE = 1024 };

/* the cells of one option */
struct row {
  char cells[COLUMNS][CELL_SIZE];
};

static const struct row titles = {{"key", "type", "default", "range", "owner", "help"}};

static void describe_option(const struct option_table *table, const struct option_spec *option, struct row *row) {
  option_full_key(table, option, row->cells[KEY], CELL_SIZE);
  option_describe_type(option, row->cells[TYPE], CELL_SIZE);
  snprintf(row->cells[DEFAULT], CELL_SIZE, "%s", option->default_value != NULL ? option->default_value : "null");
  option_describe_range(option, row->cells[RANGE], CELL_SIZE);
  snprintf(row->cells[OWNER], CELL_SIZE, "%s", table->owner != NULL ? table->owner : "");
  const char *help = option->help != NULL ? option->help : "", *when = option->only_when;
  snprintf(row->cells[HELP], CELL_SIZE, "%s%s%s", help, when != NULL ? "; only when " : "", when != NULL ? when : "");
}

/* which options are to be printed: all, one key, or those of a section */
enum selection { SELECT_ALL, SELECT_KEY, SELECT_SECTION };

static bool is_selected(const struct option_table *table, const struct option_spec *option, enum selection selection,
                        const char *key) {
  char full[TEXT_KEY_SIZE];
  option_full_key(table, option, full, sizeof full);
  switch (selection) {
  case SELECT_ALL: return true;
  case SELECT_KEY: return strcmp(full, key) == 0;
  case SELECT_SECTION: return key_is_above(key, full);
  }
  return false;
}

static void widen_columns(const struct row *row, int widths[COLUMNS]) {
  for (int i = 0; i < COLUMNS; i++) {
    int length = (int)strlen(row->cells[i]);
    if (length > WIDTH_LIMIT) length = WIDTH_LIMIT;
    if (length > widths[i]) widths[i] = length;
  }
}

static void print_line(FILE *file, const struct row *row, const int widths[COLUMNS]) {
  for (int i = 0; i < HELP; i++)
    if (widths[i] > 0) fprintf(file, "%-*s  ", widths[i], row->cells[i]);
  fprintf(file, "%s\n", row->cells[HELP]);
}

static void print_details(FILE *file, const struct row *row) {
  fprintf(file, "%s\n  %s\n", row->cells[KEY], row->cells[HELP]);
  for (int i = TYPE; i < HELP; i++)
    if (row->cells[i][0] != '\0') fprintf(file, "  %-8s %s\n", titles.cells[i], row->cells[i]);
  fprintf(file, "  example  --set '%s=%s'\n", row->cells[KEY], row->cells[DEFAULT]);
}

/* prints the selected options: one in detail, several as a table; returns whether there was any */
static bool print_selection(FILE *file, const struct option_table *const *tables, size_t n, enum selection selection,
                            const char *key) {
  // the first pass measures the columns, the second prints
  int widths[COLUMNS] = {0};
  bool any = false;
  for (int pass = 0; pass < 2; pass++) {
    if (pass == 1 && !any) return false;
    if (pass == 1 && selection != SELECT_KEY) print_line(file, &titles, widths);
    for (size_t i = 0; i < n; i++) {
      for (const struct option_spec *option = tables[i]->options; option->key != NULL; option++) {
        if (!is_selected(tables[i], option, selection, key)) continue;
        struct row row;
        describe_option(tables[i], option, &row);
        if (!any) widen_columns(&titles, widths);
        any = true;
        if (pass == 0) widen_columns(&row, widths);
        if (pass == 1 && selection == SELECT_KEY) print_details(file, &row);
        if (pass == 1 && selection != SELECT_KEY) print_line(file, &row, widths);
      }
    }
  }
  return any;
}

bool config_reference_print(FILE *file, const struct option_table *const *tables, size_t n, const char *key_or_null) {
  if (key_or_null == NULL) return print_selection(file, tables, n, SELECT_ALL, NULL);
  return print_selection(file, tables, n, SELECT_KEY, key_or_null) ||
         print_selection(file, tables, n, SELECT_SECTION, key_or_null);
}

muster_status config_reference_show(FILE *file, const struct option_table *const *tables, size_t n,
                                    const char *key_or_null) {
  if (config_reference_print(file, tables, n, key_or_null) || key_or_null == NULL) return MUSTER_OK;
  char nearest[TEXT_KEY_SIZE];
  if (nearest_key(tables, n, key_or_null, nearest))
    return status_error(MUSTER_ERROR_USAGE, "no option or section is called %.*s; did you mean %s?", TEXT_KEY_SIZE,
                        key_or_null, nearest);
  const char *advice = other_tools_advice(key_or_null);
  if (advice != NULL)
    return status_error(MUSTER_ERROR_USAGE, "%.*s is no option: it %s", TEXT_KEY_SIZE, key_or_null, advice);
  return status_error(MUSTER_ERROR_USAGE, "no option or section is called %.*s; `%s config` lists all", TEXT_KEY_SIZE,
                      key_or_null, shell_program().text);
}

/* writes a cell, and escapes what Markdown or HTML would read as markup */
static void print_markdown_cell(FILE *file, const char *cell) {
  fputs(" ", file);
  for (; *cell != '\0'; cell++) {
    if (strchr("|*_[]<>\\`", *cell) != NULL) fputc('\\', file);
    fputc(*cell, file);
  }
  fputs(" |", file);
}

static void print_markdown_row(FILE *file, const struct row *row) {
  fputs("|", file);
  for (int i = 0; i < COLUMNS; i++) print_markdown_cell(file, row->cells[i]);
  fputs("\n", file);
}

void config_reference_markdown(FILE *file, const struct option_table *const *tables, size_t n) {
  print_markdown_row(file, &titles);
  fputs("|---|---|---|---|---|---|\n", file);
  for (size_t i = 0; i < n; i++) {
    for (const struct option_spec *option = tables[i]->options; option->key != NULL; option++) {
      struct row row;
      describe_option(tables[i], option, &row);
      print_markdown_row(file, &row);
    }
  }
}
