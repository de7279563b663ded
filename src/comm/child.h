/* Inside comm/: a child of this process that runs none of what the libraries registered for fork(), which may wait for
 * threads that the child does not have. Until it ends it may make system calls only. */
#ifndef COMM_CHILD_H
#define COMM_CHILD_H

#include <signal.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

/* 0 in the child, -1 when there is none */
static inline pid_t child_create(void) { return (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0); }

#endif
