#include "comm/node_buffer.h"

#include "comm/mpi_call.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* messages are padded to whole units, so that counts fit an int */
#define UNIT 64

static size_t units(size_t bytes) { return (bytes + UNIT - 1) / UNIT; }

size_t node_buffer_item_bytes(const struct gather_list *list) {
  size_t bytes = 0;
  for (int i = 0; i < list->n_fields; i++) bytes += list->field[i].env_bytes;
  return bytes;
}

size_t node_buffer_items_room(const struct gather_list *list, size_t count) {
  return (units(node_buffer_item_bytes(list) * count) + 1) * UNIT;
}

void node_buffer_init(struct node_buffer *node_buffer, struct comm *comm, int learner,
                      const struct gather_field *fields, int n_fields, const struct gather_list *list) {
  *node_buffer = (struct node_buffer){.comm = comm,
                                      .learner = learner,
                                      .field = fields,
                                      .n_fields = n_fields,
                                      .list = *list,
                                      .unit = MPI_DATATYPE_NULL};
}

void node_buffer_lay_out(struct node_buffer *node_buffer, const struct topology *topology, const int32_t *capacities,
                         bool alone) {
  struct comm *comm = node_buffer->comm;
  node_buffer->n_rows = node_buffer->n_entries = 0;
  size_t items = 0, items_before = 0, row_bytes = 0, item_bytes = node_buffer_item_bytes(&node_buffer->list);
  for (int rank = 0; rank < comm->size; rank++) {
    if (alone ? rank != comm->rank : !comm_is_local(comm, rank)) continue;
    int32_t rows = topology_envs(topology, rank).count;
    if (rank == comm->rank) {
      node_buffer->own_entry = node_buffer->n_entries;
      node_buffer->first_row = node_buffer->n_rows;
      node_buffer->own_rows = rows;
      items_before = items;
    }
    node_buffer->n_entries++;
    node_buffer->n_rows += rows;
    items += (size_t)capacities[rank];
  }
  for (int i = 0; i < node_buffer->n_fields; i++) row_bytes += node_buffer->field[i].env_bytes;
  node_buffer->rows_bytes = row_bytes * (size_t)node_buffer->n_rows;
  size_t message = node_buffer->rows_bytes + sizeof(struct gather_head);
  node_buffer->own_items = message + items_before * item_bytes;
  node_buffer->bytes =
      sizeof(struct node_buffer_entry) * (size_t)node_buffer->n_entries + units(message + items * item_bytes) * UNIT;
}

muster_status node_buffer_open(struct node_buffer *node_buffer, struct node *node) {
  if (units(node_buffer->bytes) > INT_MAX)
    return status_error(
        MUSTER_ERROR_USAGE,
        "a rollout of %zu bytes on one node is too large for a message: use a smaller algorithm.n_steps",
        node_buffer->bytes);
  node_buffer->node = node;
  node_buffer->entries = node->data;
  node_buffer->message = (char *)(node_buffer->entries + node_buffer->n_entries);
  MUSTER_TRY_MPI(MPI_Type_contiguous(UNIT, MPI_BYTE, &node_buffer->unit));
  MUSTER_TRY_MPI(MPI_Type_commit(&node_buffer->unit));
  return MUSTER_OK;
}

void node_buffer_release(struct node_buffer *node_buffer) {
  if (node_buffer->message == NULL) return;
  if (node_buffer->unit != MPI_DATATYPE_NULL) MPI_Type_free(&node_buffer->unit);
  *node_buffer = (struct node_buffer){0};
}

void gather_head_join(struct gather_head *head, const struct gather_head *other) {
  head->list_count += other->list_count;
  head->flags |= other->flags;
  gather_work_join(&head->work, &other->work);
}
/* copies this rank's rows from the fields into the message, or back */
static void copy_rows(struct node_buffer *node_buffer, bool in) {
  if (node_buffer->own_rows == 0) return; /* the buffer holds only a list: the fields may have no base */
  char *block = node_buffer->message;
  for (int i = 0; i < node_buffer->n_fields; i++) {
    size_t env_bytes = node_buffer->field[i].env_bytes, bytes = env_bytes * (size_t)node_buffer->own_rows;
    char *place = block + env_bytes * (size_t)node_buffer->first_row;
    memcpy(in ? place : node_buffer->field[i].base, in ? node_buffer->field[i].base : place, bytes);
    block += env_bytes * (size_t)node_buffer->n_rows;
  }
}

static void pack_items(struct node_buffer *node_buffer) {
  const struct gather_list *list = &node_buffer->list;
  char *place = node_buffer->message + node_buffer->own_items;
  assert(list->count == NULL || *list->count <= list->capacity);
  for (int32_t item = 0; list->count != NULL && item < *list->count; item++)
    for (int i = 0; i < list->n_fields; place += list->field[i++].env_bytes)
      memcpy(place, (char *)list->field[i].base + list->field[i].env_bytes * (size_t)item, list->field[i].env_bytes);
}

void node_buffer_unpack_items(const void *items, int32_t count, const struct gather_list *list) {
  const char *place = items;
  for (int32_t item = *list->count; item < *list->count + count; item++)
    for (int i = 0; i < list->n_fields; place += list->field[i++].env_bytes)
      memcpy((char *)list->field[i].base + list->field[i].env_bytes * (size_t)item, place, list->field[i].env_bytes);
  *list->count += count;
}

muster_status node_buffer_put(struct node_buffer *node_buffer, uint32_t step, const struct gather_head *head) {
  /* waits, since the node leader may still be sending the previous content */
  if (!node_is_leader(node_buffer->node)) MUSTER_TRY(node_wait_leader(node_buffer->node, step - 1));
  copy_rows(node_buffer, true);
  pack_items(node_buffer);
  node_buffer->entries[node_buffer->own_entry] = (struct node_buffer_entry){*head, node_buffer->own_items};
  if (!node_is_leader(node_buffer->node)) node_reach(node_buffer->node, step);
  return MUSTER_OK;
}

/* joins the heads of the ranks into one, and their items into one list after it; returns the bytes of the message */
static size_t close_message(struct node_buffer *node_buffer) {
  struct gather_head all = node_buffer->entries[0].head;
  const size_t item_bytes = node_buffer_item_bytes(&node_buffer->list);
  char *items = node_buffer->message + node_buffer->rows_bytes + sizeof all;
  for (int i = 0; i < node_buffer->n_entries; i++) {
    const struct node_buffer_entry *entry = &node_buffer->entries[i];
    size_t bytes = item_bytes * (size_t)entry->head.list_count;
    memmove(items, node_buffer->message + entry->items, bytes);
    items += bytes;
    if (i > 0) gather_head_join(&all, &entry->head);
  }
  memcpy(node_buffer->message + node_buffer->rows_bytes, &all, sizeof all);
  return (size_t)(items - node_buffer->message);
}

muster_status node_buffer_send(struct node_buffer *node_buffer, uint32_t step) {
  if (!node_is_leader(node_buffer->node)) return MUSTER_OK;
  MUSTER_TRY(node_wait_others(node_buffer->node, step));
  int count = (int)units(close_message(node_buffer));
  MPI_Request request;
  MUSTER_TRY_MPI(MPI_Isend(node_buffer->message, count, node_buffer->unit, node_buffer->learner, TAG_GATHER,
                           node_buffer->comm->world, &request));
  MUSTER_TRY(comm_wait(node_buffer->comm, &request, 1));
  node_reach(node_buffer->node, step);
  return MUSTER_OK;
}

/* on the node leader: receives all rows, once the others are done with the previous content */
static muster_status receive_rows(struct node_buffer *node_buffer, uint32_t step) {
  MUSTER_TRY(node_wait_others(node_buffer->node, step - 1));
  int count = (int)units(node_buffer->rows_bytes + sizeof(struct gather_head));
  MPI_Request request;
  MUSTER_TRY_MPI(MPI_Irecv(node_buffer->message, count, node_buffer->unit, node_buffer->learner, TAG_SCATTER,
                           node_buffer->comm->world, &request));
  MUSTER_TRY(comm_wait(node_buffer->comm, &request, 1));
  node_reach(node_buffer->node, step);
  return MUSTER_OK;
}

muster_status node_buffer_take(struct node_buffer *node_buffer, uint32_t step) {
  if (node_is_leader(node_buffer->node))
    MUSTER_TRY(receive_rows(node_buffer, step));
  else
    MUSTER_TRY(node_wait_leader(node_buffer->node, step));
  copy_rows(node_buffer, false);
  if (!node_is_leader(node_buffer->node)) node_reach(node_buffer->node, step);
  return MUSTER_OK;
}
