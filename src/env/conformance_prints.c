#include "env/conformance_prints.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- pipes ---- */

static void close_end(int *end) {
  if (*end >= 0) close(*end);
  *end = -1;
}

static void close_pipes(struct prints *prints) {
  for (int i = 0; i < PRINTS_STREAMS; i++) {
    close_end(&prints->stream[i].from);
    close_end(&prints->stream[i].to);
  }
}

muster_status prints_open(struct prints *prints) {
  for (int i = 0; i < PRINTS_STREAMS; i++) prints->stream[i].from = prints->stream[i].to = -1;
  for (int i = 0; i < PRINTS_STREAMS; i++) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
      muster_status status = status_errno(MUSTER_ERROR_IO, "a pipe for what an environment prints");
      close_pipes(prints);
      return status;
    }
    prints->stream[i].from = ends[0];
    prints->stream[i].to = ends[1];
    prints->stream[i].last_bytes = 0;
  }
  return MUSTER_OK;
}

void prints_take(struct prints *prints) {
  int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
  dup2(nothing, STDIN_FILENO);
  if (nothing > STDIN_FILENO) close(nothing);
  dup2(prints->stream[PRINTS_OUT].to, STDOUT_FILENO);
  dup2(prints->stream[PRINTS_ERROR].to, STDERR_FILENO);
  close_pipes(prints);
}

/* ---- reading them ---- */

static void keep(struct prints_stream *stream, const char *bytes, size_t n) {
  stream->bytes += n;
  for (size_t i = 0; i < n; i++) {
    char letter = bytes[i];
    stream->last[stream->last_bytes++ % PRINTS_LAST] = letter;
    stream->first_is_whole |= letter == '\n' && stream->first_used > 0;
    if (stream->first_is_whole || letter == '\n' || stream->first_used + 1 == sizeof stream->first) continue;
    stream->first[stream->first_used++] = letter != '\0' ? letter : ' ';
  }
}

/* reads what has come; closes the pipe when no more can come */
static void drain(struct prints_stream *stream) {
  char bytes[4096];
  while (stream->from >= 0) {
    ssize_t got = read(stream->from, bytes, sizeof bytes);
    if (got > 0) keep(stream, bytes, (size_t)got);
    if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN)) close_end(&stream->from);
    if (got < 0 && errno == EAGAIN) return;
  }
}

void prints_follow(struct prints *prints, pid_t child) {
  struct prints_stream *out = &prints->stream[PRINTS_OUT], *error = &prints->stream[PRINTS_ERROR];
  for (int i = 0; i < PRINTS_STREAMS; i++) {
    close_end(&prints->stream[i].to);
    fcntl(prints->stream[i].from, F_SETFL, O_NONBLOCK);
  }
  /* waits for the end of the child, not of the pipes: processes of the simulator may hold those open */
  int handle = (int)syscall(SYS_pidfd_open, child, 0);
  while (out->from >= 0 || error->from >= 0) {
    struct pollfd waits[] = {{handle, POLLIN, 0}, {out->from, POLLIN, 0}, {error->from, POLLIN, 0}};
    if (poll(waits, 3, -1) < 0 && errno != EINTR) break;
    drain(out);
    drain(error);
    if (handle >= 0 && waits[0].revents != 0) break;
  }
  drain(out);
  drain(error);
  if (handle >= 0) close(handle);
  close_pipes(prints);
}

void prints_pass_on(const struct prints *prints) {
  const struct prints_stream *stream = &prints->stream[PRINTS_ERROR];
  size_t n = stream->last_bytes < PRINTS_LAST ? stream->last_bytes : PRINTS_LAST;
  for (size_t i = stream->last_bytes - n; i < stream->last_bytes; i++) putc(stream->last[i % PRINTS_LAST], stderr);
}
