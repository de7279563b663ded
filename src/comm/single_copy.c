#include "comm/single_copy.h"

#include "comm/child.h"

#include <stdint.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <sys/wait.h>

bool single_copy_is_allowed(void) {
  /* the child has its own copy at this address */
  static const uint32_t probe = 0x6d757374;
  uint32_t copy = 0;
  pid_t child = child_create();
  if (child < 0) return true;
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) pause();
  }
  const struct iovec here = {&copy, sizeof copy}, there = {(void *)(uintptr_t)&probe, sizeof probe};
  bool is_allowed = process_vm_readv(child, &here, 1, &there, 1, 0) == (ssize_t)sizeof copy && copy == probe;
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  return is_allowed;
}
