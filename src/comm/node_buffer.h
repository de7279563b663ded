/* Node buffers: on nodes other than the learner's, all ranks of a node together send the learner one message.
 *
 * The ranks put their rows, field by field, their heads and the items of their lists into memory that they share; the
 * first of them, the node leader, sends all of it once every rank is done. In the other direction the node leader
 * receives the rows of all, and each rank copies its own. A rank that shares no memory with others is the node leader
 * of its own node buffer.
 *
 * A message is: the rows of the first field of all ranks, those of the second, and so on; the head; the items, each
 * with all its fields next to each other. */
#ifndef COMM_NODE_BUFFER_H
#define COMM_NODE_BUFFER_H

#include "comm/gather.h"
#include "comm/node.h"

#include <mpi.h>

/* What an actor sends besides its rows; in a node buffer, the sum over all its ranks. */
struct gather_head {
  int32_t list_count, flags;
  struct gather_work work;
};
/* Adds the head of another rank: items, bits and work. */
void gather_head_join(struct gather_head *head, const struct gather_head *other);

/* What one rank has put into the buffer besides its rows. */
struct node_buffer_entry {
  struct gather_head head;
  size_t items; /* offset of its items from the start of the message */
};

struct node_buffer {
  struct comm *comm; /* borrowed */
  int learner;
  const struct gather_field *field; /* [n_fields], borrowed */
  int n_fields;
  struct gather_list list;
  int32_t n_rows, first_row, own_rows; /* of all ranks; of the ranks before this one; of this one */
  size_t rows_bytes;                   /* of all ranks */
  int n_entries, own_entry;            /* one for each rank */
  size_t own_items;                    /* offset of this rank's items from the start of the message */
  size_t bytes;                        /* of the whole buffer when every list is full, including the entries */

  struct node *node;                 /* borrowed; holds the whole buffer */
  struct node_buffer_entry *entries; /* [n_entries], then the message */
  char *message;
  MPI_Datatype unit;
};

/* A node buffer of these fields and this list for the learner's rank. Borrows both, but copies *list. */
void node_buffer_init(struct node_buffer *node_buffer, struct comm *comm, int learner,
                      const struct gather_field *fields, int n_fields, const struct gather_list *list);
/* Computes where everything lies, for all ranks of this node or for this one alone. `capacities`: how many items the
 * list of each rank of the job can hold. */
void node_buffer_lay_out(struct node_buffer *node_buffer, const struct topology *topology, const int32_t *capacities,
                         bool alone);
/* Opens a node buffer, whose layout was computed, in the data of a node, which is borrowed. */
MUSTER_CHECKED muster_status node_buffer_open(struct node_buffer *node_buffer, struct node *node);
void node_buffer_release(struct node_buffer *node_buffer); /* accepts one that is not open */

/* Puts in this rank's rows, list and head. `step` counts the uses of the node buffer, from 1. */
MUSTER_CHECKED muster_status node_buffer_put(struct node_buffer *node_buffer, uint32_t step,
                                             const struct gather_head *head);
/* The node leader waits until all ranks have put theirs in, and sends the message to the learner; the other ranks do
 * nothing. */
MUSTER_CHECKED muster_status node_buffer_send(struct node_buffer *node_buffer, uint32_t step);

/* The node leader receives the rows of all from the learner; each rank copies its own. */
MUSTER_CHECKED muster_status node_buffer_take(struct node_buffer *node_buffer, uint32_t step);

/* Bytes of one item of a list in a node buffer. */
size_t node_buffer_item_bytes(const struct gather_list *list);
/* Bytes needed to receive `count` items, including the padding of a message. */
size_t node_buffer_items_room(const struct gather_list *list, size_t count);
/* Appends the items of a received node buffer to a list that has room for them. */
void node_buffer_unpack_items(const void *items, int32_t count, const struct gather_list *list);

#endif
