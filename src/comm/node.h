/* Inside comm/: the nodes of a job, for data that move between one rank, the root, and all others; and what the ranks
 * of a node share: memory, and one counter for each rank.
 *
 * Each node has a leader, which sends and receives over the network for all of its ranks, so that every byte crosses it
 * once. On the root's node that is the root itself, on another one its first rank. Where the ranks of a node cannot
 * share memory, each counts as a node of its own and is its leader: only the number of messages changes.
 *
 * A rank that waits inside MPI spins, and takes the core of the rank it waits for when there are more ranks than cores,
 * or when something else runs on the machine. So the ranks of a node show each other by counters how far they are: each
 * has a number of steps, which only it writes and which only grows. A rank that waits for another keeps reading that
 * number for a moment, then sleeps in the kernel (comm/event.h) until it changes. What a rank wrote to the shared
 * memory before it reached a step can be read by any rank that has waited for the step. Ranks of other nodes are waited
 * for inside MPI, which yields the core (comm_wait()). */
#ifndef COMM_NODE_H
#define COMM_NODE_H

#include "comm/comm.h"
#include "comm/shared_memory.h"

#include <stdint.h>

/* Callers only read the members. */
struct node {
  struct comm *comm; /* borrowed */
  bool is_shared;    /* this rank shares memory with others */
  int leader;        /* of this rank's node */
  int *leaders;      /* [ranks] the leader of each rank's node */
  int n_nodes;
  int *numbers; /* [ranks] the number of each rank's node; nodes count in the order of their first ranks */
  void *data;   /* zeroed, aligned to 128 bytes */
  struct shared_memory memory;
  bool look_first; /* how to wait (comm/event.h) */
};

/* The nodes as seen from `root`, with `bytes` of data on each node, or `bytes_alone` for a rank that shares no memory;
 * the sizes may differ from node to node. Collective over the job. */
MUSTER_CHECKED muster_status node_create(struct comm *comm, int root, size_t bytes, size_t bytes_alone,
                                         struct node **out);
void node_destroy(struct node **node); /* accepts NULL inside; not collective */

bool node_is_leader(const struct node *node); /* whether this rank is one */
/* Whether this rank shares its memory with another one, itself included. */
bool node_has(const struct node *node, int rank);

/* Tells the other ranks of the node that this rank has reached a step. */
void node_reach(struct node *node, uint32_t step);
/* Wait until a rank of this node (given by its number in the job), the node leader, or every other rank of the node has
 * reached a step. They return at once on a rank that shares no memory. */
MUSTER_CHECKED muster_status node_wait(struct node *node, int rank, uint32_t step);
MUSTER_CHECKED muster_status node_wait_leader(struct node *node, uint32_t step);
MUSTER_CHECKED muster_status node_wait_others(struct node *node, uint32_t step);

#endif
