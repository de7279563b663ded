/* HDF5 files in memory, in a buffer of this module: nothing is copied, and no error of a disk can happen inside
 * HDF5. */
#ifndef STORE_HDF5_MEMORY_H
#define STORE_HDF5_MEMORY_H

#include "store/hdf5_error.h"

#include <stddef.h>

/* The buffer. The struct must stay at its address while the file is open. */
struct hdf5_memory {
  unsigned char *bytes; /* owned by the holder, who frees it once the file is closed; NULL before the first write */
  size_t size;          /* bytes of the file */
  size_t capacity;      /* bytes allocated */
};

/* Creates an empty file with `header` bytes in front of HDF5's own ("user block": 512, 1024 ...), which are zero. After
 * H5Fflush() and H5Fclose() the buffer holds the whole file. Returns a negative number on failure, as HDF5 does. */
hid_t hdf5_memory_create(struct hdf5_memory *memory, size_t header);

/* Opens bytes[size] for reading. Returns a negative number on failure. */
hid_t hdf5_memory_open(struct hdf5_memory *memory);

#endif
