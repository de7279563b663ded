/* How much memory there is. */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

/* The most bytes that this process can have: the machine's memory and swap, or less where a limit on address space
 * (ulimit -v) is set. */
double memory_total(void);

#endif
