/* The encoder: turns observations as the environment wrote them into the float rows that the networks read.
 *
 *   Box               the floats themselves; where scaled: clip((x - mean) * inverse_std)
 *   Box uint8         x / 255
 *   Discrete          one-hot, [choices]; or, for a table, its number
 *   MultiDiscrete     the one-hot vectors of its elements, one after the other
 *
 * The statistics belong to the normalizer (experience/normalizer.h); the encoder holds the copy that acting and
 * learning share. */
#ifndef NN_ENCODER_H
#define NN_ENCODER_H

#include "base/arena.h"
#include "muster/space.h"
#include "store/onnx.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct encoder {
  muster_space_kind kind;
  size_t elements, bytes; /* of one observation */
  size_t width;           /* floats of an encoded row */
  int32_t *counts;        /* [elements] how many choices each has, for discrete kinds */
  bool is_number;         /* Discrete: encoded as its number, not one-hot */
  bool scales;            /* Box: whether values are scaled or clipped */
  float clip;             /* Box: scaled values stay within +- this; may be infinite */
  float *statistics;      /* Box that is normalised: [2, elements] mean and inverse standard deviation; else NULL */
  size_t statistics_count;
};

/* Makes an encoder for observations of this space; copies what it needs into the arena. */
MUSTER_CHECKED muster_status encoder_create(const muster_space *observation, struct arena *arena,
                                            struct encoder *encoder);

/* Whether observations of this kind can be scaled as encoder_scale() does it; the error (USAGE) begins with the
 * option's key. */
MUSTER_CHECKED muster_status encoder_check_scale(muster_space_kind kind, bool normalizes, float clip);

/* Switches scaling on: values are clipped to +-clip (INFINITY: not at all) and, with `normalizes`, the statistics,
 * which start at mean 0 and standard deviation 1. USAGE error where observations are not Box (float32). */
MUSTER_CHECKED muster_status encoder_scale(struct encoder *encoder, bool normalizes, float clip, struct arena *arena);

/* From this call on a Discrete observation is encoded as one float, its number, which says the row of a table. USAGE
 * error, which begins with the key of the option, where observations are not Discrete or have more choices than floats
 * can tell apart. */
MUSTER_CHECKED muster_status encoder_take_numbers(struct encoder *encoder);

/* Whether networks can read a row of observations as it is, without encoding. */
static inline bool encoder_is_identity(const struct encoder *encoder) {
  return encoder->kind == MUSTER_SPACE_BOX && !encoder->scales;
}

/* Encodes rows, `stride` bytes apart and aligned as their type, into out [rows, ld], ld >= width. Discrete values must
 * be below their counts. */
void encoder_encode(const struct encoder *encoder, size_t rows, const void *observations, size_t stride, float *out,
                    size_t ld);

/* Adds the encoder to a graph of ONNX operators: observations [batch, shape of the space], float for Box, uint8 for
 * images, int64 for discrete kinds ([batch] where they are Discrete), become the value that is returned, [batch,
 * width]. */
const char *encoder_onnx(const struct encoder *encoder, struct onnx *graph, const char *observations);

#endif
