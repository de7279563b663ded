#include "env/conformance.h"

#include "base/arena.h"
#include "env/conformance_checks.h"
#include "env/conformance_prints.h"
#include "env/options.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* one line for each check, in the order in which they run */
static const struct {
  const char *name;
  void (*run)(struct subject *subject);
} checks[] = {
    {"description", check_description},
    {"episodes", check_episodes},
    {"options", check_options},
    {"values", check_values},
    {"actions", check_actions},
    {"determinism", check_determinism},
    {"random numbers", check_randomness},
    {"seeds", check_seeds},
    {"resets", check_resets},
    {"truncation", check_truncation},
    {"buffers", check_buffers},
    {"save and load", check_state},
    {"set_option", check_changes},
    {"blocks", check_blocks},
    {"text", check_text},
    {"picture", check_picture},
    {"process", check_process},
    {"leaks", check_leaks},
    {"speed", check_speed},
};
#define CHECKS (sizeof checks / sizeof *checks)

const char *conformance_verdict_name(enum conformance_verdict verdict) {
  static const char *const names[] = {"PASS", "NOTE", "FAIL"};
  return names[verdict];
}

/* ---- the child of a check ---- */

__attribute__((noreturn)) static void run_check(size_t check, struct subject *subject, int seconds) {
  guard_watch(subject->examination);
  alarm((unsigned)seconds);
  if (check > 0 && checks[check].run != check_process) subject_open(subject);
  checks[check].run(subject);
  subject->examination->finished = true;
  fflush(stdout);
  _exit(0);
}

/* ---- how the child ended ---- */

static const char *describe_signal(int number) {
  switch (number) {
  case SIGSEGV: return "a segmentation fault: it read or wrote memory that is not its own";
  case SIGBUS: return "a bus error: it read or wrote memory that is not there";
  case SIGFPE: return "an arithmetic fault, such as an integer division by zero";
  case SIGILL: return "an illegal instruction";
  case SIGABRT: return "abort(): a failed assertion, an uncaught exception, or damaged memory";
  default: return strsignal(number);
  }
}

static void note_death(struct examination *examination, int state, int seconds) {
  char where[96] = "outside of the environment's functions";
  const char *call = examination->call;
  if (call != NULL && examination->step > 0)
    snprintf(where, sizeof where, "in %s at step %d of an episode", call, (int)examination->step);
  else if (call != NULL)
    snprintf(where, sizeof where, "in %s", call);

  int number = examination->signal;
  if (number == 0 && WIFSIGNALED(state)) number = WTERMSIG(state);
  if (number == SIGALRM)
    examination_find(examination, CONFORMANCE_FAIL, "the check did not end within %d s; it hangs %s", seconds, where);
  else if (examination->touched != NULL)
    examination_find(examination, CONFORMANCE_FAIL,
                     "the memory of the %s was left or, if it is the action, written to, %s: check indices against the "
                     "sizes that describe() gives",
                     examination->touched, where);
  else if (number != 0)
    examination_find(examination, CONFORMANCE_FAIL, "the process died of %s, %s", describe_signal(number), where);
  else
    examination_find(examination, CONFORMANCE_FAIL,
                     "the process was ended with exit code %d %s: return muster_env_fail(error, ...) instead",
                     WEXITSTATUS(state), where);
}

/* runs one check in a process of its own, and notes how that died if it did */
static muster_status run_in_child(size_t check, struct subject *subject, int seconds, struct prints *prints) {
  struct examination *examination = subject->examination;
  snprintf(examination->check, sizeof examination->check, "%s", checks[check].name);
  examination->call = examination->touched = NULL;
  examination->step = examination->signal = 0;
  examination->finished = false;
  MUSTER_TRY(prints_open(prints));
  fflush(NULL); /* otherwise the check's process would print the buffer again */
  pid_t child = fork();
  if (child == 0) {
    prints_take(prints);
    run_check(check, subject, seconds);
  }
  int state = 0;
  muster_status status =
      child < 0 ? status_errno(MUSTER_ERROR_MEMORY, "cannot start a process for a check") : MUSTER_OK;
  prints_follow(prints, child);
  MUSTER_TRY(status);
  while (waitpid(child, &state, 0) < 0)
    if (errno != EINTR) return status_errno(MUSTER_ERROR_INTERNAL, "waiting for a check");
  if (examination->finished) return MUSTER_OK;
  note_death(examination, state, seconds);
  prints_pass_on(prints);
  return MUSTER_OK;
}

static void note_prints(struct examination *examination, const struct prints *prints) {
  const struct prints_stream *out = &prints->stream[PRINTS_OUT], *error = &prints->stream[PRINTS_ERROR];
  if (out->bytes + error->bytes == 0) return;
  snprintf(examination->check, sizeof examination->check, "prints");
  examination_find(examination, CONFORMANCE_NOTE,
                   "it wrote %zu bytes to standard output and %zu to standard error, first \"%s\": in a run they go "
                   "where its own lines go, and take time",
                   out->bytes, error->bytes, out->bytes > 0 ? out->first : error->first);
}

static muster_status run_checks(struct subject *subject, int seconds) {
  struct examination *examination = subject->examination;
  const struct conformance_report *report = &examination->report;
  struct prints *prints = calloc(1, sizeof *prints);
  if (prints == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory");
  muster_status status = MUSTER_OK;
  examination->steps = 600;
  for (size_t check = 0; check < CHECKS && status == MUSTER_OK; check++) {
    status = run_in_child(check, subject, seconds, prints);
    bool is_unusable = false, hangs = examination->signal == SIGALRM;
    for (int32_t i = 0; i < report->count && check == 0; i++)
      is_unusable |= report->finding[i].verdict == CONFORMANCE_FAIL;
    if (!is_unusable && !hangs) continue;
    examination_find(examination, CONFORMANCE_NOTE, "the other checks are left out");
    break;
  }
  note_prints(examination, prints);
  free(prints);
  return status;
}

static void count_findings(struct conformance_report *report) {
  for (int32_t i = 0; i < report->count; i++) {
    enum conformance_verdict verdict = report->finding[i].verdict;
    report->passes += verdict == CONFORMANCE_PASS;
    report->notes += verdict == CONFORMANCE_NOTE;
    report->failures += verdict == CONFORMANCE_FAIL;
  }
}

muster_status conformance_run(const struct conformance_request *request, struct conformance_report *report) {
  struct arena *arena;
  MUSTER_TRY(arena_create(&arena));
  struct subject subject = {.type = request->type, .seed = request->seed};
  muster_status status = env_options_match(request->type, request->options, arena, &subject.settings);
  subject.examination =
      mmap(NULL, sizeof *subject.examination, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (subject.examination == MAP_FAILED) {
    if (status == MUSTER_OK) status = status_errno(MUSTER_ERROR_MEMORY, "memory for the report of the checks");
  } else {
    subject.examination->seconds = request->play_seconds > 0 ? request->play_seconds : 0.5;
    if (status == MUSTER_OK) status = run_checks(&subject, request->check_seconds);
    *report = subject.examination->report;
    munmap(subject.examination, sizeof *subject.examination);
    count_findings(report);
  }
  arena_destroy(&arena);
  return status;
}
