#include "train/interrupt.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>
#include <unistd.h>

/* mutable globals, since a signal handler has nothing else to write to; two of them, since a signal may come while the
 * other is cleared */
static volatile sig_atomic_t ends, saves;
static volatile sig_atomic_t first_second;

static void note_end(int signal_number) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  if ((ends & INTERRUPT_STOP) == 0) {
    ends |= INTERRUPT_STOP;
    first_second = (sig_atomic_t)now.tv_sec;
  } else if ((sig_atomic_t)now.tv_sec - first_second >= 2) {
    /* asked again, later: mpirun and a job scheduler may both send the first one */
    signal(signal_number, SIG_DFL);
    raise(signal_number);
  }
}

static void note_signal(int signal_number) {
  if (signal_number == SIGUSR2)
    saves = INTERRUPT_SAVE;
  else if (signal_number == SIGUSR1 || signal_number == SIGXCPU)
    ends |= INTERRUPT_REQUEUE;
  else
    note_end(signal_number);
}

void interrupt_catch(void) {
  static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGXCPU};
  const struct sigaction action = {.sa_handler = note_signal, .sa_flags = SA_RESTART | SA_NODEFER};
  for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
    struct sigaction before;
    bool is_ignored = sigaction(signals[i], NULL, &before) == 0 && before.sa_handler == SIG_IGN;
    if (!is_ignored) sigaction(signals[i], &action, NULL);
  }
  signal(SIGPIPE, SIG_IGN);
}

int interrupt_pending(void) { return ends | saves; }

void interrupt_saved(void) { saves = INTERRUPT_NONE; }

int interrupt_exit_code(int wishes) { return (wishes & INTERRUPT_STOP) != 0 ? 0 : RUN_EXIT_REQUEUE; }

const char *interrupt_describe(int wishes) {
  if ((wishes & INTERRUPT_STOP) != 0) return "SIGTERM, SIGINT or SIGHUP";
  return (wishes & INTERRUPT_TIME) != 0 ? "run.time_limit" : "SIGUSR1 or SIGXCPU";
}
