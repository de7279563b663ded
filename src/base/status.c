#include "base/status.h"

#include "base/format.h"
#include "base/shown.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct muster_error {
  muster_code code;
  const char *message; /* points behind this struct, or to a literal */
  bool is_static;
};

static struct muster_error out_of_memory = {MUSTER_ERROR_MEMORY, "out of memory", true};

static muster_status error_create(muster_code code, const char *prefix, const char *suffix) {
  size_t prefix_length = strlen(prefix), suffix_length = strlen(suffix);
  size_t separator = suffix_length > 0 ? 2 : 0;
  struct muster_error *error = malloc(sizeof *error + prefix_length + separator + suffix_length + 1);
  if (error == NULL) return &out_of_memory;
  char *text = (char *)(error + 1);
  memcpy(text, prefix, prefix_length);
  if (separator > 0) memcpy(text + prefix_length, ": ", 2);
  memcpy(text + prefix_length + separator, suffix, suffix_length + 1);
  *error = (struct muster_error){.code = code, .message = text, .is_static = false};
  return error;
}

/* Makes a message one line, whatever texts it contains: names in files, messages of plug-ins. Line breaks and blanks at
 * its end, which such texts may have, are removed. */
static muster_status create_shown(muster_code code, char *text, const char *suffix) {
  size_t length = strlen(text);
  while (length > 0 && strchr(" \t\r\n", text[length - 1]) != NULL) text[--length] = '\0';
  size_t size = SHOWN_GROWTH * length + 1;
  char *shown = malloc(size);
  if (shown == NULL) return &out_of_memory;
  muster_status status = error_create(code, shown_copy(text, shown, size), suffix);
  free(shown);
  return status;
}

/* formats into a fresh error whose message ends in ": suffix" when there is a suffix */
static muster_status error_format(muster_code code, const char *suffix, const char *format, va_list arguments) {
  char *text = format_text(format, arguments);
  if (text == NULL) return &out_of_memory;
  muster_status status = create_shown(code, text, suffix);
  free(text);
  return status;
}

muster_status status_error(muster_code code, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  muster_status status = error_format(code, "", format, arguments);
  va_end(arguments);
  return status;
}

muster_status status_errno(muster_code code, const char *format, ...) {
  const char *reason = strerror(errno);
  va_list arguments;
  va_start(arguments, format);
  muster_status status = error_format(code, reason, format, arguments);
  va_end(arguments);
  return status;
}

muster_status status_wrap(muster_status status, const char *format, ...) {
  /* without a text: another rank knows the reason and prints it */
  if (status == MUSTER_OK || (status->code == MUSTER_ERROR_COMM && status->message[0] == '\0')) return status;
  va_list arguments;
  va_start(arguments, format);
  muster_status wrapped = error_format(status->code, status->message, format, arguments);
  va_end(arguments);
  muster_status_clear(&status);
  return wrapped;
}

int status_exit_code(muster_status status) {
  if (status == MUSTER_OK) return 0;
  return status->code == MUSTER_ERROR_USAGE ? 2 : 1;
}

muster_code muster_status_code(muster_status status) { return status == MUSTER_OK ? MUSTER_SUCCESS : status->code; }

const char *muster_status_message(muster_status status) { return status == MUSTER_OK ? "" : status->message; }

void muster_status_clear(muster_status *status) {
  if (*status != MUSTER_OK && !(*status)->is_static) free(*status);
  *status = MUSTER_OK;
}
