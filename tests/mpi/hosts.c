/* Loaded in front of the C library (LD_PRELOAD): tells the ranks of one machine that they are on several hosts, so that
 * placement can be tested where nobody may make hosts. MUSTER_RANKS_PER_HOST: ranks 0, 1, ... of host0, and so on. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int gethostname(char *name, size_t size) {
  const char *per_host = getenv("MUSTER_RANKS_PER_HOST"), *rank = getenv("OMPI_COMM_WORLD_RANK");
  int host = per_host != NULL && rank != NULL ? atoi(rank) / atoi(per_host) : 0;
  snprintf(name, size, "host%d", host);
  return 0;
}
