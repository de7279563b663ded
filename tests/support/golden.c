#include "support/golden.h"

#include <CUnit/CUnit.h>
#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>

/* fails the running case; does not return */
static _Noreturn void give_up(const char *what, const char *file, const char *object) {
  printf("\n    golden data: %s: %s in tests/golden/%s\n", what, object, file);
  CU_FAIL_FATAL("golden data is missing");
  abort();
}

/* opens a file of tests/golden/, with HDF5's own error messages switched off */
static hid_t open_file(const char *file, const char *object) {
  char path[1024];
  snprintf(path, sizeof path, "%s/golden/%s", TEST_SOURCE_DIR, file);
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  hid_t id = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  if (id < 0) give_up("cannot open the file for", file, object);
  return id;
}

struct golden golden_read(const char *file, const char *dataset) {
  hid_t file_id = open_file(file, dataset);
  hid_t id = H5Dopen2(file_id, dataset, H5P_DEFAULT);
  hid_t space = id < 0 ? -1 : H5Dget_space(id);
  int rank = space < 0 ? -1 : H5Sget_simple_extent_ndims(space);
  if (rank < 0 || rank > GOLDEN_MAX_RANK) give_up("no such dataset", file, dataset);

  struct golden golden = {.rank = (size_t)rank, .n = 1};
  hsize_t shape[GOLDEN_MAX_RANK];
  H5Sget_simple_extent_dims(space, shape, NULL);
  for (int i = 0; i < rank; i++) {
    golden.shape[i] = (size_t)shape[i];
    golden.n *= golden.shape[i];
  }
  golden.values = malloc((golden.n + 1) * sizeof *golden.values);
  if (golden.values == NULL) give_up("out of memory for", file, dataset);
  if (H5Dread(id, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, golden.values) < 0)
    give_up("cannot read as numbers", file, dataset);
  H5Sclose(space);
  H5Dclose(id);
  H5Fclose(file_id);
  return golden;
}

void golden_free(struct golden *golden) {
  free(golden->values);
  *golden = (struct golden){0};
}

float *golden_floats(const char *file, const char *dataset, size_t *n) {
  struct golden golden = golden_read(file, dataset);
  float *values = malloc(golden.n * sizeof *values);
  for (size_t i = 0; i < golden.n; i++) values[i] = (float)golden.values[i];
  if (n != NULL) *n = golden.n;
  golden_free(&golden);
  return values;
}

size_t golden_size(const char *file, const char *dataset, size_t dimension) {
  struct golden golden = golden_read(file, dataset);
  const size_t size = golden.shape[dimension];
  golden_free(&golden);
  return size;
}

double golden_attribute(const char *file, const char *object, const char *name) {
  hid_t file_id = open_file(file, object);
  hid_t id = H5Aopen_by_name(file_id, object, name, H5P_DEFAULT, H5P_DEFAULT);
  double value = 0.0;
  if (id < 0 || H5Aread(id, H5T_NATIVE_DOUBLE, &value) < 0) give_up("no such number as attribute", file, name);
  H5Aclose(id);
  H5Fclose(file_id);
  return value;
}

void golden_text(const char *file, const char *object, const char *name, char *text, size_t size) {
  hid_t file_id = open_file(file, object);
  hid_t id = H5Aopen_by_name(file_id, object, name, H5P_DEFAULT, H5P_DEFAULT);
  hid_t type = H5Tcopy(H5T_C_S1);
  if (id < 0 || H5Tset_size(type, size) < 0 || H5Aread(id, type, text) < 0)
    give_up("no such text as attribute", file, name);
  H5Tclose(type);
  H5Aclose(id);
  H5Fclose(file_id);
}
