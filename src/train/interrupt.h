/* Being asked from outside: signals and the clock. A run that is asked to end finishes the iteration, writes a
 * checkpoint and ends.
 *
 *   SIGTERM, SIGINT, SIGHUP     a person wants the run to end, or is gone: exit code 0
 *   SIGUSR1, SIGXCPU,           the batch system will soon end it: exit code RUN_EXIT_REQUEUE, so that a job script
 *   run.time_limit              knows that there is more to do
 *   SIGUSR2                     a checkpoint after the iteration; the run goes on
 *
 * A second SIGTERM, SIGINT or SIGHUP, two seconds or more after the first, ends the process at once. The others never
 * do: batch systems send them beside these. A signal that was ignored when the process began stays so, as nohup and
 * shells want it. */
#ifndef TRAIN_INTERRUPT_H
#define TRAIN_INTERRUPT_H

#define RUN_EXIT_REQUEUE 75 /* EX_TEMPFAIL of sysexits.h */

/* Bits; the wishes of several ranks add up. INTERRUPT_TIME: run.time_limit is over. 4 and 8 are flags of actors. */
enum interrupt {
  INTERRUPT_NONE = 0,
  INTERRUPT_REQUEUE = 1,
  INTERRUPT_STOP = 2,
  INTERRUPT_SAVE = 16,
  INTERRUPT_TIME = 32,
  INTERRUPT_ENDS = INTERRUPT_REQUEUE | INTERRUPT_STOP | INTERRUPT_TIME /* those that want the end */
};

/* Starts to catch the signals; SIGPIPE is ignored. */
void interrupt_catch(void);

/* What this process has been asked so far: bits of enum interrupt. */
int interrupt_pending(void);

/* The checkpoint that was asked for is on its way: INTERRUPT_SAVE is heeded. */
void interrupt_saved(void);

/* The exit code of a run that ends for these wishes, and what they came by. Who wants the end wins. */
int interrupt_exit_code(int wishes);
const char *interrupt_describe(int wishes);

#endif
