/* The call out of muster that this process is in: into the code of an environment, which may never come back.
 *
 * There is one state for the process. The thread that calls environments writes it; read it may any thread, above all
 * the one that notices that a call takes too long (comm/watchdog.h), and a handler of a signal that a call has raised.
 * Neither can be handed an object, so this is one of the few mutable globals. A call costs five stores into one line of
 * the cache. */
#ifndef BASE_OUTCALL_H
#define BASE_OUTCALL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum outcall {
  OUTCALL_NONE,
  OUTCALL_OPEN, /* of a plug-in: its constructors run */
  OUTCALL_CREATE,
  OUTCALL_DESCRIBE,
  OUTCALL_RESET,
  OUTCALL_STEP,
  OUTCALL_SAVE,
  OUTCALL_LOAD,
  OUTCALL_RENDER,
  OUTCALL_DESTROY,
  OUTCALLS
};

/* which call, and of which environment: its global index; -1: of several at once, or of none */
struct outcall_place {
  int32_t call; /* enum outcall */
  int32_t environment;
};

struct outcall_state {
  _Alignas(64) _Atomic uint64_t serial; /* counts calls, and what goes on within them */
  _Atomic uint64_t steps;               /* steps and resets that have come back */
  _Atomic int32_t call, environment;
  atomic_bool is_frozen;
};

extern struct outcall_state outcall_state;

/* What goes on within a call, so that it is seen to go on: a child process has answered. */
static inline void outcall_go_on(void) {
  uint64_t serial = atomic_load_explicit(&outcall_state.serial, memory_order_relaxed);
  atomic_store_explicit(&outcall_state.serial, serial + 1, memory_order_relaxed);
}

static inline void outcall_set_(struct outcall_place place) {
  outcall_go_on();
  atomic_store_explicit(&outcall_state.environment, place.environment, memory_order_relaxed);
  atomic_store_explicit(&outcall_state.call, place.call, memory_order_release);
}

/* A call begins. Returns what was going on before, within which it lies. */
static inline struct outcall_place outcall_begin(enum outcall call, int32_t environment) {
  const struct outcall_place before = {
      atomic_load_explicit(&outcall_state.call, memory_order_relaxed),
      atomic_load_explicit(&outcall_state.environment, memory_order_relaxed),
  };
  outcall_set_((struct outcall_place){(int32_t)call, environment});
  return before;
}

/* Within a call for several environments: the next of them. A step of a fast one costs no more than this takes. */
static inline void outcall_next(int32_t environment) {
  outcall_go_on();
  atomic_store_explicit(&outcall_state.environment, environment, memory_order_relaxed);
}

/* Sleeps for ever. */
void outcall_sleep(void);

/* The call has come back. Where the process is being ended meanwhile (outcall_freeze()) this function does not. */
static inline void outcall_end(struct outcall_place before) {
  outcall_set_(before);
  if (atomic_load_explicit(&outcall_state.is_frozen, memory_order_acquire)) outcall_sleep();
}

/* So many steps or resets have come back. */
static inline void outcall_count(int32_t n) {
  uint64_t steps = atomic_load_explicit(&outcall_state.steps, memory_order_relaxed);
  atomic_store_explicit(&outcall_state.steps, steps + (uint64_t)n, memory_order_relaxed);
}

/* What goes on now. */
struct outcall_place outcall_now(void);

/* From now on no call comes back to who made it: another thread ends the process, and looks at what belongs to it. */
void outcall_freeze(void);

/* Writes what a place is, as "the reset of environment 4"; "" for none. `type`: the name of the environments. */
void outcall_describe(const struct outcall_place *place, const char *type, char *text, size_t size);

#endif
