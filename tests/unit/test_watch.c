/* The view of runs: curves in characters, and lines that fit. */
#include "support/check.h"
#include "watch/chart.h"
#include "watch/show.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- charts ---- */

static void test_spark(void) {
  const double rise[] = {0, 1, 2, 3, 4, 5, 6, 7}, flat[] = {2, 2, 2}, gap[] = {NAN, 5, NAN, 9}, none[] = {NAN, NAN};
  char text[CHART_ROW_BYTES];
  chart_spark(rise, 8, 8, true, text);
  CU_ASSERT_STRING_EQUAL(text, "▁▂▃▄▅▆▇█");
  chart_spark(rise, 8, 8, false, text);
  CU_ASSERT_STRING_EQUAL(text, "_.-~=+*#");
  chart_spark(rise, 8, 4, false, text); /* each character is the mean of two */
  CU_ASSERT_STRING_EQUAL(text, "_-+#");
  chart_spark(flat, 3, 8, false, text); /* no more characters than values */
  CU_ASSERT_STRING_EQUAL(text, "~~~");
  chart_spark(gap, 4, 4, false, text);
  CU_ASSERT_STRING_EQUAL(text, " _ #");
  chart_spark(none, 2, 4, false, text);
  CU_ASSERT_STRING_EQUAL(text, "");
  chart_spark(rise, 8, 0, false, text);
  CU_ASSERT_STRING_EQUAL(text, "");
}

static void test_curve(void) {
  struct chart *chart = malloc(sizeof *chart);
  CU_ASSERT_PTR_NOT_NULL_FATAL(chart);
  const double x[] = {1, 2, 3, 4}, y[] = {10, 20, 30, 40}, none[] = {NAN, NAN, NAN, NAN};
  CU_ASSERT_TRUE(chart_draw(chart, x, y, 4, 5, 4, false));
  CU_ASSERT_EQUAL(chart->low, 10.0);
  CU_ASSERT_EQUAL(chart->high, 40.0);
  CU_ASSERT_STRING_EQUAL(chart->row[0], "    *"); /* x runs from 0, so the first value is in the second column */
  CU_ASSERT_STRING_EQUAL(chart->row[1], "   * ");
  CU_ASSERT_STRING_EQUAL(chart->row[2], "  *  ");
  CU_ASSERT_STRING_EQUAL(chart->row[3], " *   ");

  /* braille: a line from the lower left to the upper right dot of each character */
  const double ends[] = {0, 1}, rise[] = {0, 1};
  CU_ASSERT_TRUE(chart_draw(chart, ends, rise, 2, 1, 1, true));
  CU_ASSERT_STRING_EQUAL(chart->row[0], "⡜");
  CU_ASSERT_FALSE(chart_draw(chart, x, none, 4, 5, 4, true));
  CU_ASSERT_FALSE(chart_draw(chart, x, y, 0, 5, 4, true));
  CU_ASSERT_TRUE(chart_draw(chart, x, y, 4, 100000, 100000, true)); /* cut, not overrun */
  CU_ASSERT_EQUAL(chart->columns, CHART_MAX_COLUMNS);
  CU_ASSERT_EQUAL(chart->rows, CHART_MAX_ROWS);
  free(chart);
}

/* ---- lines ---- */

static struct styled_text *new_styled(int columns, bool utf8) {
  struct styled_text *styled = malloc(sizeof *styled);
  CU_ASSERT_PTR_NOT_NULL_FATAL(styled);
  styled_clear(styled, columns, utf8);
  return styled;
}

/* what styled_print() prints; the caller frees it */
static char *printed(const struct styled_text *styled) {
  char *text = NULL;
  size_t size = 0;
  FILE *file = open_memstream(&text, &size);
  CU_ASSERT_PTR_NOT_NULL_FATAL(file);
  styled_print(styled, file);
  fclose(file);
  return text;
}

static void test_lines(void) {
  struct styled_text *styled = new_styled(5, true);
  styled_line(styled, STYLE_BOLD "a" STYLE_PLAIN "ä│%s", "defg");
  styled_line(styled, "%s", "x");
  styled_fill(styled, 3);
  styled_add(styled, "y   ");
  char *text = printed(styled);
  CU_ASSERT_STRING_EQUAL(text, "aä│de\nx  y\n");
  free(text);
  char clean[16];
  CU_ASSERT_STRING_EQUAL(styled_clean(styled, "a\033[2J\nä", clean, sizeof clean), "a?[2J?ä");
  styled->utf8 = false;
  CU_ASSERT_STRING_EQUAL(styled_clean(styled, "aä", clean, sizeof clean), "a?");
  CU_ASSERT_STRING_EQUAL(styled_clean(styled, "abcdef", clean, 4), "abc");

  /* too many lines, and lines that are too long, are cut */
  for (int i = 0; i < 2 * STYLED_LINES; i++) styled_line(styled, "%*d", 2 * STYLED_LINE_BYTES, i);
  CU_ASSERT_EQUAL(styled->lines, STYLED_LINES);
  free(styled);
}

/* ---- a run folder ---- */

static void write_file(const char *folder, const char *name, const char *text) {
  char path[1300];
  snprintf(path, sizeof path, "%.1200s/%s", folder, name);
  FILE *file = fopen(path, "w");
  CU_ASSERT_PTR_NOT_NULL_FATAL(file);
  fputs(text, file);
  fclose(file);
}

static const char config[] = "# muster 0.1.0 (abc), started 2026-01-02 03:04:05\n# ranks: 3\n"
                             "#   rank 0 on node1: learner\n#   rank 1 on node1: actor, environments 0 to 3\n"
                             "#   rank 2 on node2: actor, environments 4 to 7\n"
                             "seed: 9\ntotal_steps: 1000\nenv: {name: CartPole-v1}\nalgorithm: {name: ppo}\n";
static const char rows[] = "time/iterations,time/total_timesteps,time/time_elapsed,rollout/ep_rew_mean,train/approx_kl,"
                           "time/update_seconds\n1,100,1,20,0.5,0.75\n2,200,3,,0.25,0.25\n";

/* at any size the view stays within its lines */
static void test_view_sizes(void) {
  const char *folder = check_folder("watch-view");
  struct run_info *info = NULL;
  CHECK_OK_FATAL(run_info_create(folder, &info));
  for (int part = 0; part < 3; part++) {
    if (part == 1) write_file(folder, "metrics.csv", rows);
    if (part == 2) write_file(folder, "config.yaml", config);
    run_info_refresh(info);
    for (int columns = 1; columns <= 300; columns += columns < 100 ? 1 : 50)
      for (int lines = 1; lines <= 60; lines += lines < 30 ? 1 : 10) {
        struct styled_text *styled = new_styled(columns, columns % 2 == 0);
        show_run(styled, info, lines);
        CU_ASSERT_TRUE(styled->lines <= lines && styled->lines >= 1);
        struct run_info *const infos[] = {info, info, info};
        int before = styled->lines;
        show_table(styled, infos, 3, lines % 3, lines);
        CU_ASSERT_TRUE(styled->lines - before <= (lines > 1 ? lines : 1));
        free(styled);
      }
  }
  struct styled_text *styled = new_styled(80, false);
  show_run(styled, info, 30);
  char *text = printed(styled);
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "CartPole-v1 | ppo | seed 9 | 3 ranks on node1 and 1 more host\n"));
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "20 % | 200 of 1.00k steps"));
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "\napprox_kl                 0.25 v #_"));
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "update        1.00s 100 % #######\n"));
  free(text);
  free(styled);
  run_info_destroy(&info);
}

/* texts from files do not act on the terminal: names of metrics and stages, a start, a link to a checkpoint */
static void test_strange_texts(void) {
  char folder[1200], path[1400], link[1400];
  snprintf(folder, sizeof folder, "%.1190s", check_folder("watch-strange"));
  struct run_info *info = NULL;
  CHECK_OK_FATAL(run_info_create(folder, &info));
  write_file(folder, "config.yaml",
             "# muster 0.1.0 (abc), started \xe2\x80\xaex\n# ranks: 3\n#   rank 0 on xy\xe2\x80\xae z: l\n"
             "seed: 9\ntotal_steps: 1000\nenv: {name: CartPole-v1}\nalgorithm: {name: ppo}\n");
  write_file(
      folder, "metrics.csv",
      "time/total_timesteps,time/time_elapsed,rollout/ep_rew_mean,train/a\033[2Jb\xe2\x80\xae,time/x\033c_seconds\n"
      "100,1,20,0.5,1\n200,2,21,0.6,1\n");
  snprintf(path, sizeof path, "%s/checkpoints", folder);
  mkdir(path, 0777);
  snprintf(path, sizeof path, "%s/checkpoints/a\033[5mb.h5", folder);
  snprintf(link, sizeof link, "%s/checkpoints/latest", folder);
  fclose(fopen(path, "w"));
  unlink(link);
  CU_ASSERT_EQUAL(symlink("a\033[5mb.h5", link), 0);
  run_info_refresh(info);
  for (int utf8 = 0; utf8 < 2; utf8++) {
    struct styled_text *styled = new_styled(250, utf8 == 1);
    show_run(styled, info, 40);
    char *text = printed(styled);
    for (const char *at = text; *at != '\0'; at++) CU_ASSERT_TRUE(*at == '\n' || (unsigned char)*at >= 0x20);
    CU_ASSERT_PTR_NULL(strstr(text, "\xc2\x9b"));
    CU_ASSERT_PTR_NULL(strstr(text, "\xe2\x80\xae"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "a?[2Jb"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "started ?x"));
    free(text);
    free(styled);
  }
  run_info_destroy(&info);
}

/* a path that is too long is cut on the left, behind a mark, and does not reach the curve next to it */
static void test_long_paths(void) {
  char folder[1200], long_path[1500];
  snprintf(folder, sizeof folder, "%.1190s", check_folder("watch-long"));
  snprintf(long_path, sizeof long_path, "%s/%s", folder, "\u00e4\u00e4\u00e4\u00e4\u00e4-a-name-that-is-long");
  mkdir(long_path, 0777);
  char table[4096] = "time/total_timesteps,time/time_elapsed,rollout/ep_rew_mean\n";
  for (int row = 1; row <= 8; row++) sprintf(table + strlen(table), "%d,%d,%d\n", row, row, row);
  write_file(long_path, "metrics.csv", table);
  struct run_info *info = NULL;
  CHECK_OK_FATAL(run_info_create(long_path, &info));
  run_info_refresh(info);
  static const char *const expected[2][2] = {{"_.-~=+*# <name-that-is-long\n", "_.-~=+*# <?-a-name-that-is-long\n"},
                                             {"▂▃▄▅▆▇█ …name-that-is-long\n", "▂▃▄▅▆▇█ …\u00e4-a-name-that-is-long\n"}};
  for (int utf8 = 0; utf8 < 2; utf8++)
    for (int wide = 0; wide < 2; wide++) {
      struct styled_text *styled = new_styled(59 + (wide ? 22 : 18), utf8 == 1);
      show_table(styled, &info, 1, -1, 2);
      char *text = printed(styled);
      CU_ASSERT_PTR_NOT_NULL(strstr(text, expected[utf8][wide]));
      free(text);
      free(styled);
    }
  run_info_destroy(&info);
}

static const struct check_case cases[] = {
    {"sparklines", test_spark},
    {"curves", test_curve},
    {"texts that would act on a terminal", test_strange_texts},
    {"paths that are too long", test_long_paths},
    {"lines: width, cutting, clean texts", test_lines},
    {"the view keeps within its lines", test_view_sizes},
};

CHECK_MAIN("watch", cases)
