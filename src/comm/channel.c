#include "comm/channel.h"

#include "comm/channel_memory.h"
#include "comm/channel_remote.h"
#include "comm/node.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* what the learner knows of an actor */
struct peer {
  bool is_near;
  int index; /* among those that share memory with the learner, or among the far ones */
  struct channel_head *slot[2];
  uint32_t arrived, taken, released; /* messages so far */
};

struct channel {
  struct comm *comm; /* borrowed */
  int learner, size;
  bool alone;    /* one rank, which does both */
  void *command; /* borrowed */
  size_t command_bytes;
  uint32_t told;     /* version of the command: the last that the learner told; 0: none */
  uint32_t accepted; /* the last that an actor took */
  uint32_t finishes; /* calls of channel_drain() */
  bool look_first;   /* when waiting (event.h) */

  struct node *node;            /* as the learner sees it */
  struct channel_memory shared; /* in the data of the learner's node */
  int n_near;                   /* actors there */
  MPI_Comm world;               /* with no other messages than these */
  struct far_line line;

  /* an actor's */
  bool is_near;
  int index;
  size_t room;
  struct channel_head *slot[2];
  uint32_t sent;
  struct far_actor far_actor;

  /* the learner's */
  struct far_learner far_learner;
  struct peer *peers; /* [size] of each rank */
  int *near_ranks;    /* [n_near] */
  int *far_ranks;     /* [far_learner.n] */
  int *come;          /* [2 size] scratch */
  int *queue;         /* [2 size] ranks whose messages have come and were not taken: a ring */
  uint64_t enqueued, dequeued;
};

static bool learns(const struct channel *channel) { return channel->comm->rank == channel->learner; }

/* --- set-up --- */

/* Which ranks share memory with the learner, as this rank sees it: it knows that only of its own node. Fills the rooms
 * [size] of those that write there, in order, and their ranks. */
static int list_near(const struct channel *channel, const size_t *rooms, size_t *near_rooms, int *near_ranks) {
  int n = 0;
  for (int rank = 0; rank < channel->size; rank++) {
    bool shares = channel->alone || (rank != channel->learner && comm_is_near(channel->comm, rank));
    if (!shares) continue;
    near_rooms[n] = rooms[rank];
    near_ranks[n++] = rank;
  }
  return n;
}

/* the memory of the learner's node, where its ranks share some; other nodes need none */
static muster_status share_memory(struct channel *channel, const size_t *rooms, size_t *near_rooms) {
  struct comm *comm = channel->comm;
  const bool is_near = comm_is_near(comm, channel->learner);
  const int n = list_near(channel, rooms, near_rooms, channel->near_ranks);
  const size_t bytes = is_near ? channel_memory_bytes(n, near_rooms, channel->command_bytes) : 0;
  MUSTER_TRY(node_create(comm, channel->learner, bytes, channel->alone ? bytes : 0, &channel->node));
  if (!channel->alone && !(is_near && channel->node->is_shared)) return MUSTER_OK;
  channel_memory_open(&channel->shared, channel->node->data, n, near_rooms, channel->command_bytes);
  channel->n_near = n;
  return MUSTER_OK;
}

/* where each near actor writes: on the learner and on that actor */
static void find_slots(struct channel *channel, const size_t *near_rooms) {
  for (int index = 0; index < channel->n_near; index++) {
    int rank = channel->near_ranks[index];
    struct channel_head *slots[] = {channel_memory_slot(&channel->shared, near_rooms, index, 0),
                                    channel_memory_slot(&channel->shared, near_rooms, index, 1)};
    if (learns(channel)) channel->peers[rank] = (struct peer){true, index, {slots[0], slots[1]}, 0, 0, 0};
    if (rank != channel->comm->rank) continue;
    channel->is_near = true;
    channel->index = index;
    memcpy(channel->slot, slots, sizeof slots);
  }
}

/* the messages of actors that share no memory with the learner: on the learner and on such an actor */
static muster_status open_messages(struct channel *channel, const size_t *rooms, size_t *far_rooms) {
  size_t largest = channel->command_bytes;
  for (int rank = 0; rank < channel->size; rank++) largest = rooms[rank] > largest ? rooms[rank] : largest;
  MUSTER_TRY(far_line_open(&channel->line, channel->world, largest));
  if (!learns(channel) && !channel->is_near) {
    MUSTER_TRY(
        far_actor_open(&channel->far_actor, channel->line, channel->learner, channel->room, channel->command_bytes));
    memcpy(channel->slot, channel->far_actor.slot, sizeof channel->slot);
  }
  if (!learns(channel)) return MUSTER_OK;
  int n = 0;
  for (int rank = 0; rank < channel->size; rank++) {
    if (rank == channel->learner || channel->peers[rank].is_near) continue;
    channel->peers[rank].index = n;
    far_rooms[n] = rooms[rank];
    channel->far_ranks[n++] = rank;
  }
  if (n == 0) return MUSTER_OK;
  MUSTER_TRY(
      far_learner_open(&channel->far_learner, channel->line, n, channel->far_ranks, far_rooms, channel->command_bytes));
  for (int i = 0; i < n; i++)
    memcpy(channel->peers[channel->far_ranks[i]].slot, channel->far_learner.peers[i].slot, sizeof channel->slot);
  return MUSTER_OK;
}

static muster_status connect(struct channel *channel, size_t *rooms, size_t *some_rooms) {
  struct comm *comm = channel->comm;
  MUSTER_TRY(comm_gather(comm, &channel->room, sizeof channel->room, rooms));
  MUSTER_TRY(share_memory(channel, rooms, some_rooms));
  find_slots(channel, some_rooms);
  if (channel->alone) return MUSTER_OK;
  MUSTER_TRY_MPI(MPI_Comm_dup(comm->world, &channel->world));
  return comm_agree(comm, open_messages(channel, rooms, some_rooms));
}

muster_status channel_create(struct comm *comm, const struct topology *topology, size_t message_bytes, void *command,
                             size_t command_bytes, struct channel **out) {
  size_t size = (size_t)comm->size;
  struct channel *channel = calloc(1, sizeof *channel);
  size_t *rooms = calloc(2 * size, sizeof *rooms);
  muster_status status = MUSTER_OK;
  if (channel != NULL)
    *channel = (struct channel){.comm = comm,
                                .learner = topology->learner,
                                .size = comm->size,
                                .alone = comm->size == 1,
                                .command = command,
                                .command_bytes = command_bytes,
                                .look_first = !comm_oversubscribed(comm),
                                .world = MPI_COMM_NULL,
                                .line = {.unit = MPI_DATATYPE_NULL},
                                .room = topology->acts ? message_bytes : 0,
                                .peers = calloc(size, sizeof *channel->peers),
                                .near_ranks = calloc(size, sizeof *channel->near_ranks),
                                .far_ranks = calloc(size, sizeof *channel->far_ranks),
                                .come = calloc(2 * size, sizeof *channel->come),
                                .queue = calloc(2 * size, sizeof *channel->queue)};
  if (channel == NULL || rooms == NULL || channel->peers == NULL || channel->near_ranks == NULL ||
      channel->far_ranks == NULL || channel->come == NULL || channel->queue == NULL)
    status = status_error(MUSTER_ERROR_MEMORY, "out of memory: a channel between %d ranks", comm->size);
  status = comm_agree(comm, status);
  if (status == MUSTER_OK) status = connect(channel, rooms, rooms + size);
  free(rooms);
  if (status != MUSTER_OK)
    channel_destroy(&channel);
  else
    *out = channel;
  return status;
}

void channel_destroy(struct channel **handle) {
  struct channel *channel = *handle;
  if (channel == NULL) return;
  far_actor_close(&channel->far_actor);
  far_learner_close(&channel->far_learner);
  far_line_close(&channel->line);
  if (channel->world != MPI_COMM_NULL) MPI_Comm_free(&channel->world);
  node_destroy(&channel->node);
  free(channel->peers);
  free(channel->near_ranks);
  free(channel->far_ranks);
  free(channel->come);
  free(channel->queue);
  free(channel);
  *handle = NULL;
}

/* --- waiting --- */

/* sleeps until an event of this node is no longer at the number that was seen */
static muster_status sleep_on(struct channel *channel, struct event *event, uint32_t seen) {
  if (channel->alone) return status_error(MUSTER_ERROR_INTERNAL, "one rank alone would wait for itself");
  enum stage before = phases_wait(channel->comm->phases);
  muster_status status = event_wait(event, seen, channel->look_first);
  phases_resume(channel->comm->phases, before);
  return status;
}

/* --- an actor --- */

static muster_status wait_for_slot(struct channel *channel) {
  int which = (int)(channel->sent % 2);
  if (channel->is_near) {
    struct event *released = &channel->shared.released[channel->index];
    for (uint32_t seen; !event_has_reached(seen = event_number(released), channel->sent - 1);)
      MUSTER_TRY(sleep_on(channel, released, seen));
    return MUSTER_OK;
  }
  bool is_free;
  MUSTER_TRY(far_actor_is_free(&channel->far_actor, which, &is_free));
  if (is_free) return MUSTER_OK;
  enum stage before = phases_wait(channel->comm->phases);
  muster_status status = far_actor_wait_free(&channel->far_actor, which);
  phases_resume(channel->comm->phases, before);
  return status;
}

muster_status channel_slot(struct channel *channel, void **slot) {
  MUSTER_TRY(wait_for_slot(channel));
  *slot = channel->slot[channel->sent % 2] + 1;
  return MUSTER_OK;
}

muster_status channel_send(struct channel *channel, size_t bytes) {
  assert(bytes <= channel->room);
  int which = (int)(channel->sent++ % 2);
  channel->slot[which]->bytes = bytes;
  if (!channel->is_near) return far_actor_send(&channel->far_actor, which);
  channel_memory_arrive(&channel->shared, channel->index);
  return MUSTER_OK;
}

muster_status channel_refresh(struct channel *channel, bool *is_new) {
  uint32_t version = channel->accepted;
  if (channel->alone) {
    version = event_number(channel->shared.commands);
  } else if (channel->is_near) {
    version = channel_memory_read_command(&channel->shared, channel->accepted, channel->command);
  } else {
    MUSTER_TRY(far_actor_poll(&channel->far_actor));
    const struct channel_head *head = far_actor_command(&channel->far_actor);
    version = head->version;
    if (version != channel->accepted) memcpy(channel->command, head + 1, channel->command_bytes);
  }
  *is_new = version != channel->accepted;
  channel->accepted = version;
  return MUSTER_OK;
}

/* sleeps until there is a command that was not taken */
static muster_status wait_for_command(struct channel *channel) {
  if (channel->is_near) return sleep_on(channel, channel->shared.commands, channel->accepted);
  enum stage before = phases_wait(channel->comm->phases);
  muster_status status = far_actor_wait_command(&channel->far_actor);
  phases_resume(channel->comm->phases, before);
  return status;
}

muster_status channel_await_command(struct channel *channel) {
  for (bool is_new = false; !is_new;) {
    MUSTER_TRY(channel_refresh(channel, &is_new));
    if (!is_new) MUSTER_TRY(wait_for_command(channel));
  }
  return MUSTER_OK;
}

/* --- the learner --- */

/* a message of a rank has come */
static void enqueue(struct channel *channel, int rank) {
  channel->peers[rank].arrived++;
  channel->queue[channel->enqueued++ % (2 * (uint64_t)channel->size)] = rank;
}

/* takes up what has come, and looks after messages */
static muster_status poll(struct channel *channel) {
  for (int index; channel->n_near > 0 && (index = channel_memory_take(&channel->shared)) >= 0;)
    enqueue(channel, channel->near_ranks[index]);
  int n_come;
  MUSTER_TRY(far_learner_poll(&channel->far_learner, channel->come, &n_come));
  for (int i = 0; i < n_come; i++) enqueue(channel, channel->far_ranks[channel->come[i]]);
  return MUSTER_OK;
}

/* a command that is told to one rank alone is where it has to be */
muster_status channel_send_command(struct channel *channel) {
  uint32_t version = ++channel->told;
  if (channel->alone) {
    event_set(channel->shared.commands, version);
    return MUSTER_OK;
  }
  if (channel->n_near > 0) channel_memory_write_command(&channel->shared, version, channel->command);
  MUSTER_TRY(far_learner_send_command(&channel->far_learner, version, channel->command, channel->command_bytes));
  return poll(channel);
}

muster_status channel_has_next(struct channel *channel, bool *has_next) {
  MUSTER_TRY(poll(channel));
  *has_next = channel->enqueued != channel->dequeued;
  return MUSTER_OK;
}

/* waits for any message: asleep where all actors are near, else looking after messages in turn with other ranks */
static muster_status wait_for_message(struct channel *channel) {
  while (channel->enqueued == channel->dequeued) {
    uint32_t seen = channel->n_near > 0 ? event_number(channel->shared.arrivals) : 0;
    MUSTER_TRY(poll(channel));
    if (channel->enqueued != channel->dequeued) break;
    if (channel->far_learner.n > 0)
      sched_yield();
    else
      MUSTER_TRY(sleep_on(channel, channel->shared.arrivals, seen));
  }
  return MUSTER_OK;
}

muster_status channel_next(struct channel *channel, int *rank, const void **message, size_t *bytes) {
  bool has_next;
  MUSTER_TRY(channel_has_next(channel, &has_next));
  if (!has_next) {
    enum stage before = phases_wait(channel->comm->phases);
    muster_status status = wait_for_message(channel);
    phases_resume(channel->comm->phases, before);
    MUSTER_TRY(status);
  }
  *rank = channel->queue[channel->dequeued++ % (2 * (uint64_t)channel->size)];
  struct peer *peer = &channel->peers[*rank];
  const struct channel_head *head = peer->slot[peer->taken++ % 2];
  *message = head + 1;
  *bytes = head->bytes;
  return MUSTER_OK;
}

muster_status channel_credit(struct channel *channel, int rank) {
  struct peer *peer = &channel->peers[rank];
  assert(peer->released != peer->taken);
  peer->released++;
  if (!peer->is_near) return far_learner_credit(&channel->far_learner, peer->index);
  event_set(&channel->shared.released[peer->index], peer->released);
  return MUSTER_OK;
}

/* --- both --- */

muster_status channel_progress(struct channel *channel) {
  if (learns(channel)) return poll(channel);
  return channel->is_near ? MUSTER_OK : far_actor_poll(&channel->far_actor);
}

/* the learner: all that was sent has come, and is where channel_has_next() finds it */
static muster_status await_messages(struct channel *channel, const uint32_t *sent) {
  for (int rank = 0; rank < channel->size; rank++)
    while (rank != channel->learner && channel->peers[rank].arrived != sent[rank]) {
      MUSTER_TRY(poll(channel));
      sched_yield();
    }
  return MUSTER_OK;
}

/* the learner: nobody is being sent a command */
static muster_status send_last_command(struct channel *channel) {
  while (!far_learner_is_done(&channel->far_learner)) {
    MUSTER_TRY(poll(channel));
    sched_yield();
  }
  return MUSTER_OK;
}

/* an actor: has taken the last command, and knows of all that was released */
static muster_status receive_rest(struct channel *channel, uint32_t version, uint32_t released) {
  while (channel->accepted != version) MUSTER_TRY(channel_await_command(channel));
  for (int which = 0; which < 2 && !channel->is_near; which++) {
    MUSTER_TRY(far_actor_wait_sent(&channel->far_actor, which));

    /* the last message from this slot is one of the last two */
    uint32_t last = (channel->sent - 1) % 2 == (uint32_t)which ? channel->sent : channel->sent - 1;
    if (channel->sent > 0 && last > 0 && event_has_reached(released, last))
      MUSTER_TRY(far_actor_wait_free(&channel->far_actor, which));
  }
  return MUSTER_OK;
}

/* Gathers how many messages each rank has made, once all ranks have come to rest. An actor may do so only when it has
 * read a certain command: so the learner looks after messages until then. */
static muster_status gather_counts(struct channel *channel, uint32_t *sent) {
  MPI_Request request;
  int is_done = !learns(channel);
  MUSTER_TRY_MPI(MPI_Iallgather(&channel->sent, 1, MPI_UINT32_T, sent, 1, MPI_UINT32_T, channel->world, &request));
  while (!is_done) {
    MUSTER_TRY_MPI(MPI_Test(&request, &is_done, MPI_STATUS_IGNORE));
    MUSTER_TRY(poll(channel));
    if (!is_done) sched_yield();
  }
  return comm_wait(channel->comm, &request, 1);
}

/* counts[2 size]: scratch */
static muster_status come_to_rest(struct channel *channel, uint32_t *counts) {
  uint32_t *sent = counts, *told = counts + channel->size;
  MUSTER_TRY(gather_counts(channel, sent));
  if (learns(channel)) {
    MUSTER_TRY(await_messages(channel, sent));
    for (int rank = 0; rank < channel->size; rank++) told[rank] = channel->peers[rank].released;
    told[channel->learner] = channel->told;
  }
  MUSTER_TRY(comm_broadcast(channel->comm, told, (size_t)channel->size * sizeof *told, channel->learner));
  if (learns(channel)) return send_last_command(channel);
  return receive_rest(channel, told[channel->learner], told[channel->comm->rank]);
}

muster_status channel_drain(struct channel *channel) {
  bool is_new;
  if (channel->alone) return channel_refresh(channel, &is_new);

  /* where nobody is far, ranks sleep until all of them have come this far */
  node_reach(channel->node, ++channel->finishes);
  if (channel->far_learner.n == 0) MUSTER_TRY(node_wait_others(channel->node, channel->finishes));
  uint32_t *counts = calloc(2 * (size_t)channel->size, sizeof *counts);
  if (counts == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory: counts of %d ranks", channel->size);
  enum stage before = phases_wait(channel->comm->phases);
  muster_status status = come_to_rest(channel, counts);
  phases_resume(channel->comm->phases, before);
  free(counts);
  return status;
}
