/* The conformance suite: checks whether an environment keeps the contract of muster/env.h, and tells its author what to
 * do.
 *
 * Each check runs in a child process of its own, so that an environment which crashes, hangs or writes where it may not
 * leads to a line of the report. Don't use it in a process that has started MPI. */
#ifndef ENV_CONFORMANCE_H
#define ENV_CONFORMANCE_H

#include "base/status.h"
#include "muster/env.h"

enum conformance_verdict {
  CONFORMANCE_PASS, /* the contract is kept */
  CONFORMANCE_NOTE, /* allowed, but the author should know */
  CONFORMANCE_FAIL  /* the contract is broken */
};

#define CONFORMANCE_TEXT 768

/* Findings of the same verdict whose texts differ only in numbers are kept as one: the first of them. */
struct conformance_finding {
  enum conformance_verdict verdict;
  char check[24];              /* name of the check that found it first */
  char text[CONFORMANCE_TEXT]; /* what was expected, what was seen, what to do */
  int32_t count;               /* how often it was found */
  char also[224];              /* names of the other checks that found it, ", " between them; "": none */
};

#define CONFORMANCE_FINDINGS 96

struct conformance_report {
  int32_t count, passes, notes, failures;
  struct conformance_finding finding[CONFORMANCE_FINDINGS];
  double steps_per_second, pool_steps_per_second; /* 0: not measured */
};

struct conformance_request {
  const muster_env_type *type;
  const muster_env_setting *options; /* those that the user gave, ended by a NULL key; NULL: none */
  uint64_t seed;                     /* decides which episodes are played */
  int check_seconds;                 /* after which a check counts as hanging */
  double play_seconds;               /* for checks that play as many steps as time allows; 0: half a second */
};

/* Runs all checks; when the first one, which looks at the table and the description, fails, the others are left out. An
 * environment that breaks the contract is no error of this function. What the environment prints meanwhile is not
 * shown, but becomes a note; only if it dies in a check, the last that it wrote to standard error is passed on. Errors:
 * USAGE for unknown options, MEMORY.
 */
MUSTER_CHECKED muster_status conformance_run(const struct conformance_request *request,
                                             struct conformance_report *report);

/* "PASS", "NOTE" or "FAIL". */
const char *conformance_verdict_name(enum conformance_verdict verdict);

#endif
