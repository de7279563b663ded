#include "train/schedule.h"

int schedule_no_state(struct learner *learner, struct tensor list[SCHEDULE_MAX_STATE]) {
  (void)learner, (void)list;
  return 0;
}

muster_status schedule_no_counts(struct learner *learner, struct checkpoint_reader *reader) {
  (void)learner, (void)reader;
  return MUSTER_OK;
}

muster_status schedule_no_learner(struct learner *learner) {
  (void)learner;
  return MUSTER_OK;
}

muster_status schedule_no_actor(struct actor *actor) {
  (void)actor;
  return MUSTER_OK;
}
