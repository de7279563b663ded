/* Turns HDF5's errors into errors of muster. Only the module store includes hdf5.h. */
#ifndef STORE_HDF5_ERROR_H
#define STORE_HDF5_ERROR_H

/* selects the interface of HDF5 1.10, which later versions still offer */
#define H5_USE_110_API

#include "base/status.h"

#include <hdf5.h>

/* Keeps HDF5 from printing its errors itself. */
void hdf5_silence(void);

/* Returns an error "<text>: <what HDF5 refused> (<innermost cause>)" from HDF5's error stack, which it empties. The
 * code becomes MEMORY when HDF5 ran out of it. Call it right after the HDF5 call that failed. */
MUSTER_CHECKED MUSTER_PRINTF(2, 3) muster_status hdf5_error(muster_code code, const char *format, ...);

/* Releases any HDF5 identifier; does nothing with a negative one. */
void hdf5_close(hid_t id);

#endif
