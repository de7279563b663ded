#include "env/isolation_channel.h"

#include "base/clock.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- layout ---- */

/* takes `bytes` bytes at the next multiple of 64 */
static void *place(void *head, size_t *used, size_t bytes) {
  size_t at = (*used + 63) / 64 * 64;
  *used = at + bytes;
  return head != NULL ? (char *)head + at : NULL;
}

size_t channel_choices(const muster_space *space) {
  size_t choices = 0;
  if (space->kind != MUSTER_SPACE_DISCRETE && space->kind != MUSTER_SPACE_MULTI_DISCRETE) return 0;
  for (size_t i = 0; i < muster_space_elements(space); i++) choices += (size_t)space->counts[i];
  return choices;
}

size_t channel_layout(void *head, const muster_env_spec *spec, int32_t n, size_t choices, struct channel_arrays *out) {
  const size_t rows = (size_t)n, agents = (size_t)spec->agents;
  const size_t seen = muster_space_elements(&spec->observation), done = muster_space_elements(&spec->action);
  size_t used = sizeof(struct channel);
  out->observation_bytes = agents * muster_space_bytes(&spec->observation);
  out->action_bytes = agents * muster_space_bytes(&spec->action);
  out->mask_bytes = spec->masks_actions ? agents * choices : 0;
  out->observation_low = place(head, &used, seen * sizeof(float));
  out->observation_high = place(head, &used, seen * sizeof(float));
  out->observation_counts = place(head, &used, seen * sizeof(int32_t));
  out->action_low = place(head, &used, done * sizeof(float));
  out->action_high = place(head, &used, done * sizeof(float));
  out->action_counts = place(head, &used, done * sizeof(int32_t));
  out->actions = place(head, &used, rows * out->action_bytes);
  out->observation = place(head, &used, rows * out->observation_bytes);
  out->mask = place(head, &used, rows * out->mask_bytes);
  out->reward = place(head, &used, rows * agents * sizeof(float));
  out->terminated = place(head, &used, rows);
  out->truncated = place(head, &used, rows);
  out->marked = place(head, &used, rows);
  out->streams = place(head, &used, rows * sizeof(struct random_stream));
  out->state = place(head, &used, spec->state_bytes);
  out->text = place(head, &used, CHANNEL_TEXT_BYTES);
  return used;
}

/* ---- waiting ---- */

void channel_wake(_Atomic uint32_t *sleeps, int event) {
  if (atomic_exchange(sleeps, 0) == 0) return;
  const char ring = 0;
  /* the other side is gone: whoever waits for its answer will find that out */
  while (send(event, &ring, 1, MSG_NOSIGNAL) < 0 && errno == EINTR) continue;
}

/* sleeps until a byte comes; the caller then looks at the counter, since the byte may be an old one */
static enum channel_outcome sleep_on(int event, double seconds) {
  struct pollfd wait = {.fd = event, .events = POLLIN};
  int milliseconds = seconds < 0 ? -1 : (int)fmin(ceil(seconds * 1e3), 1e9);
  int ready = poll(&wait, 1, milliseconds);
  if (ready == 0) return CHANNEL_LATE;
  char rings[64];
  ssize_t got = ready > 0 ? recv(event, rings, sizeof rings, MSG_DONTWAIT) : -1;
  if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN)) return CHANNEL_CLOSED;
  return CHANNEL_DONE;
}

enum channel_outcome channel_wait(_Atomic uint32_t *counter, uint32_t wanted, _Atomic uint32_t *sleeps, int event,
                                  double seconds) {
  if (atomic_load_explicit(counter, memory_order_acquire) == wanted) return CHANNEL_DONE;
  const double end = clock_seconds() + seconds;
  for (;;) {
    /* announce the sleep, then look once more: if the other side counts after that, it sees the announcement and sends
     * a byte */
    atomic_store(sleeps, 1);
    if (atomic_load(counter) == wanted) break;
    double left = seconds > 0 ? fmax(0.0, end - clock_seconds()) : -1.0;
    enum channel_outcome outcome = sleep_on(event, left);
    if (atomic_load(counter) == wanted) break;
    if (outcome != CHANNEL_DONE) return outcome;
  }
  atomic_store(sleeps, 0);
  return CHANNEL_DONE;
}
