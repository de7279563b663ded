/* The watchdog: notices that a rank or a host of the job is gone, that an environment hangs, or that a rank cannot
 * follow a request to end the run. It then ends the job with a message that says so, instead of waiting for ever.
 *
 * Every rank has a thread that sleeps, and a few times within `seconds` sends the learner a heartbeat by UDP: the phase
 * it is in (base/phases.h), the iteration, the call of an environment that it is in (base/outcall.h), and which
 * requests it has received. The learner answers each with a heartbeat of its own. So a rank that is stopped, or whose
 * host or link is gone, is silent; one that is busy with long work is not; and one that is in the same call of an
 * environment for `seconds` hangs in its simulator, wherever that call was made: in a rollout, an evaluation, the
 * set-up, at a checkpoint, at the end. A separate thread does this because the main thread is silent in a long update,
 * in a call of MPI that will never return, and in a simulator. It uses sockets instead of MPI so that only the main
 * thread calls MPI, because MPI does not report what a link has lost, and because sending to a lost host by UDP does
 * not block. The cost is one datagram each way for each rank and each eighth of `seconds`.
 *
 * The main thread reacts to signals and time limits after an iteration. In the set-up nothing is learned yet, so there
 * the learner's watchdog thread ends the job when the main threads have not done so within half a second. After the
 * set-up, where a rank hangs, the job ends within `seconds`, with the exit code that belongs to the request.
 *
 * The main thread says what it does by phases_enter() and phases_wait(). While the learner's main thread changes what
 * an emergency checkpoint would save, it holds a lock, so that the thread that ends the job can first save the whole
 * state (watchdog_on_loss()). Where several ranks learn, a change of one waits for the others, and has no end once one
 * of them is lost: then there is no whole state to save.
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
  bool spares_steps;       /* steps and resets are not watched here, but elsewhere */
  const char *environment; /* the name of the environments; borrowed */
  struct ending_requests requests;
  int learner;      /* the rank that all others send heartbeats to, and that has something to save */
  const int *group; /* [learners] the ranks that learn together, including `learner`; NULL: only that one. Copied */
  int learners;
  struct logger logger; /* of this rank */
};

/* Gives this process a watchdog, which comm_destroy() or watchdog_destroy() ends. Where another rank turns out to be
 * the learner, all ranks destroy theirs and create new ones. */
MUSTER_CHECKED muster_status watchdog_create(struct comm *comm, const struct watchdog_options *options);
void watchdog_destroy(struct comm *comm);

/* Starts to watch, and reports ranks that cannot be watched because no datagram gets through. Collective. */
MUSTER_CHECKED muster_status watchdog_connect(struct comm *comm);

/* Goes over to PHASE_END and tells the other ranks so at once. */
void watchdog_end(struct comm *comm);

/* What to do when the job is ended, after the message and before the process ends. It is called by the watchdog's
 * thread. `is_whole`: the main thread is in no phase that changes what is learned, nor can it enter one; otherwise it
 * is in such a phase and cannot finish it. NULL: nothing. `context` is borrowed until the next call. */
void watchdog_on_loss(struct comm *comm, void (*emergency_checkpoint)(void *context, bool is_whole), void *context);

#endif
