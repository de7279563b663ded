/* Messages for people, on standard error: time, role and rank in front of each line. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "muster/status.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* A logger is a small value that its holder passes on; it owns nothing. */
struct logger {
  enum log_level level; /* the least level that is printed */
  const char *role;     /* borrowed: "learner", "actor", ... */
  int rank;             /* rank in the job; -1 where there is no job */
};

/* Writes one line "23:06:49 learner 0: text"; one write per line, so that lines of several ranks do not mix. */
MUSTER_PRINTF(3, 4) void log_line(const struct logger *logger, enum log_level level, const char *format, ...);

#define log_debug(logger, ...) log_line((logger), LOG_DEBUG, __VA_ARGS__)
#define log_info(logger, ...) log_line((logger), LOG_INFO, __VA_ARGS__)
#define log_warn(logger, ...) log_line((logger), LOG_WARN, __VA_ARGS__)
#define log_error(logger, ...) log_line((logger), LOG_ERROR, __VA_ARGS__)

#endif
