/* Moves rows of environments between the actors, each of which holds a range, and the learner, which holds all.
 *
 * The gather moves byte blocks and knows nothing of what they mean. A field is an array with a fixed number of bytes
 * for each environment; a list holds any number of items up to a capacity; the learner appends the lists of all actors.
 *
 * An actor of the learner's node sends one message for all its fields, straight from and into the arrays (MPI
 * datatypes, persistent requests), and another only when its list is not empty: both pass through memory. All actors of
 * another node together send one message, and nothing else crosses the network (comm/node_buffer.h). The rows of a
 * learner that acts as well do not move.
 *
 * Calls are collective over the ranks of the topology, in the same order everywhere. */
#ifndef COMM_GATHER_H
#define COMM_GATHER_H

#include "comm/comm.h"
#include "comm/gather_work.h"
#include "comm/topology.h"

#include <stdint.h>

/* Row 0 belongs to the rank's first environment; on the learner that is environment 0. Borrowed for the gather's
 * life. */
struct gather_field {
  void *base;
  size_t env_bytes;
};

/* Items that each consist of one element of several parallel arrays. The arrays are borrowed. */
struct gather_list {
  int32_t *count; /* items in use: on an actor its own, on the learner all that were gathered so far */
  int32_t capacity;
  int n_fields;
  const struct gather_field *field; /* [n_fields] base of the array and bytes of one item */
};

struct gather;

/* Which rows a gather moves: those of all actors; or all but those of actors on the learner's node that also learn,
 * since they write to the learner's arrays in shared memory. */
enum gather_rows { GATHER_ALL, GATHER_IN_PLACE };

/* Creates the gather of these fields, and of a list (may be NULL). Copies both, but borrows the arrays. */
MUSTER_CHECKED muster_status gather_create(struct comm *comm, const struct topology *topology, enum gather_rows which,
                                           const struct gather_field *fields, int n_fields,
                                           const struct gather_list *list, struct gather **out);
void gather_destroy(struct gather **gather); /* accepts NULL inside */

/* Starts to gather all rows on the learner; the buffers belong to the gather until gather_end(). */
MUSTER_CHECKED muster_status gather_begin(struct gather *gather);
/* Waits until the learner has all rows; on an actor, until its buffers may be written again. */
MUSTER_CHECKED muster_status gather_end(struct gather *gather);

/* What an actor sends along with its next gather: bits, and the seconds that it worked; any rank may add further bits.
 * After a gather the learner has the bits that any actor set, and how long all of them worked; zeros in a job of one
 * rank. A rank that only learns does not count as having worked. */
void gather_set_flags(struct gather *gather, int32_t bits, double seconds);
void gather_add_flag(struct gather *gather, int32_t bits);
int32_t gather_flags(const struct gather *gather);
struct gather_work gather_work(const struct gather *gather);

/* Sends all rows from the learner to the actors that hold them; lists do not move. */
MUSTER_CHECKED muster_status gather_scatter_back(struct gather *gather);

/* Bytes that the learner receives in one gather, without lists. */
size_t gather_bytes(const struct gather *gather);

/* The number of messages from other nodes that the learner received in all gathers so far; 0 on other ranks. */
int64_t gather_messages(const struct gather *gather);

#endif
