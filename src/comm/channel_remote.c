#include "comm/channel_remote.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* messages are counted in heads, so that the count of a large one fits an int */
static int units(size_t bytes) { return (int)(channel_slot_bytes(bytes) / sizeof(struct channel_head)); }

muster_status far_line_open(struct far_line *line, MPI_Comm world, size_t largest_bytes) {
  const size_t limit = ((size_t)INT_MAX - 2) * sizeof(struct channel_head);
  *line = (struct far_line){.world = world, .unit = MPI_DATATYPE_NULL};
  if (largest_bytes > limit)
    return status_error(MUSTER_ERROR_USAGE, "a message of %zu bytes is too large: expects at most %zu", largest_bytes,
                        limit);
  MUSTER_TRY_MPI(MPI_Type_contiguous(sizeof(struct channel_head), MPI_BYTE, &line->unit));
  MUSTER_TRY_MPI(MPI_Type_commit(&line->unit));
  return MUSTER_OK;
}

void far_line_close(struct far_line *line) {
  if (line->unit != MPI_DATATYPE_NULL) MPI_Type_free(&line->unit);
}

/* zeroed, since whole units are sent */
static void *allocate(size_t n, size_t room) {
  void *memory = aligned_alloc(sizeof(struct channel_head), n * channel_slot_bytes(room));
  if (memory != NULL) memset(memory, 0, n * channel_slot_bytes(room));
  return memory;
}

/* ends a receive that waits for a message that will not come */
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

static MPI_Request *command_request(const struct far_learner *far, int index) {
  return &far->requests[2 * far->n + index];
}

static struct channel_head *letter_of(const struct far_learner *far, int packet) {
  return (struct channel_head *)(void *)(far->packets + (size_t)packet * far->packet_bytes);
}

static muster_status open_peer(struct far_learner *far, int index, int rank, size_t room) {
  struct far_peer *peer = &far->peers[index];
  struct far_line line = far->line;
  *peer = (struct far_peer){.rank = rank, .packet = -1};
  for (int which = 0; which < 2; which++) {
    int slot = 2 * index + which;
    if ((peer->slot[which] = allocate(1, room)) == NULL)
      return status_error(MUSTER_ERROR_MEMORY, "out of memory: a message of %zu bytes", room);
    MUSTER_TRY_MPI(
        MPI_Recv_init(peer->slot[which], units(room), line.unit, rank, TAG_MESSAGE, line.world, &far->requests[slot]));
    MUSTER_TRY_MPI(MPI_Send_init(NULL, 0, line.unit, rank, TAG_CREDIT, line.world, &far->credits[slot]));
    MUSTER_TRY_MPI(MPI_Start(&far->requests[slot]));
  }
  return MUSTER_OK;
}

muster_status far_learner_open(struct far_learner *far, struct far_line line, int n, const int *ranks,
                               const size_t *rooms, size_t command_bytes) {
  size_t size = (size_t)n;
  *far = (struct far_learner){
      .line = line,
      .n = n,
      .peers = calloc(size, sizeof *far->peers),
      .requests = calloc(3 * size, sizeof *far->requests),
      .credits = calloc(2 * size, sizeof *far->credits),
      .done = calloc(3 * size, sizeof *far->done),
      .packets = aligned_alloc(sizeof(struct channel_head), (size + 1) * channel_slot_bytes(command_bytes)),
      .packet_bytes = channel_slot_bytes(command_bytes),
      .readers = calloc(size + 1, sizeof *far->readers)};
  if (far->peers == NULL || far->requests == NULL || far->credits == NULL || far->done == NULL ||
      far->packets == NULL || far->readers == NULL)
    return status_error(MUSTER_ERROR_MEMORY, "out of memory: channels to %d ranks", n);
  for (int i = 0; i < 3 * n; i++) far->requests[i] = MPI_REQUEST_NULL;
  for (int i = 0; i < 2 * n; i++) far->credits[i] = MPI_REQUEST_NULL;
  for (int i = 0; i < n; i++) MUSTER_TRY(open_peer(far, i, ranks[i], rooms[i]));
  return MUSTER_OK;
}

void far_learner_close(struct far_learner *far) {
  for (int i = 0; far->requests != NULL && i < 2 * far->n; i++) drop_request(&far->requests[i]);
  for (int i = 0; far->credits != NULL && i < 2 * far->n; i++) drop_request(&far->credits[i]);
  for (int i = 0; far->peers != NULL && i < 2 * far->n; i++) free(far->peers[i / 2].slot[i % 2]);
  free(far->peers);
  free(far->requests);
  free(far->credits);
  free(far->done);
  free(far->packets);
  free(far->readers);
}

/* sends the newest command to those that are being sent none and have not got it */
static muster_status send_commands(struct far_learner *far) {
  struct far_line line = far->line;
  int count = (int)(far->packet_bytes / sizeof(struct channel_head));
  for (int i = 0; i < far->n; i++) {
    struct far_peer *peer = &far->peers[i];
    if (peer->packet >= 0 || peer->version == far->version) continue;
    MUSTER_TRY_MPI(MPI_Issend(letter_of(far, far->newest), count, line.unit, peer->rank, TAG_COMMAND, line.world,
                              command_request(far, i)));
    peer->packet = far->newest;
    peer->version = far->version;
    far->readers[peer->packet]++;
  }
  return MUSTER_OK;
}

/* a message may be there before an earlier, larger one: it comes when that has */
static void note_message(struct far_learner *far, int slot, int *come, int *n_come) {
  struct far_peer *peer = &far->peers[slot / 2];
  peer->has_come[slot % 2] = true;
  for (; peer->has_come[peer->arrived % 2]; peer->arrived++) {
    peer->has_come[peer->arrived % 2] = false;
    come[(*n_come)++] = slot / 2;
  }
}

muster_status far_learner_poll(struct far_learner *far, int *come, int *n_come) {
  *n_come = 0;
  if (far->n == 0) return MUSTER_OK;
  int n_done = 0;
  MUSTER_TRY_MPI(MPI_Testsome(3 * far->n, far->requests, &n_done, far->done, MPI_STATUSES_IGNORE));
  for (int i = 0; n_done != MPI_UNDEFINED && i < n_done; i++) {
    if (far->done[i] < 2 * far->n) {
      note_message(far, far->done[i], come, n_come);
    } else {
      struct far_peer *peer = &far->peers[far->done[i] - 2 * far->n];
      far->readers[peer->packet]--;
      peer->packet = -1;
    }
  }
  return send_commands(far);
}

muster_status far_learner_credit(struct far_learner *far, int index) {
  int slot = 2 * index + (int)(far->peers[index].released++ % 2);

  /* the receive is posted before the actor knows; the last such message has come, or no message would have followed */
  MUSTER_TRY_MPI(MPI_Wait(&far->credits[slot], MPI_STATUS_IGNORE));
  MUSTER_TRY_MPI(MPI_Start(&far->requests[slot]));
  MUSTER_TRY_MPI(MPI_Start(&far->credits[slot]));
  return MUSTER_OK;
}

muster_status far_learner_send_command(struct far_learner *far, uint32_t version, const void *command,
                                       size_t command_bytes) {
  if (far->n == 0) return MUSTER_OK;

  /* the first that nobody is being sent, so that no more memory is touched than is needed */
  int packet = 0;
  while (far->readers[packet] > 0) packet++;
  struct channel_head *head = letter_of(far, packet);
  *head = (struct channel_head){.bytes = command_bytes, .version = version};
  memcpy(head + 1, command, command_bytes);
  memset((char *)(head + 1) + command_bytes, 0, far->packet_bytes - sizeof *head - command_bytes);
  far->newest = packet;
  far->version = version;
  return send_commands(far);
}

bool far_learner_is_done(const struct far_learner *far) {
  for (int i = 0; i < far->n; i++)
    if (far->peers[i].packet >= 0 || far->peers[i].version != far->version) return false;
  return true;
}

/* --- an actor's end --- */

muster_status far_actor_open(struct far_actor *far, struct far_line line, int learner, size_t room,
                             size_t command_bytes) {
  *far = (struct far_actor){.line = line, .learner = learner};
  for (int i = 0; i < 2; i++) {
    far->sends[i] = far->credits[i] = far->commands[i] = MPI_REQUEST_NULL;
    far->slot[i] = allocate(1, room);
    far->packet[i] = allocate(1, command_bytes);
  }
  if (far->slot[0] == NULL || far->slot[1] == NULL || far->packet[0] == NULL || far->packet[1] == NULL)
    return status_error(MUSTER_ERROR_MEMORY, "out of memory: messages of %zu bytes, commands of %zu", room,
                        command_bytes);
  for (int i = 0; i < 2; i++) {
    MUSTER_TRY_MPI(MPI_Recv_init(NULL, 0, line.unit, learner, TAG_CREDIT, line.world, &far->credits[i]));
    MUSTER_TRY_MPI(MPI_Recv_init(far->packet[i], units(command_bytes), line.unit, learner, TAG_COMMAND, line.world,
                                 &far->commands[i]));
  }
  MUSTER_TRY_MPI(MPI_Start(&far->commands[far->incoming]));
  return MUSTER_OK;
}

void far_actor_close(struct far_actor *far) {
  for (int i = 0; i < 2; i++) {
    if (far->slot[i] != NULL && far->packet[i] != NULL) {
      drop_request(&far->credits[i]);
      drop_request(&far->commands[i]);
    }
    free(far->slot[i]);
    free(far->packet[i]);
  }
}

muster_status far_actor_is_free(struct far_actor *far, int which, bool *is_free) {
  int is_sent = 0, is_released = 0;
  MUSTER_TRY_MPI(MPI_Test(&far->sends[which], &is_sent, MPI_STATUS_IGNORE));
  MUSTER_TRY_MPI(MPI_Test(&far->credits[which], &is_released, MPI_STATUS_IGNORE));
  *is_free = is_sent && is_released;
  return MUSTER_OK;
}

muster_status far_actor_wait_free(struct far_actor *far, int which) {
  MUSTER_TRY_MPI(MPI_Wait(&far->credits[which], MPI_STATUS_IGNORE));
  return far_actor_wait_sent(far, which);
}

muster_status far_actor_send(struct far_actor *far, int which) {
  struct channel_head *head = far->slot[which];
  MUSTER_TRY_MPI(MPI_Start(&far->credits[which]));
  MUSTER_TRY_MPI(MPI_Isend(head, units(head->bytes), far->line.unit, far->learner, TAG_MESSAGE, far->line.world,
                           &far->sends[which]));
  return MUSTER_OK;
}

muster_status far_actor_wait_sent(struct far_actor *far, int which) {
  MUSTER_TRY_MPI(MPI_Wait(&far->sends[which], MPI_STATUS_IGNORE));
  return MUSTER_OK;
}

/* the command that was on its way has come: room for another */
static muster_status turn_letters(struct far_actor *far) {
  far->incoming = 1 - far->incoming;
  MUSTER_TRY_MPI(MPI_Start(&far->commands[far->incoming]));
  return MUSTER_OK;
}

muster_status far_actor_poll(struct far_actor *far) {
  for (int has_come = 1; has_come;) {
    MUSTER_TRY_MPI(MPI_Test(&far->commands[far->incoming], &has_come, MPI_STATUS_IGNORE));
    if (has_come) MUSTER_TRY(turn_letters(far));
  }
  return MUSTER_OK;
}

muster_status far_actor_wait_command(struct far_actor *far) {
  MUSTER_TRY_MPI(MPI_Wait(&far->commands[far->incoming], MPI_STATUS_IGNORE));
  return turn_letters(far);
}

const struct channel_head *far_actor_command(const struct far_actor *far) { return far->packet[1 - far->incoming]; }
