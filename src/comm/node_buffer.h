/* Node buffers: what the ranks of a node that is not the learner's send it as one message.
 *
 * The ranks put their rows, field by field, what they tell, and the items of their lists into memory that they share;
 * the first of them, the node leader, sends it all once every rank has done so. The other way round the node leader
 * receives the rows of all, and each rank takes its own. A rank that shares no memory with others is the node leader of
 * its own node buffer.
 *
 * A message is: the rows of the first field of all ranks, those of the second, and so on; the head; the items, each of
 * them all fields of the list in a row. */
#ifndef COMM_NODE_BUFFER_H
#define COMM_NODE_BUFFER_H

#include "comm/gather.h"
#include "comm/node.h"

#include <mpi.h>

/* What an actor tells besides its rows; of a node buffer: of all its ranks. */
struct gather_head {
  int32_t list_count, flags;
  struct gather_work work;
};
/* Adds what another rank tells: items, bits and work of both. */
void gather_head_join(struct gather_head *head, const struct gather_head *other);

/* What one rank has put in besides its rows. */
struct node_buffer_entry {
  struct gather_head head;
  size_t items; /* where its items are, from the start of the message */
};

struct node_buffer {
  struct comm *comm; /* borrowed */
  int learner;
  const struct gather_field *field; /* [n_fields], borrowed */
  int n_fields;
  struct gather_list list;
  int32_t n_rows, first_row, own_rows; /* of all ranks; of those before this one; of this one */
  size_t rows_bytes;                   /* of all ranks */
  int n_entries, own_entry;            /* one of each rank */
  size_t own_items;                    /* where this rank's items go, from the start of the message */
  size_t bytes;                        /* of all when every list is full, entries included */

  struct node *node;                 /* borrowed; holds all of it */
  struct node_buffer_entry *entries; /* [n_entries], then the message */
  char *message;
  MPI_Datatype unit;
};

/* A node buffer of these fields and this list for the learner's rank. Borrows both, but copies *list. */
void node_buffer_init(struct node_buffer *node_buffer, struct comm *comm, int learner,
                      const struct gather_field *fields, int n_fields, const struct gather_list *list);
/* Finds the place of everything, for all ranks of this node or for this one alone. `capacities`: room for items in the
 * list of each rank of the job. */
void node_buffer_lay_out(struct node_buffer *node_buffer, const struct topology *topology, const int32_t *capacities,
                         bool alone);
/* Readies a node buffer that was laid out in the data of a node, which is borrowed. */
MUSTER_CHECKED muster_status node_buffer_open(struct node_buffer *node_buffer, struct node *node);
void node_buffer_release(struct node_buffer *node_buffer); /* accepts one that is not open */

/* Puts this rank's rows, list and head in, as `step` of its gather: steps count the uses of a node buffer from 1. */
MUSTER_CHECKED muster_status node_buffer_put(struct node_buffer *node_buffer, uint32_t step,
                                             const struct gather_head *head);
/* The node leader waits until all have done so, and sends it to the learner; others have nothing to do. */
MUSTER_CHECKED muster_status node_buffer_send(struct node_buffer *node_buffer, uint32_t step);

/* The node leader receives the rows of all from the learner; each rank takes its own. */
MUSTER_CHECKED muster_status node_buffer_take(struct node_buffer *node_buffer, uint32_t step);

/* Bytes of one item of a list in a node buffer. */
size_t node_buffer_item_bytes(const struct gather_list *list);
/* Bytes to receive so many items into, with what a message is filled up by. */
size_t node_buffer_items_room(const struct gather_list *list, size_t count);
/* Appends the items of a received node buffer to a list that has room for them. */
void node_buffer_unpack_items(const void *items, int32_t count, const struct gather_list *list);

#endif
