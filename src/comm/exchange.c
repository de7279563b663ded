#include "comm/exchange.h"

#include "comm/bell.h"
#include "comm/mpi_call.h"

#include <limits.h>
#include <stdlib.h>

/* one actor as the learner sees it, or the learner as an actor sees it */
struct peer {
  int rank;
  MPI_Datatype rows; /* the actor's rows of all fields, at absolute addresses, and its head */
  struct {
    int32_t list_count, notes;
    struct exchange_work work;
  } head;
};

struct exchange {
  struct comm *comm;
  bool is_learner;
  int n_peers; /* 0 where one rank acts and learns */
  struct peer *peers;
  MPI_Request *requests; /* [n_peers], persistent: receives on the learner, a send on an actor */
  struct exchange_list list;
  size_t bytes;
};

/* describes `count` rows of every field, from row `first` on, as one datatype */
static muster_status describe_rows(struct exchange *exchange, const struct exchange_field *fields, int n_fields,
                                   int32_t first, int32_t count, void *head, MPI_Datatype *out) {
  MPI_Datatype types[EXCHANGE_MAX_FIELDS + 1];
  MPI_Aint addresses[EXCHANGE_MAX_FIELDS + 1];
  int lengths[EXCHANGE_MAX_FIELDS + 1];
  for (int i = 0; i < n_fields; i++) {
    if (fields[i].env_bytes > INT_MAX)
      return status_error(MUSTER_ERROR_USAGE,
                          "a rollout holds %zu bytes of one environment in one array; the exchange takes at most %d: "
                          "use a smaller algorithm.n_steps",
                          fields[i].env_bytes, INT_MAX);
    MUSTER_TRY_MPI(MPI_Type_contiguous((int)fields[i].env_bytes, MPI_BYTE, &types[i]));
    MUSTER_TRY_MPI(MPI_Get_address((char *)fields[i].base + (size_t)first * fields[i].env_bytes, &addresses[i]));
    lengths[i] = count;
    exchange->bytes += fields[i].env_bytes * (size_t)count;
  }
  types[n_fields] = MPI_BYTE;
  MUSTER_TRY_MPI(MPI_Get_address(head, &addresses[n_fields]));
  lengths[n_fields] = (int)sizeof((struct peer *)0)->head;
  MUSTER_TRY_MPI(MPI_Type_create_struct(n_fields + 1, lengths, addresses, types, out));
  for (int i = 0; i < n_fields; i++) MUSTER_TRY_MPI(MPI_Type_free(&types[i]));
  MUSTER_TRY_MPI(MPI_Type_commit(out));
  return MUSTER_OK;
}

/* the persistent request towards one peer */
static muster_status prepare_peer(struct exchange *exchange, const struct topology *topology,
                                  const struct exchange_field *fields, int n_fields, int peer_rank) {
  struct peer *peer = &exchange->peers[exchange->n_peers];
  MPI_Request *request = &exchange->requests[exchange->n_peers];
  *peer = (struct peer){.rank = peer_rank, .rows = MPI_DATATYPE_NULL};
  *request = MPI_REQUEST_NULL;
  exchange->n_peers++;

  struct env_range range = topology_envs(topology, exchange->is_learner ? peer_rank : topology->rank);
  int32_t first = exchange->is_learner ? range.first : 0;
  MUSTER_TRY(describe_rows(exchange, fields, n_fields, first, range.count, &peer->head, &peer->rows));
  MPI_Comm world = exchange->comm->world;
  if (exchange->is_learner)
    MUSTER_TRY_MPI(MPI_Recv_init(MPI_BOTTOM, 1, peer->rows, peer_rank, TAG_GATHER, world, request));
  else
    MUSTER_TRY_MPI(MPI_Send_init(MPI_BOTTOM, 1, peer->rows, peer_rank, TAG_GATHER, world, request));
  return MUSTER_OK;
}

muster_status exchange_create(struct comm *comm, const struct topology *topology, const struct exchange_field *fields,
                              int n_fields, const struct exchange_list *list, struct exchange **out) {
  if (n_fields > EXCHANGE_MAX_FIELDS)
    return status_error(MUSTER_ERROR_INTERNAL, "an exchange has %d fields; room is for %d", n_fields,
                        EXCHANGE_MAX_FIELDS);
  struct exchange *exchange = calloc(1, sizeof *exchange);
  if (exchange == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory: exchange");
  exchange->comm = comm;
  exchange->is_learner = topology->learns;
  if (list != NULL) exchange->list = *list;
  exchange->peers = calloc((size_t)topology->ranks, sizeof *exchange->peers);
  exchange->requests = calloc((size_t)topology->ranks, sizeof(MPI_Request));

  muster_status status = MUSTER_OK;
  if (exchange->peers == NULL || exchange->requests == NULL)
    status = status_error(MUSTER_ERROR_MEMORY, "out of memory: exchange");
  for (int rank = 0; rank < topology->ranks && status == MUSTER_OK; rank++) {
    bool is_peer =
        topology->learns ? rank != topology->rank && topology_rank_acts(topology, rank) : rank == topology->learner;
    if (is_peer) status = prepare_peer(exchange, topology, fields, n_fields, rank);
  }
  if (status != MUSTER_OK) {
    exchange_destroy(&exchange);
    return status;
  }
  *out = exchange;
  return MUSTER_OK;
}

void exchange_destroy(struct exchange **handle) {
  struct exchange *exchange = *handle;
  if (exchange == NULL) return;
  for (int i = 0; i < exchange->n_peers; i++) {
    if (exchange->requests[i] != MPI_REQUEST_NULL) MPI_Request_free(&exchange->requests[i]);
    if (exchange->peers[i].rows != MPI_DATATYPE_NULL) MPI_Type_free(&exchange->peers[i].rows);
  }
  free(exchange->peers);
  free(exchange->requests);
  free(exchange);
  *handle = NULL;
}

muster_status exchange_gather_begin(struct exchange *exchange) {
  if (exchange->n_peers == 0) return MUSTER_OK;
  struct exchange_list *list = &exchange->list;
  if (!exchange->is_learner && list->count != NULL) exchange->peers[0].head.list_count = *list->count;
  MUSTER_TRY_MPI(MPI_Startall(exchange->n_peers, exchange->requests));
  if (!exchange->is_learner) comm_ring(exchange->comm, exchange->peers[0].rank);
  return MUSTER_OK;
}

/* sends the items of an actor's list; the learner has read their number in the first message */
static muster_status send_list(struct exchange *exchange) {
  struct exchange_list *list = &exchange->list;
  for (int i = 0; i < list->n_fields; i++) {
    size_t bytes = list->field[i].env_bytes * (size_t)*list->count;
    if (bytes > INT_MAX)
      return status_error(MUSTER_ERROR_USAGE,
                          "truncated episodes fill %zu bytes of one rollout: use a smaller "
                          "algorithm.n_steps",
                          bytes);
    MUSTER_TRY_MPI(
        MPI_Send(list->field[i].base, (int)bytes, MPI_BYTE, exchange->peers[0].rank, TAG_LIST, exchange->comm->world));
  }
  return MUSTER_OK;
}

/* appends one actor's items to the learner's list */
static muster_status receive_list(struct exchange *exchange, const struct peer *peer) {
  struct exchange_list *list = &exchange->list;
  if (peer->head.list_count > list->capacity - *list->count)
    return status_error(MUSTER_ERROR_INTERNAL, "rank %d sends %d items; room is for %d", peer->rank,
                        peer->head.list_count, list->capacity - *list->count);
  for (int i = 0; i < list->n_fields; i++) {
    size_t item = list->field[i].env_bytes;
    MUSTER_TRY_MPI(MPI_Recv((char *)list->field[i].base + (size_t)*list->count * item,
                            (int)(item * (size_t)peer->head.list_count), MPI_BYTE, peer->rank, TAG_LIST,
                            exchange->comm->world, MPI_STATUS_IGNORE));
  }
  *list->count += peer->head.list_count;
  return MUSTER_OK;
}

/* sleeps until the messages can move: the learner until every actor of its node has sent, then it wakes them, since an
 * actor may have to take part in the transfer */
static void wait_for_peers(struct exchange *exchange) {
  struct comm *comm = exchange->comm;
  int near = 0;
  for (int i = 0; i < exchange->n_peers; i++) near += comm_is_near(comm, exchange->peers[i].rank);
  bells_wait(comm->bells, near);
  for (int i = 0; exchange->is_learner && i < exchange->n_peers; i++) comm_ring(comm, exchange->peers[i].rank);
}

muster_status exchange_gather_end(struct exchange *exchange) {
  if (exchange->n_peers == 0) return MUSTER_OK;
  struct exchange_list *list = &exchange->list;
  wait_for_peers(exchange);
  MUSTER_TRY_MPI(MPI_Waitall(exchange->n_peers, exchange->requests, MPI_STATUSES_IGNORE));
  if (list->count == NULL) return MUSTER_OK;
  if (!exchange->is_learner) return exchange->peers[0].head.list_count > 0 ? send_list(exchange) : MUSTER_OK;
  *list->count = 0;
  for (int i = 0; i < exchange->n_peers; i++)
    if (exchange->peers[i].head.list_count > 0) MUSTER_TRY(receive_list(exchange, &exchange->peers[i]));
  return MUSTER_OK;
}

void exchange_set_notes(struct exchange *exchange, int32_t bits, double seconds) {
  for (int i = 0; i < exchange->n_peers; i++) {
    exchange->peers[i].head.notes = bits;
    exchange->peers[i].head.work = (struct exchange_work){seconds, seconds, seconds};
  }
}

int32_t exchange_notes(const struct exchange *exchange) {
  int32_t bits = 0;
  for (int i = 0; i < exchange->n_peers; i++) bits |= exchange->peers[i].head.notes;
  return bits;
}

void exchange_work_join(struct exchange_work *work, const struct exchange_work *others) {
  if (others->shortest < work->shortest) work->shortest = others->shortest;
  if (others->longest > work->longest) work->longest = others->longest;
  work->sum += others->sum;
}

struct exchange_work exchange_work(const struct exchange *exchange) {
  if (exchange->n_peers == 0) return (struct exchange_work){0};
  struct exchange_work work = exchange->peers[0].head.work;
  for (int i = 1; i < exchange->n_peers; i++) exchange_work_join(&work, &exchange->peers[i].head.work);
  return work;
}

muster_status exchange_scatter(struct exchange *exchange) {
  MPI_Comm world = exchange->comm->world;
  for (int i = 0; i < exchange->n_peers; i++) {
    const struct peer *peer = &exchange->peers[i];
    if (exchange->is_learner)
      MUSTER_TRY_MPI(MPI_Send(MPI_BOTTOM, 1, peer->rows, peer->rank, TAG_SCATTER, world));
    else
      MUSTER_TRY_MPI(MPI_Recv(MPI_BOTTOM, 1, peer->rows, peer->rank, TAG_SCATTER, world, MPI_STATUS_IGNORE));
  }
  return MUSTER_OK;
}

size_t exchange_bytes(const struct exchange *exchange) { return exchange->bytes; }
