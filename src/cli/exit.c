/* Replaces _exit() for the program and the libraries that it loads: when an environment calls it, the run must not end
 * as if it were done. A plug-in finds these functions before those of the C library. Calls in processes that a
 * simulator has forked, and muster's own calls, end the process as usual. */
#include "env/foreign.h"

#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

_Noreturn static void end(int exit_code) {
  for (;;) syscall(SYS_exit_group, exit_code);
}

__attribute__((visibility("default"))) void _exit(int exit_code) { end(foreign_exit_code(exit_code)); }

__attribute__((visibility("default"))) void _Exit(int exit_code) { end(foreign_exit_code(exit_code)); }
