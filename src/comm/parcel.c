#include "comm/parcel.h"

#include "comm/mpi_call.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* messages are filled up to whole units, so that counts fit an int */
#define UNIT 64

static size_t units(size_t bytes) { return (bytes + UNIT - 1) / UNIT; }

size_t parcel_item_bytes(const struct exchange_list *list) {
  size_t bytes = 0;
  for (int i = 0; i < list->n_fields; i++) bytes += list->field[i].env_bytes;
  return bytes;
}

size_t parcel_items_room(const struct exchange_list *list, size_t count) {
  return (units(parcel_item_bytes(list) * count) + 1) * UNIT;
}

void parcel_init(struct parcel *parcel, struct comm *comm, int learner, const struct exchange_field *fields,
                 int n_fields, const struct exchange_list *list) {
  *parcel =
      (struct parcel){.comm = comm, .learner = learner, .n_fields = n_fields, .list = *list, .unit = MPI_DATATYPE_NULL};
  memcpy(parcel->field, fields, sizeof *fields * (size_t)n_fields);
}

void parcel_lay_out(struct parcel *parcel, const struct topology *topology, const int32_t *capacities, bool alone) {
  struct comm *comm = parcel->comm;
  parcel->n_rows = parcel->n_entries = 0;
  parcel->courier = comm->rank;
  size_t items = 0, items_before = 0, row_bytes = 0, item_bytes = parcel_item_bytes(&parcel->list);
  for (int rank = 0; rank < comm->size; rank++) {
    if (alone ? rank != comm->rank : !comm_is_near(comm, rank)) continue;
    if (parcel->n_entries == 0) parcel->courier = rank;
    int32_t rows = topology_envs(topology, rank).count;
    if (rank == comm->rank) {
      parcel->own_entry = parcel->n_entries;
      parcel->first_row = parcel->n_rows;
      parcel->own_rows = rows;
      items_before = items;
    }
    parcel->n_entries++;
    parcel->n_rows += rows;
    items += (size_t)capacities[rank];
  }
  for (int i = 0; i < parcel->n_fields; i++) row_bytes += parcel->field[i].env_bytes;
  parcel->rows_bytes = row_bytes * (size_t)parcel->n_rows;
  size_t message = parcel->rows_bytes + sizeof(struct exchange_head);
  parcel->own_items = message + items_before * item_bytes;
  parcel->bytes = sizeof(struct parcel_entry) * (size_t)parcel->n_entries + units(message + items * item_bytes) * UNIT;
}

muster_status parcel_open(struct parcel *parcel, struct board *board) {
  if (units(parcel->bytes) > INT_MAX)
    return status_error(
        MUSTER_ERROR_USAGE,
        "a rollout of %zu bytes on one node is too large for a message: use a smaller algorithm.n_steps",
        parcel->bytes);
  parcel->board = board;
  if (board == NULL && (parcel->memory = calloc(1, parcel->bytes)) == NULL)
    return status_error(MUSTER_ERROR_MEMORY, "out of memory: %zu bytes for a message", parcel->bytes);
  parcel->entries = board != NULL ? board_data(board) : parcel->memory;
  parcel->message = (char *)(parcel->entries + parcel->n_entries);
  MUSTER_TRY_MPI(MPI_Type_contiguous(UNIT, MPI_BYTE, &parcel->unit));
  MUSTER_TRY_MPI(MPI_Type_commit(&parcel->unit));
  return MUSTER_OK;
}

void parcel_release(struct parcel *parcel) {
  if (parcel->message == NULL) return;
  if (parcel->unit != MPI_DATATYPE_NULL) MPI_Type_free(&parcel->unit);
  free(parcel->memory);
  *parcel = (struct parcel){0};
}

void exchange_head_join(struct exchange_head *head, const struct exchange_head *other) {
  head->list_count += other->list_count;
  head->notes |= other->notes;
  exchange_work_join(&head->work, &other->work);
}

static bool is_courier(const struct parcel *parcel) { return parcel->courier == parcel->comm->rank; }

/* copies this rank's rows from the fields into the message, or back */
static void copy_rows(struct parcel *parcel, bool in) {
  if (parcel->own_rows == 0) return; /* nothing but a list: the fields may have no base */
  char *block = parcel->message;
  for (int i = 0; i < parcel->n_fields; i++) {
    size_t env_bytes = parcel->field[i].env_bytes, bytes = env_bytes * (size_t)parcel->own_rows;
    char *place = block + env_bytes * (size_t)parcel->first_row;
    memcpy(in ? place : parcel->field[i].base, in ? parcel->field[i].base : place, bytes);
    block += env_bytes * (size_t)parcel->n_rows;
  }
}

static void pack_items(struct parcel *parcel) {
  const struct exchange_list *list = &parcel->list;
  char *place = parcel->message + parcel->own_items;
  assert(list->count == NULL || *list->count <= list->capacity);
  for (int32_t item = 0; list->count != NULL && item < *list->count; item++)
    for (int i = 0; i < list->n_fields; place += list->field[i++].env_bytes)
      memcpy(place, (char *)list->field[i].base + list->field[i].env_bytes * (size_t)item, list->field[i].env_bytes);
}

void parcel_unpack_items(const void *items, int32_t count, const struct exchange_list *list) {
  const char *place = items;
  for (int32_t item = *list->count; item < *list->count + count; item++)
    for (int i = 0; i < list->n_fields; place += list->field[i++].env_bytes)
      memcpy((char *)list->field[i].base + list->field[i].env_bytes * (size_t)item, place, list->field[i].env_bytes);
  *list->count += count;
}

muster_status parcel_put(struct parcel *parcel, uint32_t step, const struct exchange_head *head) {
  /* the courier may still be sending what was put in before */
  if (!is_courier(parcel)) MUSTER_TRY(board_wait(parcel->board, parcel->courier, step - 1));
  copy_rows(parcel, true);
  pack_items(parcel);
  parcel->entries[parcel->own_entry] = (struct parcel_entry){*head, parcel->own_items};
  if (!is_courier(parcel)) board_reach(parcel->board, step);
  return MUSTER_OK;
}

/* joins what the ranks tell to one head, and their items to one list behind it; returns the bytes of the message */
static size_t close_message(struct parcel *parcel) {
  struct exchange_head all = parcel->entries[0].head;
  const size_t item_bytes = parcel_item_bytes(&parcel->list);
  char *items = parcel->message + parcel->rows_bytes + sizeof all;
  for (int i = 0; i < parcel->n_entries; i++) {
    const struct parcel_entry *entry = &parcel->entries[i];
    size_t bytes = item_bytes * (size_t)entry->head.list_count;
    memmove(items, parcel->message + entry->items, bytes);
    items += bytes;
    if (i > 0) exchange_head_join(&all, &entry->head);
  }
  memcpy(parcel->message + parcel->rows_bytes, &all, sizeof all);
  return (size_t)(items - parcel->message);
}

muster_status parcel_send(struct parcel *parcel, uint32_t step) {
  if (!is_courier(parcel)) return MUSTER_OK;
  MUSTER_TRY(board_wait_others(parcel->board, step));
  int count = (int)units(close_message(parcel));
  MPI_Request request;
  MUSTER_TRY_MPI(
      MPI_Isend(parcel->message, count, parcel->unit, parcel->learner, TAG_GATHER, parcel->comm->world, &request));
  MUSTER_TRY(comm_wait(parcel->comm, &request, 1));
  board_reach(parcel->board, step);
  return MUSTER_OK;
}

/* the courier's part of taking: all rows, once the others have read or written what was there before */
static muster_status receive_rows(struct parcel *parcel, uint32_t step) {
  MUSTER_TRY(board_wait_others(parcel->board, step - 1));
  int count = (int)units(parcel->rows_bytes + sizeof(struct exchange_head));
  MPI_Request request;
  MUSTER_TRY_MPI(
      MPI_Irecv(parcel->message, count, parcel->unit, parcel->learner, TAG_SCATTER, parcel->comm->world, &request));
  MUSTER_TRY(comm_wait(parcel->comm, &request, 1));
  board_reach(parcel->board, step);
  return MUSTER_OK;
}

muster_status parcel_take(struct parcel *parcel, uint32_t step) {
  if (is_courier(parcel))
    MUSTER_TRY(receive_rows(parcel, step));
  else
    MUSTER_TRY(board_wait(parcel->board, parcel->courier, step));
  copy_rows(parcel, false);
  if (!is_courier(parcel)) board_reach(parcel->board, step);
  return MUSTER_OK;
}
