#include "support/check.h"

#include <CUnit/Basic.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int check_main(const char *suite, const struct check_case *cases, size_t n) {
  if (CU_initialize_registry() != CUE_SUCCESS) return 1;
  CU_pSuite registered = CU_add_suite(suite, NULL, NULL);
  for (size_t i = 0; registered != NULL && i < n; i++)
    if (CU_add_test(registered, cases[i].name, cases[i].run) == NULL) registered = NULL;
  if (registered == NULL) {
    fprintf(stderr, "cannot register the tests: %s\n", CU_get_error_msg());
    return 1;
  }
  CU_basic_set_mode(CU_BRM_VERBOSE);
  CU_basic_run_tests();
  unsigned failures = CU_get_number_of_failures(), assertions = CU_get_number_of_asserts();
  CU_cleanup_registry();
  return failures == 0 && assertions > 0 ? 0 : 1;
}

bool check_ok(muster_status status, const char *file, int line) {
  if (status == MUSTER_OK) return true;
  printf("\n    %s:%d: %s\n", file, line, muster_status_message(status));
  muster_status_clear(&status);
  return false;
}

bool check_fails(muster_status status, muster_code code, const char *part, const char *file, int line) {
  bool right = muster_status_code(status) == code && strstr(muster_status_message(status), part) != NULL;
  if (!right)
    printf("\n    %s:%d: expected code %d and \"%s\", got code %d and \"%s\"\n", file, line, (int)code, part,
           (int)muster_status_code(status), muster_status_message(status));
  muster_status_clear(&status);
  return right;
}

bool check_close(double a, double b, double tolerance, const char *file, int line) {
  bool close = fabs(a - b) <= tolerance * fmax(1.0, fabs(b));
  if (!close) printf("\n    %s:%d: %.17g is not %.17g within %g\n", file, line, a, b, tolerance);
  return close;
}

double check_relative_error(const float *a, const float *b, size_t n) {
  double difference = 0, scale = 0;
  for (size_t i = 0; i < n; i++) {
    if (isnan(a[i]) || isnan(b[i])) return INFINITY;
    difference = fmax(difference, fabs((double)a[i] - (double)b[i]));
    scale = fmax(scale, fabs((double)b[i]));
  }
  return scale > 0 ? difference / scale : difference;
}

const char *check_folder(const char *name) {
  static char path[1024];
  char command[2200];
  snprintf(path, sizeof path, "%s/tmp/%s", TEST_BINARY_DIR, name);
  snprintf(command, sizeof command, "rm -rf '%s' && mkdir -p '%s'", path, path);
  if (system(command) != 0) abort();
  return path;
}
