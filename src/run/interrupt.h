/* Being asked to stop: signals and the clock. A run that is asked finishes the iteration, writes a checkpoint and ends.
 *
 *   SIGTERM, SIGINT             a person wants the run to end: exit code 0
 *   SIGUSR1, run.time_limit     the batch system will soon end it: exit code RUN_EXIT_REQUEUE, so that a job script
 *                               knows that there is more to do
 *
 * A second SIGTERM or SIGINT, two seconds or more after the first, ends the process at once. SIGUSR1 never does: batch
 * systems send it beside the others. */
#ifndef RUN_INTERRUPT_H
#define RUN_INTERRUPT_H

#define RUN_EXIT_REQUEUE 75 /* EX_TEMPFAIL of sysexits.h */

/* Bits; the wishes of several ranks add up. */
enum interrupt { INTERRUPT_NONE = 0, INTERRUPT_REQUEUE = 1, INTERRUPT_STOP = 2 };

/* Starts to catch the signals; SIGPIPE is ignored. */
void interrupt_catch(void);

/* What this process has been asked so far: bits of enum interrupt. */
int interrupt_pending(void);

#endif
