/* Writes checkpoints: the HDF5 file is built in memory, so that no error of a disk can happen inside HDF5. Its bytes
 * then go to the disk in one durable step. */
#include "store/checkpoint.h"

#include "store/checkpoint_container.h"
#include "store/checkpoint_types.h"
#include "store/durable.h"
#include "store/hdf5_memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LARGEST_CHUNK ((size_t)1 << 20) /* bytes of a chunk; HDF5 has a cache of this size for each dataset */

struct checkpoint_writer {
  char *path; /* owned */
  struct hdf5_memory memory;
  hid_t file;          /* in memory */
  hid_t group_options; /* for new groups: no time stamps */
};

muster_status checkpoint_write_begin(const char *path, struct checkpoint_writer **out) {
  hdf5_silence();
  struct checkpoint_writer *writer = malloc(sizeof *writer);
  if (writer == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory: cannot start checkpoint '%s'", path);
  *writer = (struct checkpoint_writer){.path = strdup(path), .file = -1, .group_options = H5Pcreate(H5P_GROUP_CREATE)};
  muster_status status = MUSTER_OK;
  if (writer->path == NULL)
    status = status_error(MUSTER_ERROR_MEMORY, "out of memory: cannot start checkpoint '%s'", path);
  else if (H5Pset_obj_track_times(writer->group_options, false) < 0 ||
           (writer->file = hdf5_memory_create(&writer->memory, CONTAINER_HEADER_SIZE)) < 0)
    status = hdf5_error(MUSTER_ERROR_INTERNAL, "cannot start checkpoint '%s'", path);
  if (status != MUSTER_OK)
    checkpoint_write_abandon(&writer);
  else
    *out = writer;
  return status;
}

/* opens the group of a path; makes it and the groups above it if they do not exist */
static muster_status open_group(struct checkpoint_writer *writer, const char *group, hid_t *out) {
  char prefix[CHECKPOINT_NAME_SIZE];
  hid_t id = H5Gopen2(writer->file, "/", H5P_DEFAULT);
  bool is_root = strcmp(group, "/") == 0;
  for (const char *end = group; id >= 0 && !is_root && end != NULL;) {
    end = strchr(end + 1, '/');
    int length = end == NULL ? (int)strlen(group) : (int)(end - group);
    snprintf(prefix, sizeof prefix, "%.*s", length, group);
    hdf5_close(id);
    id = H5Lexists(writer->file, prefix, H5P_DEFAULT) > 0
             ? H5Gopen2(writer->file, prefix, H5P_DEFAULT)
             : H5Gcreate2(writer->file, prefix, H5P_DEFAULT, writer->group_options, H5P_DEFAULT);
  }
  if (id < 0)
    return hdf5_error(MUSTER_ERROR_INTERNAL, "cannot make the group '%s' of checkpoint '%s'", group, writer->path);
  *out = id;
  return MUSTER_OK;
}

/* the largest block of whole rows, whole matrices ... that fits LARGEST_CHUNK */
static void choose_chunk(const struct tensor *tensor, hsize_t chunk[TENSOR_MAX_RANK]) {
  // if a slice fits, all later dimensions fit completely
  size_t slice = tensor_bytes(tensor);
  for (int i = 0; i < tensor->rank; i++) {
    slice /= tensor->shape[i];
    size_t slices = slice < LARGEST_CHUNK ? LARGEST_CHUNK / slice : 1;
    chunk[i] = slices < tensor->shape[i] ? slices : tensor->shape[i];
  }
}

/* creates a dataset without time stamps and, when there is a chunk, with a checksum for each chunk; then writes it */
static muster_status write_dataset(struct checkpoint_writer *writer, const char *path, hid_t space, hid_t file_type,
                                   hid_t memory_type, int rank, const hsize_t *chunk, const void *data) {
  struct checkpoint_name name;
  hid_t group = -1, dataset = -1;
  MUSTER_TRY(checkpoint_name_split(path, &name));
  MUSTER_TRY(open_group(writer, name.group, &group));
  hid_t options = H5Pcreate(H5P_DATASET_CREATE);
  muster_status status = MUSTER_OK;
  if (H5Pset_obj_track_times(options, false) < 0 ||
      (chunk != NULL && (H5Pset_chunk(options, rank, chunk) < 0 || H5Pset_fletcher32(options) < 0)) ||
      (dataset = H5Dcreate2(group, name.leaf, file_type, space, H5P_DEFAULT, options, H5P_DEFAULT)) < 0 ||
      (data != NULL && H5Dwrite(dataset, memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0))
    status = hdf5_error(MUSTER_ERROR_INTERNAL, "cannot store '%s' in checkpoint '%s'", path, writer->path);
  hdf5_close(dataset);
  hdf5_close(options);
  hdf5_close(group);
  return status;
}

muster_status checkpoint_write_tensor(struct checkpoint_writer *writer, const struct tensor *tensor) {
  hsize_t shape[TENSOR_MAX_RANK], chunk[TENSOR_MAX_RANK];
  bool empty = tensor_elements(tensor) == 0;
  for (int i = 0; i < tensor->rank; i++) shape[i] = tensor->shape[i];
  if (!empty) choose_chunk(tensor, chunk);

  // scalars and empty tensors have no chunks; the digest covers them
  hid_t space = tensor->rank == 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(tensor->rank, shape, NULL);
  if (space < 0)
    return hdf5_error(MUSTER_ERROR_INTERNAL, "cannot store '%s' in checkpoint '%s'", tensor->name, writer->path);
  muster_status status =
      write_dataset(writer, tensor->name, space, tensor_file_type(tensor->type), tensor_memory_type(tensor->type),
                    tensor->rank, tensor->rank == 0 || empty ? NULL : chunk, empty ? NULL : tensor->data);
  hdf5_close(space);
  return status;
}

muster_status checkpoint_write_text(struct checkpoint_writer *writer, const char *name, const char *text) {
  hid_t space = H5Screate(H5S_SCALAR), type = H5Tcopy(H5T_C_S1);
  muster_status status = MUSTER_OK;
  if (space < 0 || H5Tset_size(type, strlen(text) + 1) < 0 || H5Tset_cset(type, H5T_CSET_UTF8) < 0)
    status = hdf5_error(MUSTER_ERROR_INTERNAL, "cannot store '%s' in checkpoint '%s'", name, writer->path);
  else
    status = write_dataset(writer, name, space, type, type, 0, NULL, text);
  hdf5_close(type);
  hdf5_close(space);
  return status;
}

static muster_status write_attribute(struct checkpoint_writer *writer, const char *path, hid_t file_type,
                                     hid_t memory_type, const void *value) {
  struct checkpoint_name name;
  hid_t group = -1, attribute = -1;
  MUSTER_TRY(checkpoint_name_split(path, &name));
  MUSTER_TRY(open_group(writer, name.group, &group));
  hid_t space = H5Screate(H5S_SCALAR);
  muster_status status = MUSTER_OK;
  if (space < 0 || (attribute = H5Acreate2(group, name.leaf, file_type, space, H5P_DEFAULT, H5P_DEFAULT)) < 0 ||
      H5Awrite(attribute, memory_type, value) < 0)
    status = hdf5_error(MUSTER_ERROR_INTERNAL, "cannot store '%s' in checkpoint '%s'", path, writer->path);
  hdf5_close(attribute);
  hdf5_close(space);
  hdf5_close(group);
  return status;
}

muster_status checkpoint_write_int(struct checkpoint_writer *writer, const char *name, int64_t value) {
  return write_attribute(writer, name, H5T_STD_I64LE, H5T_NATIVE_INT64, &value);
}

muster_status checkpoint_write_float(struct checkpoint_writer *writer, const char *name, double value) {
  return write_attribute(writer, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, &value);
}

muster_status checkpoint_write_commit(struct checkpoint_writer **handle) {
  uint8_t seal[CHECKPOINT_SEAL_BYTES];
  return checkpoint_write_commit_sealed(handle, seal);
}

muster_status checkpoint_write_commit_sealed(struct checkpoint_writer **handle, uint8_t seal[CHECKPOINT_SEAL_BYTES]) {
  struct checkpoint_writer *writer = *handle;
  muster_status status;
  if (H5Fflush(writer->file, H5F_SCOPE_GLOBAL) < 0 || H5Fclose(writer->file) < 0) {
    status = hdf5_error(MUSTER_ERROR_INTERNAL, "cannot finish checkpoint '%s'", writer->path);
  } else {
    // HDF5 is not needed from here on
    writer->file = -1;
    container_seal(writer->memory.bytes, writer->memory.size, CHECKPOINT_FORMAT_VERSION);
    container_digest(writer->memory.bytes, seal);
    status = durable_write(writer->path, writer->memory.bytes, writer->memory.size);
  }
  checkpoint_write_abandon(handle);
  return status;
}

void checkpoint_write_abandon(struct checkpoint_writer **handle) {
  struct checkpoint_writer *writer = *handle;
  *handle = NULL;
  if (writer == NULL) return;
  hdf5_close(writer->group_options);
  // a file that HDF5 cannot close keeps using its buffer, so the buffer must stay
  if (writer->file >= 0 && H5Fclose(writer->file) < 0) return;
  free(writer->memory.bytes);
  free(writer->path);
  free(writer);
}
