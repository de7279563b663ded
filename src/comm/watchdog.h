/* The watchdog: notices that a rank or a host of the job is gone, that an environment hangs, or that the run was asked
 * to end and a rank cannot heed that, and ends the job with a message that says so, instead of waiting for ever.
 *
 * Every rank has a thread that sleeps, and a few times within `seconds` sends the learner a heartbeat by UDP: the phase
 * it is in (base/phases.h), the iteration, the call of an environment that it is in (base/outcall.h), what it was
 * asked. The learner answers each with a heartbeat of its own. So a rank that is stopped, or whose host or link is
 * gone, is silent; one that is at a long piece of work is not; and one that is in the same call of an environment for
 * `seconds` hangs in its simulator, wherever that call was made: in a rollout, an evaluation, the set-up, at a
 * checkpoint, at the end. A thread, and not the main one between two steps, since nothing else is heard of a learner in
 * a long update, of ranks in a call of MPI that will never return, and of one in a simulator. Sockets, and not MPI,
 * since then no thread but the main one calls MPI, since MPI reports nothing that a link has lost, and since what has
 * been sent to a lost host is lost without waiting for it. It costs a datagram each way per rank and eighth of
 * `seconds`, and nothing in between.
 *
 * Signals and time limits are the main thread's to heed, after an iteration. In the set-up nothing is learned yet, so
 * there the learner's thread ends the job when the main ones have not done so within half a second; afterwards a rank
 * that hangs ends it within `seconds`, with the exit code of what was asked.
 *
 * The main thread says what it does by phases_enter() and phases_wait(). While the learner's changes what an emergency
 * checkpoint would save it holds a lock, so that the thread that ends the job can first save the whole state
 * (watchdog_on_loss()). Where several ranks learn, a change of one waits for the others, and has no end once one of
 * them is lost: then there is no whole state to save.
 *
 * All functions do nothing where there is no watchdog. */
#ifndef COMM_WATCHDOG_H
#define COMM_WATCHDOG_H

#include "base/log.h"
#include "comm/comm.h"
#include "comm/ending.h"

#include <stdbool.h>
#include <stdint.h>

struct watchdog_options {
  double seconds;          /* of silence, or in one call of an environment, after which a rank is lost; > 0 */
  bool spares_steps;       /* steps and resets are not watched: somebody else does */
  const char *environment; /* what they are called; borrowed */
  struct ending_requests requests;
  int learner;      /* the rank that all others send heartbeats to, and that has something to save */
  const int *group; /* [learners] the ranks that learn together, it among them; NULL: it alone. Copied */
  int learners;
  struct logger logger; /* of this rank */
};

/* Gives this process a watchdog, which comm_destroy() ends, or watchdog_destroy(): where another rank turns out to be
 * the learner, all ranks do so and begin anew. */
MUSTER_CHECKED muster_status watchdog_create(struct comm *comm, const struct watchdog_options *options);
void watchdog_destroy(struct comm *comm);

/* Starts to watch, and tells which ranks cannot be watched, since no datagram passes. Collective. */
MUSTER_CHECKED muster_status watchdog_connect(struct comm *comm);

/* Goes over to PHASE_END, of which the others are told at once. */
void watchdog_end(struct comm *comm);

/* What to do when the job is ended, after the message and before the process ends. It is called by the watchdog's
 * thread. `is_whole`: the main thread is in no phase that changes what is learned, nor can it enter one; otherwise it
 * is in the midst of one that has no end. NULL: nothing. `context` is borrowed until the next call. */
void watchdog_on_loss(struct comm *comm, void (*emergency_checkpoint)(void *context, bool is_whole), void *context);

#endif
