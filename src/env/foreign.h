/* Foreign code in muster's process: every call into an environment, and the loading of a plug-in, is enclosed by
 * foreign_enter() and foreign_leave(). They restore the state of the process after the call, and make sure that an
 * environment which ends the process does not do so silently. What is restored or told, and when:
 *
 *   after each call             rounding, traps and denormal numbers of this thread
 *   after some calls            this thread's locale; handlers of the signals by which a run is asked to end, and the
 *                               mask of signals; standard input, output and error; umask. This is done after the
 *                               first calls of reset and step and then about ten times a second, and after all others
 *   when the process ends       one line that names environment, episode, step and function, and an exit code other
 *                               than 0: for exit(), also where Fortran's `stop` calls it, for _exit() in the program
 *                               muster, and for signals that end a process
 *
 * Two things need not be restored: the text of numbers does not depend on the locale of the process
 * (base/plain_locale.h), and the files of a run do not depend on its working directory (base/path.h). Only one thread
 * of a process calls environments. */
#ifndef ENV_FOREIGN_H
#define ENV_FOREIGN_H

#include "base/float_environment.h"
#include "base/outcall.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* The environments whose functions are called. Everything is borrowed, and must stay valid while calls are made. */
struct foreign {
  const char *name; /* of the environment; while a plug-in is loaded its path, and `count` is 0 */
  uint64_t seed;
  int32_t first, count;                  /* global index of the first environment; how many there are */
  volatile int32_t row;                  /* the one that is at work; -1: not known */
  const int32_t *volatile index;         /* [count] the environments' global indices; NULL: from `first` on */
  const int32_t *volatile step;          /* [count] steps of the running episodes; NULL: not known */
  const uint32_t *volatile next_episode; /* [count] numbers of the episodes after the running ones */
  bool is_block;                         /* whether its block functions are called */
  struct outcall_place before;           /* what was going on before the call */
  struct float_environment floats;       /* as they were before the call */
};

static inline int32_t foreign_index(const struct foreign *foreign, int32_t row) {
  return foreign->index != NULL ? foreign->index[row] : foreign->first + row;
}

/* From the first call on, the process is watched. `speaker`, copied, begins the line that tells how the process ended,
 * such as "muster train: ". NULL: no such line, since another process tells how this one ended. */
void foreign_expect(const char *speaker);
/* Says that no more environments are called: if exit() is called after this, it is muster that calls it. */
void foreign_finish(void);

/* Begins a call, of which base/outcall.h can tell others. `row`: that of one environment; -1: all of them at once. */
void foreign_enter(struct foreign *foreign, enum outcall call, int32_t row);
/* Ends a call. `thorough`: restores everything of the list above, also where it would be done only now and then. */
void foreign_leave(struct foreign *foreign, bool thorough);

/* Restores everything, between calls: before muster goes on to something else. */
void foreign_look(void);

/* For several steps, row after row, between one foreign_enter() and foreign_leave(): after each row the processor's
 * rounding, traps and denormal numbers are restored, for muster and for the next row. */
static inline void foreign_enter_row(struct foreign *foreign, int32_t row) {
  foreign->row = row;
  outcall_next(foreign_index(foreign, row));
}

static inline void foreign_leave_row(const struct foreign *foreign) { float_environment_keep(&foreign->floats); }

/* Called first by the program's own _exit(). When an environment called that, writes the line about it and returns an
 * exit code other than 0; otherwise returns `exit_code`. */
int foreign_exit_code(int exit_code);

#endif
