#include "comm/watchdog.h"

#include "base/clock.h"
#include "base/outcall.h"
#include "base/plain_locale.h"
#include "comm/mpi_call.h"
#include "comm/watchdog_link.h"

#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

/* number of heartbeats within `seconds`, and the longest time between two of them */
#define HEARTBEATS 8
#define MAX_PERIOD 10.0

/* how long an actor tries to reach the learner at the start */
#define CONTACT_SECONDS 10.0
#define CONTACT_PERIOD 0.1

/* time allowed between the message that a rank is lost and the end: for the update that is under way, and a
 * checkpoint */
#define EMERGENCY_CHECKPOINT_SECONDS 600.0

/* seconds in which a launcher ends a job after one of its ranks has ended */
#define LAUNCHER_SECONDS 5.0

/* the rank that ends the job asks the others to wait for so long at least; Open MPI's mpirun takes a second or two to
 * end them */
#define GOODBYE_SECONDS 0.3

/* what is known about a rank */
struct watched {
  int rank;
  atomic_bool is_out_of_reach; /* no datagram gets through, or it is this rank itself: it is not judged */
  bool is_told;                /* whether the user was told that its set-up takes long */
  double heard, moved;         /* time of the last heartbeat, and of the last one that brought anything new */
  struct heartbeat heartbeat;  /* the last one */
};

struct watchdog {
  struct watchdog_options options;
  double period;
  bool is_learner, is_launched;
  int rank, size;
  char (*hosts)[COMM_HOST_SIZE]; /* [size] */
  bool *learns;                  /* [size] which ranks learn */

  struct phases *phases; /* what the main thread does; borrowed */

  /* what the main thread wants done when the job is ended; the watchdog's thread takes the lock for that and keeps
   * it */
  pthread_mutex_t emergency;
  void (*emergency_checkpoint)(void *context, bool is_whole);
  void *context;

  /* for the thread only */
  pthread_t thread;
  bool runs;
  int wakeup; /* an eventfd: wakes the thread when the main thread reaches PHASE_END, or when the watch is over */
  atomic_bool is_over;
  bool says_goodbye;          /* the thread is ending the process, whatever the main thread does */
  struct watchdog_link *link; /* NULL where this rank is alone */
  struct heartbeat told;      /* the last heartbeat that was sent */
  double asked_since;         /* time when the first request was seen, on this rank or another one; 0: none yet */
  struct watched own;
  int n_watched;
  struct watched *watched; /* [n_watched] only the learner; on the learner [size], all ranks */
};

/* ---- what the main thread says ---- */

void watchdog_end(struct comm *comm) {
  phases_enter(comm->phases, PHASE_END, 0);
  if (comm->watchdog != NULL) eventfd_write(comm->watchdog->wakeup, 1);
}

void watchdog_on_loss(struct comm *comm, void (*emergency_checkpoint)(void *context, bool is_whole), void *context) {
  struct watchdog *watchdog = comm->watchdog;
  if (watchdog == NULL) return;
  pthread_mutex_lock(&watchdog->emergency);
  watchdog->emergency_checkpoint = emergency_checkpoint;
  watchdog->context = context;
  pthread_mutex_unlock(&watchdog->emergency);
}

/* ---- heartbeats ---- */

/* notes a heartbeat of a rank */
static void record_heartbeat(struct watched *watched, const struct heartbeat *heartbeat, double now) {
  const struct heartbeat *last = &watched->heartbeat;
  bool is_new =
      heartbeat->phase != last->phase || heartbeat->iteration != last->iteration || heartbeat->serial != last->serial;
  if (is_new) watched->moved = now;
  watched->heard = now;
  watched->heartbeat = *heartbeat;
}

/* notes what this rank does */
static void note_self(struct watchdog *watchdog, double now) {
  const struct ending_requests *requests = &watchdog->options.requests;
  const struct phases_seen seen = phases_see(watchdog->phases);
  const struct heartbeat heartbeat = {.rank = watchdog->rank,
                                      .phase = watchdog->says_goodbye ? PHASE_END : seen.phase,
                                      .iteration = seen.iteration,
                                      .asked = requests->pending != NULL ? requests->pending(requests->context) : 0,
                                      .steps = seen.steps,
                                      .serial = atomic_load(&outcall_state.serial),
                                      .place = outcall_now()};
  record_heartbeat(&watchdog->own, &heartbeat, now);
}

/* reads the heartbeats that have arrived; the learner answers each */
static void receive(struct watchdog *watchdog, double now) {
  struct heartbeat heartbeat;
  while (watchdog->link != NULL && link_receive(watchdog->link, &heartbeat)) {
    struct watched *watched = watchdog->watched;
    if (heartbeat.phase < 0 || heartbeat.phase >= PHASES) continue;
    if (watchdog->is_learner && (heartbeat.rank < 0 || heartbeat.rank >= watchdog->size)) continue;
    record_heartbeat(watchdog->is_learner ? &watched[heartbeat.rank] : watched, &heartbeat, now);
    if (!watchdog->is_learner) continue;
    struct heartbeat answer = watchdog->own.heartbeat;
    link_answer(watchdog->link, &answer);
  }
}

/* ---- the end of the job ---- */

/* whether nothing is learned yet */
static bool is_setting_up(const struct heartbeat *heartbeat) {
  return heartbeat->phase == PHASE_SETUP || heartbeat->phase == PHASE_AGREEMENT;
}

/* describes what a rank was last known to do */
static void describe_place(const struct heartbeat *heartbeat, char *text, size_t size) {
  const struct phase_row *row = &phase_table[heartbeat->phase];
  bool is_in_call = row->in_a_call != NULL && heartbeat->place.call != OUTCALL_NONE;
  int used = snprintf(text, size, "%s", is_in_call ? row->in_a_call : row->description);
  if (is_setting_up(heartbeat) || heartbeat->phase >= PHASE_RELEASE) return;
  used += snprintf(text + used, size - (size_t)used, " in iteration %" PRId64, heartbeat->iteration);
  if (row->counts_steps)
    snprintf(text + used, size - (size_t)used, ", after %" PRIu64 " steps and resets of its environments",
             heartbeat->steps);
}

static const char *role(const struct watchdog *watchdog, int rank) {
  return watchdog->learns[rank] ? "learner" : "actor";
}

/* local time of `seconds` ago */
static void describe_moment(double seconds, char text[16]) {
  time_t then = time(NULL) - (time_t)seconds;
  struct tm local;
  localtime_r(&then, &local);
  strftime(text, 16, "%H:%M:%S", &local);
}

static bool is_silent(const struct watchdog *watchdog, const struct watched *watched, double now) {
  if (watched->is_out_of_reach || watched->heartbeat.phase == PHASE_END) return false;
  /* the last heartbeat may be up to a period older than the silence, and silence is checked once a period */
  double patience = watchdog->options.seconds - watchdog->period;
  /* the first actor reports that the learner is lost; the others wait a little for it to end the job */
  if (!watchdog->is_learner && watchdog->rank > watchdog->options.learner + 1) patience += watchdog->period;
  return now - watched->heard > patience;
}

/* other ranks that are as silent: a host that is gone takes all of its ranks with it */
static void list_others(const struct watchdog *watchdog, const struct watched *first, double now, char *text,
                        size_t size) {
  size_t used = 0;
  int more = 0;
  text[0] = '\0';
  for (int i = 0; i < watchdog->n_watched; i++) {
    const struct watched *other = &watchdog->watched[i];
    if (other == first || other->is_out_of_reach || other->heartbeat.phase == PHASE_END) continue;
    if (now - other->heard < watchdog->options.seconds / 2) continue;
    if (used + COMM_HOST_SIZE + 64 < size)
      used += (size_t)snprintf(text + used, size - used, "%s rank %d on %s", used == 0 ? "; as silent:" : ",",
                               other->rank, watchdog->hosts[other->rank]);
    else
      more++;
  }
  if (more > 0) snprintf(text + used, size - used, " and %d more", more);
}

/* whether nothing comes from the host of a lost rank, so that it is the host or its link that is gone */
static bool host_is_silent(const struct watchdog *watchdog, const struct watched *lost, double now) {
  for (int i = 0; i < watchdog->n_watched; i++) {
    const struct watched *other = &watchdog->watched[i];
    if (other->is_out_of_reach || strcmp(watchdog->hosts[other->rank], watchdog->hosts[lost->rank]) != 0) continue;
    if (now - other->heard < watchdog->options.seconds / 2) return false;
  }
  return strcmp(watchdog->hosts[watchdog->rank], watchdog->hosts[lost->rank]) != 0;
}

/* gives the launcher time to find out by itself that a host is gone and to end the job; meanwhile this rank keeps
 * answering the others */
static void wait_for_launcher(struct watchdog *watchdog) {
  double seconds = ending_launcher_seconds(), end = clock_seconds() + seconds;
  if (seconds == 0) return;
  log_info(&watchdog->options.logger, "mpirun is to notice it within %.0f s, and to end the job", seconds);
  struct pollfd event = {.fd = watchdog->link != NULL ? link_descriptor(watchdog->link) : -1, .events = POLLIN};
  for (double now = clock_seconds(); now < end; now = clock_seconds()) {
    poll(&event, 1, (int)ceil(1000 * fmin(watchdog->period, end - now)));
    note_self(watchdog, now);
    receive(watchdog, now);
  }
}

/* Tells the others that this rank is about to end, so that they do not report its silence before the launcher has ended
 * them. */
static void say_goodbye(struct watchdog *watchdog) {
  if (watchdog->link == NULL || !watchdog->is_learner) return;
  watchdog->says_goodbye = true;
  struct pollfd event = {.fd = link_descriptor(watchdog->link), .events = POLLIN};
  const double end = clock_seconds() + fmin(1.5 * watchdog->period, GOODBYE_SECONDS);
  for (double now = clock_seconds(); now < end; now = clock_seconds()) {
    note_self(watchdog, now);
    receive(watchdog, now);
    poll(&event, 1, (int)ceil(1000 * (end - now)));
  }
}

/* Waits for the main thread to finish its change, and keeps answering the other ranks meanwhile. False when it cannot
 * finish: this rank itself hangs, or it has waited for a whole period for the ranks that learn together, one of which
 * is lost. */
static bool await_whole_state(struct watchdog *watchdog, int lost) {
  struct phases *phases = watchdog->phases;
  bool is_missed = lost >= 0 && watchdog->learns[lost];
  bool is_whole = phases_hold(phases, 0), goes_on = lost != watchdog->rank;
  while (!is_whole && goes_on) {
    double now = clock_seconds();
    note_self(watchdog, now);
    receive(watchdog, now);
    uint32_t wait = phases_waits(phases);
    is_whole = phases_hold(phases, watchdog->period);
    bool waits = wait % 2 == 1 && wait == phases_waits(phases);
    goes_on = !(is_missed && waits);
  }
  return is_whole;
}

/* All requests by signals and time limits, on any rank that can be heard. */
static int all_requests(const struct watchdog *watchdog) {
  int requests = watchdog->own.heartbeat.asked;
  for (int i = 0; watchdog->is_learner && i < watchdog->n_watched; i++)
    requests |= watchdog->watched[i].heartbeat.asked;
  return requests;
}

/* the exit code of a job that cannot go on; writes the requests that it has received, for the message */
static int requested_end(const struct watchdog *watchdog, char *text, size_t size) {
  const struct ending_requests *asked = &watchdog->options.requests;
  int requests = all_requests(watchdog);
  text[0] = '\0';
  if (requests == 0) return 1;
  snprintf(text, size, "; the run was asked to end by %s", asked->describe(requests));
  return ending_code(asked, requests, watchdog->is_launched);
}

/* how a job ends */
struct job_end {
  int exit_code;
  int lost;          /* the rank that is to blame; -1: none */
  bool host_is_lost; /* the host of that rank is gone, and a launcher on another host gets time to notice it */
};

/* Reports what has happened, lets the learner save what it has learned, and ends this process, and with it the job. */
_Noreturn static void end_job(struct watchdog *watchdog, const char *text, struct job_end end) {
  log_error(&watchdog->options.logger, "%s", text);
  struct deadline *deadline = deadline_start(EMERGENCY_CHECKPOINT_SECONDS, 1,
                                             "muster: the update and a checkpoint took too long; the newest one stays");
  phases_stop(watchdog->phases);
  bool is_whole = await_whole_state(watchdog, end.lost);
  outcall_freeze();
  pthread_mutex_lock(&watchdog->emergency);
  if (watchdog->emergency_checkpoint != NULL) watchdog->emergency_checkpoint(watchdog->context, is_whole);
  deadline_cancel(&deadline);
  if (end.host_is_lost) wait_for_launcher(watchdog);
  say_goodbye(watchdog);
  ending_now(end.exit_code);
}

_Noreturn static void end_for_silence(struct watchdog *watchdog, const struct watched *lost, double now) {
  char text[1024], place[128], moment[16], others[400];
  describe_place(&lost->heartbeat, place, sizeof place);
  describe_moment(now - lost->heard, moment);
  list_others(watchdog, lost, now, others, sizeof others);
  snprintf(text, sizeof text,
           "rank %d (%s on %s) is lost: nothing has come from it for %.1f s (run.watchdog: %g), since %s, %s%s",
           lost->rank, role(watchdog, lost->rank), watchdog->hosts[lost->rank], now - lost->heard,
           watchdog->options.seconds, moment, place, others);
  end_job(watchdog, text, (struct job_end){1, lost->rank, host_is_silent(watchdog, lost, now)});
}

_Noreturn static void end_for_standstill(struct watchdog *watchdog, const struct watched *stuck, double now) {
  char text[1024], call[160], place[128], moment[16], asked[160];
  outcall_describe(&stuck->heartbeat.place, watchdog->options.environment, call, sizeof call);
  describe_place(&stuck->heartbeat, place, sizeof place);
  describe_moment(now - stuck->moved, moment);
  int code = requested_end(watchdog, asked, sizeof asked);
  bool is_over = stuck->heartbeat.phase == PHASE_RELEASE;
  snprintf(text, sizeof text,
           "rank %d (%s on %s) hangs: %s has not come back for %.1f s (run.watchdog: %g), since %s, %s%s%s",
           stuck->rank, role(watchdog, stuck->rank), watchdog->hosts[stuck->rank], call, now - stuck->moved,
           watchdog->options.seconds, moment, place, is_over ? "" : asked,
           is_over ? "; what the run has to write is written"
                   : "; where that may take so long, a larger run.watchdog is right");
  end_job(watchdog, text, (struct job_end){is_over ? 1 : code, stuck->rank, false});
}

/* ends the job because a request has come in the set-up, which is not over soon enough */
_Noreturn static void end_in_setup(struct watchdog *watchdog, const struct watched *slow, double now) {
  char text[1024], call[160], asked[160], place[200] = "";
  int code = requested_end(watchdog, asked, sizeof asked);
  outcall_describe(&slow->heartbeat.place, watchdog->options.environment, call, sizeof call);
  if (call[0] != '\0') snprintf(place, sizeof place, ", in %s,", call);
  snprintf(text, sizeof text, "rank %d (%s on %s) has been in its set-up%s for %.1f s%s; nothing was learned so far",
           slow->rank, role(watchdog, slow->rank), watchdog->hosts[slow->rank], place, now - slow->moved, asked);
  end_job(watchdog, text, (struct job_end){code, slow->rank, false});
}

/* ---- watching ---- */

static void send_heartbeat(struct watchdog *watchdog, double now) {
  if (watchdog->link == NULL || watchdog->is_learner) return;
  struct heartbeat own = watchdog->told = watchdog->own.heartbeat;
  link_heartbeat(watchdog->link, &own, now - watchdog->watched->heard < 2.5 * watchdog->period);
}

static bool stands_still(const struct watchdog *watchdog, const struct watched *watched, double now) {
  const int32_t call = watched->heartbeat.place.call;
  if (call == OUTCALL_NONE) return false;
  if (watchdog->options.spares_steps && (call == OUTCALL_STEP || call == OUTCALL_RESET)) return false;
  return now - watched->moved > watchdog->options.seconds;
}

/* finds a rank that is busy in the set-up instead of waiting for others; one that is in a call of an environment comes
 * first */
static struct watched *slowest_in_setup(struct watchdog *watchdog) {
  struct watched *slowest = &watchdog->own;
  for (int i = 0; watchdog->is_learner && i < watchdog->n_watched; i++) {
    struct watched *other = &watchdog->watched[i];
    if (other->is_out_of_reach || other->heartbeat.phase != PHASE_SETUP) continue;
    bool is_slower = other->heartbeat.place.call != OUTCALL_NONE && slowest->heartbeat.place.call == OUTCALL_NONE;
    if (slowest->heartbeat.phase != PHASE_SETUP || is_slower) slowest = other;
  }
  return slowest;
}

/* a set-up may take long; the log tells the user which rank the job waits for */
static void tell_slow_setup(struct watchdog *watchdog, double now) {
  struct watched *watched = slowest_in_setup(watchdog);
  if (watched->is_told || watched->heartbeat.phase != PHASE_SETUP) return;
  if (now - watched->moved < watchdog->options.seconds) return;
  watched->is_told = true;
  log_warn(&watchdog->options.logger, "rank %d (%s on %s) has been in its set-up for %.0f s; the job waits for it",
           watched->rank, role(watchdog, watched->rank), watchdog->hosts[watched->rank], now - watched->moved);
}

/* Ends the job because of a request during the set-up; the learner does so, or a rank that cannot reach it. Returns
 * whether a request is new. */
static bool heed_requests(struct watchdog *watchdog, double now) {
  if (all_requests(watchdog) == 0) return false;
  bool is_new = watchdog->asked_since == 0;
  if (is_new) watchdog->asked_since = now;
  bool decides = watchdog->is_learner || watchdog->watched->is_out_of_reach;
  if (decides && is_setting_up(&watchdog->own.heartbeat) && now - watchdog->asked_since > ENDING_GRACE)
    end_in_setup(watchdog, slowest_in_setup(watchdog), now);
  return is_new;
}

/* whether this rank's set-up has moved on; the learner should know, so that it can say where a rank hangs */
static bool has_gone_on(const struct watchdog *watchdog) {
  const struct heartbeat *now = &watchdog->own.heartbeat, *told = &watchdog->told;
  if (watchdog->is_learner || !is_setting_up(now)) return false;
  return now->phase != told->phase || now->place.call != told->place.call;
}

/* all ranks end MPI together; where all have reached that point but MPI does not end, this process ends alone */
static void judge_end(struct watchdog *watchdog, double now) {
  double last = watchdog->own.moved;
  for (int i = 0; i < watchdog->n_watched; i++) {
    const struct watched *watched = &watchdog->watched[i];
    if (watched->is_out_of_reach) continue;
    if (watched->heartbeat.phase != PHASE_END) return;
    last = fmax(last, watched->moved);
  }
  /* the learner knows about all ranks; the others know only about the learner, and the launcher may be about to notice
   * its end */
  const double patience = watchdog->options.seconds * (watchdog->is_learner ? 1 : 2);
  if (now - last > patience + (watchdog->is_learner ? 0 : LAUNCHER_SECONDS))
    end_job(watchdog, "MPI does not end, though all ranks have come to its end: a host or a link may be gone",
            (struct job_end){1, -1, false});
}

static void judge(struct watchdog *watchdog, double now) {
  for (int i = 0; i < watchdog->n_watched; i++) {
    struct watched *watched = &watchdog->watched[i];
    if (is_silent(watchdog, watched, now)) end_for_silence(watchdog, watched, now);
    if (!watchdog->is_learner || watched->is_out_of_reach) continue;
    if (stands_still(watchdog, watched, now)) end_for_standstill(watchdog, watched, now);
  }
  /* the learner has something to save, so it ends the job; a rank that cannot reach the learner ends by itself */
  bool is_alone = watchdog->is_learner || watchdog->watched->is_out_of_reach;
  if (is_alone && stands_still(watchdog, &watchdog->own, now)) end_for_standstill(watchdog, &watchdog->own, now);
  if (is_alone) tell_slow_setup(watchdog, now);
  if (watchdog->own.heartbeat.phase == PHASE_END) judge_end(watchdog, now);
}

/* a process that was itself stopped (by a job scheduler that suspends jobs, or a debugger) could hear nothing
 * meanwhile: that time does not count */
static void forgive(struct watchdog *watchdog, double seconds) {
  for (int i = 0; i <= watchdog->n_watched; i++) {
    struct watched *watched = i < watchdog->n_watched ? &watchdog->watched[i] : &watchdog->own;
    watched->heard += seconds;
    watched->moved += seconds;
  }
}

static void *watch(void *context) {
  struct watchdog *watchdog = context;
  plain_locale_use();
  struct pollfd events[2] = {{.fd = watchdog->wakeup, .events = POLLIN}};
  if (watchdog->link != NULL) events[1] = (struct pollfd){.fd = link_descriptor(watchdog->link), .events = POLLIN};
  const nfds_t n = watchdog->link != NULL ? 2 : 1;

  /* spreads the heartbeats of many ranks over the period */
  double next = clock_seconds() + watchdog->period * watchdog->rank / watchdog->size;
  while (!atomic_load(&watchdog->is_over)) {
    double timeout = fmax(0.0, next - clock_seconds());
    if (is_setting_up(&watchdog->own.heartbeat)) timeout = fmin(timeout, ENDING_PERIOD);
    poll(events, n, (int)ceil(1000 * timeout));
    double now = clock_seconds();
    if (now - next > watchdog->period) forgive(watchdog, now - next);
    eventfd_t wakeups;
    bool is_woken = (events[0].revents & POLLIN) != 0 && eventfd_read(watchdog->wakeup, &wakeups) == 0;
    note_self(watchdog, now);
    receive(watchdog, now);
    bool is_news = heed_requests(watchdog, now) || has_gone_on(watchdog);
    if (now < next && !is_woken && !is_news) continue;
    send_heartbeat(watchdog, now);
    judge(watchdog, now);
    if (now >= next) next = now + watchdog->period;
  }
  return NULL;
}

/* ---- life ---- */

muster_status watchdog_create(struct comm *comm, const struct watchdog_options *options) {
  struct watchdog *watchdog = comm->watchdog = calloc(1, sizeof *watchdog);
  if (watchdog == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory: watchdog");
  watchdog->options = *options;
  watchdog->rank = comm->rank;
  watchdog->size = comm->size;
  watchdog->is_learner = comm->rank == options->learner;
  watchdog->is_launched = comm->world != MPI_COMM_NULL;
  watchdog->period = fmin(options->seconds / HEARTBEATS, MAX_PERIOD);
  watchdog->own.rank = comm->rank;
  watchdog->phases = comm->phases;
  /* only the learner saves anything */
  phases_guard(watchdog->phases, watchdog->is_learner);
  pthread_mutex_init(&watchdog->emergency, NULL);
  watchdog->wakeup = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (watchdog->wakeup < 0) return status_errno(MUSTER_ERROR_IO, "an event of the watchdog");
  watchdog->hosts = calloc((size_t)comm->size, sizeof *watchdog->hosts);
  watchdog->learns = calloc((size_t)comm->size, sizeof *watchdog->learns);
  watchdog->n_watched = comm->size == 1 ? 0 : watchdog->is_learner ? comm->size : 1;
  watchdog->watched = calloc((size_t)watchdog->n_watched + 1, sizeof *watchdog->watched);
  if (watchdog->hosts == NULL || watchdog->watched == NULL || watchdog->learns == NULL)
    return status_error(MUSTER_ERROR_MEMORY, "out of memory: watchdog of %d ranks", comm->size);
  watchdog->learns[options->learner] = true;
  for (int i = 0; options->group != NULL && i < options->learners; i++) watchdog->learns[options->group[i]] = true;
  return MUSTER_OK;
}

void watchdog_destroy(struct comm *comm) {
  struct watchdog *watchdog = comm->watchdog;
  if (watchdog == NULL) return;
  if (watchdog->runs) {
    atomic_store(&watchdog->is_over, true);
    eventfd_write(watchdog->wakeup, 1);
    pthread_join(watchdog->thread, NULL);
  }
  phases_guard(watchdog->phases, false);
  link_destroy(&watchdog->link);
  if (watchdog->wakeup >= 0) close(watchdog->wakeup);
  pthread_mutex_destroy(&watchdog->emergency);
  free(watchdog->hosts);
  free(watchdog->learns);
  free(watchdog->watched);
  free(watchdog);
  comm->watchdog = NULL;
}

/* the learner tells the others how to reach it; a rank without a network is out of reach, which is not an error */
static muster_status open_links(struct comm *comm) {
  struct watchdog *watchdog = comm->watchdog;
  struct invitation invitation = {0};
  muster_status status = watchdog->is_learner ? link_invite(&invitation, &watchdog->link) : MUSTER_OK;
  if (status != MUSTER_OK) log_warn(&watchdog->options.logger, "watchdog: %s", muster_status_message(status));
  muster_status_clear(&status);
  MUSTER_TRY(comm_broadcast(comm, &invitation, sizeof invitation, watchdog->options.learner));
  if (watchdog->is_learner || invitation.n == 0) return MUSTER_OK;
  status = link_accept(&invitation, &watchdog->link);
  if (status != MUSTER_OK) log_warn(&watchdog->options.logger, "watchdog: %s", muster_status_message(status));
  muster_status_clear(&status);
  return MUSTER_OK;
}

/* sends heartbeats until the learner answers; false when it does not */
static bool reach_learner(struct watchdog *watchdog) {
  if (watchdog->link == NULL) return false;
  struct pollfd event = {.fd = link_descriptor(watchdog->link), .events = POLLIN};
  double end = clock_seconds() + fmin(CONTACT_SECONDS, watchdog->options.seconds / 2);
  while (clock_seconds() < end) {
    struct heartbeat heartbeat = watchdog->own.heartbeat;
    link_heartbeat(watchdog->link, &heartbeat, false);
    if (poll(&event, 1, (int)(1000 * CONTACT_PERIOD)) > 0 && link_receive(watchdog->link, &heartbeat)) return true;
  }
  return false;
}

/* tells the learner which ranks have reached it; it will watch these */
static muster_status gather_contacts(struct comm *comm, bool is_reached) {
  struct watchdog *watchdog = comm->watchdog;
  unsigned char own = is_reached, *all = calloc((size_t)comm->size, 1);
  int n = 0, first = 0;
  muster_status status = all == NULL ? status_error(MUSTER_ERROR_MEMORY, "out of memory: watchdog") : MUSTER_OK;
  if (status == MUSTER_OK)
    status = comm_status(MPI_Gather(&own, 1, MPI_BYTE, all, 1, MPI_BYTE, watchdog->options.learner, comm->world),
                         "MPI_Gather");
  for (int rank = comm->size - 1; rank >= 0 && watchdog->is_learner && status == MUSTER_OK; rank--) {
    if (all[rank]) continue;
    atomic_store(&watchdog->watched[rank].is_out_of_reach, true);
    first = rank;
    n++;
  }
  free(all);
  if (n > 0)
    log_warn(&watchdog->options.logger,
             "no datagram (UDP) passes between this host and %d ranks, the first of them rank %d on %s: should one of "
             "them be lost, nobody notices",
             n, first, watchdog->hosts[first]);
  return status;
}

muster_status watchdog_connect(struct comm *comm) {
  struct watchdog *watchdog = comm->watchdog;
  if (watchdog == NULL) return MUSTER_OK;
  MUSTER_TRY(comm_gather(comm, comm->host, COMM_HOST_SIZE, watchdog->hosts));
  if (comm->size > 1) MUSTER_TRY(open_links(comm));
  watchdog->own.heard = watchdog->own.moved = clock_seconds();
  watchdog->own.heartbeat.rank = comm->rank;
  for (int i = 0; i < watchdog->n_watched; i++) {
    watchdog->watched[i] = watchdog->own;
    watchdog->watched[i].rank = watchdog->is_learner ? i : watchdog->options.learner;
  }
  if (watchdog->n_watched > 0 && watchdog->is_learner)
    atomic_store(&watchdog->watched[comm->rank].is_out_of_reach, true);

  /* from here on the learner answers; another rank watches it once it has answered */
  bool is_reached = watchdog->is_learner || reach_learner(watchdog);
  if (!is_reached) atomic_store(&watchdog->watched[0].is_out_of_reach, true);
  int failed = ending_start_thread(&watchdog->thread, watch, watchdog);
  watchdog->runs = failed == 0;
  if (comm->size > 1) MUSTER_TRY(gather_contacts(comm, is_reached));
  if (failed != 0) return status_error(MUSTER_ERROR_MEMORY, "cannot start the watchdog's thread: %s", strerror(failed));
  return MUSTER_OK;
}
