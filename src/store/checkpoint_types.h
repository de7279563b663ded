/* How tensors and names of this module map onto HDF5; shared by the writer and the reader. */
#ifndef STORE_CHECKPOINT_TYPES_H
#define STORE_CHECKPOINT_TYPES_H

#include "store/checkpoint.h"
#include "store/hdf5_error.h"

/* HDF5's type for elements in the file (little-endian) and in memory; borrowed from HDF5. */
hid_t tensor_file_type(enum tensor_type type);
hid_t tensor_memory_type(enum tensor_type type);

/* Bytes of one element. */
size_t tensor_element_size(enum tensor_type type);

/* A path "group/group/leaf", split into group and name. */
#define CHECKPOINT_NAME_SIZE 256
struct checkpoint_name {
  char group[CHECKPOINT_NAME_SIZE]; /* "/" for the root */
  const char *leaf;                 /* borrowed: the end of the path */
};

/* Error INTERNAL when a path is empty, too long, or has an empty part. */
MUSTER_CHECKED muster_status checkpoint_name_split(const char *path, struct checkpoint_name *name);

/* Whether the link `path` and all groups on its way exist below `file`. */
bool checkpoint_path_exists(hid_t file, const char *path);

#endif
