/* Seconds that actors worked for a gather. */
#ifndef COMM_GATHER_WORK_H
#define COMM_GATHER_WORK_H

struct gather_work {
  double shortest, longest, sum;
};
/* Adds what others worked. */
void gather_work_join(struct gather_work *work, const struct gather_work *others);

#endif
