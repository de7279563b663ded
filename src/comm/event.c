#include "comm/event.h"

#include "base/clock.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

/* each pause takes a processor some 5 to 50 ns; compared with these, reading the clock costs little */
#define LOOKS_BETWEEN_CLOCKS 50

uint32_t event_number(const struct event *event) { return atomic_load_explicit(&event->number, memory_order_acquire); }

static void wake(struct event *event) {
  if (atomic_load(&event->sleepers) > 0) syscall(SYS_futex, &event->number, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

void event_set(struct event *event, uint32_t number) {
  atomic_store(&event->number, number);
  wake(event);
}

void event_signal(struct event *event) {
  atomic_fetch_add(&event->number, 1);
  wake(event);
}

/* sleeps until the number changes */
static muster_status sleep_on(struct event *event, uint32_t seen) {
  long failed = 0;

  /* announces the sleep first: if the number has changed since it was read, FUTEX_WAIT returns at once */
  atomic_fetch_add(&event->sleepers, 1);
  while (!failed && atomic_load(&event->number) == seen)
    failed =
        syscall(SYS_futex, &event->number, FUTEX_WAIT, seen, NULL, NULL, 0) != 0 && errno != EAGAIN && errno != EINTR;
  muster_status status =
      failed ? status_errno(MUSTER_ERROR_COMM, "cannot wait for another rank of this node") : MUSTER_OK;
  atomic_fetch_sub(&event->sleepers, 1);
  return status;
}

/* keeps reading the number for a moment; returns whether it has changed */
static bool changes_soon(const struct event *event, uint32_t seen) {
  double end = clock_seconds() + EVENT_SPIN_SECONDS;
  do {
    for (int look = 0; look < LOOKS_BETWEEN_CLOCKS; look++) {
      if (event_number(event) != seen) return true;
#if defined(__x86_64__)
      __builtin_ia32_pause();
#endif
    }
  } while (clock_seconds() < end);
  return false;
}

muster_status event_wait(struct event *event, uint32_t seen, bool look_first) {
  if (look_first && changes_soon(event, seen)) return MUSTER_OK;
  return sleep_on(event, seen);
}
