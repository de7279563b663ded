/* gnuplot as a child process: a script in, a picture out. */
#ifndef VIEW_GNUPLOT_H
#define VIEW_GNUPLOT_H

#include "base/status.h"

#include <stddef.h>
#include <stdio.h>

/* Runs a script of `length` bytes; `*output` is what it wrote to standard output, `*output_length` bytes and a
 * terminating zero, which the caller frees. The user's own settings (~/.gnuplot) are ignored. Errors: IO (not
 * installed, with the name of the package; gnuplot failed, with its own message), MEMORY. */
MUSTER_CHECKED muster_status gnuplot_run(const char *script, size_t length, char **output, size_t *output_length);

/* Writes a text in gnuplot's single quotes, for use with `noenhanced`, where no character has a special meaning.
 * Control characters become blanks, and bytes that are not valid text become the replacement character. */
void gnuplot_quote(FILE *script, const char *text);
/* The same in bold letters, which only `enhanced` texts have in every format. */
void gnuplot_quote_bold(FILE *script, const char *text);

#endif
