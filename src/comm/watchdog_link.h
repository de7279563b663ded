/* Inside comm/: the datagrams of the watchdog. The learner has one socket; its addresses, of all networks that it is
 * in, go to the other ranks by MPI. A rank sends to all of them until an answer shows which one it can reach. */
#ifndef COMM_WATCHDOG_LINK_H
#define COMM_WATCHDOG_LINK_H

#include "base/outcall.h"
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

#define LINK_MAX_ADDRESSES 16

/* One datagram, in the byte order of the job. */
struct heartbeat {
  uint64_t token; /* identifies the job: datagrams of other jobs are ignored */
  int32_t rank;
  int32_t address; /* index of the learner's address that it was sent to; an answer repeats it */
  int32_t phase;   /* enum phase */
  int32_t asked;   /* requests from outside so far: bits of struct ending_requests */
  int64_t iteration;
  uint64_t steps;             /* of its environments, since the phase began */
  uint64_t serial;            /* counts its calls of environments (base/outcall.h) */
  struct outcall_place place; /* the call that it is in */
};

/* How the learner can be reached. */
struct invitation {
  uint64_t token;
  int32_t n;                            /* number of addresses; 0: it cannot be reached */
  uint16_t port;                        /* in network order, like the addresses */
  uint32_t address[LINK_MAX_ADDRESSES]; /* IPv4 */
};

struct watchdog_link;

/* Opens the learner's end and fills in how to reach it. Error IO where there is no network at all. */
MUSTER_CHECKED muster_status link_invite(struct invitation *invitation, struct watchdog_link **out);
/* Opens another rank's end. */
MUSTER_CHECKED muster_status link_accept(const struct invitation *invitation, struct watchdog_link **out);
void link_destroy(struct watchdog_link **link); /* accepts NULL inside */

int link_descriptor(const struct watchdog_link *link);

/* Sends a heartbeat to the learner; the link fills in token and address. `is_answered`: whether answers have come
 * lately. A heartbeat that cannot be sent is lost. */
void link_heartbeat(struct watchdog_link *link, struct heartbeat *heartbeat, bool is_answered);
/* Reads the next heartbeat that has arrived, without waiting for one. */
bool link_receive(struct watchdog_link *link, struct heartbeat *heartbeat);
/* Sends a heartbeat to the sender of the last one received. */
void link_answer(struct watchdog_link *link, struct heartbeat *heartbeat);

#endif
