#include "base/outcall.h"

#include <stdio.h>
#include <unistd.h>

struct outcall_state outcall_state;

void outcall_sleep(void) {
  for (;;) pause();
}

void outcall_freeze(void) { atomic_store_explicit(&outcall_state.is_frozen, true, memory_order_release); }

struct outcall_place outcall_now(void) {
  return (struct outcall_place){atomic_load_explicit(&outcall_state.call, memory_order_acquire),
                                atomic_load_explicit(&outcall_state.environment, memory_order_relaxed)};
}

void outcall_describe(const struct outcall_place *place, const char *type, char *text, size_t size) {
  static const char *const names[OUTCALLS] = {
      [OUTCALL_CREATE] = "create", [OUTCALL_DESCRIBE] = "describe", [OUTCALL_RESET] = "reset",
      [OUTCALL_STEP] = "step",     [OUTCALL_SAVE] = "save_state",   [OUTCALL_LOAD] = "load_state",
      [OUTCALL_RENDER] = "render", [OUTCALL_OPTION] = "set_option", [OUTCALL_DESTROY] = "destroy",
  };
  if (size > 0) text[0] = '\0';
  if (place->call <= OUTCALL_NONE || place->call >= OUTCALLS) return;
  if (place->call == OUTCALL_OPEN)
    snprintf(text, size, "the loading of its plug-in (%s)", type);
  else if (place->environment >= 0)
    snprintf(text, size, "%s of environment %d (%s)", names[place->call], (int)place->environment, type);
  else
    snprintf(text, size, "%s of its environments (%s)", names[place->call], type);
}
