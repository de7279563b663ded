/* The check of what an environment does to the process that it runs in. */
#include "base/float_environment.h"
#include "env/conformance_checks.h"

#include <limits.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SIGNALS 32
#define STEPS 100

/* The state of a process. */
struct state {
  char folder[PATH_MAX], locale[512];
  locale_t thread_locale;
  struct float_environment floats;
  struct sigaction action[SIGNALS];
  sigset_t mask;
  mode_t umask;
  struct stat stream[3]; /* all zero where it is closed */
};

static void look(struct state *state) {
  memset(state, 0, sizeof *state);
  if (getcwd(state->folder, sizeof state->folder) == NULL) strcpy(state->folder, "?");
  snprintf(state->locale, sizeof state->locale, "%s", setlocale(LC_ALL, NULL));
  state->thread_locale = uselocale((locale_t)0);
  state->floats = float_environment_get();
  for (int number = 1; number < SIGNALS; number++) sigaction(number, NULL, &state->action[number]);
  sigprocmask(SIG_SETMASK, NULL, &state->mask);
  state->umask = umask(0);
  umask(state->umask);
  for (int i = 0; i < 3; i++)
    if (fstat(i, &state->stream[i]) != 0) memset(&state->stream[i], 0, sizeof state->stream[i]);
}

/* what may have changed; each is told once */
enum change { FOLDER, LOCALE, FLOATS, HANDLERS, MASK, UMASK, STREAMS, CHANGES };

struct watch {
  struct examination *examination;
  struct state state;
  bool told[CHANGES];
  const char *call;
};

static void tell(struct watch *watch, enum change change, bool has_changed, const char *what) {
  if (!has_changed || watch->told[change]) return;
  watch->told[change] = true;
  examination_find(watch->examination, CONFORMANCE_NOTE, "%s %s", watch->call, what);
}

static bool same_stream(const struct stat *a, const struct stat *b) {
  return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static bool same_signals(const sigset_t *a, const sigset_t *b) {
  bool same = true;
  for (int number = 1; number < SIGNALS; number++) same &= sigismember(a, number) == sigismember(b, number);
  return same;
}

/* compares the process with its state before the call, tells the differences, and restores rounding, traps and denormal
 * numbers for the next call */
static void compare(struct watch *watch, const char *call) {
  const struct state before = watch->state;
  struct state *now = &watch->state;
  look(now);
  watch->call = call;
  bool handlers = false, streams = false;
  for (int number = 1; number < SIGNALS; number++)
    handlers |= now->action[number].sa_handler != before.action[number].sa_handler;
  for (int i = 0; i < 3; i++) streams |= !same_stream(&now->stream[i], &before.stream[i]);
  tell(watch, FOLDER, strcmp(now->folder, before.folder) != 0,
       "changes the working directory of the process, which all of its environments share: prefer absolute paths");
  tell(watch, LOCALE, strcmp(now->locale, before.locale) != 0 || now->thread_locale != before.thread_locale,
       "changes the locale: muster keeps to its points, but the environment may read and write 0,5 from now on");
  tell(
      watch, FLOATS, !float_environment_equals(&now->floats, &before.floats),
      "changes rounding, traps or denormal numbers: muster sets them back after each call, so set them at the start of "
      "each call that needs them");
  tell(watch, HANDLERS, handlers,
       "installs handlers of signals: muster installs its own of those by which a run is asked to end again");
  tell(watch, MASK, !same_signals(&now->mask, &before.mask), "blocks signals or lets them through: muster undoes that");
  tell(watch, UMASK, now->umask != before.umask, "changes the umask: muster undoes that");
  tell(watch, STREAMS, streams,
       "closes or redirects standard input, output or error: muster undoes that; write to files of your own");
  float_environment_keep(&before.floats);
}

void check_process(struct subject *subject) {
  struct examination *examination = subject->examination;
  struct watch *watch = calloc(1, sizeof *watch);
  if (watch == NULL) examination_fail(examination, "out of memory");
  watch->examination = examination;
  look(&watch->state);
  subject_open(subject);
  compare(watch, "create() or describe()");
  struct player player = player_create(subject, 0, GUARD_NONE);
  compare(watch, "create()");
  for (int32_t step = 0; step < STEPS && step < examination->steps; step++) {
    if (step == 0 || player_ended(&player)) {
      player_reset(&player);
      compare(watch, "reset()");
    }
    player_draw(&player);
    player_step(&player);
    compare(watch, "step()");
  }
  player_destroy(&player);
  compare(watch, "destroy()");
  bool is_clean = true;
  for (int change = 0; change < CHANGES; change++) is_clean &= !watch->told[change];
  if (is_clean) examination_find(examination, CONFORMANCE_PASS, "it leaves its process as it was");
  free(watch);
}
