#include "view/page.h"

#include "base/clock.h"
#include "base/format.h"
#include "muster/version.h"
#include "store/output.h"
#include "view/html.h"
#include "view/page_run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* the content security policy keeps the page from loading anything, whatever it may contain by mistake */
static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta name=\"generator\" content=\"muster " MUSTER_VERSION "; " OUTPUT_MARK "\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src "
    "data:\">\n<link rel=\"icon\" href=\"data:,\">\n";

static const char style[] =
    "<style>\n"
    ":root { --ink: #1f2328; --faint: #667080; --line: #dde2e8; --paper: #fff; --back: #f5f7f9; --accent: #0072b2 }\n"
    "* { box-sizing: border-box }\n"
    "body { margin: 0; background: var(--back); color: var(--ink); font: 15px/1.5 system-ui, sans-serif }\n"
    "main { max-width: 1180px; margin: 0 auto; padding: 24px 20px 48px }\n"
    "h1 { font-size: 26px; margin: 0 } h2 { font-size: 18px; margin: 0 0 10px } h3 { font-size: 15px; margin: 0 0 8px "
    "}\n"
    "header p, .note { color: var(--faint); margin: 4px 0 0; font-size: 13px }\n"
    "section, details.run { background: var(--paper); border: 1px solid var(--line); border-radius: 8px; padding: 18px "
    "20px; margin-top: 18px }\n"
    "* + h3 { margin-top: 20px } .wide { overflow-x: auto }\n"
    "table { border-collapse: collapse; font-variant-numeric: tabular-nums }\n"
    "th, td { text-align: left; padding: 5px 14px 5px 0; border-bottom: 1px solid var(--line); vertical-align: top }\n"
    "tr:last-child > * { border-bottom: 0 } th { font-weight: 600; white-space: nowrap }\n"
    "thead th, table.pairs th { color: var(--faint); font-weight: 500; font-size: 13px }\n"
    "td.n, th.n { text-align: right; white-space: nowrap }\n"
    ".all { width: 100% }\n"
    "svg { display: block; max-width: 100%; height: auto; margin: 0 auto }\n"
    ".cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 430px), 1fr)); gap: 26px 36px; "
    "margin-top: 16px }\n"
    ".cards > div { min-width: 0 }\n"
    "pre { background: var(--back); border-radius: 6px; padding: 10px 12px; margin: 0; overflow-x: auto; font: "
    "12.5px/1.5 "
    "ui-monospace, monospace }\n"
    ".bar { background: var(--back); border-radius: 3px; min-width: 120px; width: 100% }\n"
    ".bar div { background: var(--accent); border-radius: 3px; height: 12px; margin-top: 5px }\n"
    ".badge { border-radius: 10px; padding: 1px 9px; font-size: 12px; font-weight: 600; white-space: nowrap }\n"
    ".finished { background: #d5efe4; color: #00573e } .running { background: #d6e9f5; color: #00496f }\n"
    ".waiting { background: #e8ebef; color: #4a5361 } .interrupted { background: #fbe3d2; color: #8a3a00 }\n"
    ".stalled, .died { background: #f8d7da; color: #842029 }\n"
    "summary { cursor: pointer; font-size: 18px; font-weight: 600 } summary .badge { margin-left: 8px }\n"
    "a { color: var(--accent) }\n"
    "@media print { body { background: none } section, details.run { break-inside: avoid } }\n"
    "</style>\n";

/* --- results side by side --- */

static bool is_shared(const struct grouped_runs *runs, const char *key) {
  for (size_t i = 1; i < runs->n; i++)
    if (strcmp(run_info_option(runs->info[i], key), run_info_option(runs->info[0], key)) != 0) return false;
  return true;
}

/* writes the column heads; what all runs share has no column */
static void write_result_heads(FILE *page, bool envs, bool algorithms) {
  fprintf(page, "<div class=\"wide\"><table class=\"all\"><thead><tr><th>run</th><th>state</th>%s%s",
          envs ? "<th>env</th>" : "", algorithms ? "<th>algorithm</th>" : "");
  static const char *const heads[] = {
      "seed", "ranks", "steps", "wall time", "steps/s", "return", "final evaluation", "solved after"};
  for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) fprintf(page, "<th class=\"n\">%s</th>", heads[i]);
  fputs("</tr></thead>\n<tbody>\n", page);
}

static void write_result(FILE *page, const struct grouped_runs *runs, size_t i, bool envs, bool algorithms) {
  const struct run_info *info = runs->info[i];
  fprintf(page, "<tr><td><a href=\"#run-%zu\">", i + 1);
  html_text(page, info->name);
  fputs("</a></td><td>", page);
  page_write_badge(page, info);
  fputs("</td>", page);
  if (envs) html_cell(page, "", "%s", run_info_option(info, "env.name"));
  if (algorithms) html_cell(page, "", "%s", run_info_option(info, "algorithm.name"));
  html_cell(page, "n", "%s", run_info_option(info, "seed"));
  char text[PAGE_NUMBER_SIZE], deviation[PAGE_NUMBER_SIZE];
  html_cell(page, "n", "%s", page_format(PAGE_COUNT, info->ranks > 0 ? info->ranks : (double)NAN, text));
  html_cell(page, "n", "%s", page_format(PAGE_COUNT, info->steps, text));
  html_cell(page, "n", "%s", page_format(PAGE_SECONDS, info->seconds, text));
  html_cell(page, "n", "%s", page_format(PAGE_COUNT, info->average_speed, text));
  html_cell(page, "n", "%s", page_format(PAGE_RETURN, info->mean_return, text));
  page_format(PAGE_RETURN, info->evaluation_return, text);
  page_format(PAGE_RETURN, info->evaluation_std, deviation);
  html_cell(page, "n", isnan(info->evaluation_return) ? "%s" : "%s \u00b1 %s", text, deviation);
  html_cell(page, "n", "%s", page_format(PAGE_COUNT, info->solved_at_steps, text));
  fputs("</tr>\n", page);
}

/* the results over the seeds of a group; the deviation is that of the sample */
static void write_group(FILE *page, const struct grouped_runs *runs, const struct run_group *group) {
  char text[PAGE_NUMBER_SIZE];
  const struct seed_statistics speed = run_group_statistics(runs, group, offsetof(struct run_info, average_speed));
  const struct seed_statistics returns =
      run_group_statistics(runs, group, offsetof(struct run_info, evaluation_return));
  fputs("<tr>", page);
  html_cell(page, "", "%s", group->label);
  html_cell(page, "n", "%s", page_format(PAGE_COUNT, speed.mean, text));
  html_cell(page, "n", "%zu", group->n_members);
  html_cell(page, "n", "%zu", group->n_seeds);
  html_cell(page, "n", "%zu", returns.count);
  html_cell(page, "n", "%s", page_format(PAGE_RETURN, returns.mean, text));
  html_cell(page, "n", "%s", page_format(PAGE_RETURN, returns.std, text));
  fputs("</tr>\n", page);
}

static void write_groups(FILE *page, const struct grouped_runs *runs) {
  static const char *const heads[] = {"steps/s, mean",
                                      "runs",
                                      "seeds",
                                      "seeds evaluated",
                                      "final evaluation, mean",
                                      "standard deviation over seeds (n \u2212 1)"};
  fputs("<h3>Over seeds</h3><div class=\"wide\"><table><thead><tr><th>setting</th>", page);
  for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) fprintf(page, "<th class=\"n\">%s</th>", heads[i]);
  fputs("</tr></thead>\n<tbody>\n", page);
  for (size_t g = 0; g < runs->n_groups; g++) write_group(page, runs, &runs->groups[g]);
  fputs("</tbody></table></div>\n", page);
  html_note(page, "A seed that several runs have counts once, with the mean of these runs.");
}

static void write_results(FILE *page, const struct grouped_runs *runs) {
  bool envs = !is_shared(runs, "env.name"), algorithms = !is_shared(runs, "algorithm.name");
  fputs("<section id=\"results\"><h2>Results</h2>\n", page);
  write_result_heads(page, envs, algorithms);
  for (size_t i = 0; i < runs->n; i++) write_result(page, runs, i, envs, algorithms);
  fputs("</tbody></table></div>\n", page);
  if (runs->n > runs->n_groups) write_groups(page, runs);
  html_note(page,
            "Return: mean of the last hundred episodes of training. Final evaluation: mean and standard deviation "
            "over its episodes (n). Solved: the return reached the environment's threshold.");
  fputs("</section>\n", page);
}

/* --- curves, and what differs --- */

/* the picture without the prologue that it has as a separate file */
static void write_curves(FILE *page, const char *curves) {
  const char *start = curves != NULL ? strstr(curves, "<svg") : NULL;
  fputs("<section id=\"curves\"><h2>Curves</h2>\n", page);
  if (start != NULL)
    fputs(start, page);
  else
    html_note(page, "No run has a row of metrics yet.");
  fputs("</section>\n", page);
}

/* a row for each option in which runs differ */
static void write_differences(FILE *page, const struct grouped_runs *runs) {
  fputs("<section id=\"differences\"><h2>What differs</h2><div class=\"wide\"><table><thead><tr><th>option</th>", page);
  for (size_t i = 0; i < runs->n; i++) {
    fputs("<th>", page);
    html_text(page, runs->info[i]->name);
    fputs("</th>", page);
  }
  fputs("</tr></thead>\n<tbody>\n", page);
  for (size_t i = 0; i < runs->n; i++) {
    const struct entry_list *list = document_entries(runs->info[i]->config);
    for (size_t e = 0; e < list->count; e++) {
      const char *key = list->entries[e].key;
      bool was_there = false;
      for (size_t before = 0; before < i; before++)
        was_there = was_there || document_get(runs->info[before]->config, key);
      if (was_there || list->entries[e].kind == ENTRY_SECTION || is_shared(runs, key)) continue;
      fputs("<tr>", page);
      html_cell(page, "", "%s", key);
      for (size_t k = 0; k < runs->n; k++) html_cell(page, "", "%s", run_info_option(runs->info[k], key));
      fputs("</tr>\n", page);
    }
  }
  fputs("</tbody></table></div></section>\n", page);
}

/* --- the page --- */

void page_write(FILE *page, const struct grouped_runs *runs, const char *title, const char *curves) {
  char shared[RUN_LABEL_SIZE], stamp[32];
  grouped_runs_title(runs, shared);
  if (title == NULL) title = shared[0] != '\0' ? shared : "Runs";
  clock_stamp(stamp, sizeof stamp);
  fputs(head, page);
  fputs("<title>", page);
  html_text(page, title);
  fprintf(page, "</title>\n%s</head>\n<body><main>\n<header><h1>", style);
  html_text(page, title);
  fprintf(page, "</h1><p>%zu run%s, reported %s by muster %s</p></header>\n", runs->n, plural((double)runs->n), stamp,
          MUSTER_VERSION);
  write_results(page, runs);
  write_curves(page, curves);
  if (runs->n > 1) write_differences(page, runs);
  for (size_t i = 0; i < runs->n; i++) page_write_run(page, runs->info[i], i + 1, runs->n == 1);
  fputs("</main></body>\n</html>\n", page);
}
