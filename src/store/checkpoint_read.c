/* Reads checkpoints: a file is read into memory as a whole and verified before HDF5 sees it. The numbers that HDF5 then
 * gives are checked, too: a forged file must neither make us read outside it nor allocate more than its own size. */
#include "store/checkpoint.h"

#include "store/checkpoint_container.h"
#include "store/checkpoint_types.h"
#include "store/hdf5_memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct checkpoint_reader {
  char *path;                /* owned */
  struct hdf5_memory memory; /* no tensor or text in the file is larger than the file */
  hid_t file;                /* in memory */
};

/* --- opening --- */

static herr_t is_not_hard(hid_t group, const char *name, const H5L_info_t *link, void *context) {
  (void)group, (void)name, (void)context;
  return link->type != H5L_TYPE_HARD;
}

/* opens the verified bytes as an HDF5 file in memory */
static muster_status open_image(struct checkpoint_reader *reader) {
  reader->file = hdf5_memory_open(&reader->memory);
  if (reader->file < 0) return hdf5_error(MUSTER_ERROR_FORMAT, "checkpoint '%s' is damaged inside", reader->path);

  // we only write hard links; other links could name files elsewhere
  herr_t found = H5Lvisit(reader->file, H5_INDEX_NAME, H5_ITER_NATIVE, is_not_hard, NULL);
  if (found < 0) return hdf5_error(MUSTER_ERROR_FORMAT, "checkpoint '%s' is damaged inside", reader->path);
  if (found > 0)
    return status_error(MUSTER_ERROR_FORMAT, "checkpoint '%s' holds soft or external links, which muster never writes",
                        reader->path);
  return MUSTER_OK;
}

muster_status checkpoint_open(const char *path, struct checkpoint_reader **out) {
  hdf5_silence();
  struct checkpoint_reader *reader = malloc(sizeof *reader);
  if (reader == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory: cannot open checkpoint '%s'", path);
  *reader = (struct checkpoint_reader){.path = strdup(path), .file = -1};
  struct container container = {0};
  muster_status status;
  if (reader->path == NULL)
    status = status_error(MUSTER_ERROR_MEMORY, "out of memory: cannot open checkpoint '%s'", path);
  else
    status = container_load(path, &container);
  reader->memory = (struct hdf5_memory){container.bytes, container.size, container.size};

  if (status == MUSTER_OK && container.version != CHECKPOINT_FORMAT_VERSION)
    status = status_error(MUSTER_ERROR_FORMAT,
                          "checkpoint '%s' is of format version %u, and this program reads version %d; use the version "
                          "of muster that wrote it, or a later one",
                          path, container.version, CHECKPOINT_FORMAT_VERSION);
  if (status == MUSTER_OK) status = open_image(reader);
  if (status != MUSTER_OK)
    checkpoint_close(&reader);
  else
    *out = reader;
  return status;
}

void checkpoint_close(struct checkpoint_reader **handle) {
  struct checkpoint_reader *reader = *handle;
  *handle = NULL;
  if (reader == NULL) return;
  // a file that HDF5 cannot close keeps using its buffer, so the buffer must stay
  if (reader->file >= 0 && H5Fclose(reader->file) < 0) return;
  free(reader->memory.bytes);
  free(reader->path);
  free(reader);
}

size_t checkpoint_size(const struct checkpoint_reader *reader) { return reader->memory.size; }

void checkpoint_seal(const struct checkpoint_reader *reader, uint8_t seal[CHECKPOINT_SEAL_BYTES]) {
  container_digest(reader->memory.bytes, seal);
}

/* --- type and shape of a dataset --- */

static muster_status absent(const struct checkpoint_reader *reader, const char *what, const char *name) {
  return status_error(MUSTER_ERROR_FORMAT, "checkpoint '%s' holds no %s '%s'", reader->path, what, name);
}

static muster_status open_dataset(const struct checkpoint_reader *reader, const char *what, const char *name,
                                  hid_t *out) {
  struct checkpoint_name parts;
  MUSTER_TRY(checkpoint_name_split(name, &parts));
  if (!checkpoint_path_exists(reader->file, name)) return absent(reader, what, name);
  hid_t dataset = H5Dopen2(reader->file, name, H5P_DEFAULT);
  if (dataset < 0) return hdf5_error(MUSTER_ERROR_FORMAT, "checkpoint '%s': '%s' is no %s", reader->path, name, what);
  *out = dataset;
  return MUSTER_OK;
}

static bool find_type(hid_t type, enum tensor_type *out) {
  for (enum tensor_type candidate = TENSOR_F32; candidate <= TENSOR_U64; candidate++) {
    if (H5Tequal(type, tensor_file_type(candidate)) > 0) {
      *out = candidate;
      return true;
    }
  }
  return false;
}

/* fills rank and shape; false when the shape is beyond TENSOR_MAX_RANK or has more than `limit` bytes */
static bool find_shape(hid_t space, size_t limit, struct tensor *tensor) {
  hsize_t shape[TENSOR_MAX_RANK];
  H5S_class_t kind = H5Sget_simple_extent_type(space);
  int rank = H5Sget_simple_extent_ndims(space);
  if ((kind != H5S_SCALAR && kind != H5S_SIMPLE) || rank < 0 || rank > TENSOR_MAX_RANK) return false;
  if (H5Sget_simple_extent_dims(space, shape, NULL) < 0) return false;

  // the product must not overflow at any step, also where another dimension is 0
  size_t largest = limit / tensor_element_size(tensor->type), elements = 1;
  tensor->rank = rank;
  for (int i = 0; i < rank; i++) {
    if (shape[i] > largest) return false;
    tensor->shape[i] = (size_t)shape[i];
    if (shape[i] > 0 && elements > largest / shape[i]) return false;
    elements *= shape[i] > 0 ? (size_t)shape[i] : 1;
  }
  return true;
}

/* false when reading would need other files, filters that we never use, or chunks larger than `limit` bytes */
static bool storage_is_plain(hid_t options, size_t element_size, size_t limit) {
  H5D_layout_t layout = H5Pget_layout(options);
  int filters = H5Pget_nfilters(options);
  if (layout == H5D_CONTIGUOUS) return H5Pget_external_count(options) == 0 && filters == 0;
  if (layout != H5D_CHUNKED || filters != 1) return false;
  unsigned flags, settings;
  size_t no_parameters = 0;
  if (H5Pget_filter2(options, 0, &flags, &no_parameters, NULL, 0, NULL, &settings) != H5Z_FILTER_FLETCHER32)
    return false;

  hsize_t chunk[TENSOR_MAX_RANK];
  int rank = H5Pget_chunk(options, TENSOR_MAX_RANK, chunk);
  size_t largest = limit / element_size;
  for (int i = 0; i < rank && i < TENSOR_MAX_RANK; i++) {
    if (chunk[i] == 0 || chunk[i] > largest) return false;
    largest /= chunk[i];
  }
  return rank > 0 && rank <= TENSOR_MAX_RANK;
}

/* fills type, rank and shape of tensor->name from its open dataset */
static muster_status describe(const struct checkpoint_reader *reader, hid_t dataset, struct tensor *tensor) {
  hid_t type = H5Dget_type(dataset), space = H5Dget_space(dataset), options = H5Dget_create_plist(dataset);
  muster_status status = MUSTER_OK;
  if (type < 0 || space < 0 || options < 0)
    status = hdf5_error(MUSTER_ERROR_FORMAT, "checkpoint '%s': cannot read '%s'", reader->path, tensor->name);
  else if (!find_type(type, &tensor->type))
    status = status_error(MUSTER_ERROR_FORMAT, "checkpoint '%s': '%s' has elements of a type that muster never writes",
                          reader->path, tensor->name);
  else if (!find_shape(space, reader->memory.size, tensor) ||
           !storage_is_plain(options, tensor_element_size(tensor->type), reader->memory.size))
    status = status_error(MUSTER_ERROR_FORMAT, "checkpoint '%s': '%s' has a shape or storage that muster never writes",
                          reader->path, tensor->name);
  hdf5_close(options);
  hdf5_close(space);
  hdf5_close(type);
  return status;
}

/* --- reading --- */

muster_status checkpoint_describe_tensor(struct checkpoint_reader *reader, struct tensor *tensor) {
  hid_t dataset = H5I_INVALID_HID;
  MUSTER_TRY(open_dataset(reader, "tensor", tensor->name, &dataset));
  muster_status status = describe(reader, dataset, tensor);
  hdf5_close(dataset);
  return status;
}

/* "float32 [64, 4]" */
static void print_shape(const struct tensor *tensor, char *text, size_t size) {
  int length = snprintf(text, size, "%s [", tensor_type_name(tensor->type));
  for (int i = 0; i < tensor->rank; i++)
    length += snprintf(text + length, size - (size_t)length, i == 0 ? "%zu" : ", %zu", tensor->shape[i]);
  snprintf(text + length, size - (size_t)length, "]");
}

static bool same_shape(const struct tensor *a, const struct tensor *b) {
  bool same = a->type == b->type && a->rank == b->rank;
  for (int i = 0; same && i < a->rank; i++) same = a->shape[i] == b->shape[i];
  return same;
}

muster_status checkpoint_read_tensor(struct checkpoint_reader *reader, const struct tensor *tensor) {
  hid_t dataset = H5I_INVALID_HID;
  MUSTER_TRY(open_dataset(reader, "tensor", tensor->name, &dataset));
  struct tensor stored = {.name = tensor->name};
  muster_status status = describe(reader, dataset, &stored);
  if (status == MUSTER_OK && !same_shape(&stored, tensor)) {
    char found[128], expected[128];
    print_shape(&stored, found, sizeof found);
    print_shape(tensor, expected, sizeof expected);
    status = status_error(MUSTER_ERROR_FORMAT, "checkpoint '%s': '%s' is %s, but %s is expected here", reader->path,
                          tensor->name, found, expected);
  }
  if (status == MUSTER_OK && tensor_elements(tensor) > 0 &&
      H5Dread(dataset, tensor_memory_type(tensor->type), H5S_ALL, H5S_ALL, H5P_DEFAULT, tensor->data) < 0)
    status = hdf5_error(MUSTER_ERROR_FORMAT, "checkpoint '%s': cannot read '%s'", reader->path, tensor->name);
  hdf5_close(dataset);
  return status;
}

/* --- restoring: values that are read are checked --- */

/* "episodes/returns[7]"; a scalar has no index */
static void print_place(const struct tensor *tensor, size_t i, char *text, size_t size) {
  if (tensor->rank == 0)
    snprintf(text, size, "%s", tensor->name);
  else
    snprintf(text, size, "%s[%zu]", tensor->name, i);
}

static muster_status check_range(const struct checkpoint_reader *reader, const struct tensor *tensor) {
  const struct tensor_range *range = &tensor->range;
  for (size_t i = 0; i < tensor_elements(tensor); i++) {
    const double value = tensor_element(tensor, i);
    bool is_right =
        isnan(value) ? range->kind == RANGE_IS_NUMBERS_OR_NAN : value >= range->least && value <= range->most;
    if (is_right) continue;
    char place[CHECKPOINT_NAME_SIZE + 32];
    print_place(tensor, i, place, sizeof place);
    return status_error(
        MUSTER_ERROR_FORMAT,
        "checkpoint '%s': %s is %.17g, not in %.17g to %.17g; the file is whole, but no run has written "
        "that into it: use another one",
        reader->path, place, value, range->least, range->most);
  }
  return MUSTER_OK;
}

muster_status checkpoint_restore_tensor(struct checkpoint_reader *reader, const struct tensor *tensor) {
  if (tensor->range.kind == RANGE_IS_MISSING)
    return status_error(MUSTER_ERROR_INTERNAL, "'%s' has no range that it could be checked against", tensor->name);
  MUSTER_TRY(checkpoint_read_tensor(reader, tensor));
  return check_range(reader, tensor);
}

/* reads a string of fixed length in a scalar dataset */
static muster_status read_string(const struct checkpoint_reader *reader, const char *name, hid_t dataset, hid_t type,
                                 char **out) {
  hid_t space = H5Dget_space(dataset), options = H5Dget_create_plist(dataset);
  size_t size = H5Tget_size(type);
  bool plain = H5Tget_class(type) == H5T_STRING && H5Tis_variable_str(type) == 0 && size <= reader->memory.size &&
               H5Sget_simple_extent_type(space) == H5S_SCALAR && H5Pget_layout(options) == H5D_CONTIGUOUS &&
               H5Pget_external_count(options) == 0;
  hdf5_close(options);
  hdf5_close(space);
  if (!plain)
    return status_error(MUSTER_ERROR_FORMAT, "checkpoint '%s': '%s' is no text as muster writes it", reader->path,
                        name);
  char *text = calloc(size + 1, 1);
  if (text == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory: '%s' needs %zu bytes", name, size + 1);
  if (H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, text) < 0) {
    free(text);
    return hdf5_error(MUSTER_ERROR_FORMAT, "checkpoint '%s': cannot read '%s'", reader->path, name);
  }
  *out = text;
  return MUSTER_OK;
}

muster_status checkpoint_read_text(struct checkpoint_reader *reader, const char *name, char **text) {
  hid_t dataset = H5I_INVALID_HID;
  MUSTER_TRY(open_dataset(reader, "text", name, &dataset));
  hid_t type = H5Dget_type(dataset);
  muster_status status = read_string(reader, name, dataset, type, text);
  hdf5_close(type);
  hdf5_close(dataset);
  return status;
}

static bool attribute_exists(const struct checkpoint_reader *reader, const struct checkpoint_name *name) {
  return checkpoint_path_exists(reader->file, name->group) &&
         H5Aexists_by_name(reader->file, name->group, name->leaf, H5P_DEFAULT) > 0;
}

/* reads a scalar attribute of exactly that type */
static muster_status read_attribute(const struct checkpoint_reader *reader, const char *path, const char *what,
                                    hid_t file_type, hid_t memory_type, void *value) {
  struct checkpoint_name name;
  MUSTER_TRY(checkpoint_name_split(path, &name));
  if (!attribute_exists(reader, &name)) return absent(reader, "attribute", path);
  hid_t attribute = H5Aopen_by_name(reader->file, name.group, name.leaf, H5P_DEFAULT, H5P_DEFAULT);
  hid_t type = H5Aget_type(attribute), space = H5Aget_space(attribute);
  muster_status status = MUSTER_OK;
  if (attribute < 0 || H5Tequal(type, file_type) <= 0 || H5Sget_simple_extent_type(space) != H5S_SCALAR)
    status = status_error(MUSTER_ERROR_FORMAT, "checkpoint '%s': attribute '%s' is not %s", reader->path, path, what);
  else if (H5Aread(attribute, memory_type, value) < 0)
    status = hdf5_error(MUSTER_ERROR_FORMAT, "checkpoint '%s': cannot read attribute '%s'", reader->path, path);
  hdf5_close(space);
  hdf5_close(type);
  hdf5_close(attribute);
  return status;
}

muster_status checkpoint_read_int(struct checkpoint_reader *reader, const char *name, int64_t *value) {
  return read_attribute(reader, name, "a 64-bit integer", H5T_STD_I64LE, H5T_NATIVE_INT64, value);
}

muster_status checkpoint_read_float(struct checkpoint_reader *reader, const char *name, double *value) {
  return read_attribute(reader, name, "a 64-bit float", H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, value);
}

bool checkpoint_has(struct checkpoint_reader *reader, const char *name) {
  struct checkpoint_name parts;
  muster_status status = checkpoint_name_split(name, &parts);
  bool valid = status == MUSTER_OK;
  muster_status_clear(&status);
  return valid && (checkpoint_path_exists(reader->file, name) || attribute_exists(reader, &parts));
}

/* --- walking --- */

struct walk {
  struct checkpoint_reader *reader;
  checkpoint_visit visit;
  void *context;
  muster_status status;
};

static herr_t walk_object(hid_t root, const char *name, const H5O_info_t *info, void *context) {
  struct walk *walk = context;
  if (info->type != H5O_TYPE_DATASET) return 0;
  hid_t dataset = H5Dopen2(root, name, H5P_DEFAULT), type = H5Dget_type(dataset);
  bool is_text = H5Tget_class(type) == H5T_STRING;
  hdf5_close(type);

  // texts are not tensors; a dataset that does not open fails in describe()
  struct tensor tensor = {.name = name};
  if (!is_text) walk->status = describe(walk->reader, dataset, &tensor);
  hdf5_close(dataset);
  if (!is_text && walk->status == MUSTER_OK) walk->status = walk->visit(&tensor, walk->context);
  return walk->status == MUSTER_OK ? 0 : 1;
}

muster_status checkpoint_for_each(struct checkpoint_reader *reader, checkpoint_visit visit, void *context) {
  struct walk walk = {.reader = reader, .visit = visit, .context = context};
  if (H5Ovisit(reader->file, H5_INDEX_NAME, H5_ITER_INC, walk_object, &walk) < 0)
    return hdf5_error(MUSTER_ERROR_FORMAT, "cannot list checkpoint '%s'", reader->path);
  return walk.status;
}
