#include "view/page_run.h"

#include "base/shell.h"
#include "base/terminal.h"
#include "runs/folder.h"
#include "store/checkpoint.h"
#include "train/learning_state.h"
#include "view/html.h"

#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { PATH_SIZE = 4096, WORD_SIZE = 64 };

/* --- numbers and words --- */

const char *page_format(enum page_quantity quantity, double value, char text[PAGE_NUMBER_SIZE]) {
  if (!isfinite(value))
    snprintf(text, PAGE_NUMBER_SIZE, "\u2013");
  else if (quantity == PAGE_COUNT)
    terminal_format_count(value, text, PAGE_NUMBER_SIZE);
  else if (quantity == PAGE_SECONDS && value >= 60)
    terminal_format_seconds(value, text, PAGE_NUMBER_SIZE);
  else
    snprintf(text, PAGE_NUMBER_SIZE, quantity == PAGE_SECONDS ? "%.2f s" : fabs(value) < 1e12 ? "%.2f" : "%.6g", value);
  return text;
}

void page_write_badge(FILE *page, const struct run_info *info) {
  fputs("<span class=\"badge ", page);
  html_text(page, run_state_name(info->state));
  fputs("\">", page);
  html_text(page, run_state_name(info->state));
  fputs("</span>", page);
}

/* --- the result: all that summary.json says --- */

/* whether a value is a list of objects, such as the list of ranks: it is then shown as a separate table */
static bool is_table(const struct json_value *value) {
  const struct json_value *first = json_kind_of(value) == JSON_ARRAY ? json_first(value) : NULL;
  return first != NULL && json_kind_of(first) == JSON_OBJECT;
}

/* writes a number with `digits` digits, a word, or a dash */
static void write_scalar(FILE *page, const struct json_value *value, int digits) {
  switch (json_kind_of(value)) {
  case JSON_BOOL: html_text(page, json_bool_of(value) ? "yes" : "no"); break;
  case JSON_NUMBER: html_print(page, "%.*g", digits, json_number_of(value)); break;
  case JSON_STRING: html_text(page, json_string_of(value)); break;
  default: html_text(page, "\u2013");
  }
}

/* writes the fields of an object, or the items of a list, each with its full dotted name */
static void write_values(FILE *page, const char *name, const struct json_value *values) {
  size_t number = 0;
  for (const struct json_value *item = json_first(values); item != NULL; item = json_next(item), number++) {
    if (is_table(item)) continue;
    char whole[160];
    if (json_key(item) == NULL)
      snprintf(whole, sizeof whole, "%.100s %zu", name, number);
    else
      snprintf(whole, sizeof whole, "%.100s%s%.50s", name, name[0] != '\0' ? ", " : "", json_key(item));
    if (json_first(item) != NULL) {
      write_values(page, whole, item);
      continue;
    }
    fputs("<tr><th>", page);
    html_text(page, whole);
    fputs("</th><td>", page);
    write_scalar(page, item, 10);
    fputs("</td></tr>\n", page);
  }
}

/* one row for each object, one column for each field of the first */
static void write_table(FILE *page, const struct json_value *list) {
  enum { ROWS = 256 };
  const struct json_value *fields = json_first(list);
  fputs("<h3>", page);
  html_text(page, json_key(list));
  fputs("</h3><div class=\"wide\"><table><thead><tr>", page);
  for (const struct json_value *field = json_first(fields); field != NULL; field = json_next(field)) {
    fputs("<th>", page);
    html_text(page, json_key(field));
    fputs("</th>", page);
  }
  fputs("</tr></thead>\n<tbody>\n", page);
  size_t row = 0;
  for (const struct json_value *item = fields; item != NULL; item = json_next(item), row++) {
    if (row >= ROWS) continue;
    fputs("<tr>", page);
    for (const struct json_value *field = json_first(fields); field != NULL; field = json_next(field)) {
      fputs("<td>", page);
      write_scalar(page, json_get(item, json_key(field)), 4);
      fputs("</td>", page);
    }
    fputs("</tr>\n", page);
  }
  fputs("</tbody></table></div>\n", page);
  if (row > ROWS) html_note(page, "The first %d of %zu; summary.json has all.", ROWS, row);
}

static void write_summary(FILE *page, const struct run_info *info) {
  fputs("<div><h3>Result</h3>", page);
  if (info->summary == NULL) html_note(page, "There is no summary yet: it is written when a run ends.");
  fputs("<table class=\"pairs\">\n", page);
  write_values(page, "", info->summary);
  fputs("</table></div>\n", page);
}

/* --- where time went --- */

static void write_stages(FILE *page, const struct run_info *info) {
  char name[32], text[PAGE_NUMBER_SIZE];
  fprintf(page, "<div><h3>Where time went</h3><table class=\"pairs all stages\">\n");
  for (size_t i = 0; i < info->metrics->n_columns; i++) {
    double sum;
    if (!run_info_stage(info, i, name, &sum)) continue;
    for (char *at = name; *at != '\0'; at++)
      if (*at == '_') *at = ' ';
    double share = info->seconds > 0 ? 100 * sum / info->seconds : 0;
    fputs("<tr>", page);
    html_cell(page, "", "%s", name);
    html_cell(page, "n", "%s", page_format(PAGE_SECONDS, sum, text));
    html_cell(page, "n", "%.1f %%", share);
    fprintf(page, "<td class=\"all\"><div class=\"bar\"><div style=\"width: %.2f%%\"></div></div></td></tr>\n",
            fmin(100, share));
  }
  fputs("</table>", page);
  html_note(page, "Sums over the rows of metrics.csv, next to the %s of the whole run.",
            page_format(PAGE_SECONDS, info->seconds, text));
  fputs("</div>\n", page);
}

/* --- layout and environment --- */

static void write_layout(FILE *page, const struct run_info *info) {
  fputs("<div><h3>Environment</h3><table class=\"pairs\">\n", page);
  static const char *const keys[] = {"env.name", "env.num_envs", "env.options", "env.plugin", "env.isolation"};
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
    const char *text = run_info_option(info, keys[i]);
    if (text[0] != '\0' && strcmp(text, "{}") != 0) html_pair(page, strchr(keys[i], '.') + 1, "%s", text);
  }
  fputs("</table><h3>Build and layout of the ranks</h3><pre class=\"layout\">", page);
  html_text(page, info->about != NULL ? info->about : "not written yet");
  fputs("</pre></div>\n", page);
}

/* --- checkpoints --- */

static int is_checkpoint(const struct dirent *entry) {
  size_t length = strlen(entry->d_name);
  return entry->d_name[0] != '.' && length > 3 && strcmp(entry->d_name + length - 3, ".h5") == 0;
}

static void write_checkpoint(FILE *page, const char *folder, const char *name, const char *latest) {
  char path[PATH_SIZE];
  struct stat about;
  if (snprintf(path, sizeof path, "%s/%s", folder, name) >= PATH_SIZE || stat(path, &about) != 0) return;
  fputs("<tr>", page);
  html_cell(page, "", "%s", name);
  html_cell(page, "n", "%.1f kB", (double)about.st_size / 1e3);
  html_cell(page, "", "%s",
            strcmp(name, latest) == 0      ? "latest"
            : strcmp(name, "best.h5") == 0 ? "of the best mean return"
                                           : "");
  fputs("</tr>\n", page);
}

static void write_checkpoints(FILE *page, const struct run_info *info) {
  char folder[PATH_SIZE];
  snprintf(folder, sizeof folder, "%s/" RUN_CHECKPOINT_FOLDER, info->path);
  struct dirent **entries = NULL;
  int n = scandir(folder, &entries, is_checkpoint, alphasort);
  fputs("<div><h3>Checkpoints</h3>", page);
  if (n <= 0) html_note(page, "There is none.");
  fputs("<table class=\"checkpoints\">\n", page);
  for (int i = 0; i < n; i++) {
    write_checkpoint(page, folder, entries[i]->d_name, info->checkpoint);
    free(entries[i]);
  }
  free(entries);
  fputs("</table></div>\n", page);
}

/* --- how to repeat it --- */

/* the hash over the state of learning in the newest checkpoint, or why there is none */
static void write_digest(FILE *page, const struct run_info *info) {
  char path[PATH_SIZE], digest[CHECKPOINT_DIGEST_SIZE];
  struct checkpoint_reader *reader = NULL;
  muster_status status = checkpoint_resolve(info->path, path, sizeof path);
  if (status == MUSTER_OK) status = checkpoint_open(path, &reader);
  if (status == MUSTER_OK) status = checkpoint_digest(reader, learning_state_has, digest);
  checkpoint_close(&reader);
  html_print(page, "%s", status == MUSTER_OK ? digest : muster_status_message(status));
  muster_status_clear(&status);
}

static void write_recipe(FILE *page, const struct run_info *info) {
  char version[WORD_SIZE] = "", commit[WORD_SIZE] = "unknown";
  if (info->about != NULL && sscanf(info->about, "muster %63s (%63[^)])", version, commit) < 2)
    snprintf(commit, sizeof commit, "unknown");
  fputs("<div><h3>How to repeat it</h3><pre class=\"recipe\">", page);
  size_t length = strcspn(commit, "-");
  if (strcmp(commit, "unknown") != 0)
    html_print(page, "git checkout %.*s%s\n", (int)length, commit,
               commit[length] != '\0' ? "  # and changes to it" : "");
  fputs("scripts/build\n", page);
  if (info->ranks > 1) fprintf(page, "mpirun -n %d ", info->ranks);
  fputs("build/muster train ", page);
  char path[PATH_SIZE];
  snprintf(path, sizeof path, "%s/" RUN_CONFIG_FILE, info->path);
  html_text(page, shell_quote(path).text);
  fputs(" --run-dir runs/again\nbuild/muster inspect --digest runs/again\n# here: ", page);
  write_digest(page, info);
  fputs("</pre>", page);
  html_note(page, "The same binary on the same kind of processor ends in the same hash, at any number of ranks.");
  fputs("</div>\n", page);
}

/* --- the run --- */

static void write_config(FILE *page, const struct run_info *info) {
  const struct entry_list *list = document_entries(info->config);
  fputs("<div><h3>Config</h3><table class=\"pairs config\">\n", page);
  for (size_t i = 0; i < list->count; i++) {
    const struct entry *entry = &list->entries[i];
    if (entry->kind != ENTRY_SECTION) html_pair(page, entry->key, "%s", entry->content);
  }
  fputs("</table></div>\n", page);
}

void page_write_run(FILE *page, const struct run_info *info, size_t number, bool is_open) {
  fprintf(page, "<details class=\"run\" id=\"run-%zu\"%s><summary>", number, is_open ? " open" : "");
  html_text(page, info->name);
  page_write_badge(page, info);
  fputs("</summary>", page);
  html_note(page, "%s", info->path);
  fputs("<div class=\"cards\">\n", page);
  write_stages(page, info);
  write_recipe(page, info);
  write_layout(page, info);
  write_checkpoints(page, info);
  write_summary(page, info);
  write_config(page, info);
  fputs("</div>\n", page);
  for (const struct json_value *item = json_first(info->summary); item != NULL; item = json_next(item))
    if (is_table(item)) write_table(page, item);
  fputs("</details>\n", page);
}
