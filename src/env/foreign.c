#include "env/foreign.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* the signals by which a run is asked to end, or that it ignores: muster sets their handlers */
static const int kept_signals[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGPIPE, SIGXCPU, SIGXFSZ};
#define KEPT (sizeof kept_signals / sizeof *kept_signals)

/* the signals that end a process. Simulators may handle them, as virtual machines do; where they don't, muster writes a
 * line. Those of the first group come again when the handler returns, since the instruction is tried again. */
static const struct {
  int number;
  bool comes_back;
  const char *name;
} deadly[] = {
    {SIGSEGV, true, "segmentation fault"},
    {SIGBUS, true, "bus error"},
    {SIGFPE, true, "arithmetic fault"},
    {SIGILL, true, "illegal instruction"},
    {SIGABRT, false, "abort, as of a failed assertion, an uncaught exception or damaged memory"},
    {SIGSYS, false, "forbidden system call"},
    {SIGTRAP, false, "trap"},
    {SIGALRM, false, "alarm"},
    {SIGVTALRM, false, "timer"},
    {SIGPROF, false, "timer"},
};
#define DEADLY (sizeof deadly / sizeof *deadly)

#define LOOKS_PER_SECOND 10
#define CALLS_BETWEEN_CLOCKS 64

/* what ends the process: nothing yet, muster itself, or an environment */
enum end { END_NONE, END_ORDERLY, END_BY_ENVIRONMENT };

/* The state of the process before foreign code ran for the first time, and which foreign code runs now. It is global
 * because handlers of signals and of exit() get no argument. */
static struct {
  bool is_expected, is_up, speaks;
  _Atomic int end;             /* enum end */
  volatile sig_atomic_t dying; /* faults so far; a second one happens while the first is told */
  char speaker[192], name[256];
  pid_t id;
  pthread_t thread;
  struct foreign *volatile foreign;
  volatile enum outcall call; /* NONE: muster's own code runs */

  locale_t locale;
  struct sigaction kept[KEPT], before[DEADLY];
  sigset_t mask;
  mode_t umask;
  struct {
    int copy; /* a copy of the descriptor; -1: it was closed */
    dev_t device;
    ino_t file;
  } stream[3];
  int calls_between, calls_to_clock; /* calls from one reading of the clock to the next */
  double last_clock, last_look;
  _Alignas(16) char stack[65536]; /* for a handler of signals when the thread's own stack is full */
} process = {.calls_between = 1, .calls_to_clock = 1};

/* ---- what a process that ends writes, with functions that a handler of signals may call ---- */

struct line {
  size_t length;
  char text[1024];
};

static void put(struct line *line, const char *text) {
  while (*text != '\0' && line->length < sizeof line->text) {
    /* a name may hold any bytes, and the text goes to a terminal */
    unsigned char byte = (unsigned char)*text++;
    line->text[line->length++] = (char)(byte < 0x20 || byte == 0x7f ? '?' : byte);
  }
}

static void put_number(struct line *line, uint64_t number) {
  char digits[24];
  size_t at = sizeof digits - 1;
  digits[at] = '\0';
  do digits[--at] = (char)('0' + number % 10);
  while ((number /= 10) > 0);
  put(line, digits + at);
}

static void put_named_number(struct line *line, const char *name, int64_t number) {
  put(line, name);
  if (number < 0) put(line, "-");
  put_number(line, number < 0 ? 0 - (uint64_t)number : (uint64_t)number);
}

static void end_line(struct line *line) {
  if (line->length > sizeof line->text - 1) line->length = sizeof line->text - 1;
  line->text[line->length++] = '\n';
  /* writes to where standard error went at first: an environment may have closed it */
  int copy = process.stream[STDERR_FILENO].copy;
  ssize_t written = write(copy > 0 ? copy : STDERR_FILENO, line->text, line->length);
  (void)written; /* a failure can't be reported anywhere */
}

/* writes which environment is at work, and in which step; the memory that it reads may be damaged */
static void put_place(struct line *line) {
  const struct foreign *foreign = process.foreign;
  const int32_t row = foreign->row, shown = row >= 0 ? row : 0;
  bool is_known = row >= 0 || foreign->count == 1;
  put_named_number(line, is_known ? "environment " : "one of the environments ", foreign_index(foreign, shown));
  if (!is_known) put_named_number(line, " to ", foreign->first + foreign->count - 1);
  put(line, " (");
  put(line, process.name);
  put(line, ", seed ");
  put_number(line, foreign->seed);
  put(line, ")");
  if (foreign->next_episode == NULL || foreign->step == NULL || foreign->next_episode[shown] == 0) return;
  put_named_number(line, ", episode ", (int64_t)foreign->next_episode[shown] - 1);
  put_named_number(line, ", step ", foreign->step[shown]);
  if (!is_known) put_named_number(line, " of environment ", foreign->first);
}

static void put_in_parentheses(struct line *line, const char *text) {
  put(line, " (");
  put(line, text);
  put(line, ")");
}

/* writes which function runs */
static void put_call(struct line *line, enum outcall call, bool is_block) {
  static const char *const names[OUTCALLS] = {
      [OUTCALL_CREATE] = "create()",
      [OUTCALL_DESCRIBE] = "describe()",
      [OUTCALL_RESET] = "reset()",
      [OUTCALL_STEP] = "step()",
      [OUTCALL_SAVE] = "save_state()",
      [OUTCALL_LOAD] = "load_state()",
      [OUTCALL_RENDER] = "render_text(), render_policy() or render_picture()",
      [OUTCALL_DESTROY] = "destroy()",
  };
  put(line, call == OUTCALL_OPEN ? ", as it was loaded" : is_block && call != OUTCALL_RENDER ? ", in block_" : ", in ");
  if (call != OUTCALL_OPEN) put(line, names[call]);
}

/* begins a line by telling what is at work; `call` NONE: muster itself, or another thread */
static void put_subject(struct line *line, enum outcall call, bool is_whole) {
  put(line, process.speaker);
  if (call == OUTCALL_NONE) {
    put(line, "the process ");
    return;
  }
  if (is_whole && call != OUTCALL_OPEN) {
    put_place(line);
  } else {
    put(line, call == OUTCALL_OPEN ? "the plug-in " : "environment ");
    put(line, process.name);
  }
  put_call(line, call, is_whole && process.foreign->is_block);
  put(line, ": it ");
}

/* ends the line with what to do about it */
static void put_advice(struct line *line, enum outcall call) {
  if (call == OUTCALL_NONE) {
    put(line, " outside of the environment's functions; a thread of ");
    put(line, process.name);
    put(line, " may have done that, or what it wrote to memory that is not its own: try `env.isolation: process`");
  } else if (call != OUTCALL_OPEN) {
    put(line, "; with `env.isolation: process` that costs its running episodes only");
  }
  end_line(line);
}

/* the call that this thread is in; NONE in muster's own code, or in a thread that muster does not know */
static enum outcall call_of_thread(void) {
  return pthread_equal(process.thread, pthread_self()) ? process.call : OUTCALL_NONE;
}

/* whether this is the process that called foreign code, and not a child of it */
static bool is_this_process(void) { return process.is_up && process.speaks && process.id == getpid(); }

/* ---- signals that end a process ---- */

static void die_of_signal(int number, siginfo_t *information, void *context) {
  (void)context;
  size_t which = 0;
  while (deadly[which].number != number) which++;
  if (is_this_process() && process.name[0] != '\0' && process.dying < 2) {
    bool is_first = process.dying++ == 0;
    struct line line = {0};
    put_subject(&line, call_of_thread(), is_first);
    put_named_number(&line, "died of signal ", number);
    put_in_parentheses(&line, deadly[which].name);
    put_advice(&line, call_of_thread());
  }

  /* passes the signal on to the handler that was there before: that of MPI or a sanitizer, or the kernel's, which may
   * dump core */
  sigaction(number, &process.before[which], NULL);
  if (!deadly[which].comes_back || information->si_code <= 0) raise(number);
}

/* installs the handler where there is none; the first time also in place of another one, which is called afterwards */
static void catch_deadly(bool is_first) {
  struct sigaction action = {.sa_sigaction = die_of_signal, .sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK}, now;
  sigemptyset(&action.sa_mask);
  for (size_t i = 0; i < DEADLY; i++) {
    if (sigaction(deadly[i].number, NULL, &now) != 0) continue;
    if (is_first) process.before[i] = now;
    bool is_plain = (now.sa_flags & SA_SIGINFO) == 0;
    bool is_default = is_plain && now.sa_handler == SIG_DFL, is_ignored = is_plain && now.sa_handler == SIG_IGN;
    bool is_fault = deadly[i].comes_back || deadly[i].number == SIGABRT;
    bool is_wanted = is_default || (is_fault && (is_first ? !is_ignored : is_ignored));
    if (is_wanted) sigaction(deadly[i].number, &action, NULL);
  }
}

/* ---- exit ---- */

/* whether this is the first to end the process */
static bool begin_end(enum end wanted) {
  int expected = END_NONE;
  return atomic_compare_exchange_strong(&process.end, &expected, wanted);
}

static void at_exit(void) {
  if (!is_this_process() || !begin_end(END_BY_ENVIRONMENT)) return;
  fflush(NULL); /* writes out what the environment itself has printed last */
  struct line line = {0};
  const enum outcall call = call_of_thread();
  put_subject(&line, call, true);
  put(&line, call != OUTCALL_NONE ? "ended the process by exit(), or Fortran's stop" : "was ended by exit()");
  put_advice(&line, call);
  _exit(1);
}

int foreign_exit_code(int exit_code) {
  const enum outcall call = call_of_thread();
  if (call == OUTCALL_NONE || !is_this_process() || !begin_end(END_BY_ENVIRONMENT)) return exit_code;
  struct line line = {0};
  put_subject(&line, call, true);
  put_named_number(&line, "ended the process by _exit() with code ", exit_code);
  put_advice(&line, call);
  return exit_code == 0 ? 1 : exit_code;
}

/* ---- what is restored ---- */

static void keep_streams(void) {
  /* muster does not read standard input; what a simulator read there would be lost to the caller's script */
  int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (nothing > 0) dup2(nothing, STDIN_FILENO);
  if (nothing > 0) close(nothing);
  for (int i = 0; i < 3; i++) {
    struct stat status = {0};
    process.stream[i].copy = fstat(i, &status) == 0 ? fcntl(i, F_DUPFD_CLOEXEC, 10) : -1;
    process.stream[i].device = status.st_dev;
    process.stream[i].file = status.st_ino;
  }
}

static void put_up(void) {
  process.is_up = true;
  process.id = getpid();
  process.thread = pthread_self();
  process.locale = uselocale((locale_t)0);
  process.umask = umask(0);
  umask(process.umask);
  pthread_sigmask(SIG_SETMASK, NULL, &process.mask);
  for (size_t i = 0; i < KEPT; i++) sigaction(kept_signals[i], NULL, &process.kept[i]);
  keep_streams();
  if (!process.speaks) return;
  const stack_t stack = {.ss_sp = process.stack, .ss_size = sizeof process.stack};
  stack_t other;
  if (sigaltstack(NULL, &other) == 0 && (other.ss_flags & SS_DISABLE) != 0) sigaltstack(&stack, NULL);
  catch_deadly(true);
  atexit(at_exit);
  at_quick_exit(at_exit);
}

static void restore_signals(void) {
  for (size_t i = 0; i < KEPT; i++) {
    struct sigaction now;
    const struct sigaction *kept = &process.kept[i];
    if (sigaction(kept_signals[i], NULL, &now) != 0) continue;
    if (now.sa_handler != kept->sa_handler || now.sa_flags != kept->sa_flags) sigaction(kept_signals[i], kept, NULL);
  }
  sigset_t mask;
  sigemptyset(&mask);
  pthread_sigmask(SIG_SETMASK, NULL, &mask);
  bool is_same = true;
  for (int number = 1; number < SIGRTMIN; number++)
    is_same &= sigismember(&mask, number) == sigismember(&process.mask, number);
  if (!is_same) pthread_sigmask(SIG_SETMASK, &process.mask, NULL);
}

/* a stream that fclose() has ended is opened again */
static void reopen(FILE **stream, int descriptor, const char *mode) {
#if defined(__GLIBC__) /* the C library has the standard streams as variables, which can be set */
  if (fileno(*stream) >= 0) return;
  FILE *again = fdopen(descriptor, mode);
  if (again != NULL) *stream = again;
#else
  (void)stream;
  (void)descriptor;
  (void)mode;
#endif
}

static void restore_streams(void) {
  for (int i = 0; i < 3; i++) {
    struct stat now;
    if (process.stream[i].copy < 0) continue;
    bool is_same =
        fstat(i, &now) == 0 && now.st_dev == process.stream[i].device && now.st_ino == process.stream[i].file;
    if (!is_same) dup2(process.stream[i].copy, i);
  }
  reopen(&stdin, STDIN_FILENO, "r");
  reopen(&stdout, STDOUT_FILENO, "w");
  reopen(&stderr, STDERR_FILENO, "w");
}

static void look_at_all(void) {
  if (process.id != getpid()) return; /* a child process, which has set its own */
  uselocale(process.locale);
  umask(process.umask);
  restore_signals();
  restore_streams();
  if (process.speaks) catch_deadly(false);
}

/* Whether it is time to look after a call that is made often. That is so after the first one, the third, the seventh
 * and so on, since simulators tend to change the process early; then by the clock, which is read only now and then
 * where calls are short. */
static bool is_due(void) {
  if (--process.calls_to_clock > 0) return false;
  double now = clock_seconds();
  bool is_early = process.calls_between<CALLS_BETWEEN_CLOCKS, is_slow = now - process.last_clock> 0.01;
  if (is_early) process.calls_between *= 2;
  process.calls_to_clock = is_slow ? 1 : process.calls_between;
  process.last_clock = now;
  if (!is_early && now - process.last_look < 1.0 / LOOKS_PER_SECOND) return false;
  process.last_look = now;
  return true;
}

/* ---- calls ---- */

void foreign_expect(const char *speaker) {
  process.is_expected = true;
  process.speaks = speaker != NULL;
  if (speaker != NULL) snprintf(process.speaker, sizeof process.speaker, "%s", speaker);
}

void foreign_finish(void) {
  /* a thread of a simulator is about to end the process: wait for that, or this thread could end it first with exit
   * code 0 */
  if (!begin_end(END_ORDERLY) && atomic_load(&process.end) == END_BY_ENVIRONMENT) outcall_sleep();
}

void foreign_look(void) {
  if (process.is_up) look_at_all();
}

void foreign_enter(struct foreign *foreign, enum outcall call, int32_t row) {
  if (process.is_expected && !process.is_up) put_up();
  if (process.foreign != foreign) {
    process.foreign = foreign;
    snprintf(process.name, sizeof process.name, "%s", foreign->name);
  }
  process.call = call;
  foreign->row = row;
  foreign->floats = float_environment_get();
  foreign->before = outcall_begin(call, row >= 0              ? foreign_index(foreign, row)
                                        : foreign->count == 1 ? foreign_index(foreign, 0)
                                                              : -1);
}

void foreign_leave(struct foreign *foreign, bool thorough) {
  float_environment_keep(&foreign->floats);
  process.call = OUTCALL_NONE;
  outcall_end(foreign->before);
  if (thorough) {
    /* `foreign` may be gone before the next call, after which everything is restored again */
    process.foreign = NULL;
    process.calls_between = process.calls_to_clock = 1;
  }
  if (process.is_up && (thorough || is_due())) look_at_all();
}
