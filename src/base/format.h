/* Texts: of any length, made as printf() makes them; and the plural of a noun. */
#ifndef BASE_FORMAT_H
#define BASE_FORMAT_H

#include "muster/status.h"

#include <stdarg.h>

/* The text, which the caller frees; NULL where memory is out. Used in place of vasprintf(), whose leaks the sanitizers
 * cannot tell from those of Open MPI (tests/support/lsan.supp). */
MUSTER_PRINTF(1, 0) char *format_text(const char *format, va_list arguments);

/* What a noun ends with after this number: "1 step", "0 steps", "2 steps". */
static inline const char *plural(double number) { return number == 1 ? "" : "s"; }

#endif
