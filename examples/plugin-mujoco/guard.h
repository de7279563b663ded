/* MuJoCo ends the process at an error and writes warnings into a file. Inside guard_run() an error becomes a text. */
#ifndef GUARD_H
#define GUARD_H

#include <muster/env.h>

/* Calls work(argument). Where MuJoCo reports an error in it, work() is left at once, and the result is 1 with MuJoCo's
 * text in `error`; otherwise 0. Warnings go nowhere: MuJoCo counts them in mjData. May be nested. */
int guard_run(void (*work)(void *argument), void *argument, muster_env_error *error);

#endif
