#include "base/memory.h"

#include <math.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>

double memory_total(void) {
  struct sysinfo machine;
  struct rlimit limit;
  double total = INFINITY;
  if (sysinfo(&machine) == 0) total = ((double)machine.totalram + (double)machine.totalswap) * (double)machine.mem_unit;
  if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) total = fmin(total, (double)limit.rlim_cur);
  return total;
}
