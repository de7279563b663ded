/* Events: a number in shared memory that one rank waits for and others change, without spinning. Whoever waits looks at
 * it for a moment, then sleeps in the kernel (futex) until it is another. What was written before an event was rung can
 * be read by whoever has seen its new number. A zeroed event stands at 0. */
#ifndef COMM_EVENT_H
#define COMM_EVENT_H

#include "base/status.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Seconds for which a rank looks at a number before it sleeps: about as long as it takes to sleep and to be woken. To
 * look for longer gains nothing on an idle machine, and on a busy one takes the core of the very rank that
 * is waited for. */
#define EVENT_SPIN_SECONDS 50e-6

/* padded so that two events share no cache line, nor a pair that is fetched together */
struct event {
  _Atomic uint32_t number;
  _Atomic uint32_t sleepers; /* ranks that may be sleeping until it changes */
  char padding[120];
};

uint32_t event_number(const struct event *event);

/* Sets the number; only where no two ranks do so at once. Adds one to it. Both wake those who sleep. */
void event_set(struct event *event, uint32_t number);
void event_signal(struct event *event);

/* Waits until the number is not `seen`, which the caller has read before it found that it has to wait. So nothing that
 * comes in between is missed. look_first: whether to look for a moment before it sleeps, which is of use where the
 * others have cores of their own. */
MUSTER_CHECKED muster_status event_wait(struct event *event, uint32_t seen, bool look_first);

/* Whether a number that only grows has come to `wanted`; it may wrap round. */
static inline bool event_has_reached(uint32_t number, uint32_t wanted) { return (int32_t)(number - wanted) >= 0; }

#endif
