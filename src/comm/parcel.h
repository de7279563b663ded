/* Parcels: what the ranks of a node that is not the learner's send it as one message.
 *
 * The ranks put their rows, field by field, what they tell, and the items of their lists into memory that they share;
 * the first of them, the courier, sends it all once every rank has done so. The other way round the courier receives
 * the rows of all, and each rank takes its own. A rank that shares no memory with others is the courier of its own
 * parcel.
 *
 * A message is: the rows of the first field of all ranks, those of the second, and so on; the head; the items, each of
 * them all fields of the list in a row. */
#ifndef COMM_PARCEL_H
#define COMM_PARCEL_H

#include "comm/board.h"
#include "comm/exchange.h"

#include <mpi.h>

/* What an actor tells beside its rows; of a parcel: of all its ranks. */
struct exchange_head {
  int32_t list_count, notes;
  struct exchange_work work;
};
/* Adds what another rank tells: items, bits and work of both. */
void exchange_head_join(struct exchange_head *head, const struct exchange_head *other);

/* What one rank has put in beside its rows. */
struct parcel_entry {
  struct exchange_head head;
  size_t items; /* where its items are, from the start of the message */
};

struct parcel {
  struct comm *comm; /* borrowed */
  int learner, courier;
  struct exchange_field field[EXCHANGE_MAX_FIELDS];
  int n_fields;
  struct exchange_list list;
  int32_t n_rows, first_row, own_rows; /* of all ranks; of those before this one; of this one */
  size_t rows_bytes;                   /* of all ranks */
  int n_entries, own_entry;            /* one of each rank */
  size_t own_items;                    /* where this rank's items go, from the start of the message */
  size_t bytes;                        /* of all when every list is full, entries included */

  struct board *board;          /* NULL: this rank is alone */
  void *memory;                 /* of a rank that is alone; NULL otherwise */
  struct parcel_entry *entries; /* [n_entries], then the message */
  char *message;
  MPI_Datatype unit;
};

/* A parcel of these fields and this list for the learner's rank; copied, but what they point to is borrowed. */
void parcel_init(struct parcel *parcel, struct comm *comm, int learner, const struct exchange_field *fields,
                 int n_fields, const struct exchange_list *list);
/* Finds the place of everything, for all ranks of this node or for this one alone. `capacities`: room for items in the
 * list of each rank of the job. */
void parcel_lay_out(struct parcel *parcel, const struct topology *topology, const int32_t *capacities, bool alone);
/* Readies a parcel that was laid out, on a board of its bytes that the node shares; NULL: alone. Borrows the board. */
MUSTER_CHECKED muster_status parcel_open(struct parcel *parcel, struct board *board);
void parcel_release(struct parcel *parcel); /* accepts one that is not open */

/* Puts this rank's rows, list and head in, as `step` of its exchange: steps count the uses of a parcel from 1. */
MUSTER_CHECKED muster_status parcel_put(struct parcel *parcel, uint32_t step, const struct exchange_head *head);
/* The courier waits until all have done so, and sends it to the learner; others have nothing to do. */
MUSTER_CHECKED muster_status parcel_send(struct parcel *parcel, uint32_t step);

/* The courier receives the rows of all from the learner; each rank takes its own. */
MUSTER_CHECKED muster_status parcel_take(struct parcel *parcel, uint32_t step);

/* Bytes of one item of a list in a parcel. */
size_t parcel_item_bytes(const struct exchange_list *list);
/* Bytes to receive so many items into, with what a message is filled up by. */
size_t parcel_items_room(const struct exchange_list *list, size_t count);
/* Appends the items of a received parcel to a list that has room for them. */
void parcel_unpack_items(const void *items, int32_t count, const struct exchange_list *list);

#endif
