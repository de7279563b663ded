/* What a rank does now. One call tells both that need to know: the clock, which adds up where the rank's time goes
 * (base/stages.h), and the watchdog (comm/watchdog.h), a thread of the same process that tells the other ranks, and
 * saves what is learned when one of them is lost.
 *
 * Within a phase the clock alone goes over to another stage: while the rank waits for others (phases_wait()), and where
 * an algorithm begins with its minibatches. All functions are for the main thread but those at the end. */
#ifndef BASE_PHASES_H
#define BASE_PHASES_H

#include "base/stages.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum phase {
  PHASE_SETUP,
  PHASE_AGREEMENT,  /* all ranks hear whether a stage of the set-up failed on one of them */
  PHASE_LOOP,       /* from one phase to the next */
  PHASE_COMMAND,    /* the learner's command with the policy: made and sent, or awaited and read */
  PHASE_ROLLOUT,    /* acting: policy and environments */
  PHASE_HANDOVER,   /* what an actor computes from its rollout before it sends it */
  PHASE_GATHER,     /* rollouts on their way to the learner */
  PHASE_TAKE,       /* a rollout of one actor into what the next update learns from */
  PHASE_UPDATE,     /* advantages; then the algorithm sets the clock to its minibatches */
  PHASE_STATISTICS, /* the rest of an iteration: statistics of episodes, metrics, progress */
  PHASE_STATES,     /* the states of environments on their way to the learner */
  PHASE_CHECKPOINT, /* the file */
  PHASE_EVALUATION, /* an evaluation's episodes */
  PHASE_EPISODES,   /* the episodes of an evaluation on their way to the learner */
  PHASE_RELEASE,    /* of environments and memory: all results are written */
  PHASE_END,        /* MPI ends: the rank has nothing left to do */
  PHASES
};

/* A row for each phase. */
struct phase_row {
  enum stage stage;        /* what its time counts as */
  const char *description; /* what the rank does, for a message: "in its rollout" */
  const char *in_a_call;   /* the same while it is in a call of an environment; NULL: `description` */
  bool counts_steps;       /* whether messages tell how many steps environments have made */
  bool changes;            /* whether it changes what an emergency checkpoint saves, or lies within an iteration */
};

extern const struct phase_row phase_table[PHASES];

/* The phases of one rank. Never copied, since two threads have its address. */
struct phases {
  struct stages clock;

  /* what another thread reads */
  _Atomic int32_t phase;
  _Atomic int64_t iteration;
  _Atomic uint64_t first_step; /* steps of environments before phases_enter() */
  _Atomic uint32_t waits;      /* counts begins and ends: odd within a wait */

  /* between what changes and what saves it */
  bool is_guarded, is_fenced; /* for the main thread only: whether it has to take the fence, and whether it holds it */
  pthread_mutex_t fence;
  atomic_bool is_stopped;
};

/* Begins in PHASE_SETUP, with the clock started; nothing is guarded. */
void phases_init(struct phases *phases);

/* Goes over to a phase of an iteration. After phases_stop() neither this nor phases_go_on() returns, unless the phase
 * goes on with a change that had begun. */
void phases_enter(struct phases *phases, enum phase phase, int64_t iteration);

/* Goes over to another phase of the same iteration; the count of environment steps continues. */
void phases_go_on(struct phases *phases, enum phase phase);

/* Sets whether changes are guarded from here on; needed on the rank that has something to save. Only to be called in a
 * phase that changes nothing. */
void phases_guard(struct phases *phases, bool is_guarded);

/* Within a phase: the rank waits for others, until phases_resume() is called with what this returns. A wait within a
 * wait counts as part of the outer one. */
enum stage phases_wait(struct phases *phases);
void phases_resume(struct phases *phases, enum stage before);

/* --- for another thread --- */

struct phases_seen {
  int32_t phase;
  int64_t iteration;
  uint64_t steps; /* steps and resets of environments that have returned since phases_enter() */
};

/* What the rank does now. */
struct phases_seen phases_see(struct phases *phases);

/* How many waits of the rank have begun and ended, counted together: odd within a wait. */
uint32_t phases_waits(struct phases *phases);

/* The process is being ended: from now on the main thread stops when it goes over to another phase. */
void phases_stop(struct phases *phases);

/* Waits for at most that long (0: not at all) until nothing is changing; from then on nothing begins to change. Returns
 * whether this state was reached; once it was, do not call this again. Only after phases_stop(). */
bool phases_hold(struct phases *phases, double seconds);

#endif
