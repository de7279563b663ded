/* What is shown of runs: all about one, and a table of several. */
#ifndef WATCH_VIEW_H
#define WATCH_VIEW_H

#include "runs/record.h"
#include "watch/sheet.h"

/* Appends all about a run in at most `lines` lines: state, progress, curve of the mean return, metrics and times. With
 * few lines the curve gives way first, then what comes last. */
void view_run(struct sheet *sheet, const struct run_record *record, int lines);

/* Appends a table with a line for each of n runs, at most `lines` lines; the chosen one (-1: none) is in it. */
void view_table(struct sheet *sheet, struct run_record *const *records, int n, int chosen, int lines);

#endif
