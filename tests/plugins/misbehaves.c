/* A plug-in for tests: a walk on a line that does one thing to its process which an environment should not do. Options
 * choose the function, and at which call of it; MISBEHAVES_AT_LOAD does it in an initialiser of the library. */
#define _GNU_SOURCE
#include "muster/env.h"

#include <dlfcn.h>
#include <fenv.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

struct walk {
  const char *kind, *in;
  int calls, after;
  double x;
};

static const int32_t counts[] = {2};
static const muster_env_option options[] = {{"kind", "none", "what to do"},
                                            {"in", "step", "in which function"},
                                            {"after", "5", "calls of it that go well"},
                                            {NULL, NULL, NULL}};

/* ---- what it does ---- */

static void ignore(int number) { (void)number; }

/* misdeeds that change the state of the processor */
static void change_numbers(const char *kind) {
  bool all = strcmp(kind, "everything") == 0;
  if (all || strcmp(kind, "rounding") == 0) fesetround(FE_UPWARD);
#if defined(__x86_64__)
  if (all || strcmp(kind, "denormals") == 0) _mm_setcsr(_mm_getcsr() | 0x8040);
#endif
  if (all || strcmp(kind, "traps") == 0) feenableexcept(FE_DIVBYZERO | FE_INVALID | FE_OVERFLOW | FE_INEXACT);
}

/* misdeeds that change the state of the process */
static void change_process(const char *kind) {
  bool all = strcmp(kind, "everything") == 0;
  if (all || strcmp(kind, "chdir") == 0)
    if (chdir("/") != 0) abort();
  if (all || strcmp(kind, "locale") == 0) setlocale(LC_ALL, "");
  if (all || strcmp(kind, "thread locale") == 0) uselocale(newlocale(LC_ALL_MASK, "", (locale_t)0));
  if (all || strcmp(kind, "umask") == 0) umask(0777);
  if (all || strcmp(kind, "handlers") == 0) {
    signal(SIGTERM, ignore);
    signal(SIGUSR1, SIG_IGN);
    signal(SIGINT, SIG_DFL);
    signal(SIGPIPE, SIG_DFL);
  }
  if (all || strcmp(kind, "mask") == 0) {
    sigset_t mask;
    sigfillset(&mask);
    sigdelset(&mask, SIGSEGV);
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
  }
  if (all || strcmp(kind, "reads") == 0) {
    char line[256];
    if (fgets(line, sizeof line, stdin) != NULL) fputs(line, stderr);
  }
  if (all || strcmp(kind, "prints") == 0) {
    printf("a word of the simulator\n");
    fflush(stdout);
  }
  static bool has_closed;
  if ((all || strcmp(kind, "closes") == 0) && !has_closed) {
    has_closed = true;
    fclose(stdin);
    fclose(stdout);
    fclose(stderr);
  }
}

static int overflow(int depth) {
  volatile char frame[4096];
  frame[0] = (char)depth;
  return depth < 0 ? 0 : overflow(depth + 1) + frame[0];
}

static void *end_process(void *unused) {
  (void)unused;
  exit(0);
}

/* a way in which another language ends a process: the function misdeed() of a shared object */
static void call_library(const char *path) {
  union {
    void *object;
    void (*function)(void);
  } symbol = {.object = NULL};
  void *library = dlopen(path, RTLD_NOW);
  if (library != NULL) symbol.object = dlsym(library, "misdeed");
  if (symbol.object != NULL) symbol.function();
}

static void pass_away(const char *kind) {
  if (kind[0] == '/') call_library(kind);
  if (strcmp(kind, "exit") == 0) exit(0);
  if (strcmp(kind, "quick exit") == 0) quick_exit(0);
  if (strcmp(kind, "_exit") == 0) _exit(0);
  if (strcmp(kind, "abort") == 0) abort();
  if (strcmp(kind, "null") == 0) *(volatile int *)(uintptr_t)(8 * strlen("") + 16) = 1;
  if (strcmp(kind, "stack") == 0) overflow(1);
  if (strcmp(kind, "division") == 0) {
    volatile int seven = 7, zero = (int)strlen("");
    seven = seven / zero;
  }
  if (strcmp(kind, "unmapped") == 0) {
    long page = sysconf(_SC_PAGESIZE);
    char *memory = mmap(NULL, (size_t)page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(memory, (size_t)page);
    memory[0] = 1;
  }
  if (strcmp(kind, "alarm") == 0) {
    setitimer(ITIMER_REAL, &(struct itimerval){.it_value = {.tv_usec = 1000}}, NULL);
    for (;;) pause();
  }
  if (strcmp(kind, "thread") == 0) {
    pthread_t thread;
    pthread_create(&thread, NULL, end_process, NULL);
    pthread_detach(thread);
  }
  if (strcmp(kind, "child") == 0) {
    /* no misdeed: what happens to the child processes of a simulator is its own business */
    pid_t child = fork();
    if (child == 0) exit(0);
    pid_t other = vfork();
    if (other == 0) _exit(0);
  }
}

static void misbehave(struct walk *walk, const char *function) {
  if (strcmp(walk->in, function) != 0 || walk->calls++ < walk->after) return;
  if (walk->calls == walk->after + 1) {
    change_process(walk->kind);
    pass_away(walk->kind);
  }
  change_numbers(walk->kind);
}

__attribute__((constructor)) static void initialise(void) {
  const char *kind = getenv("MISBEHAVES_AT_LOAD");
  if (kind == NULL) return;
  change_process(kind);
  pass_away(kind);
  change_numbers(kind);
}

/* ---- the walk ---- */

static int create(const muster_env_setting *settings, void **env, muster_env_error *error) {
  struct walk *walk = calloc(1, sizeof *walk);
  if (walk == NULL) return muster_env_fail(error, "out of memory");
  *walk = (struct walk){settings[0].value, settings[1].value, 0, atoi(settings[2].value), 0};
  *env = walk;
  if (strcmp(walk->in, "create") == 0 && strcmp(walk->kind, "nothing") == 0) *env = NULL;
  if (strcmp(walk->in, "create") == 0 && strcmp(walk->kind, "refuses") == 0) {
    *env = (void *)(uintptr_t)8;
    return 1;
  }
  misbehave(walk, "create");
  return 0;
}

static void destroy(void *env) {
  misbehave(env, "destroy");
  free(env);
}

static void describe(const void *env, muster_env_spec *spec) {
  (void)env;
  spec->observation = (muster_space){.kind = MUSTER_SPACE_BOX, .rank = 1, .shape = {1}};
  spec->action = (muster_space){.kind = MUSTER_SPACE_DISCRETE, .counts = counts};
  spec->agents = 1;
  spec->max_steps = 20;
  spec->state_bytes = sizeof(double);
}

static int reset(void *env, muster_random *random, muster_env_result *result, muster_env_error *error) {
  (void)error;
  struct walk *walk = env;
  walk->x = muster_random_uniform(random, -1, 1);
  *(float *)result->observation = (float)walk->x;
  misbehave(walk, "reset");
  return 0;
}

static int step(void *env, const void *action, muster_random *random, muster_env_result *result,
                muster_env_error *error) {
  (void)error;
  struct walk *walk = env;
  walk->x += (*(const int32_t *)action - 0.5 + 0.1 * muster_random_uniform(random, -1, 1)) / 3.0;
  *(float *)result->observation = (float)walk->x;
  result->reward[0] = -walk->x * walk->x / 7.0;
  misbehave(walk, "step");
  return 0;
}

static void save_state(const void *env, void *bytes) { memcpy(bytes, &((const struct walk *)env)->x, sizeof(double)); }

static int load_state(void *env, const void *bytes, muster_env_error *error) {
  (void)error;
  memcpy(&((struct walk *)env)->x, bytes, sizeof(double));
  return 0;
}

static const muster_env_type type = {.abi = MUSTER_ENV_ABI,
                                     .struct_size = sizeof(muster_env_type),
                                     .name = "Misbehaves-v0",
                                     .summary = "a walk that does something to its process",
                                     .options = options,
                                     .create = create,
                                     .destroy = destroy,
                                     .describe = describe,
                                     .reset = reset,
                                     .step = step,
                                     .save_state = save_state,
                                     .load_state = load_state};
MUSTER_ENV_PLUGIN(&type)
