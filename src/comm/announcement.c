#include "comm/announcement.h"

#include "comm/board.h"
#include "comm/mpi_call.h"

#include <stdlib.h>
#include <string.h>

struct announcement {
  struct comm *comm; /* borrowed */
  void *data;
  size_t bytes;
  int root, courier;   /* of this rank; the root's and another courier's is itself */
  struct board *board; /* holds the data for the ranks of this node */
  uint32_t step;       /* announcements so far */
  MPI_Datatype type;
  int n_requests;
  MPI_Request *requests; /* persistent: the root's sends to couriers, a courier's receive */
};

/* the messages of this rank */
static muster_status prepare_messages(struct announcement *announcement, const int *couriers) {
  struct comm *comm = announcement->comm;
  int root = announcement->root, rank = comm->rank;
  MUSTER_TRY(comm_bytes_type(announcement->bytes, &announcement->type));
  for (int other = 0; rank == root && other < comm->size; other++)
    if (other != root && couriers[other] == other)
      MUSTER_TRY_MPI(MPI_Send_init(announcement->data, 1, announcement->type, other, TAG_ANNOUNCE, comm->world,
                                   &announcement->requests[announcement->n_requests++]));
  if (rank != root && couriers[rank] == rank) {
    void *place = announcement->board != NULL ? board_data(announcement->board) : announcement->data;
    MUSTER_TRY_MPI(MPI_Recv_init(place, 1, announcement->type, root, TAG_ANNOUNCE, comm->world,
                                 &announcement->requests[announcement->n_requests++]));
  }
  return MUSTER_OK;
}

muster_status announcement_create(struct comm *comm, void *data, size_t bytes, int root, struct announcement **out) {
  struct announcement *announcement = calloc(1, sizeof *announcement);
  MPI_Request *requests = calloc((size_t)comm->size, sizeof *requests);
  int *couriers = calloc((size_t)comm->size, sizeof *couriers);
  muster_status status = MUSTER_OK;
  if (announcement == NULL || requests == NULL || couriers == NULL)
    status = status_error(MUSTER_ERROR_MEMORY, "out of memory: announcement");
  status = comm_agree(comm, status);
  struct board *board = NULL;
  if (status == MUSTER_OK) status = board_create(comm, bytes, &board);
  if (status == MUSTER_OK) status = comm_couriers(comm, root, board != NULL, couriers);
  if (status != MUSTER_OK) {
    board_destroy(&board);
    free(announcement);
    free(requests);
    free(couriers);
    return status;
  }
  *announcement = (struct announcement){.comm = comm,
                                        .data = data,
                                        .bytes = bytes,
                                        .root = root,
                                        .courier = couriers[comm->rank],
                                        .board = board,
                                        .type = MPI_DATATYPE_NULL,
                                        .requests = requests};
  status = comm_agree(comm, comm->size > 1 ? prepare_messages(announcement, couriers) : MUSTER_OK);
  free(couriers);
  if (status != MUSTER_OK)
    announcement_destroy(&announcement);
  else
    *out = announcement;
  return status;
}

void announcement_destroy(struct announcement **handle) {
  struct announcement *announcement = *handle;
  if (announcement == NULL) return;
  for (int i = 0; i < announcement->n_requests; i++)
    if (announcement->requests[i] != MPI_REQUEST_NULL) MPI_Request_free(&announcement->requests[i]);
  if (announcement->type != MPI_DATATYPE_NULL) MPI_Type_free(&announcement->type);
  board_destroy(&announcement->board);
  free(announcement->requests);
  free(announcement);
  *handle = NULL;
}

/* the root: off to the other nodes, and onto the board once all have read the last one */
static muster_status tell(struct announcement *announcement, uint32_t step) {
  struct board *board = announcement->board;
  MUSTER_TRY_MPI(MPI_Startall(announcement->n_requests, announcement->requests));
  if (board != NULL) {
    MUSTER_TRY(board_wait_others(board, step - 1));
    memcpy(board_data(board), announcement->data, announcement->bytes);
    board_reach(board, step);
  }
  return comm_wait(announcement->comm, announcement->requests, announcement->n_requests);
}

/* a courier: from the root onto the board of its node */
static muster_status pass_on(struct announcement *announcement, uint32_t step) {
  struct board *board = announcement->board;
  MUSTER_TRY(board_wait_others(board, step - 1));
  MUSTER_TRY_MPI(MPI_Startall(announcement->n_requests, announcement->requests));
  MUSTER_TRY(comm_wait(announcement->comm, announcement->requests, announcement->n_requests));
  board_reach(board, step);
  if (board != NULL) memcpy(announcement->data, board_data(board), announcement->bytes);
  return MUSTER_OK;
}

/* any other rank */
static muster_status listen(struct announcement *announcement, uint32_t step) {
  struct board *board = announcement->board;
  MUSTER_TRY(board_wait(board, announcement->courier, step));
  memcpy(announcement->data, board_data(board), announcement->bytes);
  board_reach(board, step);
  return MUSTER_OK;
}

muster_status announcement_make(struct announcement *announcement) {
  int rank = announcement->comm->rank;
  uint32_t step = ++announcement->step;
  if (announcement->comm->size == 1) return MUSTER_OK;
  if (rank == announcement->root) return tell(announcement, step);
  return rank == announcement->courier ? pass_on(announcement, step) : listen(announcement, step);
}
