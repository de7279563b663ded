#include "comm/gather.h"

#include "comm/mpi_call.h"
#include "comm/node.h"
#include "comm/node_buffer.h"

#include <float.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* for a rank that does not act: adds nothing to the work of others */
static const struct gather_work no_work = {.shortest = DBL_MAX};

/* the other side of a message. For the learner: an actor of its node, which sends its rows straight from its arrays, or
 * the node leader of another node, which sends its node buffer. For those ranks: the learner */
struct peer {
  int rank;
  bool is_node_leader;
  MPI_Datatype rows; /* all fields of the environments that come from there, at absolute addresses, and the head */
  struct gather_head head;

  /* for a node leader */
  MPI_Datatype node_buffer; /* rows, followed by the items */
  char *items;
};

struct gather {
  struct comm *comm;
  bool is_learner, has_node_buffer; /* has_node_buffer: this rank exchanges data with the learner through its node's
                                       buffer */
  int n_peers;                      /* 0 where one rank acts and learns */
  struct peer *peers;
  int n_requests;              /* n_peers, or 0 on a rank with a node buffer */
  MPI_Request *requests;       /* persistent: receives on the learner, a send on an actor */
  struct gather_field *fields; /* fields of the rows, then of the list */
  struct gather_list list;
  struct node_buffer node_buffer;
  struct node *node; /* created for the learner */
  uint32_t step;     /* number of gathers and scatters so far */
  size_t bytes;
  int64_t messages;
};

/* --- set-up --- */

/* what the set-up needs */
struct setup {
  struct comm *comm;
  const struct topology *topology;
  enum gather_rows which;
  const struct gather_field *fields;
  int n_fields;
  const int *leaders;  /* [ranks] the leader of each rank's node */
  int32_t *capacities; /* [ranks] capacity of each rank's list */
  int *first, *count;  /* [ranks] ranges of environments */

  /* [n_fields + 1] the parts of a datatype: the rows of each field, and the head */
  MPI_Datatype *types;
  MPI_Aint *addresses;
  int *lengths;
};

/* whether a peer sends the rows of a rank: an actor sends its own, a node leader those of all ranks of its node */
static bool comes_from(const struct setup *setup, int rank, int peer_rank) {
  return rank == peer_rank || setup->leaders[rank] == peer_rank;
}

/* the environments whose rows a rank sends to the learner */
static struct env_range rows_of(const struct setup *setup, int rank) {
  bool is_in_place = setup->which == GATHER_IN_PLACE && comm_is_local(setup->comm, setup->topology->learner) &&
                     comm_is_local(setup->comm, rank) && topology_rank_learns(setup->topology, rank);
  return is_in_place ? (struct env_range){0, 0} : topology_envs(setup->topology, rank);
}

/* fills in the ranges of environments that a peer sends; returns their number */
static int find_ranges(const struct setup *setup, int peer_rank) {
  int n = 0;
  for (int rank = 0; rank < setup->topology->ranks; rank++) {
    if (!comes_from(setup, rank, peer_rank)) continue;
    struct env_range range = rows_of(setup, rank);
    if (range.count == 0) continue;
    if (n > 0 && setup->first[n - 1] + setup->count[n - 1] == range.first) {
      setup->count[n - 1] += range.count;
      continue;
    }
    setup->first[n] = range.first;
    setup->count[n++] = range.count;
  }
  return n;
}

/* describes the rows of every field in `n_ranges` ranges of environments, then the head, as one datatype */
static muster_status describe_rows(const struct setup *setup, int n_ranges, void *head, MPI_Datatype *out) {
  MPI_Datatype *types = setup->types, env;
  MPI_Aint *addresses = setup->addresses;
  int *lengths = setup->lengths, n = n_ranges > 0 ? setup->n_fields : 0;
  for (int i = 0; i < n; i++) {
    MUSTER_TRY_MPI(MPI_Type_contiguous((int)setup->fields[i].env_bytes, MPI_BYTE, &env));
    MUSTER_TRY_MPI(MPI_Type_indexed(n_ranges, setup->count, setup->first, env, &types[i]));
    MUSTER_TRY_MPI(MPI_Type_free(&env));
    MUSTER_TRY_MPI(MPI_Get_address(setup->fields[i].base, &addresses[i]));
    lengths[i] = 1;
  }
  types[n] = MPI_BYTE;
  MUSTER_TRY_MPI(MPI_Get_address(head, &addresses[n]));
  lengths[n] = (int)sizeof(struct gather_head);
  MUSTER_TRY_MPI(MPI_Type_create_struct(n + 1, lengths, addresses, types, out));
  for (int i = 0; i < n; i++) MUSTER_TRY_MPI(MPI_Type_free(&types[i]));
  MUSTER_TRY_MPI(MPI_Type_commit(out));
  return MUSTER_OK;
}

/* describes what a node leader sends: its rows, and room for as many items as lists can hold */
static muster_status describe_node_buffer(struct gather *gather, const struct setup *setup, struct peer *peer) {
  size_t capacity = 0;
  for (int rank = 0; rank < setup->topology->ranks; rank++)
    if (comes_from(setup, rank, peer->rank)) capacity += (size_t)setup->capacities[rank];
  size_t room = node_buffer_items_room(&gather->list, capacity);
  peer->items = calloc(1, room);
  if (peer->items == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory: %zu bytes for items", room);

  MPI_Datatype types[] = {peer->rows, MPI_DATATYPE_NULL};
  const int lengths[] = {1, 1};
  MPI_Aint places[] = {0, 0};
  MUSTER_TRY_MPI(MPI_Get_address(peer->items, &places[1]));
  MUSTER_TRY(comm_bytes_type(room, &types[1]));
  MUSTER_TRY_MPI(MPI_Type_create_struct(2, lengths, places, types, &peer->node_buffer));
  MUSTER_TRY_MPI(MPI_Type_free(&types[1]));
  MUSTER_TRY_MPI(MPI_Type_commit(&peer->node_buffer));
  return MUSTER_OK;
}

/* creates the learner's persistent request for what a peer sends */
static muster_status expect_peer(struct gather *gather, const struct setup *setup, int rank) {
  struct peer *peer = &gather->peers[gather->n_peers++];
  *peer = (struct peer){.rank = rank,
                        .is_node_leader = setup->leaders[rank] == rank,
                        .rows = MPI_DATATYPE_NULL,
                        .node_buffer = MPI_DATATYPE_NULL};
  MUSTER_TRY(describe_rows(setup, find_ranges(setup, rank), &peer->head, &peer->rows));
  if (peer->is_node_leader) MUSTER_TRY(describe_node_buffer(gather, setup, peer));
  MUSTER_TRY_MPI(MPI_Recv_init(MPI_BOTTOM, 1, peer->is_node_leader ? peer->node_buffer : peer->rows, rank, TAG_GATHER,
                               gather->comm->world, &gather->requests[gather->n_requests++]));
  return MUSTER_OK;
}

/* creates an actor's connection to the learner: the node buffer of its node, or a persistent request of its own */
static muster_status face_learner(struct gather *gather, const struct setup *setup) {
  const struct topology *topology = setup->topology;
  struct peer *peer = &gather->peers[gather->n_peers++];
  *peer = (struct peer){.rank = topology->learner, .rows = MPI_DATATYPE_NULL, .node_buffer = MPI_DATATYPE_NULL};
  peer->head.work = no_work;
  gather->has_node_buffer = setup->leaders[topology->rank] != topology->learner;
  if (gather->has_node_buffer) return node_buffer_open(&gather->node_buffer, gather->node);
  setup->first[0] = 0;
  setup->count[0] = rows_of(setup, topology->rank).count;
  MUSTER_TRY(describe_rows(setup, setup->count[0] > 0, &peer->head, &peer->rows));
  MUSTER_TRY_MPI(MPI_Send_init(MPI_BOTTOM, 1, peer->rows, peer->rank, TAG_GATHER, gather->comm->world,
                               &gather->requests[gather->n_requests++]));
  return MUSTER_OK;
}

static muster_status meet_peers(struct gather *gather, const struct setup *setup) {
  const struct topology *topology = setup->topology;
  if (topology->ranks == 1) return MUSTER_OK;
  if (!topology->leads) return face_learner(gather, setup);
  for (int rank = 0; rank < topology->ranks; rank++) {
    bool sends = setup->leaders[rank] == rank || setup->leaders[rank] == topology->learner;
    if (rank != topology->learner && sends) MUSTER_TRY(expect_peer(gather, setup, rank));
  }
  return MUSTER_OK;
}

/* Finds out which rank sends whose rows. Collective. */
static muster_status find_leaders(struct gather *gather, struct setup *setup) {
  struct comm *comm = gather->comm;
  const struct topology *topology = setup->topology;
  struct node_buffer *node_buffer = &gather->node_buffer;
  MUSTER_TRY(comm_gather(comm, &gather->list.capacity, sizeof *setup->capacities, setup->capacities));

  node_buffer_lay_out(node_buffer, topology, setup->capacities, true);
  const size_t bytes_alone = node_buffer->bytes;
  node_buffer_lay_out(node_buffer, topology, setup->capacities, false);

  /* ranks of the learner's node do not exchange rows through shared memory, but wait for each other by its counters */
  const size_t bytes = comm_is_local(comm, topology->learner) ? 0 : node_buffer->bytes;
  MUSTER_TRY(node_create(comm, topology->learner, bytes, bytes_alone, &gather->node));
  if (!gather->node->is_shared) node_buffer_lay_out(node_buffer, topology, setup->capacities, true);
  setup->leaders = gather->node->leaders;
  return MUSTER_OK;
}

static muster_status check_fields(const struct gather_field *fields, int n_fields) {
  for (int i = 0; i < n_fields; i++)
    if (fields[i].env_bytes > INT_MAX)
      return status_error(MUSTER_ERROR_USAGE,
                          "a rollout holds %zu bytes of one environment in one array; the gather takes at most %d: "
                          "shorten the rollouts",
                          fields[i].env_bytes, INT_MAX);
  return MUSTER_OK;
}

/* allocates the memory of the setup; the caller frees it in any case */
static muster_status allocate_setup(struct setup *setup) {
  const size_t ranks = (size_t)setup->topology->ranks, parts = (size_t)setup->n_fields + 1;
  int *numbers = setup->capacities = calloc(3 * ranks + parts, sizeof *numbers);
  setup->types = calloc(parts, sizeof *setup->types);
  setup->addresses = calloc(parts, sizeof *setup->addresses);
  if (numbers == NULL || setup->types == NULL || setup->addresses == NULL)
    return status_error(MUSTER_ERROR_MEMORY, "out of memory: gather");
  setup->first = numbers + ranks;
  setup->count = numbers + 2 * ranks;
  setup->lengths = numbers + 3 * ranks;
  return MUSTER_OK;
}

static void free_setup(struct setup *setup) {
  free(setup->capacities);
  free(setup->types);
  free(setup->addresses);
}

/* allocates the memory of the gather and copies the fields into it; the caller frees it in any case */
static muster_status allocate(struct gather *gather, const struct setup *setup, const struct gather_list *list) {
  const size_t ranks = (size_t)setup->topology->ranks, n_fields = (size_t)setup->n_fields;
  const size_t list_fields = list != NULL ? (size_t)list->n_fields : 0;
  gather->peers = calloc(ranks, sizeof *gather->peers);
  gather->requests = calloc(ranks, sizeof *gather->requests);
  gather->fields = calloc(n_fields + list_fields, sizeof *gather->fields);
  if (gather->peers == NULL || gather->requests == NULL || gather->fields == NULL)
    return status_error(MUSTER_ERROR_MEMORY, "out of memory: gather");
  memcpy(gather->fields, setup->fields, n_fields * sizeof *gather->fields);
  if (list == NULL) return MUSTER_OK;
  gather->list = *list;
  gather->list.field = memcpy(gather->fields + n_fields, list->field, list_fields * sizeof *gather->fields);
  return MUSTER_OK;
}

/* bytes of all fields that this rank receives or sends */
static size_t moved_bytes(const struct setup *setup) {
  const struct topology *topology = setup->topology;
  size_t env_bytes = 0;
  for (int i = 0; i < setup->n_fields; i++) env_bytes += setup->fields[i].env_bytes;
  if (!topology->leads) return env_bytes * (size_t)rows_of(setup, topology->rank).count;
  size_t rows = 0;
  for (int rank = 0; rank < topology->ranks; rank++)
    if (rank != topology->learner) rows += (size_t)rows_of(setup, rank).count;
  return env_bytes * rows;
}

muster_status gather_create(struct comm *comm, const struct topology *topology, enum gather_rows which,
                            const struct gather_field *fields, int n_fields, const struct gather_list *list,
                            struct gather **out) {
  MUSTER_TRY(check_fields(fields, n_fields));
  struct setup setup = {.comm = comm, .topology = topology, .which = which, .fields = fields, .n_fields = n_fields};
  struct gather *gather = calloc(1, sizeof *gather);
  muster_status status = allocate_setup(&setup);
  if (status == MUSTER_OK)
    status =
        gather != NULL ? allocate(gather, &setup, list) : status_error(MUSTER_ERROR_MEMORY, "out of memory: gather");
  status = comm_agree(comm, status);
  if (status == MUSTER_OK) {
    gather->comm = comm;
    gather->is_learner = topology->leads;
    gather->bytes = moved_bytes(&setup);
    node_buffer_init(&gather->node_buffer, comm, topology->learner, gather->fields, n_fields, &gather->list);
    status = find_leaders(gather, &setup);
  }
  if (status == MUSTER_OK) status = comm_agree(comm, meet_peers(gather, &setup));
  free_setup(&setup);
  if (status != MUSTER_OK)
    gather_destroy(&gather);
  else
    *out = gather;
  return status;
}

void gather_destroy(struct gather **handle) {
  struct gather *gather = *handle;
  if (gather == NULL) return;
  for (int i = 0; i < gather->n_requests; i++)
    if (gather->requests[i] != MPI_REQUEST_NULL) MPI_Request_free(&gather->requests[i]);
  for (int i = 0; i < gather->n_peers; i++) {
    struct peer *peer = &gather->peers[i];
    if (peer->rows != MPI_DATATYPE_NULL) MPI_Type_free(&peer->rows);
    if (peer->node_buffer != MPI_DATATYPE_NULL) MPI_Type_free(&peer->node_buffer);
    free(peer->items);
  }
  node_buffer_release(&gather->node_buffer);
  node_destroy(&gather->node);
  free(gather->peers);
  free(gather->requests);
  free(gather->fields);
  free(gather);
  *handle = NULL;
}

/* --- gather --- */

muster_status gather_begin(struct gather *gather) {
  if (gather->n_peers == 0) return MUSTER_OK;
  struct gather_head *head = &gather->peers[0].head;
  if (!gather->is_learner && gather->list.count != NULL) head->list_count = *gather->list.count;
  uint32_t step = ++gather->step;
  if (gather->has_node_buffer) return node_buffer_put(&gather->node_buffer, step, head);
  MUSTER_TRY_MPI(MPI_Startall(gather->n_requests, gather->requests));
  if (!gather->is_learner) node_reach(gather->node, step);
  return MUSTER_OK;
}

/* sends the items of an actor's list; the learner has received their number in the first message */
static muster_status send_list(struct gather *gather) {
  struct comm *comm = gather->comm;
  struct gather_list *list = &gather->list;
  for (int i = 0; i < list->n_fields; i++) {
    size_t bytes = list->field[i].env_bytes * (size_t)*list->count;
    if (bytes > INT_MAX)
      return status_error(MUSTER_ERROR_USAGE,
                          "truncated episodes fill %zu bytes of one rollout: use a smaller "
                          "algorithm.n_steps",
                          bytes);
    MPI_Request request;
    MUSTER_TRY_MPI(
        MPI_Isend(list->field[i].base, (int)bytes, MPI_BYTE, gather->peers[0].rank, TAG_LIST, comm->world, &request));
    MUSTER_TRY(comm_wait(comm, &request, 1));
  }
  return MUSTER_OK;
}

/* receives the items of an actor of this node and appends them to the learner's list */
static muster_status receive_list(struct gather *gather, const struct peer *peer) {
  struct comm *comm = gather->comm;
  struct gather_list *list = &gather->list;
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

/* on the learner: appends the items of all actors, peer by peer */
static muster_status collect_lists(struct gather *gather) {
  struct gather_list *list = &gather->list;
  *list->count = 0;
  for (int i = 0; i < gather->n_peers; i++) {
    const struct peer *peer = &gather->peers[i];
    int32_t count = peer->head.list_count, room = list->capacity - *list->count;
    if (count > room)
      return status_error(MUSTER_ERROR_INTERNAL, "rank %d sends %d items; room is for %d", peer->rank, count, room);
    if (peer->is_node_leader)
      node_buffer_unpack_items(peer->items, count, list);
    else if (count > 0)
      MUSTER_TRY(receive_list(gather, peer));
  }
  return MUSTER_OK;
}

/* sleeps until the messages of this node can move: the learner sleeps until every actor has begun to send, then wakes
 * them, since an actor may have to take part in the transfer */
static muster_status meet_neighbours(struct gather *gather) {
  struct node *node = gather->node;
  if (!gather->is_learner) return node_wait(node, gather->peers[0].rank, gather->step);
  MUSTER_TRY(node_wait_others(node, gather->step));
  node_reach(node, gather->step);
  return MUSTER_OK;
}

muster_status gather_end(struct gather *gather) {
  if (gather->n_peers == 0) return MUSTER_OK;
  if (gather->has_node_buffer) return node_buffer_send(&gather->node_buffer, gather->step);
  MUSTER_TRY(meet_neighbours(gather));
  MUSTER_TRY(comm_wait(gather->comm, gather->requests, gather->n_requests));
  for (int i = 0; i < gather->n_peers; i++) gather->messages += gather->peers[i].is_node_leader;
  if (gather->list.count == NULL) return MUSTER_OK;
  if (gather->is_learner) return collect_lists(gather);
  return gather->peers[0].head.list_count > 0 ? send_list(gather) : MUSTER_OK;
}

void gather_set_flags(struct gather *gather, int32_t bits, double seconds) {
  for (int i = 0; i < gather->n_peers; i++) {
    gather->peers[i].head.flags = bits;
    gather->peers[i].head.work = (struct gather_work){seconds, seconds, seconds};
  }
}

void gather_add_flag(struct gather *gather, int32_t bits) {
  for (int i = 0; i < gather->n_peers; i++) gather->peers[i].head.flags |= bits;
}

int32_t gather_flags(const struct gather *gather) {
  int32_t bits = 0;
  for (int i = 0; i < gather->n_peers; i++) bits |= gather->peers[i].head.flags;
  return bits;
}

struct gather_work gather_work(const struct gather *gather) {
  struct gather_work work = no_work;
  for (int i = 0; i < gather->n_peers; i++) gather_work_join(&work, &gather->peers[i].head.work);
  return work.longest > 0 ? work : (struct gather_work){0};
}

/* --- scatter --- */

muster_status gather_scatter_back(struct gather *gather) {
  if (gather->n_peers == 0) return MUSTER_OK;
  struct comm *comm = gather->comm;
  uint32_t step = ++gather->step;
  if (gather->has_node_buffer) return node_buffer_take(&gather->node_buffer, step);
  for (int i = 0; i < gather->n_peers; i++) {
    const struct peer *peer = &gather->peers[i];
    MPI_Request request;
    if (gather->is_learner)
      MUSTER_TRY_MPI(MPI_Isend(MPI_BOTTOM, 1, peer->rows, peer->rank, TAG_SCATTER, comm->world, &request));
    else
      MUSTER_TRY_MPI(MPI_Irecv(MPI_BOTTOM, 1, peer->rows, peer->rank, TAG_SCATTER, comm->world, &request));
    MUSTER_TRY(comm_wait(comm, &request, 1));
  }
  return MUSTER_OK;
}

size_t gather_bytes(const struct gather *gather) { return gather->bytes; }
int64_t gather_messages(const struct gather *gather) { return gather->messages; }
