#include "view/gnuplot.h"

#include "base/shown.h"

#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* the standard streams of the child: temporary files without a name, so that neither process ever waits for the
 * other */
struct streams {
  FILE *in, *out, *error;
};

/* reads a whole file from its start */
static muster_status read_all(FILE *file, char **text, size_t *length) {
  off_t size = lseek(fileno(file), 0, SEEK_END);
  char *bytes = size < 0 ? NULL : malloc((size_t)size + 1);
  if (bytes == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory for what gnuplot wrote");
  rewind(file);
  *length = fread(bytes, 1, (size_t)size, file);
  bytes[*length] = '\0';
  *text = bytes;
  return MUSTER_OK;
}

static muster_status start(const struct streams *streams, pid_t *child) {
  char program[] = "gnuplot", defaults[] = "-d";
  char *arguments[] = {program, defaults, NULL};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, fileno(streams->in), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, fileno(streams->out), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, fileno(streams->error), STDERR_FILENO);
  int failed = posix_spawnp(child, program, &actions, NULL, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed == ENOENT)
    return status_error(MUSTER_ERROR_IO, "gnuplot, which draws the curves, is not installed: `apt-get install "
                                         "gnuplot-nox` or `spack install gnuplot` brings it");
  errno = failed;
  return failed != 0 ? status_errno(MUSTER_ERROR_IO, "cannot start gnuplot") : MUSTER_OK;
}

/* the error with gnuplot's own reason: the last line that it wrote */
static muster_status describe_failure(int outcome, FILE *error) {
  char *text = NULL;
  size_t length = 0;
  MUSTER_TRY(read_all(error, &text, &length));
  while (length > 0 && text[length - 1] == '\n') text[--length] = '\0';
  const char *line = strrchr(text, '\n');
  muster_status status = WIFSIGNALED(outcome)
                             ? status_error(MUSTER_ERROR_IO, "gnuplot was killed by signal %d", WTERMSIG(outcome))
                             : status_error(MUSTER_ERROR_IO, "gnuplot failed (exit code %d): %s", WEXITSTATUS(outcome),
                                            line != NULL ? line + 1 : text);
  free(text);
  return status;
}

static muster_status run(const struct streams *streams, const char *script, size_t length, char **output,
                         size_t *output_length) {
  if (streams->in == NULL || streams->out == NULL || streams->error == NULL ||
      fwrite(script, 1, length, streams->in) != length || fflush(streams->in) != 0)
    return status_errno(MUSTER_ERROR_IO, "cannot write a temporary file for gnuplot");
  rewind(streams->in);
  pid_t child;
  MUSTER_TRY(start(streams, &child));
  int outcome;
  while (waitpid(child, &outcome, 0) < 0)
    if (errno != EINTR) return status_errno(MUSTER_ERROR_IO, "cannot wait for gnuplot");
  if (outcome != 0) return describe_failure(outcome, streams->error);
  return read_all(streams->out, output, output_length);
}

muster_status gnuplot_run(const char *script, size_t length, char **output, size_t *output_length) {
  struct streams streams = {tmpfile(), tmpfile(), tmpfile()};
  muster_status status = run(&streams, script, length, output, output_length);
  if (streams.in != NULL) fclose(streams.in);
  if (streams.out != NULL) fclose(streams.out);
  if (streams.error != NULL) fclose(streams.error);
  return status;
}

static void put_quoted(FILE *script, const char *text, const char *escaped) {
  bool as_is;
  for (size_t length; (length = shown_next(text, &as_is)) > 0; text += length) {
    if (*text == '\'') fputc('\'', script);
    if (strchr(escaped, *text) != NULL) fputc('\\', script);
    if (as_is)
      fwrite(text, 1, length, script);
    else
      fputs((unsigned char)*text < 0x80 ? " " : "\ufffd", script);
  }
}

void gnuplot_quote(FILE *script, const char *text) {
  fputc('\'', script);
  put_quoted(script, text, "");
  fputc('\'', script);
}

void gnuplot_quote_bold(FILE *script, const char *text) {
  fputs("'{/:Bold ", script);
  put_quoted(script, text, "{}^_@&~\\");
  fputs("}'", script);
}
