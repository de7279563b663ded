#include "base/registry.h"

#include <stddef.h>

muster_status registry_check_entry(const char *kind, const char *name, const char *lack) {
  if (lack == NULL) return MUSTER_OK;
  return status_error(MUSTER_ERROR_INTERNAL, "the %s '%s' is not whole: its table lacks %s", kind,
                      name != NULL ? name : "?", lack);
}
