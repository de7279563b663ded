#include "comm/gather_work.h"

void gather_work_join(struct gather_work *work, const struct gather_work *others) {
  if (others->shortest < work->shortest) work->shortest = others->shortest;
  if (others->longest > work->longest) work->longest = others->longest;
  work->sum += others->sum;
}
