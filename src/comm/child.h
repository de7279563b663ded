/* Inside comm/: creates a child process without running the handlers that libraries registered for fork(), since these
 * may wait for threads that the child does not have. Until it ends it may make system calls only. */
#ifndef COMM_CHILD_H
#define COMM_CHILD_H

#include <signal.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

/* 0 in the child, -1 when it could not be created */
static inline pid_t child_create(void) { return (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0); }

#endif
