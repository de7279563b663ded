/* Whether ranks of one machine may read each other's memory: this lets Open MPI move messages with one copy (CMA). Many
 * containers forbid it. Open MPI then copies twice, but prints a line for each message unless it is told beforehand. */
#ifndef COMM_SINGLE_COPY_H
#define COMM_SINGLE_COPY_H

#include <stdbool.h>

/* Tries to read the memory of a child process. */
bool single_copy_is_allowed(void);

#endif
