#include "run/interrupt.h"

#include <signal.h>
#include <stddef.h>
#include <time.h>
#include <unistd.h>

/* the one mutable global of the project: a signal handler has nothing else to write to */
static volatile sig_atomic_t pending = INTERRUPT_NONE;
static volatile sig_atomic_t first_second;

static void note_signal(int signal_number) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  if (signal_number == SIGUSR1) {
    pending |= INTERRUPT_REQUEUE;
  } else if ((pending & INTERRUPT_STOP) == 0) {
    pending |= INTERRUPT_STOP;
    first_second = (sig_atomic_t)now.tv_sec;
  } else if ((sig_atomic_t)now.tv_sec - first_second >= 2) {
    /* asked again: not a second copy of the same wish, as mpirun and a batch system may both send it */
    signal(signal_number, SIG_DFL);
    raise(signal_number);
  }
}

void interrupt_catch(void) {
  struct sigaction action = {.sa_handler = note_signal, .sa_flags = SA_RESTART | SA_NODEFER};
  sigemptyset(&action.sa_mask);
  sigaction(SIGTERM, &action, NULL);
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGUSR1, &action, NULL);
  signal(SIGPIPE, SIG_IGN);
}

int interrupt_pending(void) { return pending; }
