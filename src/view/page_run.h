/* The part of a report that is about one run. */
#ifndef VIEW_PAGE_RUN_H
#define VIEW_PAGE_RUN_H

#include "runs/groups.h"

#define PAGE_NUMBER_SIZE 48

enum page_quantity { PAGE_COUNT, PAGE_SECONDS, PAGE_RETURN };

/* A number for people, or a dash where there is none (NAN); returns `text`. */
const char *page_format(enum page_quantity quantity, double value, char text[PAGE_NUMBER_SIZE]);

/* The run's state as a coloured word. */
void page_write_badge(FILE *page, const struct run_info *info);

/* Writes the result, the layout, the times of the stages, the checkpoints, how to repeat the run, and its config. Where
 * a checkpoint cannot be read, the page gives the reason. `number`, from 1 on, is used in the link to this part;
 * `is_open` shows the part unfolded. */
void page_write_run(FILE *page, const struct run_info *info, size_t number, bool is_open);

#endif
