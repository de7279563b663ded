#include "store/checkpoint_types.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct {
  const char *name;
  size_t size; /* bytes */
} types[] = {
    [TENSOR_F32] = {"float32", 4}, [TENSOR_F64] = {"float64", 8}, [TENSOR_I32] = {"int32", 4},
    [TENSOR_I64] = {"int64", 8},   [TENSOR_U8] = {"uint8", 1},    [TENSOR_U32] = {"uint32", 4},
    [TENSOR_U64] = {"uint64", 8},
};

const char *tensor_type_name(enum tensor_type type) { return types[type].name; }

size_t tensor_element_size(enum tensor_type type) { return types[type].size; }

size_t tensor_elements(const struct tensor *tensor) {
  assert(tensor->rank >= 0 && tensor->rank <= TENSOR_MAX_RANK);
  size_t elements = 1;
  for (int i = 0; i < tensor->rank; i++) elements *= tensor->shape[i];
  return elements;
}

size_t tensor_bytes(const struct tensor *tensor) { return tensor_elements(tensor) * tensor_element_size(tensor->type); }

hid_t tensor_file_type(enum tensor_type type) {
  switch (type) {
  case TENSOR_F32: return H5T_IEEE_F32LE;
  case TENSOR_F64: return H5T_IEEE_F64LE;
  case TENSOR_I32: return H5T_STD_I32LE;
  case TENSOR_I64: return H5T_STD_I64LE;
  case TENSOR_U8: return H5T_STD_U8LE;
  case TENSOR_U32: return H5T_STD_U32LE;
  case TENSOR_U64: return H5T_STD_U64LE;
  }
  return H5I_INVALID_HID;
}

hid_t tensor_memory_type(enum tensor_type type) {
  switch (type) {
  case TENSOR_F32: return H5T_NATIVE_FLOAT;
  case TENSOR_F64: return H5T_NATIVE_DOUBLE;
  case TENSOR_I32: return H5T_NATIVE_INT32;
  case TENSOR_I64: return H5T_NATIVE_INT64;
  case TENSOR_U8: return H5T_NATIVE_UINT8;
  case TENSOR_U32: return H5T_NATIVE_UINT32;
  case TENSOR_U64: return H5T_NATIVE_UINT64;
  }
  return H5I_INVALID_HID;
}

muster_status checkpoint_name_split(const char *path, struct checkpoint_name *name) {
  size_t length = strlen(path);
  if (length == 0 || length >= CHECKPOINT_NAME_SIZE || path[0] == '/' || path[length - 1] == '/' || strstr(path, "//"))
    return status_error(MUSTER_ERROR_INTERNAL,
                        "'%s' is no name for a part of a checkpoint: parts divided by single '/', below %d bytes", path,
                        CHECKPOINT_NAME_SIZE);
  const char *slash = strrchr(path, '/');
  name->leaf = slash == NULL ? path : slash + 1;
  if (slash == NULL)
    snprintf(name->group, sizeof name->group, "/");
  else
    snprintf(name->group, sizeof name->group, "%.*s", (int)(slash - path), path);
  return MUSTER_OK;
}

bool checkpoint_path_exists(hid_t file, const char *path) {
  char prefix[CHECKPOINT_NAME_SIZE];
  if (strcmp(path, "/") == 0) return true;
  // HDF5 may be asked for a link only when the groups on its path exist
  for (const char *end = path; end != NULL && *end != '\0';) {
    end = strchr(end + 1, '/');
    int length = end == NULL ? (int)strlen(path) : (int)(end - path);
    snprintf(prefix, sizeof prefix, "%.*s", length, path);
    if (H5Lexists(file, prefix, H5P_DEFAULT) <= 0) return false;
  }
  return true;
}

double tensor_element(const struct tensor *tensor, size_t i) {
  switch (tensor->type) {
  case TENSOR_F32: return ((const float *)tensor->data)[i];
  case TENSOR_F64: return ((const double *)tensor->data)[i];
  case TENSOR_I32: return ((const int32_t *)tensor->data)[i];
  case TENSOR_I64: return (double)((const int64_t *)tensor->data)[i];
  case TENSOR_U8: return ((const uint8_t *)tensor->data)[i];
  case TENSOR_U32: return ((const uint32_t *)tensor->data)[i];
  case TENSOR_U64: return (double)((const uint64_t *)tensor->data)[i];
  }
  return NAN;
}
