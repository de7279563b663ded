/* How the clocks of several hosts differ, measured as NTP does it: a message there and back; the middle of that time is
 * taken as the moment at which the other side read its clock. */
#ifndef COMM_CLOCK_OFFSET_H
#define COMM_CLOCK_OFFSET_H

#include "comm/comm.h"

struct clock_offset {
  double at;       /* clock_seconds() of this rank when it was measured */
  double seconds;  /* to be added to this rank's clock_seconds() to get that of `root` */
  double accuracy; /* the error is at most this: half of the shortest round trip; 0 on the host of `root` */
};

/* Measures the offset. The first rank of each other host asks `root` several times, and the quickest answer counts;
 * ranks of one host share a clock. Collective. */
MUSTER_CHECKED muster_status clock_offset_measure(struct comm *comm, int root, struct clock_offset *offset);

/* Combines an early and a late measurement of a clock. Where their error bounds overlap, the clock is taken to run as
 * fast as the root's, and both become the same, more accurate measurement. Otherwise nothing changes. */
void clock_offset_reconcile(struct clock_offset *early, struct clock_offset *late);

/* The correction to add to this rank's aligned times so that no message arrives before it was sent: this rank's
 * messages need one between `least` and `most`, -INFINITY and INFINITY where it has none. It is the same for all ranks
 * of a host, and 0 on the host of `root`: the value nearest to 0 between the bounds, or their middle where clocks have
 * drifted so far that the bounds contradict each other. Collective. */
MUSTER_CHECKED muster_status clock_offset_shift(struct comm *comm, int root, double least, double most, double *shift);

#endif
