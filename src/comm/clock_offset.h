/* How the clocks of several hosts differ, measured as NTP does it: a message there and back, whose middle is taken for
 * the moment at which the other side read its clock. */
#ifndef COMM_CLOCK_OFFSET_H
#define COMM_CLOCK_OFFSET_H

#include "comm/comm.h"

struct clock_offset {
  double at;       /* clock_seconds() of this rank when it was measured */
  double seconds;  /* to be added to this rank's clock_seconds() for that of `root` */
  double accuracy; /* the error is at most this: half of the shortest way there and back; 0 on the host of `root` */
};

/* Measures it. The first rank of each other host asks `root` some times, and the quickest answer counts; ranks of one
 * host share its clock. Collective. */
MUSTER_CHECKED muster_status clock_offset_measure(struct comm *comm, int root, struct clock_offset *offset);

#endif
