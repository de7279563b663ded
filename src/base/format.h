/* A text of any length, made as printf() makes it. */
#ifndef BASE_FORMAT_H
#define BASE_FORMAT_H

#include "muster/status.h"

#include <stdarg.h>

/* The text, which the caller frees; NULL where memory is out. Used in place of vasprintf(), whose leaks the sanitizers
 * cannot tell from those of Open MPI (tests/support/lsan.supp). */
MUSTER_PRINTF(1, 0) char *format_text(const char *format, va_list arguments);

#endif
