/* Channels between asynchronous actors and a learner: the learner takes the messages of actors in the order in which
 * they arrive, and sends them commands without waiting for any of them. A channel moves bytes and knows nothing of
 * their meaning.
 *
 * Messages. Each actor has two slots: it fills one while the learner may still hold the other, and waits only where the
 * learner holds both. So memory is bounded, and no message is lost, doubled or overtaken by a later one of the same
 * actor.
 *
 * Commands. A newer command replaces one that an actor has not taken yet. So an actor may miss some, but finally gets
 * the newest, never one older than the last it took and never a mixture of two.
 *
 * Ranks of the learner's node write into memory that they share with it, and sleep in the kernel while they wait
 * (comm/channel_memory.h). Others send messages (comm/channel_remote.h) and wait inside MPI, which yields the core.
 * Messages move only while both sides call MPI, so an actor of another node should call channel_progress() between its
 * steps, and a learner between minibatches.
 *
 * One rank alone is actor and learner in one: messages go through the same calls; a call that would have to wait for
 * another rank is an error there. Its command is never copied, and channel_refresh() only says whether there is a new
 * one.
 *
 * Waiting counts as STAGE_WAIT. */
#ifndef COMM_CHANNEL_H
#define COMM_CHANNEL_H

#include "comm/comm.h"
#include "comm/topology.h"

#define CHANNEL_SLOTS 2 /* for each actor: the most messages that the learner has not given back */

struct channel;

/* Creates a channel between topology->learner and all other ranks, or of one rank with itself. `message_bytes`: the
 * largest message of this rank, if it acts. `command` (borrowed): read by the learner in channel_send_command(),
 * written where an actor takes a command; `command_bytes` is the same on all ranks. Error USAGE where a message would
 * be too large for MPI. Collective. */
MUSTER_CHECKED muster_status channel_create(struct comm *comm, const struct topology *topology, size_t message_bytes,
                                            void *command, size_t command_bytes, struct channel **out);
/* Collective, after channel_drain() with every slot given back. Accepts NULL inside. */
void channel_destroy(struct channel **channel);

/* --- an actor --- */

/* Where the next message is to be written, in *slot (borrowed, until channel_send(); aligned to 64 bytes). Waits until
 * the learner has given back that slot, which held the message before the last. */
MUSTER_CHECKED muster_status channel_slot(struct channel *channel, void **slot);
/* Sends the first `bytes` of that slot. Waits for nobody. */
MUSTER_CHECKED muster_status channel_send(struct channel *channel, size_t bytes);
/* Takes the newest command that has arrived, if it is newer than the last one taken. Waits for nobody. */
MUSTER_CHECKED muster_status channel_refresh(struct channel *channel, bool *is_new);
/* Waits for a command that is newer than the last one taken, and takes it. */
MUSTER_CHECKED muster_status channel_await_command(struct channel *channel);

/* --- the learner --- */

/* Sends all actors the command as it is now; it may be changed afterwards. Waits for nobody. */
MUSTER_CHECKED muster_status channel_send_command(struct channel *channel);
/* Whether a message has arrived that was not taken yet. Waits for nobody. */
MUSTER_CHECKED muster_status channel_has_next(struct channel *channel, bool *has_next);
/* Takes the oldest message that was not taken yet: its rank and its bytes (borrowed until channel_credit()). Waits for
 * a message. */
MUSTER_CHECKED muster_status channel_next(struct channel *channel, int *rank, const void **message, size_t *bytes);
/* Gives back the slot of a rank's oldest message that was taken and not given back yet. */
MUSTER_CHECKED muster_status channel_credit(struct channel *channel, int rank);

/* --- both --- */

/* Lets messages from and to other nodes move. Waits for nobody. */
MUSTER_CHECKED muster_status channel_progress(struct channel *channel);
/* Brings the channel to rest: when it returns, all actors have taken the last command, all messages have reached the
 * learner (channel_has_next() finds them without waiting), and none is under way. May be called in any state; the
 * channel can be used further. Collective. */
MUSTER_CHECKED muster_status channel_drain(struct channel *channel);

#endif
