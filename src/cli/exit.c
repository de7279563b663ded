/* _exit() of the program and of the libraries that it loads: one that an environment calls must not end a run as if it
 * were done. A plug-in finds these functions before those of the C library; forked processes of a simulator, and
 * muster's own ends, pass through. */
#include "env/foreign.h"

#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

_Noreturn static void end(int exit_code) {
  for (;;) syscall(SYS_exit_group, exit_code);
}

__attribute__((visibility("default"))) void _exit(int exit_code) { end(foreign_exit_code(exit_code)); }

__attribute__((visibility("default"))) void _Exit(int exit_code) { end(foreign_exit_code(exit_code)); }
