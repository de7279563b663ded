/* The answer of a command on standard output, which another program may read. */
#include "cli/command.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

FILE *command_open_answer(bool is_json) {
  if (!is_json) return stdout;
  fflush(stdout);
  int own = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 10);
  FILE *answer = own >= 0 ? fdopen(own, "w") : NULL;
  if (answer == NULL) return stdout;
  if (dup2(STDERR_FILENO, STDOUT_FILENO) < 0) close(STDOUT_FILENO);
  return answer;
}

muster_status command_close_answer(FILE *answer, muster_status status) {
  if (answer == stdout) return status;
  bool is_written = fclose(answer) == 0;
  if (status != MUSTER_OK || is_written) return status;
  return status_errno(MUSTER_ERROR_IO, "cannot write to standard output");
}
