/* Files that a user asks for by name: no file of the user is lost, and no device becomes a file. */
#include "store/output.h"
#include "support/check.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static char folder[2048], path[2200], other[2200];

/* a fresh folder, and the path of a file in it */
static void start(void) {
  snprintf(folder, sizeof folder, "%s", check_folder("output"));
  snprintf(path, sizeof path, "%s/file", folder);
  snprintf(other, sizeof other, "%s/other", folder);
  unlink(path);
  unlink(other);
}

static void fill(const char *name, const char *text) {
  FILE *file = fopen(name, "w");
  CU_ASSERT_PTR_NOT_NULL_FATAL(file);
  CU_ASSERT_TRUE_FATAL(fputs(text, file) >= 0 && fclose(file) == 0);
}

static bool holds(const char *name, const char *text) {
  char bytes[16384];
  FILE *file = fopen(name, "r");
  if (file == NULL) return false;
  size_t length = fread(bytes, 1, sizeof bytes, file);
  fclose(file);
  return length == strlen(text) && memcmp(bytes, text, length) == 0;
}

static muster_status write_text(const char *name, bool force, const char *text) {
  return output_write(&(struct output_request){"--output", name, force}, text, strlen(text));
}

static void test_whose_file_it_is(void) {
  start();
  CHECK_OK(write_text(path, false, "first")); // a new file
  CHECK_FAILS(write_text(path, false, "second"), MUSTER_ERROR_USAGE, "exists and was not made by muster; nothing was");
  CHECK_FAILS(output_check(&(struct output_request){"--output", path, false}), MUSTER_ERROR_USAGE, "--force");
  CU_ASSERT_TRUE(holds(path, "first"));
  CHECK_OK(output_check(&(struct output_request){"--output", path, true}));
  CHECK_OK(write_text(path, true, "second"));
  CU_ASSERT_TRUE(holds(path, "second"));

  /* the mark at the start, at the end, and at both ends of the part that is searched; not in the middle */
  static char text[3 * OUTPUT_MARK_REACH];
  const size_t mark = strlen(OUTPUT_MARK), size = sizeof text - 1;
  const struct {
    size_t at;
    bool counts;
  } places[] = {{0, true},          {OUTPUT_MARK_REACH - mark, true},      {OUTPUT_MARK_REACH - mark + 1, false},
                {size / 2, false},  {size - OUTPUT_MARK_REACH - 1, false}, {size - OUTPUT_MARK_REACH, true},
                {size - mark, true}};
  for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
    memset(text, 'x', size);
    memcpy(text + places[i].at, OUTPUT_MARK, mark);
    fill(path, text);
    if (places[i].counts) {
      CHECK_OK(write_text(path, false, "new"));
    } else {
      CHECK_FAILS(write_text(path, false, "new"), MUSTER_ERROR_USAGE, "was not made by muster");
    }
    CU_ASSERT_TRUE(holds(path, places[i].counts ? "new" : text));
  }
  fill(path, ""); // nothing is lost
  CHECK_OK(write_text(path, false, "new"));
  CU_ASSERT_TRUE(holds(path, "new"));
}

static void test_links(void) {
  start();
  struct stat file;
  fill(other, OUTPUT_MARK);
  CU_ASSERT_EQUAL_FATAL(symlink("other", path), 0);
  CHECK_OK(write_text(path, false, "through"));
  CU_ASSERT_TRUE(lstat(path, &file) == 0 && S_ISLNK(file.st_mode) && holds(other, "through"));
  /* the user's file that a link leads to stays, and a missing one is created where the link leads */
  CHECK_FAILS(write_text(path, false, "again"), MUSTER_ERROR_USAGE, "was not made by muster");
  CU_ASSERT_TRUE(holds(other, "through"));
  unlink(other);
  CHECK_OK(write_text(path, false, "dangling"));
  CU_ASSERT_TRUE(lstat(path, &file) == 0 && S_ISLNK(file.st_mode) && holds(other, "dangling"));
  /* a circle of links */
  unlink(path);
  unlink(other);
  CU_ASSERT_TRUE_FATAL(symlink("other", path) == 0 && symlink("file", other) == 0);
  CHECK_FAILS(write_text(path, true, "x"), MUSTER_ERROR_IO, "symbolic links");
  unlink(path);
  unlink(other);
}

static void *read_pipe(void *context) {
  static char bytes[64];
  int file = open(context, O_RDONLY);
  ssize_t length = file < 0 ? -1 : read(file, bytes, sizeof bytes - 1);
  bytes[length > 0 ? length : 0] = '\0';
  if (file >= 0) close(file);
  return bytes;
}

static void test_pipes_and_devices(void) {
  start();
  struct stat before, after;
  CU_ASSERT_EQUAL_FATAL(mkfifo(path, 0600), 0);
  CHECK_OK(output_check(&(struct output_request){"--output", path, false}));
  pthread_t reader;
  void *seen;
  CU_ASSERT_EQUAL_FATAL(pthread_create(&reader, NULL, read_pipe, path), 0);
  CHECK_OK(write_text(path, false, "through"));
  pthread_join(reader, &seen);
  CU_ASSERT_STRING_EQUAL(seen, "through");
  CU_ASSERT_TRUE(stat(path, &after) == 0 && S_ISFIFO(after.st_mode));
  CU_ASSERT_TRUE(output_is_special(path));
  unlink(path);

  /* devices that this test creates, as root may: one that takes everything, one that is always full */
  for (unsigned minor = 3; minor <= 7; minor += 4) {
    if (mknod(path, S_IFCHR | 0600, makedev(1, minor)) != 0) {
      CU_ASSERT_TRUE(errno == EPERM || errno == EACCES);
      continue;
    }
    int file = open(path, O_WRONLY);
    if (file >= 0) { // on a file system without devices the error is EACCES
      close(file);
      stat(path, &before);
      if (minor == 3) {
        CHECK_OK(write_text(path, false, "text"));
      } else {
        CHECK_FAILS(write_text(path, true, "text"), MUSTER_ERROR_IO, "No space left on device");
      }
      CU_ASSERT_TRUE(stat(path, &after) == 0 && S_ISCHR(after.st_mode) && after.st_ino == before.st_ino);
    }
    unlink(path);
  }
}

/* standard output, through a link like /dev/stdout or by the file's own name: after what was printed before */
static void test_standard_output(void) {
  start();
  fill(path, "");
  CU_ASSERT_EQUAL_FATAL(symlink("/proc/self/fd/1", other), 0);
  fflush(stdout);
  int kept = dup(STDOUT_FILENO), file = open(path, O_WRONLY | O_APPEND);
  CU_ASSERT_TRUE_FATAL(kept >= 0 && file >= 0 && dup2(file, STDOUT_FILENO) >= 0);
  printf("before, ");
  muster_status first = write_text(other, false, "by link, ");
  printf("between, ");
  muster_status second = write_text(path, false, "by name");
  bool is_known = output_is_stdout(path) && output_is_stdout(other) && !output_is_stdout(folder);
  fflush(stdout);
  dup2(kept, STDOUT_FILENO);
  close(kept);
  close(file);
  CHECK_OK(first);
  CHECK_OK(second);
  CU_ASSERT_TRUE(is_known);
  CU_ASSERT_TRUE(holds(path, "before, by link, between, by name"));
}

static void test_where_nothing_can_be(void) {
  start();
  char long_path[8000], inside[2300];
  CHECK_FAILS(write_text(folder, true, "x"), MUSTER_ERROR_USAGE, "is a folder; expects the name of a file");
  snprintf(inside, sizeof inside, "%s/", other);
  CHECK_FAILS(write_text(inside, true, "x"), MUSTER_ERROR_USAGE, "is a folder");
  CHECK_FAILS(write_text("", true, "x"), MUSTER_ERROR_USAGE, "expects the name of a file");
  snprintf(inside, sizeof inside, "%s/x", other);
  CHECK_FAILS(write_text(inside, false, "x"), MUSTER_ERROR_IO, "other: No such file or directory");
  fill(other, "a file");
  CHECK_FAILS(write_text(inside, false, "x"), MUSTER_ERROR_IO, "Not a directory");
  memset(long_path, 'x', sizeof long_path);
  long_path[sizeof long_path - 1] = '\0';
  CHECK_FAILS(write_text(long_path, false, "x"), MUSTER_ERROR_USAGE, "longer than");
  if (geteuid() == 0) return; // root may write everywhere
  CU_ASSERT_EQUAL_FATAL(chmod(other, 0400), 0);
  CHECK_FAILS(write_text(other, true, "x"), MUSTER_ERROR_IO, "Permission denied");
  CU_ASSERT_TRUE(holds(other, "a file"));
}

static const struct check_case cases[] = {{"whose file it is", test_whose_file_it_is},
                                          {"symbolic links", test_links},
                                          {"pipes and devices", test_pipes_and_devices},
                                          {"standard output", test_standard_output},
                                          {"paths that cannot be written", test_where_nothing_can_be}};

CHECK_MAIN("output", cases)
