/* A program of somebody else: includes the public headers and calls libmuster. */
#include <muster/env.h>
#include <muster/status.h>
#include <muster/version.h>
#include <stdio.h>

int main(void) {
  muster_status status = MUSTER_OK;
  if (muster_status_code(status) != MUSTER_SUCCESS || muster_status_message(status)[0] != '\0') return 1;
  muster_status_clear(&status);
  printf("muster %s, environments of ABI %d\n", MUSTER_VERSION, MUSTER_ENV_ABI);
  return 0;
}
