#include "train/run_options.h"

muster_status run_set_options(struct run *run, int64_t steps) {
  if (run->curriculum.count == 0) return MUSTER_OK;
  return curriculum_apply(&run->curriculum, curriculum_progress_remaining(steps, run->config.general.total_steps),
                          run->pool);
}
