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

/* Two measurements of a clock, early and late: where both may be right of a clock that runs as the root's does, it is
 * taken for one, and they become the same, more accurate one. Otherwise nothing changes. */
void clock_offset_reconcile(struct clock_offset *early, struct clock_offset *late);

/* What is to be added to the times of this rank, as they were aligned, so that no message comes before it was sent:
 * `least` and `most` say what that must be of this rank's messages, -INFINITY and INFINITY where it has none. It is the
 * same for all ranks of a host, 0 on that of `root`; the nearest to 0, or the middle where clocks have drifted by more
 * than fits between. Collective. */
MUSTER_CHECKED muster_status clock_offset_shift(struct comm *comm, int root, double least, double most, double *shift);

#endif
