/* What a person sees on standard output while a run goes on. */
#ifndef BASE_TERMINAL_H
#define BASE_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

/* Whether standard output ends at a terminal. Under mpirun a rank writes to a pseudo-terminal of mpirun's, whatever
 * mpirun itself writes to: there the parent process's standard output decides. */
bool terminal_is_watched(void);

/* Shows a line of progress: in place on a terminal, else on a line of its own. After the `last` one the cursor is on a
 * new line. */
void terminal_show_progress(bool terminal, const char *line, bool last);

/* 123, 45.6k, 7.89M, 1.23G; and 12s, 3m05s, 2h07m; "?" for NAN and infinities, and for more than 30,000 years of
 * seconds. */
void terminal_format_count(double count, char *text, size_t size);
void terminal_format_seconds(double seconds, char *text, size_t size);

#endif
