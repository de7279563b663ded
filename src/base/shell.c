#include "base/shell.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- words --- */

struct shell_word shell_quote(const char *word) {
  static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./=,:+@%";
  struct shell_word quoted;
  if (word[0] != '\0' && word[strspn(word, plain)] == '\0') {
    snprintf(quoted.text, sizeof quoted.text, "%s", word);
    return quoted;
  }
  char *end = quoted.text;
  *end++ = '\'';
  for (; *word != '\0' && end + 6 < quoted.text + sizeof quoted.text; word++) {
    if (*word == '\'') {
      /* ends the quotes, adds a quoted quote, and begins them again */
      memcpy(end, "'\\''", 4);
      end += 4;
    } else {
      *end++ = *word;
    }
  }
  memcpy(end, "'", 2);
  return quoted;
}

/* --- command lines of processes --- */

struct arguments {
  char text[SHELL_WORD_SIZE]; /* words, each ended by a zero */
  size_t length;
};

/* the arguments of a process of this host; none when they cannot be read */
static void read_arguments(const char *process, struct arguments *arguments) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%s/cmdline", process);
  arguments->length = 0;
  FILE *file = fopen(path, "rb");
  if (file != NULL) {
    arguments->length = fread(arguments->text, 1, sizeof arguments->text - 1, file);
    fclose(file);
  }
  arguments->text[arguments->length] = '\0';
}

/* the word after `word`, the first one for NULL; NULL after the last */
static const char *next_argument(const struct arguments *arguments, const char *word) {
  const char *next = word == NULL ? arguments->text : word + strlen(word) + 1;
  return next < arguments->text + arguments->length ? next : NULL;
}

static const char *file_name(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash != NULL ? slash + 1 : path;
}

/* --- this program --- */

static bool is_same_file(const char *a, const char *b) {
  struct stat here, there;
  return stat(a, &here) == 0 && stat(b, &there) == 0 && here.st_dev == there.st_dev && here.st_ino == there.st_ino;
}

/* whether a shell that is given `name` starts this program */
static bool is_found_in_path(const char *name) {
  const char *path = getenv("PATH");
  for (size_t length; path != NULL && *path != '\0'; path += length + (path[length] == ':')) {
    length = strcspn(path, ":");
    char candidate[PATH_MAX];
    snprintf(candidate, sizeof candidate, "%.*s/%s", (int)length, length > 0 ? path : ".", name);
    if (access(candidate, X_OK) == 0) return is_same_file(candidate, "/proc/self/exe");
  }
  return false;
}

/* makes a path below the working directory relative, as users write it; leaves any other as it is */
static const char *below_here(const char *path) {
  char here[PATH_MAX];
  if (path[0] != '/' || getcwd(here, sizeof here) == NULL) return path;
  size_t length = strlen(here);
  bool is_below = strncmp(path, here, length) == 0 && path[length] == '/';
  /* without a slash the shell would look for it in PATH */
  return is_below && strchr(path + length + 1, '/') != NULL ? path + length + 1 : path;
}

struct shell_word shell_program(void) {
  char executable[PATH_MAX];
  ssize_t length = readlink("/proc/self/exe", executable, sizeof executable - 1);
  executable[length > 0 ? length : 0] = '\0';
  struct arguments arguments;
  read_arguments("self", &arguments);
  bool is_muster = strcmp(file_name(executable), "muster") == 0, has_path = strchr(arguments.text, '/') != NULL;
  if (!is_muster || !has_path || is_found_in_path("muster")) return shell_quote("muster");
  return shell_quote(below_here(arguments.text));
}

/* --- how it was started --- */

static void add_word(struct shell_command *command, const char *word) {
  size_t length = strlen(command->text);
  snprintf(command->text + length, sizeof command->text - length, "%s%s", length > 0 ? " " : "", word);
}

/* the parent's command line up to this program, when the parent is a launcher of MPI with this program alone */
static bool add_launcher(struct shell_command *command) {
  char parent[32];
  struct arguments arguments, own;
  snprintf(parent, sizeof parent, "%ld", (long)getppid());
  read_arguments(parent, &arguments);
  read_arguments("self", &own);
  static const char *const launchers[] = {"mpirun", "mpiexec", "orterun", "prterun"};
  bool is_launcher = false;
  for (size_t i = 0; i < sizeof launchers / sizeof *launchers; i++)
    if (strcmp(file_name(arguments.text), launchers[i]) == 0) is_launcher = true;
  const char *program = NULL;
  for (const char *word = NULL; is_launcher && (word = next_argument(&arguments, word)) != NULL;) {
    if (strcmp(word, ":") == 0) return false;
    if (program == NULL && strcmp(word, own.text) == 0) program = word;
  }
  if (program == NULL) return false;
  for (const char *word = NULL; (word = next_argument(&arguments, word)) != program;)
    add_word(command, shell_quote(word == arguments.text ? file_name(word) : word).text);
  return true;
}

struct shell_command shell_train(int ranks) {
  struct shell_command command = {.text = ""};
  char number[32];
  snprintf(number, sizeof number, "%d", ranks);
  /* scripts/train passes on how it was called */
  const char *script = getenv("MUSTER_STARTED_BY");
  if (script != NULL && script[0] != '\0') {
    add_word(&command, shell_quote(below_here(script)).text);
    add_word(&command, "--ranks");
    add_word(&command, number);
    return command;
  }
  if (ranks > 1 && !add_launcher(&command)) {
    add_word(&command, "mpirun -n");
    add_word(&command, number);
  }
  add_word(&command, shell_program().text);
  add_word(&command, "train");
  return command;
}
