/* Shows runs: one in detail, or several as a table. */
#ifndef WATCH_SHOW_H
#define WATCH_SHOW_H

#include "runs/info.h"
#include "watch/styled.h"

/* Appends the details of a run in at most `lines` lines: state, progress, curve of the mean return, metrics and times.
 * If lines are short, the curve is left out first, then whatever comes last. */
void show_run(struct styled_text *styled, const struct run_info *info, int lines);

/* Appends a table with a line for each of n runs, at most `lines` lines; the chosen one (-1: none) is always
 * included. */
void show_table(struct styled_text *styled, struct run_info *const *infos, int n, int chosen, int lines);

#endif
