#include "comm/ending.h"

#include "base/clock.h"
#include "comm/child.h"

#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

/* how long a launcher may take to end its job in order */
#define LAUNCHER_SECONDS 10

/* ranks do not wait for a launcher that takes longer to find out that a host is gone, as Open MPI does by default */
#define LAUNCHER_MAX_SECONDS 300.0

#define DEFAULT_START_SECONDS 300.0

double ending_start_timeout(void) {
  const char *text = getenv("MUSTER_START_TIMEOUT");
  if (text == NULL) return DEFAULT_START_SECONDS;
  char *end;
  double seconds = strtod(text, &end);
  return end != text && *end == '\0' && seconds >= 0 ? seconds : DEFAULT_START_SECONDS;
}

/* ---- the launcher ---- */

/* the process that started a rank */
enum launcher { NO_LAUNCHER, MPIRUN, MPI_DAEMON };

/* whether a process is mpirun or Open MPI's daemon on a host, which start ranks */
static enum launcher launcher_kind(pid_t pid) {
  static const char *const names[] = {"mpirun\n", "mpiexec\n", "orterun\n", "orted\n"};
  char path[64], name[64] = "";
  snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return NO_LAUNCHER;
  ssize_t length = read(file, name, sizeof name - 1);
  close(file);
  name[length > 0 ? length : 0] = '\0';
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (strcmp(name, names[i]) == 0) return strcmp(name, "orted\n") == 0 ? MPI_DAEMON : MPIRUN;
  return NO_LAUNCHER;
}

/* reads a setting of Open MPI, which mpirun passes to its ranks when it is set in its environment or command line */
static double launcher_setting(const char *name, double otherwise) {
  const char *text = getenv(name);
  return text != NULL ? atof(text) : otherwise;
}

double ending_launcher_seconds(void) {
  if (launcher_kind(getppid()) != MPI_DAEMON) return 0;
  double idle = launcher_setting("OMPI_MCA_oob_tcp_keepalive_time", 300);
  double seconds = idle + launcher_setting("OMPI_MCA_oob_tcp_keepalive_intvl", 20) *
                              launcher_setting("OMPI_MCA_oob_tcp_keepalive_probes", 9);
  return idle > 0 && seconds <= LAUNCHER_MAX_SECONDS ? seconds : 0;
}

/* The process that is left behind. It uses SIGKILL on the launcher: while Open MPI 4.1 waits for a daemon, gentler
 * signals make it crash. */
_Noreturn static void end_launcher(int handle) {
  setsid();
  /* the launcher would wait for the rank's pipes and sockets as long as they are open */
  dup2(handle, 0);
  if (syscall(SYS_close_range, 1, ~0U, 0) != 0)
    for (int i = 1; i < 1024; i++) close(i);
  struct pollfd wait = {.fd = 0, .events = POLLIN};
  if (poll(&wait, 1, 1000 * LAUNCHER_SECONDS) == 0) syscall(SYS_pidfd_send_signal, 0, SIGKILL, NULL, 0);
  _exit(0);
}

_Noreturn void ending_now(int exit_code) {
  pid_t launcher = getppid();
  int handle = launcher_kind(launcher) != NO_LAUNCHER ? (int)syscall(SYS_pidfd_open, launcher, 0) : -1;
  if (handle >= 0 && child_create() == 0) end_launcher(handle);
  _exit(exit_code);
}

int ending_code(const struct ending_requests *asked, int requests, bool is_launched) {
  int code = asked->exit_code(requests);
  return code == 0 && is_launched ? 1 : code;
}

/* ---- deadlines ---- */

struct deadline {
  pthread_t thread;
  int cancelled;  /* an eventfd */
  double seconds; /* 0: for ever */
  int exit_code;
  const struct ending_requests *requests; /* NULL: requests are not watched */
  char message[512];
};

static void tell(const char *message) {
  ssize_t written = write(STDERR_FILENO, message, strlen(message));
  (void)written; /* there is nowhere left to report a failure to */
}

_Noreturn static void end_as_asked(const struct deadline *deadline, int requests) {
  char text[256];
  snprintf(text, sizeof text, "muster: asked to end by %s before the run has begun; nothing was changed\n",
           deadline->requests->describe(requests));
  tell(text);
  ending_now(ending_code(deadline->requests, requests, launcher_kind(getppid()) != NO_LAUNCHER));
}

/* returns the requests once they have been pending for long enough */
static int overdue_requests(const struct deadline *deadline, double now, double *since) {
  int requests = deadline->requests != NULL ? deadline->requests->pending(deadline->requests->context) : 0;
  if (requests != 0 && *since == 0) *since = now;
  return requests != 0 && now - *since > ENDING_GRACE ? requests : 0;
}

static void *wait_for_end(void *context) {
  struct deadline *deadline = context;
  struct pollfd wait = {.fd = deadline->cancelled, .events = POLLIN};
  const double start = clock_seconds(), period = deadline->requests != NULL ? ENDING_PERIOD : 1000;
  double left = deadline->seconds > 0 ? deadline->seconds : period, since = 0;
  while (left > 0) {
    if (poll(&wait, 1, (int)ceil(1000 * fmin(left, period))) > 0) return NULL;
    double now = clock_seconds();
    int requests = overdue_requests(deadline, now, &since);
    if (requests != 0) end_as_asked(deadline, requests);
    left = deadline->seconds > 0 ? deadline->seconds - (now - start) : period;
  }
  tell(deadline->message);
  ending_now(deadline->exit_code);
}

int ending_start_thread(pthread_t *thread, void *(*function)(void *), void *context) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int failed = pthread_create(thread, NULL, function, context);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return failed;
}

struct deadline *deadline_start_heeding(double seconds, int exit_code, const char *message,
                                        const struct ending_requests *requests) {
  struct deadline *deadline = seconds > 0 || requests != NULL ? calloc(1, sizeof *deadline) : NULL;
  if (deadline == NULL) return NULL;
  deadline->exit_code = exit_code;
  deadline->seconds = seconds;
  deadline->requests = requests;
  if (message != NULL) snprintf(deadline->message, sizeof deadline->message, "%s\n", message);
  deadline->cancelled = eventfd(0, EFD_CLOEXEC);
  if (deadline->cancelled >= 0 && ending_start_thread(&deadline->thread, wait_for_end, deadline) == 0) return deadline;
  if (deadline->cancelled >= 0) close(deadline->cancelled);
  free(deadline);
  return NULL;
}

struct deadline *deadline_start(double seconds, int exit_code, const char *message) {
  return deadline_start_heeding(seconds, exit_code, message, NULL);
}

void deadline_cancel(struct deadline **handle) {
  struct deadline *deadline = *handle;
  if (deadline == NULL) return;
  eventfd_write(deadline->cancelled, 1);
  pthread_join(deadline->thread, NULL);
  close(deadline->cancelled);
  free(deadline);
  *handle = NULL;
}

_Noreturn void ending_await(void) {
  for (;;) pause();
}
