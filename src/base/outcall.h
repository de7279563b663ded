/* The call out of muster that this process is in: into the code of an environment, which may never come back.
 *
 * There is one state for the process. The thread that calls environments writes it; any thread may read it, above all
 * the one that notices that a call takes too long (comm/watchdog.h), and so may the handler of a signal that a call has
 * raised. A signal handler cannot be given an object, so this is one of the few mutable globals. A call costs five
 * stores into one cache line. */
#ifndef BASE_OUTCALL_H
#define BASE_OUTCALL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum outcall {
  OUTCALL_NONE,
  OUTCALL_OPEN, /* opening a plug-in: its constructors run */
  OUTCALL_CREATE,
  OUTCALL_DESCRIBE,
  OUTCALL_RESET,
  OUTCALL_STEP,
  OUTCALL_SAVE,
  OUTCALL_LOAD,
  OUTCALL_RENDER,
  OUTCALL_OPTION,
  OUTCALL_DESTROY,
  OUTCALLS
};

/* which call, and the global index of the environment; -1: several at once, or none */
struct outcall_place {
  int32_t call; /* enum outcall */
  int32_t environment;
};

struct outcall_state {
  _Alignas(64) _Atomic uint64_t serial; /* counts calls, and signs of progress within them */
  _Atomic uint64_t steps;               /* steps and resets that have come back */
  _Atomic int32_t call, environment;
  atomic_bool is_frozen;
};

extern struct outcall_state outcall_state;

/* Counts a sign of progress within a call, as when a child process has answered, so that the call does not look
 * stuck. */
static inline void outcall_go_on(void) {
  uint64_t serial = atomic_load_explicit(&outcall_state.serial, memory_order_relaxed);
  atomic_store_explicit(&outcall_state.serial, serial + 1, memory_order_relaxed);
}

static inline void outcall_set_(struct outcall_place place) {
  outcall_go_on();
  atomic_store_explicit(&outcall_state.environment, place.environment, memory_order_relaxed);
  atomic_store_explicit(&outcall_state.call, place.call, memory_order_release);
}

/* A call begins. Returns the call that was going on before, if this one is nested in it. */
static inline struct outcall_place outcall_begin(enum outcall call, int32_t environment) {
  const struct outcall_place before = {
      atomic_load_explicit(&outcall_state.call, memory_order_relaxed),
      atomic_load_explicit(&outcall_state.environment, memory_order_relaxed),
  };
  outcall_set_((struct outcall_place){(int32_t)call, environment});
  return before;
}

/* Within a call for several environments: goes on to the next of them. Must be cheap, since the step of a fast
 * environment takes no longer than this. */
static inline void outcall_next(int32_t environment) {
  outcall_go_on();
  atomic_store_explicit(&outcall_state.environment, environment, memory_order_relaxed);
}

/* Sleeps for ever. */
void outcall_sleep(void);

/* The call has returned. Where the process is being ended meanwhile (outcall_freeze()), this function never returns. */
static inline void outcall_end(struct outcall_place before) {
  outcall_set_(before);
  if (atomic_load_explicit(&outcall_state.is_frozen, memory_order_acquire)) outcall_sleep();
}

/* Counts `n` more steps or resets that have returned. */
static inline void outcall_count(int32_t n) {
  uint64_t steps = atomic_load_explicit(&outcall_state.steps, memory_order_relaxed);
  atomic_store_explicit(&outcall_state.steps, steps + (uint64_t)n, memory_order_relaxed);
}

/* What goes on now. */
struct outcall_place outcall_now(void);

/* From now on no call returns to its caller: another thread is ending the process and reads the caller's data. */
void outcall_freeze(void);

/* Writes what a place is, as "the reset of environment 4"; "" for none. `type`: the name of the environments. */
void outcall_describe(const struct outcall_place *place, const char *type, char *text, size_t size);

#endif
