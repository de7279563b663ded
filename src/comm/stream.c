#include "comm/stream.h"

#include "comm/board.h"
#include "comm/stream_far.h"
#include "comm/stream_memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* what the learner knows of an actor */
struct peer {
  bool is_near;
  int index; /* among those that share memory with the learner, or among the far ones */
  struct stream_head *place[2];
  uint32_t arrived, taken, released; /* deliveries so far */
};

struct stream {
  struct comm *comm; /* borrowed */
  int learner, size;
  bool alone;  /* one rank, which does both */
  void *order; /* borrowed */
  size_t order_bytes;
  uint32_t told;     /* version of the order: the last that the learner told; 0: none */
  uint32_t accepted; /* the last that an actor took */
  uint32_t finishes; /* calls of stream_finish() */
  bool look_first;   /* when waiting (bell.h) */

  struct board *board;         /* of the learner's node; NULL: this rank shares no memory with others */
  void *memory;                /* of a rank that is alone; NULL otherwise */
  struct stream_memory shared; /* in one of them */
  int n_near;                  /* actors there */
  MPI_Comm world;              /* with no other messages than these */
  struct far_line line;

  /* an actor's */
  bool is_near;
  int index;
  size_t room;
  struct stream_head *place[2];
  uint32_t delivered;
  struct far_actor far_actor;

  /* the learner's */
  struct far_learner far_learner;
  struct peer *peers; /* [size] of each rank */
  int *near_ranks;    /* [n_near] */
  int *far_ranks;     /* [far_learner.n] */
  int *come;          /* [2 size] scratch */
  int *queue;         /* [2 size] ranks whose deliveries have come and were not taken: a ring */
  uint64_t enqueued, dequeued;
};

static bool learns(const struct stream *stream) { return stream->comm->rank == stream->learner; }

/* --- set-up --- */

/* Which ranks share memory with the learner, as this rank sees it: it knows that only of its own node. Fills the rooms
 * [size] of those that deliver there, in order, and their ranks. */
static int list_near(const struct stream *stream, const size_t *rooms, size_t *near_rooms, int *near_ranks) {
  int n = 0;
  for (int rank = 0; rank < stream->size; rank++) {
    bool shares = stream->alone || (rank != stream->learner && comm_is_near(stream->comm, rank));
    if (!shares) continue;
    near_rooms[n] = rooms[rank];
    near_ranks[n++] = rank;
  }
  return n;
}

/* the memory of the learner's node, where it is to be had; other nodes need none */
static muster_status share_memory(struct stream *stream, const size_t *rooms, size_t *near_rooms) {
  if (!stream->alone && !comm_is_near(stream->comm, stream->learner)) return MUSTER_OK;
  int n = list_near(stream, rooms, near_rooms, stream->near_ranks);
  size_t bytes = stream_memory_bytes(n, near_rooms, stream->order_bytes);
  void *memory = NULL;
  if (stream->alone) {
    memory = stream->memory =
        aligned_alloc(sizeof(struct bell), (bytes / sizeof(struct bell) + 1) * sizeof(struct bell));
    if (memory == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory: deliveries of %zu bytes", *rooms);
    memset(memory, 0, bytes);
  } else {
    MUSTER_TRY(board_create(stream->comm, bytes, &stream->board));
    memory = board_data(stream->board);
  }
  if (memory == NULL) return MUSTER_OK;
  stream_memory_open(&stream->shared, memory, n, near_rooms, stream->order_bytes);
  stream->n_near = n;
  return MUSTER_OK;
}

/* where each near actor delivers: on the learner and on that actor */
static void find_places(struct stream *stream, const size_t *near_rooms) {
  for (int index = 0; index < stream->n_near; index++) {
    int rank = stream->near_ranks[index];
    struct stream_head *places[] = {stream_memory_place(&stream->shared, near_rooms, index, 0),
                                    stream_memory_place(&stream->shared, near_rooms, index, 1)};
    if (learns(stream)) stream->peers[rank] = (struct peer){true, index, {places[0], places[1]}, 0, 0, 0};
    if (rank != stream->comm->rank) continue;
    stream->is_near = true;
    stream->index = index;
    memcpy(stream->place, places, sizeof places);
  }
}

/* the messages of actors that share no memory with the learner: on the learner and on such an actor */
static muster_status open_messages(struct stream *stream, const size_t *rooms, size_t *far_rooms) {
  size_t largest = stream->order_bytes;
  for (int rank = 0; rank < stream->size; rank++) largest = rooms[rank] > largest ? rooms[rank] : largest;
  MUSTER_TRY(far_line_open(&stream->line, stream->world, largest));
  if (!learns(stream) && !stream->is_near) {
    MUSTER_TRY(far_actor_open(&stream->far_actor, stream->line, stream->learner, stream->room, stream->order_bytes));
    memcpy(stream->place, stream->far_actor.place, sizeof stream->place);
  }
  if (!learns(stream)) return MUSTER_OK;
  int n = 0;
  for (int rank = 0; rank < stream->size; rank++) {
    if (rank == stream->learner || stream->peers[rank].is_near) continue;
    stream->peers[rank].index = n;
    far_rooms[n] = rooms[rank];
    stream->far_ranks[n++] = rank;
  }
  if (n == 0) return MUSTER_OK;
  MUSTER_TRY(
      far_learner_open(&stream->far_learner, stream->line, n, stream->far_ranks, far_rooms, stream->order_bytes));
  for (int i = 0; i < n; i++)
    memcpy(stream->peers[stream->far_ranks[i]].place, stream->far_learner.peers[i].place, sizeof stream->place);
  return MUSTER_OK;
}

static muster_status connect(struct stream *stream, size_t *rooms, size_t *some_rooms) {
  struct comm *comm = stream->comm;
  MUSTER_TRY(comm_gather(comm, &stream->room, sizeof stream->room, rooms));
  MUSTER_TRY(comm_agree(comm, share_memory(stream, rooms, some_rooms)));
  find_places(stream, some_rooms);
  if (stream->alone) return MUSTER_OK;
  MUSTER_TRY_MPI(MPI_Comm_dup(comm->world, &stream->world));
  return comm_agree(comm, open_messages(stream, rooms, some_rooms));
}

muster_status stream_create(struct comm *comm, const struct topology *topology, size_t delivery_bytes, void *order,
                            size_t order_bytes, struct stream **out) {
  size_t size = (size_t)comm->size;
  struct stream *stream = calloc(1, sizeof *stream);
  size_t *rooms = calloc(2 * size, sizeof *rooms);
  muster_status status = MUSTER_OK;
  if (stream != NULL)
    *stream = (struct stream){.comm = comm,
                              .learner = topology->learner,
                              .size = comm->size,
                              .alone = comm->size == 1,
                              .order = order,
                              .order_bytes = order_bytes,
                              .look_first = !comm_oversubscribed(comm),
                              .world = MPI_COMM_NULL,
                              .line = {.unit = MPI_DATATYPE_NULL},
                              .room = topology->acts ? delivery_bytes : 0,
                              .peers = calloc(size, sizeof *stream->peers),
                              .near_ranks = calloc(size, sizeof *stream->near_ranks),
                              .far_ranks = calloc(size, sizeof *stream->far_ranks),
                              .come = calloc(2 * size, sizeof *stream->come),
                              .queue = calloc(2 * size, sizeof *stream->queue)};
  if (stream == NULL || rooms == NULL || stream->peers == NULL || stream->near_ranks == NULL ||
      stream->far_ranks == NULL || stream->come == NULL || stream->queue == NULL)
    status = status_error(MUSTER_ERROR_MEMORY, "out of memory: a stream between %d ranks", comm->size);
  status = comm_agree(comm, status);
  if (status == MUSTER_OK) status = connect(stream, rooms, rooms + size);
  free(rooms);
  if (status != MUSTER_OK)
    stream_destroy(&stream);
  else
    *out = stream;
  return status;
}

void stream_destroy(struct stream **handle) {
  struct stream *stream = *handle;
  if (stream == NULL) return;
  far_actor_close(&stream->far_actor);
  far_learner_close(&stream->far_learner);
  far_line_close(&stream->line);
  if (stream->world != MPI_COMM_NULL) MPI_Comm_free(&stream->world);
  board_destroy(&stream->board);
  free(stream->memory);
  free(stream->peers);
  free(stream->near_ranks);
  free(stream->far_ranks);
  free(stream->come);
  free(stream->queue);
  free(stream);
  *handle = NULL;
}

/* --- waiting --- */

/* sleeps until a bell of this node is no longer at the number that was seen */
static muster_status sleep_on(struct stream *stream, struct bell *bell, uint32_t seen) {
  if (stream->alone) return status_error(MUSTER_ERROR_INTERNAL, "one rank alone would wait for itself");
  enum stage before = stages_enter(stream->comm->stages, STAGE_WAIT);
  muster_status status = bell_wait(bell, seen, stream->look_first);
  stages_enter(stream->comm->stages, before);
  return status;
}

/* --- an actor --- */

static muster_status wait_for_place(struct stream *stream) {
  int which = (int)(stream->delivered % 2);
  if (stream->is_near) {
    struct bell *released = &stream->shared.released[stream->index];
    for (uint32_t seen; !bell_has_come(seen = bell_number(released), stream->delivered - 1);)
      MUSTER_TRY(sleep_on(stream, released, seen));
    return MUSTER_OK;
  }
  bool is_free;
  MUSTER_TRY(far_actor_is_free(&stream->far_actor, which, &is_free));
  if (is_free) return MUSTER_OK;
  enum stage before = stages_enter(stream->comm->stages, STAGE_WAIT);
  muster_status status = far_actor_wait_free(&stream->far_actor, which);
  stages_enter(stream->comm->stages, before);
  return status;
}

muster_status stream_place(struct stream *stream, void **place) {
  MUSTER_TRY(wait_for_place(stream));
  *place = stream->place[stream->delivered % 2] + 1;
  return MUSTER_OK;
}

muster_status stream_deliver(struct stream *stream, size_t bytes) {
  assert(bytes <= stream->room);
  int which = (int)(stream->delivered++ % 2);
  stream->place[which]->bytes = bytes;
  if (!stream->is_near) return far_actor_deliver(&stream->far_actor, which);
  stream_memory_arrive(&stream->shared, stream->index);
  return MUSTER_OK;
}

muster_status stream_refresh(struct stream *stream, bool *is_new) {
  uint32_t version = stream->accepted;
  if (stream->alone) {
    version = bell_number(stream->shared.orders);
  } else if (stream->is_near) {
    version = stream_memory_read(&stream->shared, stream->accepted, stream->order);
  } else {
    MUSTER_TRY(far_actor_poll(&stream->far_actor));
    const struct stream_head *head = far_actor_order(&stream->far_actor);
    version = head->version;
    if (version != stream->accepted) memcpy(stream->order, head + 1, stream->order_bytes);
  }
  *is_new = version != stream->accepted;
  stream->accepted = version;
  return MUSTER_OK;
}

/* sleeps until there is an order that was not taken */
static muster_status wait_for_order(struct stream *stream) {
  if (stream->is_near) return sleep_on(stream, stream->shared.orders, stream->accepted);
  enum stage before = stages_enter(stream->comm->stages, STAGE_WAIT);
  muster_status status = far_actor_wait_order(&stream->far_actor);
  stages_enter(stream->comm->stages, before);
  return status;
}

muster_status stream_await(struct stream *stream) {
  for (bool is_new = false; !is_new;) {
    MUSTER_TRY(stream_refresh(stream, &is_new));
    if (!is_new) MUSTER_TRY(wait_for_order(stream));
  }
  return MUSTER_OK;
}

/* --- the learner --- */

/* a delivery of a rank has come */
static void enqueue(struct stream *stream, int rank) {
  stream->peers[rank].arrived++;
  stream->queue[stream->enqueued++ % (2 * (uint64_t)stream->size)] = rank;
}

/* takes up what has come, and looks after messages */
static muster_status poll(struct stream *stream) {
  for (int index; stream->n_near > 0 && (index = stream_memory_take(&stream->shared)) >= 0;)
    enqueue(stream, stream->near_ranks[index]);
  int n_come;
  MUSTER_TRY(far_learner_poll(&stream->far_learner, stream->come, &n_come));
  for (int i = 0; i < n_come; i++) enqueue(stream, stream->far_ranks[stream->come[i]]);
  return MUSTER_OK;
}

/* an order that is told to one rank alone is where it has to be */
muster_status stream_tell(struct stream *stream) {
  uint32_t version = ++stream->told;
  if (stream->alone) {
    bell_set(stream->shared.orders, version);
    return MUSTER_OK;
  }
  if (stream->n_near > 0) stream_memory_tell(&stream->shared, version, stream->order);
  MUSTER_TRY(far_learner_tell(&stream->far_learner, version, stream->order, stream->order_bytes));
  return poll(stream);
}

muster_status stream_has_next(struct stream *stream, bool *has_next) {
  MUSTER_TRY(poll(stream));
  *has_next = stream->enqueued != stream->dequeued;
  return MUSTER_OK;
}

/* waits for any delivery: asleep where all actors are near, else looking after messages in turn with other ranks */
static muster_status wait_for_delivery(struct stream *stream) {
  while (stream->enqueued == stream->dequeued) {
    uint32_t seen = stream->n_near > 0 ? bell_number(stream->shared.arrivals) : 0;
    MUSTER_TRY(poll(stream));
    if (stream->enqueued != stream->dequeued) break;
    if (stream->far_learner.n > 0)
      sched_yield();
    else
      MUSTER_TRY(sleep_on(stream, stream->shared.arrivals, seen));
  }
  return MUSTER_OK;
}

muster_status stream_next(struct stream *stream, int *rank, const void **delivery, size_t *bytes) {
  bool has_next;
  MUSTER_TRY(stream_has_next(stream, &has_next));
  if (!has_next) {
    enum stage before = stages_enter(stream->comm->stages, STAGE_WAIT);
    muster_status status = wait_for_delivery(stream);
    stages_enter(stream->comm->stages, before);
    MUSTER_TRY(status);
  }
  *rank = stream->queue[stream->dequeued++ % (2 * (uint64_t)stream->size)];
  struct peer *peer = &stream->peers[*rank];
  const struct stream_head *head = peer->place[peer->taken++ % 2];
  *delivery = head + 1;
  *bytes = head->bytes;
  return MUSTER_OK;
}

muster_status stream_release(struct stream *stream, int rank) {
  struct peer *peer = &stream->peers[rank];
  assert(peer->released != peer->taken);
  peer->released++;
  if (!peer->is_near) return far_learner_release(&stream->far_learner, peer->index);
  bell_set(&stream->shared.released[peer->index], peer->released);
  return MUSTER_OK;
}

/* --- both --- */

muster_status stream_tend(struct stream *stream) {
  if (learns(stream)) return poll(stream);
  return stream->is_near ? MUSTER_OK : far_actor_poll(&stream->far_actor);
}

/* the learner: all that was delivered has come, and is where stream_has_next() finds it */
static muster_status await_deliveries(struct stream *stream, const uint32_t *delivered) {
  for (int rank = 0; rank < stream->size; rank++)
    while (rank != stream->learner && stream->peers[rank].arrived != delivered[rank]) {
      MUSTER_TRY(poll(stream));
      sched_yield();
    }
  return MUSTER_OK;
}

/* the learner: nobody is being sent an order */
static muster_status send_last_order(struct stream *stream) {
  while (!far_learner_is_done(&stream->far_learner)) {
    MUSTER_TRY(poll(stream));
    sched_yield();
  }
  return MUSTER_OK;
}

/* an actor: has taken the last order, and knows of all that was released */
static muster_status receive_rest(struct stream *stream, uint32_t version, uint32_t released) {
  while (stream->accepted != version) MUSTER_TRY(stream_await(stream));
  for (int which = 0; which < 2 && !stream->is_near; which++) {
    MUSTER_TRY(far_actor_wait_sent(&stream->far_actor, which));

    /* the last delivery from this place is one of the last two */
    uint32_t last = (stream->delivered - 1) % 2 == (uint32_t)which ? stream->delivered : stream->delivered - 1;
    if (stream->delivered > 0 && last > 0 && bell_has_come(released, last))
      MUSTER_TRY(far_actor_wait_free(&stream->far_actor, which));
  }
  return MUSTER_OK;
}

/* Gathers how many deliveries each rank has made, once all ranks have come to rest. An actor may do so only when it has
 * read a certain order: so the learner looks after messages until then. */
static muster_status gather_counts(struct stream *stream, uint32_t *delivered) {
  MPI_Request request;
  int is_done = !learns(stream);
  MUSTER_TRY_MPI(
      MPI_Iallgather(&stream->delivered, 1, MPI_UINT32_T, delivered, 1, MPI_UINT32_T, stream->world, &request));
  while (!is_done) {
    MUSTER_TRY_MPI(MPI_Test(&request, &is_done, MPI_STATUS_IGNORE));
    MUSTER_TRY(poll(stream));
    if (!is_done) sched_yield();
  }
  return comm_wait(stream->comm, &request, 1);
}

/* counts[2 size]: scratch */
static muster_status come_to_rest(struct stream *stream, uint32_t *counts) {
  uint32_t *delivered = counts, *told = counts + stream->size;
  MUSTER_TRY(gather_counts(stream, delivered));
  if (learns(stream)) {
    MUSTER_TRY(await_deliveries(stream, delivered));
    for (int rank = 0; rank < stream->size; rank++) told[rank] = stream->peers[rank].released;
    told[stream->learner] = stream->told;
  }
  MUSTER_TRY(comm_broadcast(stream->comm, told, (size_t)stream->size * sizeof *told, stream->learner));
  if (learns(stream)) return send_last_order(stream);
  return receive_rest(stream, told[stream->learner], told[stream->comm->rank]);
}

muster_status stream_finish(struct stream *stream) {
  bool is_new;
  if (stream->alone) return stream_refresh(stream, &is_new);

  /* where nobody is far, ranks sleep until all of them have come this far */
  board_reach(stream->board, ++stream->finishes);
  if (stream->far_learner.n == 0) MUSTER_TRY(board_wait_others(stream->board, stream->finishes));
  uint32_t *counts = calloc(2 * (size_t)stream->size, sizeof *counts);
  if (counts == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory: counts of %d ranks", stream->size);
  enum stage before = stages_enter(stream->comm->stages, STAGE_WAIT);
  muster_status status = come_to_rest(stream, counts);
  stages_enter(stream->comm->stages, before);
  free(counts);
  return status;
}
