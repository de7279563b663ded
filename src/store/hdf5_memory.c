#include "store/hdf5_memory.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- functions that HDF5's core driver calls to allocate, copy, grow and release the file, which is always the same
 * buffer --- */

static void *image_malloc(size_t size, H5FD_file_image_op_t operation, void *context) {
  (void)size, (void)operation;
  return ((struct hdf5_memory *)context)->bytes;
}

static void *image_memcpy(void *to, const void *from, size_t size, H5FD_file_image_op_t operation, void *context) {
  (void)operation, (void)context;
  return to == from ? to : memcpy(to, from, size);
}

/* grows by half, so that a file written piece by piece is not copied for each piece */
static void *image_realloc(void *bytes, size_t size, H5FD_file_image_op_t operation, void *context) {
  struct hdf5_memory *memory = context;
  (void)bytes, (void)operation;
  if (size > memory->capacity) {
    size_t capacity = size + size / 2;
    void *grown = realloc(memory->bytes, capacity);
    if (grown == NULL) return NULL;
    memory->bytes = grown;
    memory->capacity = capacity;
  }
  memory->size = size;
  return memory->bytes;
}

static herr_t image_free(void *bytes, H5FD_file_image_op_t operation, void *context) {
  (void)bytes, (void)operation, (void)context;
  return 0;
}

static void *context_copy(void *context) { return context; }

static herr_t context_free(void *context) {
  (void)context;
  return 0;
}

/* --- opening --- */

/* settings for a file in memory that uses this buffer; HDF5 tells such files apart by their names, so each has its
 * own */
static hid_t access_settings(struct hdf5_memory *memory, char name[64]) {
  H5FD_file_image_callbacks_t callbacks = {.image_malloc = image_malloc,
                                           .image_memcpy = image_memcpy,
                                           .image_realloc = image_realloc,
                                           .image_free = image_free,
                                           .udata_copy = context_copy,
                                           .udata_free = context_free,
                                           .udata = memory};
  snprintf(name, 64, "muster-memory-%p", (void *)memory);
  hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  if (access < 0 || H5Pset_fapl_core(access, 1, false) < 0 || H5Pset_file_image_callbacks(access, &callbacks) < 0 ||
      H5Pset_fclose_degree(access, H5F_CLOSE_STRONG) < 0) {
    hdf5_close(access);
    return H5I_INVALID_HID;
  }
  return access;
}

hid_t hdf5_memory_create(struct hdf5_memory *memory, size_t header) {
  char name[64];
  *memory = (struct hdf5_memory){0};
  hid_t access = access_settings(memory, name), create = H5Pcreate(H5P_FILE_CREATE), file = H5I_INVALID_HID;

  // the compact structures of HDF5 1.10, with their checksums; no time stamps, so that equal contents give equal bytes
  if (access >= 0 && create >= 0 && H5Pset_libver_bounds(access, H5F_LIBVER_V110, H5F_LIBVER_V110) >= 0 &&
      H5Pset_userblock(create, header) >= 0 && H5Pset_obj_track_times(create, false) >= 0)
    file = H5Fcreate(name, H5F_ACC_TRUNC, create, access);
  hdf5_close(create);
  hdf5_close(access);
  return file;
}

hid_t hdf5_memory_open(struct hdf5_memory *memory) {
  char name[64];
  hid_t access = access_settings(memory, name), file = H5I_INVALID_HID;
  if (access >= 0 && H5Pset_file_image(access, memory->bytes, memory->size) >= 0)
    file = H5Fopen(name, H5F_ACC_RDONLY, access);
  hdf5_close(access);
  return file;
}
