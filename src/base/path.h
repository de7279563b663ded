/* Paths of files. */
#ifndef BASE_PATH_H
#define BASE_PATH_H

#include <stddef.h>

/* Writes the working directory into out[size]; "" when it is gone, or too long. */
void path_here(char *out, size_t size);

/* Writes `path`, which counts from the folder `home`, into out[size] so that it names the same file when the working
 * directory is another one. Nothing need be there. It stays as it is where `home` is "" or the result too long. */
void path_absolute(const char *home, const char *path, char *out, size_t size);

#endif
