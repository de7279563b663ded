/* What is asked of a run from outside, by signals and the clock. A run that is asked to end finishes the iteration,
 * writes a checkpoint and ends.
 *
 *   SIGTERM, SIGINT, SIGHUP     a person wants the run to end, or is gone: exit code 0
 *   SIGUSR1, SIGXCPU,           the job scheduler will end it soon: exit code RUN_EXIT_REQUEUE tells a job script that
 *   run.time_limit              there is more to do
 *   SIGUSR2                     a checkpoint after the iteration; the run goes on
 *
 * A second SIGTERM, SIGINT or SIGHUP, two seconds or more after the first, ends the process at once. The others never
 * do: job schedulers send them besides these. A signal that was ignored when the process began stays ignored, as nohup
 * and shells expect. */
#ifndef TRAIN_INTERRUPT_H
#define TRAIN_INTERRUPT_H

#define RUN_EXIT_REQUEUE 75 /* EX_TEMPFAIL of sysexits.h */

/* Bits, since several ranks may be asked different things. INTERRUPT_TIME: run.time_limit is over. 4 and 8 are
 * FLAG_FAULT and FLAG_DEAD (train/command.h). */
enum interrupt {
  INTERRUPT_NONE = 0,
  INTERRUPT_REQUEUE = 1,
  INTERRUPT_STOP = 2,
  INTERRUPT_SAVE = 16,
  INTERRUPT_TIME = 32,
  INTERRUPT_ENDS = INTERRUPT_REQUEUE | INTERRUPT_STOP | INTERRUPT_TIME /* those that ask for the end */
};

/* Starts to catch the signals; SIGPIPE is ignored. */
void interrupt_catch(void);

/* What this process has been asked so far: bits of enum interrupt. */
int interrupt_pending(void);

/* Clears INTERRUPT_SAVE: the checkpoint that was asked for is being written. */
void interrupt_saved(void);

/* The exit code of a run that ends for these bits, and what set them. A person who wants the end counts most. */
int interrupt_exit_code(int wishes);
const char *interrupt_describe(int wishes);

#endif
