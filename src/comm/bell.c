#include "comm/bell.h"

#include "base/clock.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

/* processors pause for some 5 to 50 ns at each: a clock's reading costs little beside them */
#define LOOKS_BETWEEN_CLOCKS 50

uint32_t bell_number(const struct bell *bell) { return atomic_load_explicit(&bell->number, memory_order_acquire); }

static void wake(struct bell *bell) {
  if (atomic_load(&bell->sleepers) > 0) syscall(SYS_futex, &bell->number, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

void bell_set(struct bell *bell, uint32_t number) {
  atomic_store(&bell->number, number);
  wake(bell);
}

void bell_ring(struct bell *bell) {
  atomic_fetch_add(&bell->number, 1);
  wake(bell);
}

/* sleeps until the number is another */
static muster_status sleep_on(struct bell *bell, uint32_t seen) {
  long failed = 0;

  /* announce the sleep, then look once more: a change in between makes FUTEX_WAIT return at once */
  atomic_fetch_add(&bell->sleepers, 1);
  while (!failed && atomic_load(&bell->number) == seen)
    failed =
        syscall(SYS_futex, &bell->number, FUTEX_WAIT, seen, NULL, NULL, 0) != 0 && errno != EAGAIN && errno != EINTR;
  muster_status status =
      failed ? status_errno(MUSTER_ERROR_COMM, "cannot wait for another rank of this node") : MUSTER_OK;
  atomic_fetch_sub(&bell->sleepers, 1);
  return status;
}

/* looks at the number for a moment; returns whether it has changed */
static bool changes_soon(const struct bell *bell, uint32_t seen) {
  double end = clock_seconds() + BELL_MOMENT;
  do {
    for (int look = 0; look < LOOKS_BETWEEN_CLOCKS; look++) {
      if (bell_number(bell) != seen) return true;
#if defined(__x86_64__)
      __builtin_ia32_pause();
#endif
    }
  } while (clock_seconds() < end);
  return false;
}

muster_status bell_wait(struct bell *bell, uint32_t seen, bool look_first) {
  if (look_first && changes_soon(bell, seen)) return MUSTER_OK;
  return sleep_on(bell, seen);
}
