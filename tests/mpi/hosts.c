/* Loaded before the C library (LD_PRELOAD): tells the ranks of one machine that they are on several hosts, so that
 * placement can be tested without permission to make hosts. MUSTER_RANKS_PER_HOST: how many ranks each of host0, host1,
 * ... has, in the order of ranks. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int gethostname(char *name, size_t size) {
  const char *per_host = getenv("MUSTER_RANKS_PER_HOST"), *rank = getenv("OMPI_COMM_WORLD_RANK");
  int host = per_host != NULL && rank != NULL ? atoi(rank) / atoi(per_host) : 0;
  snprintf(name, size, "host%d", host);
  return 0;
}
