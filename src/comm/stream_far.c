#include "comm/stream_far.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* messages are counted in heads, so that the count of a large one fits an int */
static int units(size_t bytes) { return (int)(stream_place_bytes(bytes) / sizeof(struct stream_head)); }

muster_status far_line_open(struct far_line *line, MPI_Comm world, size_t largest_bytes) {
  const size_t limit = ((size_t)INT_MAX - 2) * sizeof(struct stream_head);
  *line = (struct far_line){.world = world, .unit = MPI_DATATYPE_NULL};
  if (largest_bytes > limit)
    return status_error(MUSTER_ERROR_USAGE, "a message of %zu bytes is too large: expects at most %zu", largest_bytes,
                        limit);
  MUSTER_TRY_MPI(MPI_Type_contiguous(sizeof(struct stream_head), MPI_BYTE, &line->unit));
  MUSTER_TRY_MPI(MPI_Type_commit(&line->unit));
  return MUSTER_OK;
}

void far_line_close(struct far_line *line) {
  if (line->unit != MPI_DATATYPE_NULL) MPI_Type_free(&line->unit);
}

/* zeroed, since whole units are sent */
static void *allocate(size_t n, size_t room) {
  void *memory = aligned_alloc(sizeof(struct stream_head), n * stream_place_bytes(room));
  if (memory != NULL) memset(memory, 0, n * stream_place_bytes(room));
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

static MPI_Request *order_request(const struct far_learner *far, int index) {
  return &far->requests[2 * far->n + index];
}

static struct stream_head *letter_of(const struct far_learner *far, int letter) {
  return (struct stream_head *)(void *)(far->letters + (size_t)letter * far->letter_bytes);
}

static muster_status open_peer(struct far_learner *far, int index, int rank, size_t room) {
  struct far_peer *peer = &far->peers[index];
  struct far_line line = far->line;
  *peer = (struct far_peer){.rank = rank, .letter = -1};
  for (int which = 0; which < 2; which++) {
    int place = 2 * index + which;
    if ((peer->place[which] = allocate(1, room)) == NULL)
      return status_error(MUSTER_ERROR_MEMORY, "out of memory: a delivery of %zu bytes", room);
    MUSTER_TRY_MPI(MPI_Recv_init(peer->place[which], units(room), line.unit, rank, TAG_DELIVERY, line.world,
                                 &far->requests[place]));
    MUSTER_TRY_MPI(MPI_Send_init(NULL, 0, line.unit, rank, TAG_RELEASE, line.world, &far->releases[place]));
    MUSTER_TRY_MPI(MPI_Start(&far->requests[place]));
  }
  return MUSTER_OK;
}

muster_status far_learner_open(struct far_learner *far, struct far_line line, int n, const int *ranks,
                               const size_t *rooms, size_t order_bytes) {
  size_t size = (size_t)n;
  *far = (struct far_learner){
      .line = line,
      .n = n,
      .peers = calloc(size, sizeof *far->peers),
      .requests = calloc(3 * size, sizeof *far->requests),
      .releases = calloc(2 * size, sizeof *far->releases),
      .done = calloc(3 * size, sizeof *far->done),
      .letters = aligned_alloc(sizeof(struct stream_head), (size + 1) * stream_place_bytes(order_bytes)),
      .letter_bytes = stream_place_bytes(order_bytes),
      .readers = calloc(size + 1, sizeof *far->readers)};
  if (far->peers == NULL || far->requests == NULL || far->releases == NULL || far->done == NULL ||
      far->letters == NULL || far->readers == NULL)
    return status_error(MUSTER_ERROR_MEMORY, "out of memory: a stream to %d ranks", n);
  for (int i = 0; i < 3 * n; i++) far->requests[i] = MPI_REQUEST_NULL;
  for (int i = 0; i < 2 * n; i++) far->releases[i] = MPI_REQUEST_NULL;
  for (int i = 0; i < n; i++) MUSTER_TRY(open_peer(far, i, ranks[i], rooms[i]));
  return MUSTER_OK;
}

void far_learner_close(struct far_learner *far) {
  for (int i = 0; far->requests != NULL && i < 2 * far->n; i++) drop_request(&far->requests[i]);
  for (int i = 0; far->releases != NULL && i < 2 * far->n; i++) drop_request(&far->releases[i]);
  for (int i = 0; far->peers != NULL && i < 2 * far->n; i++) free(far->peers[i / 2].place[i % 2]);
  free(far->peers);
  free(far->requests);
  free(far->releases);
  free(far->done);
  free(far->letters);
  free(far->readers);
}

/* sends the newest order to those that are being sent none and have not got it */
static muster_status send_orders(struct far_learner *far) {
  struct far_line line = far->line;
  int count = (int)(far->letter_bytes / sizeof(struct stream_head));
  for (int i = 0; i < far->n; i++) {
    struct far_peer *peer = &far->peers[i];
    if (peer->letter >= 0 || peer->version == far->version) continue;
    MUSTER_TRY_MPI(MPI_Issend(letter_of(far, far->newest), count, line.unit, peer->rank, TAG_ORDER, line.world,
                              order_request(far, i)));
    peer->letter = far->newest;
    peer->version = far->version;
    far->readers[peer->letter]++;
  }
  return MUSTER_OK;
}

/* a delivery may be there before an earlier, larger one: it comes when that has */
static void note_delivery(struct far_learner *far, int place, int *come, int *n_come) {
  struct far_peer *peer = &far->peers[place / 2];
  peer->has_come[place % 2] = true;
  for (; peer->has_come[peer->arrived % 2]; peer->arrived++) {
    peer->has_come[peer->arrived % 2] = false;
    come[(*n_come)++] = place / 2;
  }
}

muster_status far_learner_poll(struct far_learner *far, int *come, int *n_come) {
  *n_come = 0;
  if (far->n == 0) return MUSTER_OK;
  int n_done = 0;
  MUSTER_TRY_MPI(MPI_Testsome(3 * far->n, far->requests, &n_done, far->done, MPI_STATUSES_IGNORE));
  for (int i = 0; n_done != MPI_UNDEFINED && i < n_done; i++) {
    if (far->done[i] < 2 * far->n) {
      note_delivery(far, far->done[i], come, n_come);
    } else {
      struct far_peer *peer = &far->peers[far->done[i] - 2 * far->n];
      far->readers[peer->letter]--;
      peer->letter = -1;
    }
  }
  return send_orders(far);
}

muster_status far_learner_release(struct far_learner *far, int index) {
  int place = 2 * index + (int)(far->peers[index].released++ % 2);

  /* the receive is posted before the actor knows; the last such message has come, or no delivery would have followed */
  MUSTER_TRY_MPI(MPI_Wait(&far->releases[place], MPI_STATUS_IGNORE));
  MUSTER_TRY_MPI(MPI_Start(&far->requests[place]));
  MUSTER_TRY_MPI(MPI_Start(&far->releases[place]));
  return MUSTER_OK;
}

muster_status far_learner_tell(struct far_learner *far, uint32_t version, const void *order, size_t order_bytes) {
  if (far->n == 0) return MUSTER_OK;

  /* the first that nobody is being sent, so that no more memory is touched than is needed */
  int letter = 0;
  while (far->readers[letter] > 0) letter++;
  struct stream_head *head = letter_of(far, letter);
  *head = (struct stream_head){.bytes = order_bytes, .version = version};
  memcpy(head + 1, order, order_bytes);
  memset((char *)(head + 1) + order_bytes, 0, far->letter_bytes - sizeof *head - order_bytes);
  far->newest = letter;
  far->version = version;
  return send_orders(far);
}

bool far_learner_is_done(const struct far_learner *far) {
  for (int i = 0; i < far->n; i++)
    if (far->peers[i].letter >= 0 || far->peers[i].version != far->version) return false;
  return true;
}

/* --- an actor's end --- */

muster_status far_actor_open(struct far_actor *far, struct far_line line, int learner, size_t room,
                             size_t order_bytes) {
  *far = (struct far_actor){.line = line, .learner = learner};
  for (int i = 0; i < 2; i++) {
    far->sends[i] = far->releases[i] = far->orders[i] = MPI_REQUEST_NULL;
    far->place[i] = allocate(1, room);
    far->letter[i] = allocate(1, order_bytes);
  }
  if (far->place[0] == NULL || far->place[1] == NULL || far->letter[0] == NULL || far->letter[1] == NULL)
    return status_error(MUSTER_ERROR_MEMORY, "out of memory: deliveries of %zu bytes, orders of %zu", room,
                        order_bytes);
  for (int i = 0; i < 2; i++) {
    MUSTER_TRY_MPI(MPI_Recv_init(NULL, 0, line.unit, learner, TAG_RELEASE, line.world, &far->releases[i]));
    MUSTER_TRY_MPI(
        MPI_Recv_init(far->letter[i], units(order_bytes), line.unit, learner, TAG_ORDER, line.world, &far->orders[i]));
  }
  MUSTER_TRY_MPI(MPI_Start(&far->orders[far->incoming]));
  return MUSTER_OK;
}

void far_actor_close(struct far_actor *far) {
  for (int i = 0; i < 2; i++) {
    if (far->place[i] != NULL && far->letter[i] != NULL) {
      drop_request(&far->releases[i]);
      drop_request(&far->orders[i]);
    }
    free(far->place[i]);
    free(far->letter[i]);
  }
}

muster_status far_actor_is_free(struct far_actor *far, int which, bool *is_free) {
  int is_sent = 0, is_released = 0;
  MUSTER_TRY_MPI(MPI_Test(&far->sends[which], &is_sent, MPI_STATUS_IGNORE));
  MUSTER_TRY_MPI(MPI_Test(&far->releases[which], &is_released, MPI_STATUS_IGNORE));
  *is_free = is_sent && is_released;
  return MUSTER_OK;
}

muster_status far_actor_wait_free(struct far_actor *far, int which) {
  MUSTER_TRY_MPI(MPI_Wait(&far->releases[which], MPI_STATUS_IGNORE));
  return far_actor_wait_sent(far, which);
}

muster_status far_actor_deliver(struct far_actor *far, int which) {
  struct stream_head *head = far->place[which];
  MUSTER_TRY_MPI(MPI_Start(&far->releases[which]));
  MUSTER_TRY_MPI(MPI_Isend(head, units(head->bytes), far->line.unit, far->learner, TAG_DELIVERY, far->line.world,
                           &far->sends[which]));
  return MUSTER_OK;
}

muster_status far_actor_wait_sent(struct far_actor *far, int which) {
  MUSTER_TRY_MPI(MPI_Wait(&far->sends[which], MPI_STATUS_IGNORE));
  return MUSTER_OK;
}

/* the order that was on its way has come: room for another */
static muster_status turn_letters(struct far_actor *far) {
  far->incoming = 1 - far->incoming;
  MUSTER_TRY_MPI(MPI_Start(&far->orders[far->incoming]));
  return MUSTER_OK;
}

muster_status far_actor_poll(struct far_actor *far) {
  for (int has_come = 1; has_come;) {
    MUSTER_TRY_MPI(MPI_Test(&far->orders[far->incoming], &has_come, MPI_STATUS_IGNORE));
    if (has_come) MUSTER_TRY(turn_letters(far));
  }
  return MUSTER_OK;
}

muster_status far_actor_wait_order(struct far_actor *far) {
  MUSTER_TRY_MPI(MPI_Wait(&far->orders[far->incoming], MPI_STATUS_IGNORE));
  return turn_letters(far);
}

const struct stream_head *far_actor_order(const struct far_actor *far) { return far->letter[1 - far->incoming]; }
