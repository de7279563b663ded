/* Inside comm/: the datagrams of the watchdog. The learner has one socket; its addresses, of all networks that it is
 * in, go to the other ranks by MPI. A rank sends to all of them until an answer shows which one works from where it is.
 */
#ifndef COMM_WATCHDOG_LINK_H
#define COMM_WATCHDOG_LINK_H

#include "base/outcall.h"
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

#define LINK_MAX_ADDRESSES 16

/* One datagram, in the byte order of the job. */
struct heartbeat {
  uint64_t token; /* of the job: others are not listened to */
  int32_t rank;
  int32_t address; /* which of the learner's it was sent to; an answer repeats it */
  int32_t phase;   /* enum phase */
  int32_t asked;   /* what it has been asked from outside: bits of struct ending_requests */
  int64_t iteration;
  uint64_t steps;             /* of its environments, since it began with them */
  uint64_t serial;            /* of its calls of environments */
  struct outcall_place place; /* the one that it is in */
};

/* How the learner can be reached. */
struct invitation {
  uint64_t token;
  int32_t n;                            /* addresses; 0: it cannot be */
  uint16_t port;                        /* in network order, as the addresses */
  uint32_t address[LINK_MAX_ADDRESSES]; /* IPv4 */
};

struct watchdog_link;

/* The learner's end, and how to reach it. Error IO where there is no network at all. */
MUSTER_CHECKED muster_status link_invite(struct invitation *invitation, struct watchdog_link **out);
/* Another rank's end. */
MUSTER_CHECKED muster_status link_accept(const struct invitation *invitation, struct watchdog_link **out);
void link_destroy(struct watchdog_link **link); /* accepts NULL inside */

int link_descriptor(const struct watchdog_link *link);

/* Sends a heartbeat to the learner, whose answers come (`is_answered`) or do not; the link fills in token and address.
 * What cannot be sent is lost. */
void link_heartbeat(struct watchdog_link *link, struct heartbeat *heartbeat, bool is_answered);
/* The next heartbeat that has come, without waiting for one. */
bool link_receive(struct watchdog_link *link, struct heartbeat *heartbeat);
/* Sends a heartbeat to where the last one came from. */
void link_answer(struct watchdog_link *link, struct heartbeat *heartbeat);

#endif
