#include "comm/exchange.h"

#include "comm/board.h"
#include "comm/mpi_call.h"
#include "comm/parcel.h"

#include <float.h>
#include <limits.h>
#include <stdlib.h>

/* of a rank that does not act: adds nothing to what others worked */
static const struct exchange_work no_work = {.shortest = DBL_MAX};

/* who sends the learner a message, or the learner as such a rank sees it: an actor of the learner's node, which sends
 * its rows straight from its arrays, or the courier of another node with its parcel */
struct peer {
  int rank;
  bool is_courier;
  MPI_Datatype rows; /* all fields of the environments that come from there, at absolute addresses, and the head */
  struct exchange_head head;

  /* of a courier */
  MPI_Datatype parcel; /* rows, and the items behind them */
  char *items;
};

struct exchange {
  struct comm *comm;
  bool is_learner, has_parcel; /* a rank that the learner does not serve itself is one of a parcel's */
  int n_peers;                 /* 0 where one rank acts and learns */
  struct peer *peers;
  int n_requests;        /* n_peers, but 0 on a rank with a parcel */
  MPI_Request *requests; /* persistent: receives on the learner, a send on an actor */
  struct exchange_list list;
  struct parcel parcel;
  struct board *board; /* of this node */
  uint32_t step;       /* gathers and scatters so far */
  size_t bytes;
  int64_t messages;
};

/* --- set-up --- */

/* what the set-up needs to know */
struct plan {
  struct comm *comm;
  const struct topology *topology;
  enum exchange_rows which;
  const struct exchange_field *fields;
  int n_fields;
  int *couriers;       /* [ranks] */
  int32_t *capacities; /* [ranks] room in each rank's list */
  int *first, *count;  /* [ranks] ranges of environments */
};

/* whether a rank's rows come from a peer: an actor's own, or those of a courier's node */
static bool comes_from(const struct plan *plan, int rank, int peer_rank) {
  return rank == peer_rank || plan->couriers[rank] == peer_rank;
}

/* the environments whose rows a rank sends to the learner */
static struct env_range rows_of(const struct plan *plan, int rank) {
  bool is_in_place = plan->which == EXCHANGE_IN_PLACE && comm_is_near(plan->comm, plan->topology->learner) &&
                     comm_is_near(plan->comm, rank) && topology_rank_learns(plan->topology, rank);
  return is_in_place ? (struct env_range){0, 0} : topology_envs(plan->topology, rank);
}

/* the environments that come from a peer; returns how many ranges they are */
static int find_ranges(const struct plan *plan, int peer_rank) {
  int n = 0;
  for (int rank = 0; rank < plan->topology->ranks; rank++) {
    if (!comes_from(plan, rank, peer_rank)) continue;
    struct env_range range = rows_of(plan, rank);
    if (range.count == 0) continue;
    if (n > 0 && plan->first[n - 1] + plan->count[n - 1] == range.first) {
      plan->count[n - 1] += range.count;
      continue;
    }
    plan->first[n] = range.first;
    plan->count[n++] = range.count;
  }
  return n;
}

/* describes the rows of every field in so many ranges of environments, then the head, as one datatype */
static muster_status describe_rows(const struct plan *plan, int n_ranges, void *head, MPI_Datatype *out) {
  MPI_Datatype types[EXCHANGE_MAX_FIELDS + 1], env;
  MPI_Aint addresses[EXCHANGE_MAX_FIELDS + 1];
  int lengths[EXCHANGE_MAX_FIELDS + 1], n = n_ranges > 0 ? plan->n_fields : 0;
  for (int i = 0; i < n; i++) {
    MUSTER_TRY_MPI(MPI_Type_contiguous((int)plan->fields[i].env_bytes, MPI_BYTE, &env));
    MUSTER_TRY_MPI(MPI_Type_indexed(n_ranges, plan->count, plan->first, env, &types[i]));
    MUSTER_TRY_MPI(MPI_Type_free(&env));
    MUSTER_TRY_MPI(MPI_Get_address(plan->fields[i].base, &addresses[i]));
    lengths[i] = 1;
  }
  types[n] = MPI_BYTE;
  MUSTER_TRY_MPI(MPI_Get_address(head, &addresses[n]));
  lengths[n] = (int)sizeof(struct exchange_head);
  MUSTER_TRY_MPI(MPI_Type_create_struct(n + 1, lengths, addresses, types, out));
  for (int i = 0; i < n; i++) MUSTER_TRY_MPI(MPI_Type_free(&types[i]));
  MUSTER_TRY_MPI(MPI_Type_commit(out));
  return MUSTER_OK;
}

/* describes what a courier sends: its rows, and items as far as there is room for them */
static muster_status describe_parcel(struct exchange *exchange, const struct plan *plan, struct peer *peer) {
  size_t capacity = 0;
  for (int rank = 0; rank < plan->topology->ranks; rank++)
    if (comes_from(plan, rank, peer->rank)) capacity += (size_t)plan->capacities[rank];
  size_t room = parcel_items_room(&exchange->list, capacity);
  peer->items = calloc(1, room);
  if (peer->items == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory: %zu bytes for items", room);

  MPI_Datatype types[] = {peer->rows, MPI_DATATYPE_NULL};
  const int lengths[] = {1, 1};
  MPI_Aint places[] = {0, 0};
  MUSTER_TRY_MPI(MPI_Get_address(peer->items, &places[1]));
  MUSTER_TRY(comm_bytes_type(room, &types[1]));
  MUSTER_TRY_MPI(MPI_Type_create_struct(2, lengths, places, types, &peer->parcel));
  MUSTER_TRY_MPI(MPI_Type_free(&types[1]));
  MUSTER_TRY_MPI(MPI_Type_commit(&peer->parcel));
  return MUSTER_OK;
}

/* the learner's persistent request for what a peer sends */
static muster_status expect_peer(struct exchange *exchange, const struct plan *plan, int rank) {
  struct peer *peer = &exchange->peers[exchange->n_peers++];
  *peer = (struct peer){
      .rank = rank, .is_courier = plan->couriers[rank] == rank, .rows = MPI_DATATYPE_NULL, .parcel = MPI_DATATYPE_NULL};
  MUSTER_TRY(describe_rows(plan, find_ranges(plan, rank), &peer->head, &peer->rows));
  if (peer->is_courier) MUSTER_TRY(describe_parcel(exchange, plan, peer));
  MUSTER_TRY_MPI(MPI_Recv_init(MPI_BOTTOM, 1, peer->is_courier ? peer->parcel : peer->rows, rank, TAG_GATHER,
                               exchange->comm->world, &exchange->requests[exchange->n_requests++]));
  return MUSTER_OK;
}

/* an actor's way to the learner: the parcel of its node, or a persistent request of its own */
static muster_status face_learner(struct exchange *exchange, const struct plan *plan) {
  const struct topology *topology = plan->topology;
  struct peer *peer = &exchange->peers[exchange->n_peers++];
  *peer = (struct peer){.rank = topology->learner, .rows = MPI_DATATYPE_NULL, .parcel = MPI_DATATYPE_NULL};
  peer->head.work = no_work;
  exchange->has_parcel = plan->couriers[topology->rank] != topology->learner;
  if (exchange->has_parcel) return parcel_open(&exchange->parcel, exchange->board);
  plan->first[0] = 0;
  plan->count[0] = rows_of(plan, topology->rank).count;
  MUSTER_TRY(describe_rows(plan, plan->count[0] > 0, &peer->head, &peer->rows));
  MUSTER_TRY_MPI(MPI_Send_init(MPI_BOTTOM, 1, peer->rows, peer->rank, TAG_GATHER, exchange->comm->world,
                               &exchange->requests[exchange->n_requests++]));
  return MUSTER_OK;
}

static muster_status meet_peers(struct exchange *exchange, const struct plan *plan) {
  const struct topology *topology = plan->topology;
  if (topology->ranks == 1) return MUSTER_OK;
  if (!topology->leads) return face_learner(exchange, plan);
  for (int rank = 0; rank < topology->ranks; rank++) {
    bool sends = plan->couriers[rank] == rank || plan->couriers[rank] == topology->learner;
    if (rank != topology->learner && sends) MUSTER_TRY(expect_peer(exchange, plan, rank));
  }
  return MUSTER_OK;
}

/* Finds out who carries what. Collective. */
static muster_status find_couriers(struct exchange *exchange, struct plan *plan) {
  struct comm *comm = exchange->comm;
  const struct topology *topology = plan->topology;
  struct parcel *parcel = &exchange->parcel;
  MUSTER_TRY(comm_gather(comm, &exchange->list.capacity, sizeof *plan->capacities, plan->capacities));

  /* ranks of the learner's node share no rows, but wait for each other */
  parcel_lay_out(parcel, topology, plan->capacities, false);
  MUSTER_TRY(board_create(comm, comm_is_near(comm, topology->learner) ? 0 : parcel->bytes, &exchange->board));
  bool shares = exchange->board != NULL;
  if (!shares) parcel_lay_out(parcel, topology, plan->capacities, true);
  return comm_couriers(comm, topology->learner, shares, plan->couriers);
}

static muster_status check_fields(const struct exchange_field *fields, int n_fields) {
  if (n_fields > EXCHANGE_MAX_FIELDS)
    return status_error(MUSTER_ERROR_INTERNAL, "an exchange has %d fields; room is for %d", n_fields,
                        EXCHANGE_MAX_FIELDS);
  for (int i = 0; i < n_fields; i++)
    if (fields[i].env_bytes > INT_MAX)
      return status_error(MUSTER_ERROR_USAGE,
                          "a rollout holds %zu bytes of one environment in one array; the exchange takes at most %d: "
                          "use a smaller algorithm.n_steps",
                          fields[i].env_bytes, INT_MAX);
  return MUSTER_OK;
}

/* takes the memory of exchange and plan; whoever calls frees it in any case */
static muster_status allocate(struct exchange *exchange, struct plan *plan) {
  size_t ranks = (size_t)plan->topology->ranks;
  int *numbers = plan->couriers = calloc(4 * ranks, sizeof *numbers);
  if (exchange == NULL || numbers == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory: exchange");
  plan->capacities = numbers + ranks;
  plan->first = numbers + 2 * ranks;
  plan->count = numbers + 3 * ranks;
  exchange->peers = calloc(ranks, sizeof *exchange->peers);
  exchange->requests = calloc(ranks, sizeof *exchange->requests);
  bool failed = exchange->peers == NULL || exchange->requests == NULL;
  return failed ? status_error(MUSTER_ERROR_MEMORY, "out of memory: exchange") : MUSTER_OK;
}

/* bytes of all fields that this rank receives or sends */
static size_t moved_bytes(const struct plan *plan) {
  const struct topology *topology = plan->topology;
  size_t env_bytes = 0;
  for (int i = 0; i < plan->n_fields; i++) env_bytes += plan->fields[i].env_bytes;
  if (!topology->leads) return env_bytes * (size_t)rows_of(plan, topology->rank).count;
  size_t rows = 0;
  for (int rank = 0; rank < topology->ranks; rank++)
    if (rank != topology->learner) rows += (size_t)rows_of(plan, rank).count;
  return env_bytes * rows;
}

muster_status exchange_create(struct comm *comm, const struct topology *topology, enum exchange_rows which,
                              const struct exchange_field *fields, int n_fields, const struct exchange_list *list,
                              struct exchange **out) {
  MUSTER_TRY(check_fields(fields, n_fields));
  struct plan plan = {.comm = comm, .topology = topology, .which = which, .fields = fields, .n_fields = n_fields};
  struct exchange *exchange = calloc(1, sizeof *exchange);
  muster_status status = comm_agree(comm, allocate(exchange, &plan));
  if (status == MUSTER_OK) {
    exchange->comm = comm;
    exchange->is_learner = topology->leads;
    exchange->bytes = moved_bytes(&plan);
    if (list != NULL) exchange->list = *list;
    parcel_init(&exchange->parcel, comm, topology->learner, fields, n_fields, &exchange->list);
    status = find_couriers(exchange, &plan);
  }
  if (status == MUSTER_OK) status = comm_agree(comm, meet_peers(exchange, &plan));
  free(plan.couriers);
  if (status != MUSTER_OK)
    exchange_destroy(&exchange);
  else
    *out = exchange;
  return status;
}

void exchange_destroy(struct exchange **handle) {
  struct exchange *exchange = *handle;
  if (exchange == NULL) return;
  for (int i = 0; i < exchange->n_requests; i++)
    if (exchange->requests[i] != MPI_REQUEST_NULL) MPI_Request_free(&exchange->requests[i]);
  for (int i = 0; i < exchange->n_peers; i++) {
    struct peer *peer = &exchange->peers[i];
    if (peer->rows != MPI_DATATYPE_NULL) MPI_Type_free(&peer->rows);
    if (peer->parcel != MPI_DATATYPE_NULL) MPI_Type_free(&peer->parcel);
    free(peer->items);
  }
  parcel_release(&exchange->parcel);
  board_destroy(&exchange->board);
  free(exchange->peers);
  free(exchange->requests);
  free(exchange);
  *handle = NULL;
}

/* --- gather --- */

muster_status exchange_gather_begin(struct exchange *exchange) {
  if (exchange->n_peers == 0) return MUSTER_OK;
  struct exchange_head *head = &exchange->peers[0].head;
  if (!exchange->is_learner && exchange->list.count != NULL) head->list_count = *exchange->list.count;
  uint32_t step = ++exchange->step;
  if (exchange->has_parcel) return parcel_put(&exchange->parcel, step, head);
  MUSTER_TRY_MPI(MPI_Startall(exchange->n_requests, exchange->requests));
  if (!exchange->is_learner) board_reach(exchange->board, step);
  return MUSTER_OK;
}

/* sends the items of an actor's list; the learner has read their number in the first message */
static muster_status send_list(struct exchange *exchange) {
  struct comm *comm = exchange->comm;
  struct exchange_list *list = &exchange->list;
  for (int i = 0; i < list->n_fields; i++) {
    size_t bytes = list->field[i].env_bytes * (size_t)*list->count;
    if (bytes > INT_MAX)
      return status_error(MUSTER_ERROR_USAGE,
                          "truncated episodes fill %zu bytes of one rollout: use a smaller "
                          "algorithm.n_steps",
                          bytes);
    MPI_Request request;
    MUSTER_TRY_MPI(
        MPI_Isend(list->field[i].base, (int)bytes, MPI_BYTE, exchange->peers[0].rank, TAG_LIST, comm->world, &request));
    MUSTER_TRY(comm_wait(comm, &request, 1));
  }
  return MUSTER_OK;
}

/* receives the items of an actor of this node behind those in the learner's list */
static muster_status receive_list(struct exchange *exchange, const struct peer *peer) {
  struct comm *comm = exchange->comm;
  struct exchange_list *list = &exchange->list;
  for (int i = 0; i < list->n_fields; i++) {
    size_t item = list->field[i].env_bytes;
    MPI_Request request;
    MUSTER_TRY_MPI(MPI_Irecv((char *)list->field[i].base + (size_t)*list->count * item,
                             (int)(item * (size_t)peer->head.list_count), MPI_BYTE, peer->rank, TAG_LIST, comm->world,
                             &request));
    MUSTER_TRY(comm_wait(comm, &request, 1));
  }
  *list->count += peer->head.list_count;
  return MUSTER_OK;
}

/* the learner: appends the items that came from all, peer by peer */
static muster_status collect_lists(struct exchange *exchange) {
  struct exchange_list *list = &exchange->list;
  *list->count = 0;
  for (int i = 0; i < exchange->n_peers; i++) {
    const struct peer *peer = &exchange->peers[i];
    int32_t count = peer->head.list_count, room = list->capacity - *list->count;
    if (count > room)
      return status_error(MUSTER_ERROR_INTERNAL, "rank %d sends %d items; room is for %d", peer->rank, count, room);
    if (peer->is_courier)
      parcel_unpack_items(peer->items, count, list);
    else if (count > 0)
      MUSTER_TRY(receive_list(exchange, peer));
  }
  return MUSTER_OK;
}

/* sleeps until the messages of this node can move: the learner until every actor has sent, then it wakes them, since an
 * actor may have to take part in the transfer */
static muster_status meet_neighbours(struct exchange *exchange) {
  struct board *board = exchange->board;
  if (!exchange->is_learner) return board_wait(board, exchange->peers[0].rank, exchange->step);
  MUSTER_TRY(board_wait_others(board, exchange->step));
  board_reach(board, exchange->step);
  return MUSTER_OK;
}

muster_status exchange_gather_end(struct exchange *exchange) {
  if (exchange->n_peers == 0) return MUSTER_OK;
  if (exchange->has_parcel) return parcel_send(&exchange->parcel, exchange->step);
  MUSTER_TRY(meet_neighbours(exchange));
  MUSTER_TRY(comm_wait(exchange->comm, exchange->requests, exchange->n_requests));
  for (int i = 0; i < exchange->n_peers; i++) exchange->messages += exchange->peers[i].is_courier;
  if (exchange->list.count == NULL) return MUSTER_OK;
  if (exchange->is_learner) return collect_lists(exchange);
  return exchange->peers[0].head.list_count > 0 ? send_list(exchange) : MUSTER_OK;
}

void exchange_set_notes(struct exchange *exchange, int32_t bits, double seconds) {
  for (int i = 0; i < exchange->n_peers; i++) {
    exchange->peers[i].head.notes = bits;
    exchange->peers[i].head.work = (struct exchange_work){seconds, seconds, seconds};
  }
}

void exchange_add_note(struct exchange *exchange, int32_t bits) {
  for (int i = 0; i < exchange->n_peers; i++) exchange->peers[i].head.notes |= bits;
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
  struct exchange_work work = no_work;
  for (int i = 0; i < exchange->n_peers; i++) exchange_work_join(&work, &exchange->peers[i].head.work);
  return work.longest > 0 ? work : (struct exchange_work){0};
}

/* --- scatter --- */

muster_status exchange_scatter(struct exchange *exchange) {
  if (exchange->n_peers == 0) return MUSTER_OK;
  struct comm *comm = exchange->comm;
  uint32_t step = ++exchange->step;
  if (exchange->has_parcel) return parcel_take(&exchange->parcel, step);
  for (int i = 0; i < exchange->n_peers; i++) {
    const struct peer *peer = &exchange->peers[i];
    MPI_Request request;
    if (exchange->is_learner)
      MUSTER_TRY_MPI(MPI_Isend(MPI_BOTTOM, 1, peer->rows, peer->rank, TAG_SCATTER, comm->world, &request));
    else
      MUSTER_TRY_MPI(MPI_Irecv(MPI_BOTTOM, 1, peer->rows, peer->rank, TAG_SCATTER, comm->world, &request));
    MUSTER_TRY(comm_wait(comm, &request, 1));
  }
  return MUSTER_OK;
}

size_t exchange_bytes(const struct exchange *exchange) { return exchange->bytes; }
int64_t exchange_messages(const struct exchange *exchange) { return exchange->messages; }
