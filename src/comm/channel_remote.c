#include "comm/channel_remote.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* message sizes are counted in heads, so that the size of a large one fits an int */
static int units(size_t bytes) { return (int)(channel_slot_bytes(bytes) / sizeof(struct channel_head)); }

muster_status remote_line_open(struct remote_line *line, MPI_Comm world, size_t largest_bytes) {
  const size_t limit = ((size_t)INT_MAX - 2) * sizeof(struct channel_head);
  *line = (struct remote_line){.world = world, .unit = MPI_DATATYPE_NULL};
  if (largest_bytes > limit)
    return status_error(MUSTER_ERROR_USAGE, "a message of %zu bytes is too large: expects at most %zu", largest_bytes,
                        limit);
  MUSTER_TRY_MPI(MPI_Type_contiguous(sizeof(struct channel_head), MPI_BYTE, &line->unit));
  MUSTER_TRY_MPI(MPI_Type_commit(&line->unit));
  return MUSTER_OK;
}

void remote_line_close(struct remote_line *line) {
  if (line->unit != MPI_DATATYPE_NULL) MPI_Type_free(&line->unit);
}

/* zeroed, since whole units are sent */
static void *allocate(size_t n, size_t room) {
  void *memory = aligned_alloc(sizeof(struct channel_head), n * channel_slot_bytes(room));
  if (memory != NULL) memset(memory, 0, n * channel_slot_bytes(room));
  return memory;
}

/* cancels a receive whose message will not come */
static void drop_request(MPI_Request *request) {
  if (*request == MPI_REQUEST_NULL) return;
  int is_done = 1;
  MPI_Request_get_status(*request, &is_done, MPI_STATUS_IGNORE);
  if (!is_done) {
    MPI_Cancel(request);
    MPI_Wait(request, MPI_STATUS_IGNORE);
  }
  if (*request != MPI_REQUEST_NULL) MPI_Request_free(request);
}

/* --- the learner's end --- */

static MPI_Request *command_request(const struct remote_learner *end, int index) {
  return &end->requests[2 * end->n + index];
}

static struct channel_head *packet_head(const struct remote_learner *end, int packet) {
  return (struct channel_head *)(void *)(end->packets + (size_t)packet * end->packet_bytes);
}

static muster_status open_peer(struct remote_learner *end, int index, int rank, size_t room) {
  struct remote_peer *peer = &end->peers[index];
  struct remote_line line = end->line;
  *peer = (struct remote_peer){.rank = rank, .packet = -1};
  for (int which = 0; which < 2; which++) {
    int slot = 2 * index + which;
    if ((peer->slot[which] = allocate(1, room)) == NULL)
      return status_error(MUSTER_ERROR_MEMORY, "out of memory: a message of %zu bytes", room);
    MUSTER_TRY_MPI(
        MPI_Recv_init(peer->slot[which], units(room), line.unit, rank, TAG_MESSAGE, line.world, &end->requests[slot]));
    MUSTER_TRY_MPI(MPI_Send_init(NULL, 0, line.unit, rank, TAG_CREDIT, line.world, &end->credits[slot]));
    MUSTER_TRY_MPI(MPI_Start(&end->requests[slot]));
  }
  return MUSTER_OK;
}

muster_status remote_learner_open(struct remote_learner *end, struct remote_line line, int n, const int *ranks,
                                  const size_t *rooms, size_t command_bytes) {
  size_t size = (size_t)n;
  *end = (struct remote_learner){
      .line = line,
      .n = n,
      .peers = calloc(size, sizeof *end->peers),
      .requests = calloc(3 * size, sizeof *end->requests),
      .credits = calloc(2 * size, sizeof *end->credits),
      .done = calloc(3 * size, sizeof *end->done),
      .packets = aligned_alloc(sizeof(struct channel_head), (size + 1) * channel_slot_bytes(command_bytes)),
      .packet_bytes = channel_slot_bytes(command_bytes),
      .readers = calloc(size + 1, sizeof *end->readers)};
  if (end->peers == NULL || end->requests == NULL || end->credits == NULL || end->done == NULL ||
      end->packets == NULL || end->readers == NULL)
    return status_error(MUSTER_ERROR_MEMORY, "out of memory: channels to %d ranks", n);
  for (int i = 0; i < 3 * n; i++) end->requests[i] = MPI_REQUEST_NULL;
  for (int i = 0; i < 2 * n; i++) end->credits[i] = MPI_REQUEST_NULL;
  for (int i = 0; i < n; i++) MUSTER_TRY(open_peer(end, i, ranks[i], rooms[i]));
  return MUSTER_OK;
}

void remote_learner_close(struct remote_learner *end) {
  for (int i = 0; end->requests != NULL && i < 2 * end->n; i++) drop_request(&end->requests[i]);
  for (int i = 0; end->credits != NULL && i < 2 * end->n; i++) drop_request(&end->credits[i]);
  for (int i = 0; end->peers != NULL && i < 2 * end->n; i++) free(end->peers[i / 2].slot[i % 2]);
  free(end->peers);
  free(end->requests);
  free(end->credits);
  free(end->done);
  free(end->packets);
  free(end->readers);
}

/* sends the newest command to the actors that do not have it and are not being sent another one */
static muster_status send_commands(struct remote_learner *end) {
  struct remote_line line = end->line;
  int count = (int)(end->packet_bytes / sizeof(struct channel_head));
  for (int i = 0; i < end->n; i++) {
    struct remote_peer *peer = &end->peers[i];
    if (peer->packet >= 0 || peer->version == end->version) continue;
    MUSTER_TRY_MPI(MPI_Issend(packet_head(end, end->newest), count, line.unit, peer->rank, TAG_COMMAND, line.world,
                              command_request(end, i)));
    peer->packet = end->newest;
    peer->version = end->version;
    end->readers[peer->packet]++;
  }
  return MUSTER_OK;
}

/* a message may be received before an earlier, larger one; it then counts as arrived once the earlier one has */
static void note_message(struct remote_learner *end, int slot, int *come, int *n_come) {
  struct remote_peer *peer = &end->peers[slot / 2];
  peer->has_come[slot % 2] = true;
  for (; peer->has_come[peer->arrived % 2]; peer->arrived++) {
    peer->has_come[peer->arrived % 2] = false;
    come[(*n_come)++] = slot / 2;
  }
}

muster_status remote_learner_poll(struct remote_learner *end, int *come, int *n_come) {
  *n_come = 0;
  if (end->n == 0) return MUSTER_OK;
  int n_done = 0;
  MUSTER_TRY_MPI(MPI_Testsome(3 * end->n, end->requests, &n_done, end->done, MPI_STATUSES_IGNORE));
  for (int i = 0; n_done != MPI_UNDEFINED && i < n_done; i++) {
    if (end->done[i] < 2 * end->n) {
      note_message(end, end->done[i], come, n_come);
    } else {
      struct remote_peer *peer = &end->peers[end->done[i] - 2 * end->n];
      end->readers[peer->packet]--;
      peer->packet = -1;
    }
  }
  return send_commands(end);
}

muster_status remote_learner_credit(struct remote_learner *end, int index) {
  int slot = 2 * index + (int)(end->peers[index].credited++ % 2);

  /* posts the receive before the actor is told; the wait ends at once: the actor has received the last credit of this
   * slot, or it could not have sent this message */
  MUSTER_TRY_MPI(MPI_Wait(&end->credits[slot], MPI_STATUS_IGNORE));
  MUSTER_TRY_MPI(MPI_Start(&end->requests[slot]));
  MUSTER_TRY_MPI(MPI_Start(&end->credits[slot]));
  return MUSTER_OK;
}

muster_status remote_learner_send_command(struct remote_learner *end, uint32_t version, const void *command,
                                          size_t command_bytes) {
  if (end->n == 0) return MUSTER_OK;

  /* takes the first packet that is being sent to nobody, so that no more memory is touched than needed */
  int packet = 0;
  while (end->readers[packet] > 0) packet++;
  struct channel_head *head = packet_head(end, packet);
  *head = (struct channel_head){.bytes = command_bytes, .version = version};
  memcpy(head + 1, command, command_bytes);
  memset((char *)(head + 1) + command_bytes, 0, end->packet_bytes - sizeof *head - command_bytes);
  end->newest = packet;
  end->version = version;
  return send_commands(end);
}

bool remote_learner_is_done(const struct remote_learner *end) {
  for (int i = 0; i < end->n; i++)
    if (end->peers[i].packet >= 0 || end->peers[i].version != end->version) return false;
  return true;
}

/* --- an actor's end --- */

muster_status remote_actor_open(struct remote_actor *end, struct remote_line line, int learner, size_t room,
                                size_t command_bytes) {
  *end = (struct remote_actor){.line = line, .learner = learner};
  for (int i = 0; i < 2; i++) {
    end->sends[i] = end->credits[i] = end->commands[i] = MPI_REQUEST_NULL;
    end->slot[i] = allocate(1, room);
    end->packet[i] = allocate(1, command_bytes);
  }
  if (end->slot[0] == NULL || end->slot[1] == NULL || end->packet[0] == NULL || end->packet[1] == NULL)
    return status_error(MUSTER_ERROR_MEMORY, "out of memory: messages of %zu bytes, commands of %zu", room,
                        command_bytes);
  for (int i = 0; i < 2; i++) {
    MUSTER_TRY_MPI(MPI_Recv_init(NULL, 0, line.unit, learner, TAG_CREDIT, line.world, &end->credits[i]));
    MUSTER_TRY_MPI(MPI_Recv_init(end->packet[i], units(command_bytes), line.unit, learner, TAG_COMMAND, line.world,
                                 &end->commands[i]));
  }
  MUSTER_TRY_MPI(MPI_Start(&end->commands[end->incoming]));
  return MUSTER_OK;
}

void remote_actor_close(struct remote_actor *end) {
  for (int i = 0; i < 2; i++) {
    if (end->slot[i] != NULL && end->packet[i] != NULL) {
      drop_request(&end->credits[i]);
      drop_request(&end->commands[i]);
    }
    free(end->slot[i]);
    free(end->packet[i]);
  }
}

muster_status remote_actor_is_free(struct remote_actor *end, int which, bool *is_free) {
  int is_sent = 0, is_credited = 0;
  MUSTER_TRY_MPI(MPI_Test(&end->sends[which], &is_sent, MPI_STATUS_IGNORE));
  MUSTER_TRY_MPI(MPI_Test(&end->credits[which], &is_credited, MPI_STATUS_IGNORE));
  *is_free = is_sent && is_credited;
  return MUSTER_OK;
}

muster_status remote_actor_wait_free(struct remote_actor *end, int which) {
  MUSTER_TRY_MPI(MPI_Wait(&end->credits[which], MPI_STATUS_IGNORE));
  return remote_actor_wait_sent(end, which);
}

muster_status remote_actor_send(struct remote_actor *end, int which) {
  struct channel_head *head = end->slot[which];
  MUSTER_TRY_MPI(MPI_Start(&end->credits[which]));
  MUSTER_TRY_MPI(MPI_Isend(head, units(head->bytes), end->line.unit, end->learner, TAG_MESSAGE, end->line.world,
                           &end->sends[which]));
  return MUSTER_OK;
}

muster_status remote_actor_wait_sent(struct remote_actor *end, int which) {
  MUSTER_TRY_MPI(MPI_Wait(&end->sends[which], MPI_STATUS_IGNORE));
  return MUSTER_OK;
}

/* the command on its way has arrived: receives the next one into the other packet */
static muster_status turn_packets(struct remote_actor *end) {
  end->incoming = 1 - end->incoming;
  MUSTER_TRY_MPI(MPI_Start(&end->commands[end->incoming]));
  return MUSTER_OK;
}

muster_status remote_actor_poll(struct remote_actor *end) {
  for (int has_come = 1; has_come;) {
    MUSTER_TRY_MPI(MPI_Test(&end->commands[end->incoming], &has_come, MPI_STATUS_IGNORE));
    if (has_come) MUSTER_TRY(turn_packets(end));
  }
  return MUSTER_OK;
}

muster_status remote_actor_wait_command(struct remote_actor *end) {
  MUSTER_TRY_MPI(MPI_Wait(&end->commands[end->incoming], MPI_STATUS_IGNORE));
  return turn_packets(end);
}

const struct channel_head *remote_actor_command(const struct remote_actor *end) {
  return end->packet[1 - end->incoming];
}
