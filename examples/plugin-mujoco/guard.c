#include "guard.h"

#include <mujoco/mujoco.h>

#include <setjmp.h>

struct guard {
  jmp_buf way_out;
  char text[200];
};

/* MuJoCo's handlers have no argument, so they find the guard of their thread here */
static _Thread_local struct guard *active;

static void leave(const char *message) {
  snprintf(active->text, sizeof active->text, "%s", message);
  longjmp(active->way_out, 1);
}

static void be_silent(const char *message) { (void)message; }

int guard_run(void (*work)(void *argument), void *argument, muster_env_error *error) {
  struct guard guard, *const outer = active;
  void (*const error_handler)(const char *) = mju_user_error;
  void (*const warning_handler)(const char *) = mju_user_warning;
  active = &guard;
  mju_user_error = leave;
  mju_user_warning = be_silent;

  const int failed = setjmp(guard.way_out);
  if (!failed) work(argument);

  active = outer;
  mju_user_error = error_handler;
  mju_user_warning = warning_handler;
  return failed ? muster_env_fail(error, "MuJoCo: %s", guard.text) : 0;
}
