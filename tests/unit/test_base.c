/* Status, arena, clock, log, names that are near to a wrong one, and words quoted for a shell. */
#include "base/arena.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/format.h"
#include "base/log.h"
#include "base/nearest.h"
#include "base/shell.h"
#include "base/status.h"
#include "support/check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- texts ---- */

static void test_plural(void) {
  char text[64];
  snprintf(text, sizeof text, "%d step%s, %d step%s, %d step%s, %g step%s", 0, plural(0), 1, plural(1), 2, plural(2),
           1.5, plural(1.5));
  CU_ASSERT_STRING_EQUAL(text, "0 steps, 1 step, 2 steps, 1.5 steps");
}

/* ---- status ---- */

static void test_status_success(void) {
  muster_status status = MUSTER_OK;
  CU_ASSERT_EQUAL(muster_status_code(status), MUSTER_SUCCESS);
  CU_ASSERT_STRING_EQUAL(muster_status_message(status), "");
  CU_ASSERT_EQUAL(status_exit_code(status), 0);
  CU_ASSERT_PTR_NULL(status_wrap(status, "nothing"));
  muster_status_clear(&status);
  CU_ASSERT_PTR_NULL(status);
}

static void test_status_message(void) {
  muster_status status = status_error(MUSTER_ERROR_FORMAT, "line %d of '%s'", 7, "a.yaml");
  CU_ASSERT_EQUAL(muster_status_code(status), MUSTER_ERROR_FORMAT);
  CU_ASSERT_STRING_EQUAL(muster_status_message(status), "line 7 of 'a.yaml'");
  CU_ASSERT_EQUAL(status_exit_code(status), 1);
  status = status_wrap(status, "reading %s", "the config");
  CU_ASSERT_EQUAL(muster_status_code(status), MUSTER_ERROR_FORMAT);
  CU_ASSERT_STRING_EQUAL(muster_status_message(status), "reading the config: line 7 of 'a.yaml'");
  muster_status_clear(&status);
  CU_ASSERT_PTR_NULL(status);
}

/* messages longer than any fixed buffer come out whole */
static void test_status_long_message(void) {
  char text[5001];
  memset(text, 'x', sizeof text - 1);
  text[sizeof text - 1] = '\0';
  muster_status status = status_wrap(status_error(MUSTER_ERROR_IO, "%s", text), "%s", text);
  CU_ASSERT_EQUAL(strlen(muster_status_message(status)), 2 * 5000 + 2);
  muster_status_clear(&status);
}

static void test_status_errno(void) {
  errno = ENOENT;
  CHECK_FAILS(status_errno(MUSTER_ERROR_IO, "cannot open '%s'", "x"), MUSTER_ERROR_IO,
              "cannot open 'x': No such file or directory");
}

static void test_status_exit_codes(void) {
  for (int code = MUSTER_ERROR_USAGE; code <= MUSTER_ERROR_INTERNAL; code++) {
    muster_status status = status_error((muster_code)code, "text");
    CU_ASSERT_EQUAL(status_exit_code(status), code == MUSTER_ERROR_USAGE ? 2 : 1);
    muster_status_clear(&status);
  }
}

static muster_status fail_twice(int *calls) {
  MUSTER_TRY(MUSTER_OK);
  ++*calls;
  MUSTER_TRY(status_error(MUSTER_ERROR_NUMERIC, "first"));
  ++*calls;
  return MUSTER_OK;
}

static muster_status fail_and_clean(bool *cleaned) {
  muster_status status;
  MUSTER_TRY_GOTO(status, status_error(MUSTER_ERROR_COMM, "broken"), clean);
  return status_error(MUSTER_ERROR_INTERNAL, "went on after a failure");
clean:
  *cleaned = true;
  return status;
}

static void test_status_try(void) {
  int calls = 0;
  bool cleaned = false;
  CHECK_FAILS(fail_twice(&calls), MUSTER_ERROR_NUMERIC, "first");
  CU_ASSERT_EQUAL(calls, 1);
  CHECK_FAILS(fail_and_clean(&cleaned), MUSTER_ERROR_COMM, "broken");
  CU_ASSERT_TRUE(cleaned);
}

/* ---- arena ---- */

static void test_arena_blocks(void) {
  struct arena *arena = NULL;
  CHECK_OK_FATAL(arena_create(&arena));
  char *blocks[20];
  for (size_t i = 0; i < 20; i++) {
    const size_t size = 1 + 977 * i;
    CHECK_OK_FATAL(ARENA_TAKE(arena, size, "blocks", &blocks[i]));
    CU_ASSERT_EQUAL((uintptr_t)blocks[i] % 64, 0);
    size_t nonzero = 0;
    for (size_t k = 0; k < size; k++) nonzero += blocks[i][k] != 0;
    CU_ASSERT_EQUAL(nonzero, 0);
    memset(blocks[i], (int)i + 1, size);
  }
  /* no block overlaps another */
  for (size_t i = 0; i < 20; i++) {
    CU_ASSERT_EQUAL(blocks[i][0], (char)(i + 1));
    CU_ASSERT_EQUAL(blocks[i][977 * i], (char)(i + 1));
  }
  arena_destroy(&arena);
  CU_ASSERT_PTR_NULL(arena);
  arena_destroy(&arena);
}

/* blocks that lie side by side in large pages, and such as are too large for that */
static void test_arena_stretches(void) {
  enum { BLOCKS = 40 };
  struct arena *arena = NULL;
  CHECK_OK_FATAL(arena_create(&arena));
  uint32_t *blocks[BLOCKS];
  size_t counts[BLOCKS], nonzero = 0, wrong = 0;
  for (size_t i = 0; i < BLOCKS; i++) {
    counts[i] = i % 10 == 9 ? (size_t)3 << 20 : 3000 + i * i * 400; /* 12 kB to 2.4 MB, and 12 MB */
    CHECK_OK_FATAL(ARENA_TAKE(arena, counts[i], "blocks", &blocks[i]));
    CU_ASSERT_EQUAL((uintptr_t)blocks[i] % 64, 0);
    for (size_t k = 0; k < counts[i]; k++) nonzero += blocks[i][k] != 0;
    for (size_t k = 0; k < counts[i]; k++) blocks[i][k] = (uint32_t)(i * 1000000 + k % 1000000);
  }
  CU_ASSERT_EQUAL(nonzero, 0);
  for (size_t i = 0; i < BLOCKS; i++)
    for (size_t k = 0; k < counts[i]; k++) wrong += blocks[i][k] != (uint32_t)(i * 1000000 + k % 1000000);
  CU_ASSERT_EQUAL(wrong, 0);
  arena_destroy(&arena);
}

static void test_arena_empty_block(void) {
  struct arena *arena = NULL;
  CHECK_OK_FATAL(arena_create(&arena));
  double *nothing = NULL;
  CHECK_OK(ARENA_TAKE(arena, 0, "nothing", &nothing));
  CU_ASSERT_PTR_NOT_NULL(nothing);
  arena_destroy(&arena);
}

static void test_arena_overflow(void) {
  struct arena *arena = NULL;
  CHECK_OK_FATAL(arena_create(&arena));
  void *block = NULL;
  CHECK_FAILS(arena_take(arena, SIZE_MAX / 8 + 2, 8, "the rewards", &block), MUSTER_ERROR_MEMORY, "the rewards");
  CHECK_FAILS(arena_take(arena, SIZE_MAX, 1, "the rewards", &block), MUSTER_ERROR_MEMORY, "the rewards");
  CU_ASSERT_PTR_NULL(block);
  arena_destroy(&arena);
}

/* two arenas over the same memory hand out the same pieces, and nothing beyond it */
static void test_arena_in_memory(void) {
  enum { BYTES = 1024 };
  _Alignas(64) static char memory[BYTES];
  struct arena *measured = NULL, *arenas[2] = {NULL, NULL};
  const size_t counts[] = {3, 100, 0, 17};
  CHECK_OK_FATAL(arena_create(&measured));
  for (int i = 0; i < 2; i++) CHECK_OK_FATAL(arena_create_in(memory, BYTES, &arenas[i]));
  char *end = memory;
  for (int k = 0; k < 4; k++) {
    char *unused, *pieces[2];
    CHECK_OK_FATAL(ARENA_TAKE(measured, counts[k], "pieces", &unused));
    for (int i = 0; i < 2; i++) CHECK_OK_FATAL(ARENA_TAKE(arenas[i], counts[k], "pieces", &pieces[i]));
    CU_ASSERT_PTR_EQUAL(pieces[0], pieces[1]);
    CU_ASSERT_TRUE(pieces[0] >= end && (uintptr_t)pieces[0] % 64 == 0);
    end = pieces[0] + counts[k];
  }
  CU_ASSERT_EQUAL(arena_bytes(arenas[0]), 120);
  CU_ASSERT_EQUAL(arena_room(arenas[0]), arena_room(measured));
  char *rest = NULL;
  CHECK_FAILS(ARENA_TAKE(arenas[0], BYTES - arena_room(arenas[0]) + 1, "the rest", &rest), MUSTER_ERROR_MEMORY,
              "the rest");
  CHECK_OK(ARENA_TAKE(arenas[0], BYTES - arena_room(arenas[0]), "the rest", &rest));
  arena_destroy(&measured);
  for (int i = 0; i < 2; i++) arena_destroy(&arenas[i]);
}

/* ---- clock and log ---- */

static void test_clock(void) {
  double before = clock_seconds(), after = clock_seconds();
  CU_ASSERT_TRUE(after >= before);
  char stamp[20];
  int year, month, day, hour, minute, second;
  clock_stamp(stamp, sizeof stamp);
  CU_ASSERT_EQUAL(strlen(stamp), 19);
  CU_ASSERT_EQUAL(sscanf(stamp, "%d-%d-%d %d:%d:%d", &year, &month, &day, &hour, &minute, &second), 6);
  CU_ASSERT_TRUE(year >= 2024 && month >= 1 && month <= 12 && day >= 1 && day <= 31 && hour < 24 && minute < 60);
}

/* what log_line() writes to standard error, caught in a file */
static void catch_log(const struct logger *logger, enum log_level level, const char *text, char *caught, size_t size) {
  char path[1100];
  snprintf(path, sizeof path, "%s/log.txt", check_folder("base"));
  int file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
  fflush(stderr);
  int saved = dup(STDERR_FILENO);
  CU_ASSERT_TRUE_FATAL(file >= 0 && saved >= 0);
  dup2(file, STDERR_FILENO);
  log_line(logger, level, "%s", text);
  dup2(saved, STDERR_FILENO);
  lseek(file, 0, SEEK_SET);
  ssize_t length = read(file, caught, size - 1);
  caught[length > 0 ? length : 0] = '\0';
  close(file);
  close(saved);
}

static void test_log(void) {
  struct logger logger = {LOG_INFO, "learner", 3};
  char caught[4096];
  catch_log(&logger, LOG_INFO, "hello", caught, sizeof caught);
  CU_ASSERT_STRING_EQUAL(caught + 8, " learner 3: hello\n");
  catch_log(&logger, LOG_DEBUG, "hello", caught, sizeof caught);
  CU_ASSERT_STRING_EQUAL(caught, "");
  logger.rank = -1;
  catch_log(&logger, LOG_ERROR, "broken", caught, sizeof caught);
  CU_ASSERT_STRING_EQUAL(caught + 8, " learner: error: broken\n");

  /* a text that is too long is cut, and still one line */
  char text[3000];
  memset(text, 'y', sizeof text - 1);
  text[sizeof text - 1] = '\0';
  catch_log(&logger, LOG_WARN, text, caught, sizeof caught);
  CU_ASSERT_TRUE(strlen(caught) < 1300);
  CU_ASSERT_PTR_EQUAL(strchr(caught, '\n'), caught + strlen(caught) - 1);
  CU_ASSERT_PTR_NOT_NULL(strstr(caught, "warning: yyyy"));
}

/* anything but a regular file is refused at once: the call does not wait for the other end of a pipe */
static void test_file_open(void) {
  char path[1300];
  int file = -1;
  FILE *stream = NULL;
  snprintf(path, sizeof path, "%s/file", check_folder("base-file"));
  CHECK_FAILS(file_open(path, O_RDONLY, &file), MUSTER_ERROR_IO, "No such file");
  CHECK_OK_FATAL(file_open(path, O_RDWR | O_CREAT, &file));
  CU_ASSERT_EQUAL(write(file, "text", 4), 4);
  close(file);
  for (int i = 0; i < 2; i++) {
    CHECK_OK_FATAL(file_open_stream(path, i == 0 ? "r" : "r+", &stream));
    CU_ASSERT_EQUAL(fgetc(stream), 't');
    CU_ASSERT_EQUAL(fputc('x', stream) == EOF, i == 0);
    fclose(stream);
  }
  unlink(path);
  CU_ASSERT_EQUAL_FATAL(mkfifo(path, 0666), 0);
  static const int flags[] = {O_RDONLY, O_WRONLY, O_RDWR | O_CREAT | O_APPEND};
  for (int i = 0; i < 3; i++) CHECK_FAILS(file_open(path, flags[i], &file), MUSTER_ERROR_IO, "not a regular file");
  CHECK_FAILS(file_open_stream(path, "r", &stream), MUSTER_ERROR_IO, "not a regular file");
  CHECK_FAILS(file_open_stream("/dev/null", "r", &stream), MUSTER_ERROR_IO, "'/dev/null' is not a regular file");
  CHECK_FAILS(file_open_stream("/", "r", &stream), MUSTER_ERROR_IO, "is a folder");
}

/* ---- names and hints ---- */

static void advises(const char *wanted, const char *advice) {
  struct nearest nearest = nearest_start(wanted);
  static const char *const names[] = {"ppo", "a2c", "reinforce", "reinforce-baseline", "a2c"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) nearest_offer(&nearest, names[i]);
  CU_ASSERT_STRING_EQUAL(nearest_advise(&nearest).text, advice);
}

/* a near name is suggested; if none is near, all are listed, once each */
static void test_nearest(void) {
  advises("pppo", "the nearest one is 'ppo'");
  advises("PPO", "the nearest one is 'ppo'");
  advises("re-inforce", "the nearest one is 'reinforce'");
  advises("foo", "there are 'ppo', 'a2c', 'reinforce', 'reinforce-baseline'");
  advises("", "there are 'ppo', 'a2c', 'reinforce', 'reinforce-baseline'");

  /* more names than one line can hold */
  struct nearest nearest = nearest_start("x");
  for (int i = 0; i < 1000; i++) {
    char name[32];
    snprintf(name, sizeof name, "name-%d", i);
    nearest_offer(&nearest, name);
  }
  struct nearest_advice advice = nearest_advise(&nearest);
  CU_ASSERT_TRUE(strlen(advice.text) < sizeof advice.text - 1);
  CU_ASSERT_STRING_EQUAL(advice.text + strlen(advice.text) - 6, "', ...");
}

/* every word comes back from a shell as it was */
static void test_shell_quote(void) {
  static const char *const words[] = {
      "plain/path-1.h5", "a b", "it's", "''", "$HOME `id` \\\\ \\", "", "~/a", "*?[x]{1,2}", "a\nb;c&d|e<f>g(h)#!"};
  CU_ASSERT_STRING_EQUAL(shell_quote(words[0]).text, words[0]);
  CU_ASSERT_STRING_EQUAL(shell_quote("it's").text, "'it'\\''s'");
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
    char command[SHELL_WORD_SIZE + 16], read[256] = "";
    snprintf(command, sizeof command, "printf %%s %s", shell_quote(words[i]).text);
    FILE *shell = popen(command, "r");
    size_t length = fread(read, 1, sizeof read - 1, shell);
    CU_ASSERT_EQUAL(pclose(shell), 0);
    CU_ASSERT_EQUAL(length, strlen(words[i]));
    CU_ASSERT_STRING_EQUAL(read, words[i]);
  }
  /* a word that is too long is cut, and still a whole word */
  static char longest[3 * SHELL_WORD_SIZE];
  memset(longest, '\'', sizeof longest - 1);
  struct shell_word quoted = shell_quote(longest);
  CU_ASSERT_TRUE(strlen(quoted.text) < sizeof quoted.text);
  CU_ASSERT_STRING_EQUAL(quoted.text + strlen(quoted.text) - 5, "'\\'''");
}

/* this process is a test, so the program is called by its name */
static void test_shell_program(void) {
  CU_ASSERT_STRING_EQUAL(shell_program().text, "muster");
  unsetenv("MUSTER_STARTED_BY");
  CU_ASSERT_STRING_EQUAL(shell_train(1).text, "muster train");
  CU_ASSERT_STRING_EQUAL(shell_train(3).text, "mpirun -n 3 muster train");
  setenv("MUSTER_STARTED_BY", "/my tools/train", 1);
  CU_ASSERT_STRING_EQUAL(shell_train(3).text, "'/my tools/train' --ranks 3");

  /* a path below the working directory is written relative to it */
  char here[4096];
  CU_ASSERT_PTR_NOT_NULL(getcwd(here, sizeof here - 32));
  strcat(here, "/scripts/train");
  setenv("MUSTER_STARTED_BY", here, 1);
  CU_ASSERT_STRING_EQUAL(shell_train(1).text, "scripts/train --ranks 1");
  unsetenv("MUSTER_STARTED_BY");
}

static const struct check_case cases[] = {
    {"plural", test_plural},
    {"status: success", test_status_success},
    {"status: message, wrap", test_status_message},
    {"status: long messages", test_status_long_message},
    {"status: errno", test_status_errno},
    {"status: exit codes", test_status_exit_codes},
    {"status: try", test_status_try},
    {"arena: aligned, zeroed, apart", test_arena_blocks},
    {"arena: the same in stretches of large pages", test_arena_stretches},
    {"arena: empty block", test_arena_empty_block},
    {"arena: overflow", test_arena_overflow},
    {"arena over given memory", test_arena_in_memory},
    {"clock", test_clock},
    {"log", test_log},
    {"file: only a regular file is opened", test_file_open},
    {"names: near, or all", test_nearest},
    {"shell: quotes", test_shell_quote},
    {"shell: the program", test_shell_program},
};

CHECK_MAIN("base", cases)
