/* Inside comm/: the nodes of a job, for data that move between one rank, the root, and all others; and what the ranks
 * of a node share: memory, and a counter of each rank.
 *
 * Each node has a leader, which sends and receives over the network for all of its ranks, so that every byte crosses
 * it once. On the root's node that is the root itself, on another one its first rank. Where the ranks of a node find no
 * memory to share, each counts as a node of its own, whose leader it is: nothing else changes but the number of
 * messages.
 *
 * A rank that waits inside MPI spins, and takes the core of the rank it waits for when there are more ranks than cores,
 * or when something else runs on the machine. So the ranks of a node tell each other by counters how far they have
 * come: each has a number of steps, which only it writes and which only grows. Whoever waits for a rank looks at its
 * number for a moment, then sleeps in the kernel (comm/event.h) until it has changed. What was written to the shared
 * memory before a step was reached can be read by whoever has waited for it. Waiting for ranks of other nodes falls to
 * MPI, which yields (comm_wait()). */
#ifndef COMM_NODE_H
#define COMM_NODE_H

#include "comm/comm.h"
#include "comm/shared_memory.h"

#include <stdint.h>

/* Read-only for those who have created it. */
struct node {
  struct comm *comm; /* borrowed */
  bool is_shared;    /* this rank shares memory with others */
  int leader;        /* of this rank's node */
  int *leaders;      /* [ranks] of each rank's node */
  int n_nodes;
  int *numbers; /* [ranks] of each rank's node, in the order of their first ranks */
  void *data;   /* zeroed, aligned to 128 bytes */
  struct shared_memory memory;
  bool look_first; /* when waiting (comm/event.h) */
};

/* The nodes as seen from `root`, with `bytes` of data on each, or `bytes_alone` for a rank that shares no memory; these
 * may differ from node to node. Collective over the job. */
MUSTER_CHECKED muster_status node_create(struct comm *comm, int root, size_t bytes, size_t bytes_alone,
                                         struct node **out);
void node_destroy(struct node **node); /* accepts NULL inside; not collective */

bool node_is_leader(const struct node *node); /* this rank */
/* Whether this rank shares its memory with another one, itself included. */
bool node_has(const struct node *node, int rank);

/* Tells the others that this rank has come to a step. */
void node_reach(struct node *node, uint32_t step);
/* Waits until a rank of this node (its number in the job), its leader, or every other one, has come to a step; not at
 * all for a rank that shares no memory. */
MUSTER_CHECKED muster_status node_wait(struct node *node, int rank, uint32_t step);
MUSTER_CHECKED muster_status node_wait_leader(struct node *node, uint32_t step);
MUSTER_CHECKED muster_status node_wait_others(struct node *node, uint32_t step);

#endif
