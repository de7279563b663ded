/* How many seconds the actors worked on the rollout of a gather. */
#ifndef COMM_GATHER_WORK_H
#define COMM_GATHER_WORK_H

struct gather_work {
  double shortest, longest, sum;
};
/* Adds the work of other actors. */
void gather_work_join(struct gather_work *work, const struct gather_work *others);

#endif
