/* The tasks of Gymnasium's MuJoCo set, version 5. */
#ifndef TASKS_H
#define TASKS_H

#include "simulation.h"

extern const struct task task_ant, task_half_cheetah, task_hopper, task_humanoid, task_inverted_double_pendulum,
    task_inverted_pendulum, task_reacher, task_swimmer, task_walker2d;

#endif
