/* For the programs that tests start: what fails ends the program with its message, exit code 1. */
#ifndef SUPPORT_EXIT_ON_ERROR_H
#define SUPPORT_EXIT_ON_ERROR_H

#include "base/status.h"
#include "muster/env.h"

#include <stdio.h>
#include <stdlib.h>

static void check(muster_status status) {
  if (status == MUSTER_OK) return;
  fprintf(stderr, "%s\n", muster_status_message(status));
  exit(1);
}

static void check_call(int failed, const muster_env_error *error) {
  if (!failed) return;
  fprintf(stderr, "%s\n", error->text);
  exit(1);
}

#endif
