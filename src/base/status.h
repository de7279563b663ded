/* Making, wrapping and passing on errors. See muster/status.h for what a status is. */
#ifndef BASE_STATUS_H
#define BASE_STATUS_H

#include "muster/status.h"

/* Returns a new error. Never fails: when memory is out it returns a static error that says so. */
MUSTER_CHECKED MUSTER_PRINTF(2, 3) muster_status status_error(muster_code code, const char *format, ...);

/* Like status_error(), with ": <strerror(errno)>" after the text; call it before any other call can change errno. */
MUSTER_CHECKED MUSTER_PRINTF(2, 3) muster_status status_errno(muster_code code, const char *format, ...);

/* Takes `status`; returns an error of the same code whose message is "<text>: <old message>". NULL stays NULL. */
MUSTER_CHECKED MUSTER_PRINTF(2, 3) muster_status status_wrap(muster_status status, const char *format, ...);

/* Exit code of the program for a status: 0 done, 1 failed, 2 wrong use. */
int status_exit_code(muster_status status);

/* Returns from the calling function when `call` failed. */
#define MUSTER_TRY(call)                                                                                               \
  do {                                                                                                                 \
    muster_status try_status_ = (call);                                                                                \
    if (try_status_ != MUSTER_OK) return try_status_;                                                                  \
  } while (0)

/* Stores the outcome of `call` in `status` and goes to `label` when it failed. */
#define MUSTER_TRY_GOTO(status, call, label)                                                                           \
  do {                                                                                                                 \
    (status) = (call);                                                                                                 \
    if ((status) != MUSTER_OK) goto label;                                                                             \
  } while (0)

#endif
