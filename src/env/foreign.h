/* Foreign code in muster's process: every call into an environment, and the loading of a plug-in, stands between
 * foreign_enter() and foreign_leave(). They see to it that the process is afterwards what it was before, and that an
 * environment which ends the process does not do so silently.
 *
 *   after each call             rounding, traps and denormal numbers of this thread
 *   after some of them          this thread's locale; handlers of the signals by which a run is asked to end, and the
 *                               mask of signals; standard input, output and error; umask. That is after each call but
 *                               reset and step, and of those after the first ones and then about ten times a second
 *   when the process ends       one line that names environment, episode, step and function, and an exit code other
 *                               than 0: for exit(), also where Fortran's `stop` calls it, for _exit() in the program
 *                               muster, and for signals that end a process
 *
 * Numbers do not depend on the locale of the process (base/plain_locale.h), nor files of a run on its working directory
 * (base/path.h). One thread of a process calls environments. */
#ifndef ENV_FOREIGN_H
#define ENV_FOREIGN_H

#include "base/float_environment.h"
#include "base/outcall.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Whose functions are called. Everything is borrowed, and stays while calls are made. */
struct foreign {
  const char *name; /* of the environment, or the path of a plug-in that is loaded: then `count` is 0 */
  uint64_t seed;
  int32_t first, count;                  /* global index of the first environment; how many there are */
  volatile int32_t row;                  /* that is at work; -1: not known */
  const int32_t *volatile index;         /* [count] the environments' global indices; NULL: from `first` on */
  const int32_t *volatile step;          /* [count] of the running episodes; NULL: not known */
  const uint32_t *volatile next_episode; /* [count] numbers of the episodes after the running ones */
  bool is_block;                         /* its block functions are called */
  struct outcall_place before;           /* what was going on before the call */
  struct float_environment floats;       /* as they were before the call */
};

static inline int32_t foreign_index(const struct foreign *foreign, int32_t row) {
  return foreign->index != NULL ? foreign->index[row] : foreign->first + row;
}

/* Wants the process to be looked after from the first call on. `speaker` begins the line of a process that ends, such
 * as "muster train: "; copied. NULL: no such line, since another process tells how this one ended. */
void foreign_expect(const char *speaker);
/* No more environments are called: whoever calls exit() now is muster itself. */
void foreign_finish(void);

/* Begins a call, which base/outcall.h then tells. `row`: of one environment; -1: all of them at once. */
void foreign_enter(struct foreign *foreign, enum outcall call, int32_t row);
/* `thorough`: looks at everything, and not only now and then. */
void foreign_leave(struct foreign *foreign, bool thorough);

/* Looks at everything, between calls: before muster goes on to something else. */
void foreign_look(void);

/* Each of several steps between an enter and a leave, row after row: neither muster nor the next row computes as one of
 * them has left the processor. */
static inline void foreign_enter_row(struct foreign *foreign, int32_t row) {
  foreign->row = row;
  outcall_next(foreign_index(foreign, row));
}

static inline void foreign_leave_row(const struct foreign *foreign) { float_environment_keep(&foreign->floats); }

/* What an _exit() of the program does first: an exit code other than 0, after a line, when an environment calls it. */
int foreign_exit_code(int exit_code);

#endif
