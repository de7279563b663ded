/* Events: a number in shared memory; a rank waits for others to change it, without spinning for long. The rank reads it
 * again and again for a moment, then sleeps in the kernel (futex) until it changes. What a rank wrote before it changed
 * the number can be read by any rank that has seen the new number. A zeroed event has the number 0. */
#ifndef COMM_EVENT_H
#define COMM_EVENT_H

#include "base/status.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Seconds for which a rank keeps reading a number before it sleeps: about as long as it takes to fall asleep and to be
 * woken. Reading for longer gains nothing on an idle machine, and on a busy one takes the core from the very rank that
 * it waits for. */
#define EVENT_SPIN_SECONDS 50e-6

/* padded so that two events share neither a cache line nor a pair of lines that is fetched together */
struct event {
  _Atomic uint32_t number;
  _Atomic uint32_t sleepers; /* ranks that may be sleeping until it changes */
  char padding[120];
};

uint32_t event_number(const struct event *event);

/* The first sets the number, and must not be called by two ranks at once; the second adds one. Both wake the ranks that
 * sleep. */
void event_set(struct event *event, uint32_t number);
void event_signal(struct event *event);

/* Waits until the number is no longer `seen`. The caller must have read `seen` before it found that it has to wait, so
 * that no change in between is missed. look_first: whether to keep reading for a moment before sleeping, which helps
 * where the other ranks have cores of their own. */
MUSTER_CHECKED muster_status event_wait(struct event *event, uint32_t seen, bool look_first);

/* Whether a number that only grows has reached `wanted`; it may wrap round. */
static inline bool event_has_reached(uint32_t number, uint32_t wanted) { return (int32_t)(number - wanted) >= 0; }

#endif
