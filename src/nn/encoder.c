#include "nn/encoder.h"

#include <float.h>
#include <math.h>
#include <string.h>

muster_status encoder_create(const muster_space *observation, struct arena *arena, struct encoder *encoder) {
  *encoder = (struct encoder){
      .kind = observation->kind,
      .elements = muster_space_elements(observation),
      .bytes = muster_space_bytes(observation),
      .clip = INFINITY,
  };
  encoder->width = encoder->elements;
  if (observation->kind == MUSTER_SPACE_BOX || observation->kind == MUSTER_SPACE_BOX_U8) return MUSTER_OK;

  MUSTER_TRY(ARENA_TAKE(arena, encoder->elements, "choices of observations", &encoder->counts));
  memcpy(encoder->counts, observation->counts, encoder->elements * sizeof *encoder->counts);
  encoder->width = 0;
  for (size_t i = 0; i < encoder->elements; i++) encoder->width += (size_t)encoder->counts[i];
  return MUSTER_OK;
}

#define MOST_NUMBERS (1 << 24) /* up to here a float holds every integer */

muster_status encoder_take_numbers(struct encoder *encoder) {
  if (encoder->kind != MUSTER_SPACE_DISCRETE)
    return status_error(MUSTER_ERROR_USAGE,
                        "algorithm.name: a table has a row for each of finitely many observations, and those of this "
                        "environment are not Discrete; expects dqn, or another one with networks");
  if (encoder->counts[0] > MOST_NUMBERS)
    return status_error(MUSTER_ERROR_USAGE,
                        "algorithm.name: a table has at most %d rows, and there are %d observations; expects dqn, or "
                        "another one with networks",
                        MOST_NUMBERS, (int)encoder->counts[0]);
  encoder->is_number = true;
  encoder->width = 1;
  return MUSTER_OK;
}

muster_status encoder_check_scale(muster_space_kind kind, bool normalizes, float clip) {
  if (kind == MUSTER_SPACE_BOX || (!normalizes && isinf(clip))) return MUSTER_OK;
  return status_error(
      MUSTER_ERROR_USAGE,
      "normalize.%s: is for Box (float32) observations, which those of this environment are not: images "
      "are scaled, and discrete observations encoded one-hot, without it; expects %s",
      normalizes ? "norm_obs" : "clip_obs", normalizes ? "false" : "null");
}

muster_status encoder_scale(struct encoder *encoder, bool normalizes, float clip, struct arena *arena) {
  if (!normalizes && isinf(clip)) return MUSTER_OK;
  MUSTER_TRY(encoder_check_scale(encoder->kind, normalizes, clip));
  encoder->scales = true;
  encoder->clip = clip;
  if (!normalizes) return MUSTER_OK;
  encoder->statistics_count = 2 * encoder->elements;
  MUSTER_TRY(ARENA_TAKE(arena, encoder->statistics_count, "statistics of observations", &encoder->statistics));
  for (size_t i = 0; i < encoder->elements; i++) encoder->statistics[encoder->elements + i] = 1.0f;
  return MUSTER_OK;
}

/* (x - mean) / std; where the difference is too large for a float, x and mean are each divided first */
static float standardize(float x, float mean, float inverse_std) {
  const float difference = x - mean, parts = x * inverse_std - mean * inverse_std;
  return fabsf(difference) <= FLT_MAX ? difference * inverse_std : parts;
}

static void encode_box(const struct encoder *encoder, const float *x, float *out) {
  const float *mean = encoder->statistics, *inverse_std = mean != NULL ? mean + encoder->elements : NULL;
  const float clip = encoder->clip;
  for (size_t i = 0; i < encoder->elements; i++) {
    float value = mean != NULL ? standardize(x[i], mean[i], inverse_std[i]) : x[i];
    out[i] = value > clip ? clip : (value < -clip ? -clip : value);
  }
}

static void encode_one_hot(const struct encoder *encoder, const int32_t *x, float *out) {
  memset(out, 0, encoder->width * sizeof *out);
  for (size_t i = 0; i < encoder->elements; i++) {
    out[x[i]] = 1.0f;
    out += encoder->counts[i];
  }
}

void encoder_encode(const struct encoder *encoder, size_t rows, const void *observations, size_t stride, float *out,
                    size_t ld) {
  for (size_t r = 0; r < rows; r++, out += ld) {
    const void *row = (const char *)observations + r * stride;
    switch (encoder->kind) {
    case MUSTER_SPACE_BOX:
      if (encoder->scales)
        encode_box(encoder, row, out);
      else
        memcpy(out, row, encoder->bytes);
      break;
    case MUSTER_SPACE_BOX_U8:
      for (size_t i = 0; i < encoder->elements; i++) out[i] = (float)((const uint8_t *)row)[i] * (1.0f / 255.0f);
      break;
    case MUSTER_SPACE_DISCRETE:
    case MUSTER_SPACE_MULTI_DISCRETE:
      if (encoder->is_number)
        *out = (float)*(const int32_t *)row;
      else
        encode_one_hot(encoder, row, out);
      break;
    }
  }
}

/* --- ONNX --- */

static const char *box_onnx(const struct encoder *encoder, struct onnx *graph, const char *x) {
  const size_t n = encoder->elements;
  if (encoder->statistics != NULL) {
    x = onnx_node(graph, "Sub", ONNX_LIST(x, onnx_vector(graph, n, encoder->statistics)), NULL);
    x = onnx_node(graph, "Mul", ONNX_LIST(x, onnx_vector(graph, n, encoder->statistics + n)), NULL);
  }
  if (isinf(encoder->clip)) return x;
  return onnx_node(graph, "Clip", ONNX_LIST(x, onnx_number(graph, -encoder->clip), onnx_number(graph, encoder->clip)),
                   NULL);
}

/* numbers [batch, n] of which each has so many choices, one-hot side by side */
static const char *one_hot_onnx(struct onnx *graph, const char *numbers, int64_t choices) {
  const char *depth = onnx_constant(graph, &(struct onnx_array){NULL, ONNX_INT64, 0, {0}}, &choices);
  const char *values = onnx_vector(graph, 2, (float[]){0, 1});
  return onnx_node(graph, "Flatten", ONNX_LIST(onnx_node(graph, "OneHot", ONNX_LIST(numbers, depth, values), NULL)),
                   NULL);
}

/* element by element, neighbours with the same number of choices at once */
static const char *discrete_onnx(const struct encoder *encoder, struct onnx *graph, const char *numbers) {
  const char *joined = NULL;
  for (size_t first = 0, end; first < encoder->elements; first = end) {
    const int32_t choices = encoder->counts[first];
    for (end = first + 1; end < encoder->elements && encoder->counts[end] == choices;) end++;
    const char *part = one_hot_onnx(graph, onnx_columns(graph, numbers, first, end), choices);
    joined = joined == NULL ? part : onnx_join(graph, 2, (const char *const[]){joined, part});
  }
  return joined;
}

const char *encoder_onnx(const struct encoder *encoder, struct onnx *graph, const char *observations) {
  const char *x = onnx_shape(graph, observations, 2, (int64_t[]){-1, (int64_t)encoder->elements});
  switch (encoder->kind) {
  case MUSTER_SPACE_BOX: return encoder->scales ? box_onnx(encoder, graph, x) : x;
  case MUSTER_SPACE_BOX_U8:
    x = onnx_cast(graph, x, ONNX_FLOAT);
    return onnx_node(graph, "Mul", ONNX_LIST(x, onnx_number(graph, 1.0f / 255.0f)), NULL);
  default: return encoder->is_number ? onnx_cast(graph, x, ONNX_FLOAT) : discrete_onnx(encoder, graph, x);
  }
}
