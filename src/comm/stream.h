/* The exchange of asynchronous actors: one learner takes what actors deliver in the order in which it comes, and tells
 * them orders without waiting for any of them. It moves bytes and knows nothing of their meaning.
 *
 * Deliveries. Each actor has two places: it fills one while the learner may still hold the other, and waits only where
 * the learner holds both. So memory is bounded, and none is lost, doubled or overtaken by a later one of its actor.
 *
 * Orders. A newer order takes the place of one that an actor has not taken, so an actor may miss some, but gets the
 * newest in the end, never one older than the last and never a mixture of two.
 *
 * Ranks of the learner's node deliver into memory that they share with it, and sleep in the kernel while they wait
 * (comm/stream_memory.h). Others, called far here, send messages: their waits are MPI's, which yields. Messages move
 * only when both sides look after them, so a far actor does well to call stream_tend() between its steps, and a learner
 * between minibatches.
 *
 * One rank alone is actor and learner in one: deliveries go through the same calls; a call that would have to wait for
 * another rank is an error there. Its order is in one place, so nothing is copied, and stream_refresh() only says
 * whether another was told.
 *
 * Waiting counts as STAGE_WAIT. */
#ifndef COMM_STREAM_H
#define COMM_STREAM_H

#include "comm/comm.h"
#include "comm/topology.h"

#define STREAM_PLACES 2 /* of an actor: deliveries that it has made and the learner has not released */

struct stream;

/* Between topology->learner and all other ranks, or of one rank with itself. `delivery_bytes`: room of a delivery of
 * this rank, if it acts. `order` (borrowed): read by the learner in stream_tell(), written by an actor where it takes
 * one; `order_bytes`, as many on all ranks. Error USAGE where a message would be too large for MPI. Collective. */
MUSTER_CHECKED muster_status stream_create(struct comm *comm, const struct topology *topology, size_t delivery_bytes,
                                           void *order, size_t order_bytes, struct stream **out);
/* Collective, after stream_finish() with everything released. Accepts NULL inside. */
void stream_destroy(struct stream **stream);

/* --- an actor --- */

/* Where the next delivery is to be written, in *place (borrowed, until stream_deliver(); aligned to 64 bytes). Waits
 * until the learner has released the delivery that was there, the last but one. */
MUSTER_CHECKED muster_status stream_place(struct stream *stream, void **place);
/* Delivers the first `bytes` of that place, at most its room. Waits for nobody. */
MUSTER_CHECKED muster_status stream_deliver(struct stream *stream, size_t bytes);
/* Takes the newest order that has come, if that is newer than the last one taken. Waits for nobody. */
MUSTER_CHECKED muster_status stream_refresh(struct stream *stream, bool *is_new);
/* Waits for an order that is newer than the last one taken, and takes it. */
MUSTER_CHECKED muster_status stream_await(struct stream *stream);

/* --- the learner --- */

/* Tells all actors the order as it stands; it may be changed afterwards. Waits for nobody. */
MUSTER_CHECKED muster_status stream_tell(struct stream *stream);
/* Whether a delivery has come that was not taken yet. Waits for nobody. */
MUSTER_CHECKED muster_status stream_has_next(struct stream *stream, bool *has_next);
/* Takes the oldest delivery that was not taken yet: who made it, and what (borrowed, until it is released). Waits for
 * one. */
MUSTER_CHECKED muster_status stream_next(struct stream *stream, int *rank, const void **delivery, size_t *bytes);
/* Gives the place of a rank's oldest delivery that is taken but not released back to it. */
MUSTER_CHECKED muster_status stream_release(struct stream *stream, int rank);

/* --- both --- */

/* Keeps the messages of far ranks going. Waits for nobody. */
MUSTER_CHECKED muster_status stream_tend(struct stream *stream);
/* Comes to rest: when it returns all actors have taken the last order, all that was delivered is in the learner's hands
 * (stream_has_next() finds it without waiting), and no message is under way. Whatever state the ranks are in; they may
 * go on afterwards. Collective. */
MUSTER_CHECKED muster_status stream_finish(struct stream *stream);

#endif
