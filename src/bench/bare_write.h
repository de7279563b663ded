/* The limit of what writes files: a plain write and fsync of as many bytes into the same folder, which is made for the
 * measurement. */
#ifndef BENCH_BARE_WRITE_H
#define BENCH_BARE_WRITE_H

#include "base/arena.h"
#include "bench/measure.h"

struct bare_write {
  char path[64];
  size_t bytes;
  unsigned char *content;
  struct bench_work work;
};

/* For so many bytes; `*bare` must stay where it is. */
MUSTER_CHECKED muster_status bare_write_create(const char *folder, size_t bytes, struct arena *arena,
                                               struct bare_write *bare);

/* A new folder in the current one. IO error. */
#define BENCH_FOLDER_SIZE 32
MUSTER_CHECKED muster_status bench_folder_make(char folder[BENCH_FOLDER_SIZE]);

/* Removes it with all that is in it; returns `status`, or the error of that. */
MUSTER_CHECKED muster_status bench_folder_remove(const char *folder, muster_status status);

#endif
