/* What the commands share: arguments, messages, exit codes. */
#include "cli/command.h"

#include "base/shell.h"
#include "base/shown.h"
#include "env/plugin.h"
#include "setup/config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool command_speaks(void) {
  const char *rank = getenv("OMPI_COMM_WORLD_RANK");
  return rank == NULL || strcmp(rank, "0") == 0;
}

int command_usage_error(const char *name, const char *format, ...) {
  va_list arguments;
  char text[1024];
  if (!command_speaks()) return EXIT_USAGE;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  shown_print(stderr, "muster %s: %s (see `%s %s --help`)\n", name, text, shell_program().text, name);
  return EXIT_USAGE;
}

int command_finish(const char *name, muster_status status) {
  int exit_code = status_exit_code(status);
  if (status != MUSTER_OK) fprintf(stderr, "muster %s: %s\n", name, muster_status_message(status));
  muster_status_clear(&status);
  if (exit_code == EXIT_DONE && fflush(stdout) != 0) {
    fprintf(stderr, "muster %s: cannot write to standard output: %s\n", name, strerror(errno));
    exit_code = EXIT_FAILED;
  }
  return exit_code;
}

bool command_is_plugin(const char *word) {
  if (env_plugin_is_python(word)) return false; /* ids may have slashes */
  const char *dot = strrchr(word, '.');
  return strchr(word, '/') != NULL || (dot != NULL && strcmp(dot, ".so") == 0);
}

bool command_parse_count(const char *name, const char *option, const char *text, long long least, long long *value) {
  char *end;
  errno = 0;
  *value = strtoll(text, &end, 10);
  if (errno == 0 && end != text && *end == '\0' && *value >= least) return true;
  command_usage_error(name, "%s: %s: expects a whole number from %lld on", option, text, least);
  return false;
}

bool command_parse_range(const char *name, const char *option, const char *text, long long least, long long most,
                         long long *value) {
  if (!command_parse_count(name, option, text, least, value)) return false;
  if (*value <= most) return true;
  command_usage_error(name, "%s: %s: expects a whole number from %lld to %lld", option, text, least, most);
  return false;
}

bool command_parse_seed(const char *name, const char *text, long long *value) {
  return command_parse_range(name, "--seed", text, 0, RUN_SEED_MAX, value);
}
