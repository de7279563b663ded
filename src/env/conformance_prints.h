/* What an environment prints while a check runs: kept out of the report, and counted. */
#ifndef ENV_CONFORMANCE_PRINTS_H
#define ENV_CONFORMANCE_PRINTS_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define PRINTS_LAST 8192

/* What one stream received, in all checks. */
struct prints_stream {
  size_t bytes;
  char first[96]; /* the first line, as much of it as fits */
  size_t first_used;
  bool first_is_whole;
  char last[PRINTS_LAST]; /* the last bytes that the running check wrote, as a ring buffer */
  size_t last_bytes;      /* how many that check wrote */
  int from, to;           /* ends of the pipe; -1: closed */
};

enum { PRINTS_OUT, PRINTS_ERROR, PRINTS_STREAMS };

/* Zeroed before the first check. */
struct prints {
  struct prints_stream stream[PRINTS_STREAMS];
};

/* Opens pipes for a check, before its process is made. */
MUSTER_CHECKED muster_status prints_open(struct prints *prints);
/* In the process of the check: sends standard output and standard error into the pipes, and makes standard input, which
 * belongs to the caller, empty. */
void prints_take(struct prints *prints);
/* In the parent: reads the pipes until the child ends, and closes them. The caller still has to wait for the child. */
void prints_follow(struct prints *prints, pid_t child);
/* Passes on to standard error what the running check wrote there last. */
void prints_pass_on(const struct prints *prints);

#endif
