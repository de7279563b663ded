/* Paths of files. */
#ifndef BASE_PATH_H
#define BASE_PATH_H

#include <stddef.h>

/* Writes the working directory into out[size]; "" when it is gone, or too long. */
void path_here(char *out, size_t size);

/* Writes `path`, which is relative to the folder `home`, into out[size] so that it names the same file from any working
 * directory. The file need not exist. The path is copied as it is where `home` is "" or the result too long. */
void path_absolute(const char *home, const char *path, char *out, size_t size);

#endif
