/* The ranks of a job that learn together: how they wait for each other, share memory on each node, and copy what they
 * wrote there to the other nodes.
 *
 * Members of a node write to memory that they share and wait for each other without a message (comm/node.h).
 * Between nodes the first member of each, its node leader, sends what its node has written and receives what the others
 * have. So a node's members need no copies of each other's data, and the network carries each byte once for each node.
 */
#ifndef COMM_GROUP_H
#define COMM_GROUP_H

#include "comm/comm.h"

struct group;

/* A group of the ranks members[0 .. n - 1], n > 1, in this order; best with the members of a node next to each other.
 * On ranks that are not members *out is NULL. Collective over the job. */
MUSTER_CHECKED muster_status group_create(struct comm *comm, const int *members, int n, struct group **out);
void group_destroy(struct group **group); /* accepts NULL inside; frees what the group shares. Not collective */

/* The number of members, and this rank's number among them. */
int group_ranks(const struct group *group);
int group_rank(const struct group *group);

/* Whether members are on several nodes. */
bool group_spans_nodes(const struct group *group);

/* The members of this node, and this rank's number among them. */
int group_node_ranks(const struct group *group);
int group_node_rank(const struct group *group);

/* Waits until all members of this node have made this call: then what each wrote to shared memory can be read by all of
 * them. All members of all nodes make the same calls of the group in the same order. */
MUSTER_CHECKED muster_status group_meet_on_node(struct group *group);

/* Zeroed memory of `bytes` bytes that the members of this node share; it lives as long as the group. COMM error where
 * they cannot. Collective over the group. */
MUSTER_CHECKED muster_status group_share(struct group *group, size_t bytes, void **memory);

/* Waits until all members have made this call. Then the bytes offsets[i] .. offsets[i + 1] - 1 of the shared `memory`,
 * which member i has written, can be read on all nodes. offsets [members + 1] are ascending; NULL: members only wait
 * for each other. Collective over the group. */
MUSTER_CHECKED muster_status group_gather(struct group *group, void *memory, const size_t *offsets);

/* The same for bytes that member 0 writes; the other members may read the old ones until they make this call. */
MUSTER_CHECKED muster_status group_broadcast(struct group *group, void *memory, size_t bytes);

/* Copies bytes that are in no shared memory from member 0 to all. Collective over the group. */
MUSTER_CHECKED muster_status group_broadcast_part(struct group *group, void *data, size_t bytes);

#endif
