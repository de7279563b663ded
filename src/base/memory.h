/* How much memory there is. */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

/* Bytes that this process can have at most: the machine's memory and swap, or less where a limit on address space
 * (ulimit -v) is set. */
double memory_total(void);

#endif
