/* What a fallible call of muster returns.
 *
 * A `muster_status` is NULL on success. Otherwise it points to an error that the caller owns: read it with
 * muster_status_message(), then release it with muster_status_clear(). The message is written once, where the cause is
 * known, in words a user can act on. */
#ifndef MUSTER_STATUS_H
#define MUSTER_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define MUSTER_API __attribute__((visibility("default")))
#define MUSTER_CHECKED __attribute__((warn_unused_result))
#define MUSTER_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define MUSTER_API
#define MUSTER_CHECKED
#define MUSTER_PRINTF(text, first)
#endif

typedef enum muster_code {
  MUSTER_SUCCESS = 0,
  MUSTER_ERROR_USAGE,       /* wrong use: command line, config key or value; exit code 2 */
  MUSTER_ERROR_IO,          /* a file or folder could not be read or written */
  MUSTER_ERROR_FORMAT,      /* a file was read, but is damaged, foreign, or of another version */
  MUSTER_ERROR_MEMORY,      /* an allocation failed */
  MUSTER_ERROR_ENVIRONMENT, /* an environment returned an error or broke its contract */
  MUSTER_ERROR_NUMERIC,     /* a NaN or an infinity where only finite numbers may be */
  MUSTER_ERROR_COMM,        /* MPI failed */
  MUSTER_ERROR_INTERNAL     /* a defect of muster itself */
} muster_code;

typedef struct muster_error *muster_status;

#define MUSTER_OK ((muster_status)0)

/* The code of a status; MUSTER_SUCCESS for NULL. */
MUSTER_API muster_code muster_status_code(muster_status status);

/* The message of a status, borrowed until muster_status_clear(); "" for NULL. */
MUSTER_API const char *muster_status_message(muster_status status);

/* Releases the error, if any, and sets *status to NULL. `status` may not be NULL. */
MUSTER_API void muster_status_clear(muster_status *status);

#ifdef __cplusplus
}
#endif
#endif
