#include "train/learning_state.h"

#include "train/replay_list.h"
#include "train/stopping.h"

#include <string.h>

bool learning_state_has(const char *tensor) {
  static const char *const others[] = {
      "progress/metrics_rows",   "progress/wall_seconds",       "progress/solved_seconds",  "progress/best_return",
      "progress/best_steps",     "progress/best_is_evaluation", "progress/owes_evaluation", "progress/recorded_rows",
      "limiter/waits_for_steps", "limiter/waits_for_updates",   REPLAY_LIST_NUMBERS};
  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    if (strcmp(tensor, others[i]) == 0) return false;
  return !stopping_has(tensor);
}
