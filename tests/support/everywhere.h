/* Checks on every rank of a job: the outcomes are combined, so a check that fails on one rank fails on all of them, and
 * all go on together. Every rank must reach every check. */
#ifndef SUPPORT_EVERYWHERE_H
#define SUPPORT_EVERYWHERE_H

#include "comm/comm.h"
#include "support/check.h"

/* Makes the ranks of a job on one machine count as being on several nodes: `nodes` has a digit for each rank, its node,
 * for example 0011. With an x at the end ranks find no memory to share. Collective; to be called before anything else
 * is created. */
MUSTER_CHECKED muster_status everywhere_spread(struct comm *comm, const char *nodes);

/* Starts MPI, runs the cases on every rank in step, and returns main()'s exit code; only rank 0 prints CUnit's report,
 * but each rank prints the checks that failed on it. Each argument is one for everywhere_spread(): the cases run with
 * one argument after another until one fails; an argument with an x must be the last. */
int everywhere_main(int *argc, char ***argv, const char *suite, const struct check_case *cases, size_t n);

/* While everywhere_main() runs: the job that is tested, the node of a rank, and whether the ranks of a node share
 * memory. */
struct comm *everywhere_comm(void);
int everywhere_node(int rank);
bool everywhere_shares(void);

/* Passes when the condition is true on every rank. Ends the case on all of them otherwise. */
#define EVERYWHERE(condition) CU_ASSERT_TRUE_FATAL(everywhere_true((condition), #condition, __FILE__, __LINE__))
/* Passes when the call succeeds on every rank; prints and releases the errors otherwise. */
#define EVERYWHERE_OK(call) CU_ASSERT_TRUE_FATAL(everywhere_ok((call), __FILE__, __LINE__))

bool everywhere_true(bool condition, const char *text, const char *file, int line);
bool everywhere_ok(muster_status status, const char *file, int line);

#endif
