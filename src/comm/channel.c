#include "comm/channel.h"

#include "comm/channel_memory.h"
#include "comm/channel_remote.h"
#include "comm/node.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* what the learner knows about an actor */
struct peer {
  bool is_local; /* shares memory with the learner */
  int index;     /* its index among the local actors, or among the remote ones */
  struct channel_head *slot[2];
  uint32_t arrived, taken, credited; /* counts of its messages */
};

struct channel {
  struct comm *comm; /* borrowed */
  int learner, size;
  bool alone;    /* the job has one rank, which acts and learns */
  void *command; /* borrowed */
  size_t command_bytes;
  uint32_t told;     /* version of the last command that the learner sent; 0: none */
  uint32_t accepted; /* version of the last command that an actor took */
  uint32_t drains;   /* calls of channel_drain() */
  bool look_first;   /* how to wait (event.h) */

  struct node *node;            /* created for the learner */
  struct channel_memory shared; /* in the data of the learner's node */
  int n_local;                  /* actors there */
  MPI_Comm world;               /* only for the messages of this channel */
  struct remote_line line;

  /* for an actor */
  bool is_local;
  int index;
  size_t room;
  struct channel_head *slot[2];
  uint32_t sent;
  struct remote_actor remote_actor;

  /* for the learner */
  struct remote_learner remote_learner;
  struct peer *peers; /* [size] of each rank */
  int *local_ranks;   /* [n_local] */
  int *remote_ranks;  /* [remote_learner.n] */
  int *come;          /* [2 size] scratch */
  int *queue;         /* [2 size] ring of ranks whose messages have arrived and were not taken yet */
  uint64_t enqueued, dequeued;
};

static bool learns(const struct channel *channel) { return channel->comm->rank == channel->learner; }

/* --- set-up --- */

/* Finds the ranks that share memory with the learner; a rank knows this only of its own node. Fills in the message
 * sizes [size] of the actors that write to that memory, in order, and their ranks. */
static int list_local(const struct channel *channel, const size_t *rooms, size_t *local_rooms, int *local_ranks) {
  int n = 0;
  for (int rank = 0; rank < channel->size; rank++) {
    bool shares = channel->alone || (rank != channel->learner && comm_is_local(channel->comm, rank));
    if (!shares) continue;
    local_rooms[n] = rooms[rank];
    local_ranks[n++] = rank;
  }
  return n;
}

/* creates the memory that the ranks of the learner's node share; other nodes need none */
static muster_status share_memory(struct channel *channel, const size_t *rooms, size_t *local_rooms) {
  struct comm *comm = channel->comm;
  const bool is_local = comm_is_local(comm, channel->learner);
  const int n = list_local(channel, rooms, local_rooms, channel->local_ranks);
  const size_t bytes = is_local ? channel_memory_bytes(n, local_rooms, channel->command_bytes) : 0;
  MUSTER_TRY(node_create(comm, channel->learner, bytes, channel->alone ? bytes : 0, &channel->node));
  if (!channel->alone && !(is_local && channel->node->is_shared)) return MUSTER_OK;
  channel_memory_open(&channel->shared, channel->node->data, n, local_rooms, channel->command_bytes);
  channel->n_local = n;
  return MUSTER_OK;
}

/* finds the slots of the actors that share memory with the learner: on the learner and on each such actor */
static void find_slots(struct channel *channel, const size_t *local_rooms) {
  for (int index = 0; index < channel->n_local; index++) {
    int rank = channel->local_ranks[index];
    struct channel_head *slots[] = {channel_memory_slot(&channel->shared, local_rooms, index, 0),
                                    channel_memory_slot(&channel->shared, local_rooms, index, 1)};
    if (learns(channel)) channel->peers[rank] = (struct peer){true, index, {slots[0], slots[1]}, 0, 0, 0};
    if (rank != channel->comm->rank) continue;
    channel->is_local = true;
    channel->index = index;
    memcpy(channel->slot, slots, sizeof slots);
  }
}

/* opens both ends of the connection with actors that share no memory with the learner */
static muster_status open_messages(struct channel *channel, const size_t *rooms, size_t *remote_rooms) {
  size_t largest = channel->command_bytes;
  for (int rank = 0; rank < channel->size; rank++) largest = rooms[rank] > largest ? rooms[rank] : largest;
  MUSTER_TRY(remote_line_open(&channel->line, channel->world, largest));
  if (!learns(channel) && !channel->is_local) {
    MUSTER_TRY(remote_actor_open(&channel->remote_actor, channel->line, channel->learner, channel->room,
                                 channel->command_bytes));
    memcpy(channel->slot, channel->remote_actor.slot, sizeof channel->slot);
  }
  if (!learns(channel)) return MUSTER_OK;
  int n = 0;
  for (int rank = 0; rank < channel->size; rank++) {
    if (rank == channel->learner || channel->peers[rank].is_local) continue;
    channel->peers[rank].index = n;
    remote_rooms[n] = rooms[rank];
    channel->remote_ranks[n++] = rank;
  }
  if (n == 0) return MUSTER_OK;
  MUSTER_TRY(remote_learner_open(&channel->remote_learner, channel->line, n, channel->remote_ranks, remote_rooms,
                                 channel->command_bytes));
  for (int i = 0; i < n; i++)
    memcpy(channel->peers[channel->remote_ranks[i]].slot, channel->remote_learner.peers[i].slot, sizeof channel->slot);
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
                                .local_ranks = calloc(size, sizeof *channel->local_ranks),
                                .remote_ranks = calloc(size, sizeof *channel->remote_ranks),
                                .come = calloc(2 * size, sizeof *channel->come),
                                .queue = calloc(2 * size, sizeof *channel->queue)};
  if (channel == NULL || rooms == NULL || channel->peers == NULL || channel->local_ranks == NULL ||
      channel->remote_ranks == NULL || channel->come == NULL || channel->queue == NULL)
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
  remote_actor_close(&channel->remote_actor);
  remote_learner_close(&channel->remote_learner);
  remote_line_close(&channel->line);
  if (channel->world != MPI_COMM_NULL) MPI_Comm_free(&channel->world);
  node_destroy(&channel->node);
  free(channel->peers);
  free(channel->local_ranks);
  free(channel->remote_ranks);
  free(channel->come);
  free(channel->queue);
  free(channel);
  *handle = NULL;
}

/* --- waiting --- */

/* sleeps until an event of this node no longer has the number that was seen */
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
  if (channel->is_local) {
    struct event *credited = &channel->shared.credited[channel->index];
    for (uint32_t seen; !event_has_reached(seen = event_number(credited), channel->sent - 1);)
      MUSTER_TRY(sleep_on(channel, credited, seen));
    return MUSTER_OK;
  }
  bool is_free;
  MUSTER_TRY(remote_actor_is_free(&channel->remote_actor, which, &is_free));
  if (is_free) return MUSTER_OK;
  enum stage before = phases_wait(channel->comm->phases);
  muster_status status = remote_actor_wait_free(&channel->remote_actor, which);
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
  if (!channel->is_local) return remote_actor_send(&channel->remote_actor, which);
  channel_memory_arrive(&channel->shared, channel->index);
  return MUSTER_OK;
}

muster_status channel_refresh(struct channel *channel, bool *is_new) {
  uint32_t version = channel->accepted;
  if (channel->alone) {
    version = event_number(channel->shared.commands);
  } else if (channel->is_local) {
    version = channel_memory_read_command(&channel->shared, channel->accepted, channel->command);
  } else {
    MUSTER_TRY(remote_actor_poll(&channel->remote_actor));
    const struct channel_head *head = remote_actor_command(&channel->remote_actor);
    version = head->version;
    if (version != channel->accepted) memcpy(channel->command, head + 1, channel->command_bytes);
  }
  *is_new = version != channel->accepted;
  channel->accepted = version;
  return MUSTER_OK;
}

/* sleeps until there is a command that was not taken */
static muster_status wait_for_command(struct channel *channel) {
  if (channel->is_local) return sleep_on(channel, channel->shared.commands, channel->accepted);
  enum stage before = phases_wait(channel->comm->phases);
  muster_status status = remote_actor_wait_command(&channel->remote_actor);
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

/* notes that a message of a rank has arrived */
static void enqueue(struct channel *channel, int rank) {
  channel->peers[rank].arrived++;
  channel->queue[channel->enqueued++ % (2 * (uint64_t)channel->size)] = rank;
}

/* notes the messages that have arrived, and lets messages move */
static muster_status poll(struct channel *channel) {
  for (int index; channel->n_local > 0 && (index = channel_memory_take(&channel->shared)) >= 0;)
    enqueue(channel, channel->local_ranks[index]);
  int n_come;
  MUSTER_TRY(remote_learner_poll(&channel->remote_learner, channel->come, &n_come));
  for (int i = 0; i < n_come; i++) enqueue(channel, channel->remote_ranks[channel->come[i]]);
  return MUSTER_OK;
}

/* with one rank the command is already where it is needed */
muster_status channel_send_command(struct channel *channel) {
  uint32_t version = ++channel->told;
  if (channel->alone) {
    event_set(channel->shared.commands, version);
    return MUSTER_OK;
  }
  if (channel->n_local > 0) channel_memory_write_command(&channel->shared, version, channel->command);
  MUSTER_TRY(remote_learner_send_command(&channel->remote_learner, version, channel->command, channel->command_bytes));
  return poll(channel);
}

muster_status channel_has_next(struct channel *channel, bool *has_next) {
  MUSTER_TRY(poll(channel));
  *has_next = channel->enqueued != channel->dequeued;
  return MUSTER_OK;
}

/* waits for any message: asleep where all actors share memory with the learner, else by polling, and yielding the core
 * in between */
static muster_status wait_for_message(struct channel *channel) {
  while (channel->enqueued == channel->dequeued) {
    uint32_t seen = channel->n_local > 0 ? event_number(channel->shared.arrivals) : 0;
    MUSTER_TRY(poll(channel));
    if (channel->enqueued != channel->dequeued) break;
    if (channel->remote_learner.n > 0)
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
  assert(peer->credited != peer->taken);
  peer->credited++;
  if (!peer->is_local) return remote_learner_credit(&channel->remote_learner, peer->index);
  event_set(&channel->shared.credited[peer->index], peer->credited);
  return MUSTER_OK;
}

/* --- both --- */

muster_status channel_progress(struct channel *channel) {
  if (learns(channel)) return poll(channel);
  return channel->is_local ? MUSTER_OK : remote_actor_poll(&channel->remote_actor);
}

/* on the learner: waits until all messages have arrived and channel_has_next() finds them */
static muster_status await_messages(struct channel *channel, const uint32_t *sent) {
  for (int rank = 0; rank < channel->size; rank++)
    while (rank != channel->learner && channel->peers[rank].arrived != sent[rank]) {
      MUSTER_TRY(poll(channel));
      sched_yield();
    }
  return MUSTER_OK;
}

/* on the learner: waits until all commands are sent */
static muster_status send_last_command(struct channel *channel) {
  while (!remote_learner_is_done(&channel->remote_learner)) {
    MUSTER_TRY(poll(channel));
    sched_yield();
  }
  return MUSTER_OK;
}

/* on an actor: waits until it has taken the last command and received all credits */
static muster_status receive_rest(struct channel *channel, uint32_t version, uint32_t credited) {
  while (channel->accepted != version) MUSTER_TRY(channel_await_command(channel));
  for (int which = 0; which < 2 && !channel->is_local; which++) {
    MUSTER_TRY(remote_actor_wait_sent(&channel->remote_actor, which));

    /* the last message from this slot is one of the last two */
    uint32_t last = (channel->sent - 1) % 2 == (uint32_t)which ? channel->sent : channel->sent - 1;
    if (channel->sent > 0 && last > 0 && event_has_reached(credited, last))
      MUSTER_TRY(remote_actor_wait_free(&channel->remote_actor, which));
  }
  return MUSTER_OK;
}

/* Gathers how many messages each rank has sent, once all ranks have made this call. An actor may need a certain command
 * before it can make this call, so the learner keeps messages moving until then. */
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
    for (int rank = 0; rank < channel->size; rank++) told[rank] = channel->peers[rank].credited;
    told[channel->learner] = channel->told;
  }
  MUSTER_TRY(comm_broadcast(channel->comm, told, (size_t)channel->size * sizeof *told, channel->learner));
  if (learns(channel)) return send_last_command(channel);
  return receive_rest(channel, told[channel->learner], told[channel->comm->rank]);
}

muster_status channel_drain(struct channel *channel) {
  bool is_new;
  if (channel->alone) return channel_refresh(channel, &is_new);

  /* where all share memory, ranks sleep until all of them have reached this point */
  node_reach(channel->node, ++channel->drains);
  if (channel->remote_learner.n == 0) MUSTER_TRY(node_wait_others(channel->node, channel->drains));
  uint32_t *counts = calloc(2 * (size_t)channel->size, sizeof *counts);
  if (counts == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory: counts of %d ranks", channel->size);
  enum stage before = phases_wait(channel->comm->phases);
  muster_status status = come_to_rest(channel, counts);
  phases_resume(channel->comm->phases, before);
  free(counts);
  return status;
}
