/* What unit tests share: a runner over a list of CUnit cases, and checks that print what they saw. */
#ifndef SUPPORT_CHECK_H
#define SUPPORT_CHECK_H

#include "base/status.h"

#include <CUnit/CUnit.h>
#include <stdbool.h>
#include <stddef.h>

struct check_case {
  const char *name;
  void (*run)(void);
};

/* Runs all cases as one CUnit suite; returns main()'s exit code: 0 only if at least one assertion ran and none failed.
 */
int check_main(const char *suite, const struct check_case *cases, size_t n);

#define CHECK_MAIN(suite, cases)                                                                                       \
  int main(void) { return check_main(suite, cases, sizeof(cases) / sizeof((cases)[0])); }

/* Passes when the status is OK; prints and releases the error otherwise. */
#define CHECK_OK(call) CU_ASSERT_TRUE(check_ok((call), __FILE__, __LINE__))
/* The same, and ends the case on failure. */
#define CHECK_OK_FATAL(call) CU_ASSERT_TRUE_FATAL(check_ok((call), __FILE__, __LINE__))
/* Passes when the status is an error of this code whose message holds `part`; releases it. */
#define CHECK_FAILS(call, code, part) CU_ASSERT_TRUE(check_fails((call), (code), (part), __FILE__, __LINE__))
/* Passes when |a - b| <= tolerance * max(1, |b|); NaN never passes; prints both otherwise. */
#define CHECK_CLOSE(a, b, tolerance) CU_ASSERT_TRUE(check_close((a), (b), (tolerance), __FILE__, __LINE__))

bool check_ok(muster_status status, const char *file, int line);
bool check_fails(muster_status status, muster_code code, const char *part, const char *file, int line);
bool check_close(double a, double b, double tolerance, const char *file, int line);

/* max |a - b| / max |b| over two float arrays: the relative error of a tensor; infinity when any is NaN. */
double check_relative_error(const float *a, const float *b, size_t n);

/* Makes an empty folder of its own for a test below the build tree and returns its path (static storage). */
const char *check_folder(const char *name);

#endif
