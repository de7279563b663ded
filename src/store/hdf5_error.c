#include "store/hdf5_error.h"

#include "base/format.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

/* the entries of HDF5's error stack that are used */
struct causes {
  char outermost[160], innermost[160];
  bool memory; /* an allocation failed */
};

void hdf5_silence(void) { H5Eset_auto2(H5E_DEFAULT, NULL, NULL); }

/* called for each entry, the innermost (n = 0) first; the last one that comes is the call that we made */
static herr_t note_cause(unsigned n, const H5E_error2_t *entry, void *context) {
  struct causes *causes = context;
  const char *text = entry->desc == NULL ? "" : entry->desc;
  if (n == 0) snprintf(causes->innermost, sizeof causes->innermost, "%s", text);
  snprintf(causes->outermost, sizeof causes->outermost, "%s", text);
  if (entry->maj_num == H5E_RESOURCE) causes->memory = true;
  return 0;
}

muster_status hdf5_error(muster_code code, const char *format, ...) {
  struct causes causes = {.outermost = "HDF5 gave no reason"};
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, note_cause, &causes);
  H5Eclear2(H5E_DEFAULT);

  va_list arguments;
  va_start(arguments, format);
  char *text = format_text(format, arguments);
  va_end(arguments);
  if (text == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory");
  muster_status status =
      status_error(causes.memory ? MUSTER_ERROR_MEMORY : code, "%s: %s (%s)", text, causes.outermost, causes.innermost);
  free(text);
  return status;
}

void hdf5_close(hid_t id) {
  if (id >= 0) H5Idec_ref(id);
}
