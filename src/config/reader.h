/* From YAML to entries, on libyaml's event parser. */
#ifndef CONFIG_READER_H
#define CONFIG_READER_H

#include "config/entry.h"

enum {
  READER_SIZE_LIMIT = 1 << 20, /* largest size of a config, bytes */
  READER_DEPTH_LIMIT = 8       /* how deep mappings may be nested */
};

/* Reads one YAML document and adds its keys to `list`, in order. With root == "" it must be a mapping or empty, and
 * messages begin "NAME:LINE:COLUMN:"; otherwise it is the value of the dotted key `root`, of any kind, from the command
 * line, and messages begin "NAME:". On failure the list keeps the entries read before. */
MUSTER_CHECKED muster_status reader_read(struct entry_list *list, const char *name, const char *root, const char *text,
                                         size_t length);

#endif
