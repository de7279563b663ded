/* Channels between asynchronous actors and a learner: it takes the messages of actors in the order in which they come,
 * and tells them commands without waiting for any of them. It moves bytes and knows nothing of their meaning.
 *
 * Messages. Each actor has two slots: it fills one while the learner may still hold the other, and waits only where
 * the learner holds both. So memory is bounded, and none is lost, doubled or overtaken by a later one of its actor.
 *
 * Commands. A newer command takes the slot of one that an actor has not taken, so an actor may miss some, but gets the
 * newest in the end, never one older than the last and never a mixture of two.
 *
 * Ranks of the learner's node write into memory that they share with it, and sleep in the kernel while they wait
 * (comm/channel_memory.h). Others send messages (comm/channel_remote.h): their waits are MPI's, which yields. Messages
 * move only when both sides look after them, so an actor of another node does well to call channel_progress() between
 * its steps, and a learner between minibatches.
 *
 * One rank alone is actor and learner in one: messages go through the same calls; a call that would have to wait for
 * another rank is an error there. Its command is in one slot, so nothing is copied, and channel_refresh() only says
 * whether another was told.
 *
 * Waiting counts as STAGE_WAIT. */
#ifndef COMM_CHANNEL_H
#define COMM_CHANNEL_H

#include "comm/comm.h"
#include "comm/topology.h"

#define CHANNEL_SLOTS 2 /* of an actor: messages that it has made and the learner has not given back */

struct channel;

/* Between topology->learner and all other ranks, or of one rank with itself. `message_bytes`: room of a message of
 * this rank, if it acts. `command` (borrowed): read by the learner in channel_send_command(), written by an actor where
 * it takes one; `command_bytes`, as many on all ranks. Error USAGE where a message would be too large for MPI.
 * Collective. */
MUSTER_CHECKED muster_status channel_create(struct comm *comm, const struct topology *topology, size_t message_bytes,
                                            void *command, size_t command_bytes, struct channel **out);
/* Collective, after channel_drain() with every slot given back. Accepts NULL inside. */
void channel_destroy(struct channel **channel);

/* --- an actor --- */

/* Where the next message is to be written, in *slot (borrowed, until channel_send(); aligned to 64 bytes). Waits
 * until the learner has given back the slot of the message that was there, the last but one. */
MUSTER_CHECKED muster_status channel_slot(struct channel *channel, void **slot);
/* Sends the first `bytes` of that slot, at most its room. Waits for nobody. */
MUSTER_CHECKED muster_status channel_send(struct channel *channel, size_t bytes);
/* Takes the newest command that has come, if that is newer than the last one taken. Waits for nobody. */
MUSTER_CHECKED muster_status channel_refresh(struct channel *channel, bool *is_new);
/* Waits for a command that is newer than the last one taken, and takes it. */
MUSTER_CHECKED muster_status channel_await_command(struct channel *channel);

/* --- the learner --- */

/* Tells all actors the command as it stands; it may be changed afterwards. Waits for nobody. */
MUSTER_CHECKED muster_status channel_send_command(struct channel *channel);
/* Whether a message has come that was not taken yet. Waits for nobody. */
MUSTER_CHECKED muster_status channel_has_next(struct channel *channel, bool *has_next);
/* Takes the oldest message that was not taken yet: who made it, and what (borrowed, until channel_credit()). Waits for
 * one. */
MUSTER_CHECKED muster_status channel_next(struct channel *channel, int *rank, const void **message, size_t *bytes);
/* Gives the slot of a rank's oldest message that is taken but not given back. */
MUSTER_CHECKED muster_status channel_credit(struct channel *channel, int rank);

/* --- both --- */

/* Keeps the messages of other nodes going. Waits for nobody. */
MUSTER_CHECKED muster_status channel_progress(struct channel *channel);
/* Comes to rest: when it returns all actors have taken the last command, all that was sent is in the learner's hands
 * (channel_has_next() finds it without waiting), and no message is under way. Whatever state the ranks are in; they may
 * go on afterwards. Collective. */
MUSTER_CHECKED muster_status channel_drain(struct channel *channel);

#endif
