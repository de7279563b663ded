#include "nn/normals.h"

#include "base/random.h"
#include "math/vector.h"

#include <math.h>
#include <string.h>

#define TWO_PI 6.28318531f

/* --- for rows that act --- */

/* Box and Muller 1958: four random words of a row, at the counter first / 4, give two pairs. */
void normals_of_actions(const struct action_random *random, size_t first, size_t rows, float normals[4][TILE]) {
  float radius[2][TILE], angle[2][TILE];
  memset(radius, 0, sizeof radius);
  for (size_t r = 0; r < rows; r++) {
    uint32_t words[4];
    random_words(random->seed, RANDOM_ACTION, action_random_row(random, r), action_random_step(random, r),
                 (uint32_t)(first / 4), words);
    for (int pair = 0; pair < 2; pair++) {
      radius[pair][r] = 1.0f - random_unit_float(words[2 * pair]); /* in (0, 1] */
      angle[pair][r] = TWO_PI * random_unit_float(words[2 * pair + 1]);
    }
  }
  for (int pair = 0; pair < 2; pair++) {
    vector_log(TILE, radius[pair], radius[pair]);
    for (size_t r = 0; r < rows; r++) {
      float length = sqrtf(-2.0f * radius[pair][r]);
      normals[2 * pair][r] = length * cosf(angle[pair][r]);
      normals[2 * pair + 1][r] = length * sinf(angle[pair][r]);
    }
  }
}

/* --- for minibatches --- */

/* The cosine and sine of 2 pi u, u in [0, 1): Taylor's polynomials about the nearest multiple of a quarter turn, whose
 * errors are below 4e-7. */
static void turn(float u, float *cosine, float *sine) {
  const float quarters = 4.0f * u;
  const int nearest = (int)(quarters + 0.5f);
  const float x = (quarters - (float)nearest) * (TWO_PI / 4), y = x * x;
  const float s = x * (1.0f + y * (-1.0f / 6 + y * (1.0f / 120 + y * (-1.0f / 5040 + y * (1.0f / 362880)))));
  const float c = 1.0f + y * (-0.5f + y * (1.0f / 24 + y * (-1.0f / 720 + y * (1.0f / 40320))));
  const bool is_odd = (nearest & 1) != 0;
  const float along = is_odd ? -s : c, across = is_odd ? c : s;
  const bool is_back = (nearest & 2) != 0;
  *cosine = is_back ? -along : along;
  *sine = is_back ? -across : across;
}

/* Four random words give the numbers of four neighbouring rows. */
static void fill_element(uint64_t seed, uint32_t update, uint32_t counter, size_t first, size_t rows, float *noise) {
  float radius[TILE / 2] = {0}, place[TILE / 2] = {0};
  const size_t groups = (rows + 3) / 4;
  for (size_t g = 0; g < groups; g++) {
    uint32_t words[4];
    random_words(seed, RANDOM_NOISE, (uint32_t)(first / 4 + g), update, counter, words);
    for (size_t pair = 0; pair < 2; pair++) {
      radius[2 * g + pair] = 1.0f - random_unit_float(words[2 * pair]); /* in (0, 1] */
      place[2 * g + pair] = random_unit_float(words[2 * pair + 1]);
    }
  }
  vector_log(2 * groups, radius, radius);
  for (size_t p = 0; p < 2 * groups; p++) {
    float cosine, sine;
    const float length = sqrtf(-2.0f * radius[p]);
    turn(place[p], &cosine, &sine);
    noise[2 * p] = length * cosine;
    noise[2 * p + 1] = length * sine;
  }
}

void normals_of_minibatch(uint64_t seed, uint32_t update, uint32_t purpose, size_t first, size_t rows, size_t elements,
                          float *noise) {
  for (size_t i = 0; i < elements; i++)
    fill_element(seed, update, purpose << 24 | (uint32_t)i, first, rows, noise + i * TILE);
}

/* --- an Ornstein-Uhlenbeck process --- */

/* steps between two numbers of a process that are as good as independent: with theta dt >= 1e-4, as the options have
 * it, their correlation is below 0.0015 */
enum { DRIFT_SPAN = 1 << 16 };

static double drift_normal(uint64_t seed, uint32_t row, uint32_t time, uint32_t element, uint32_t is_knot) {
  uint32_t words[4];
  random_words(seed, RANDOM_DRIFT, row, time, 2 * element + is_knot, words);
  const double u = ((double)words[0] + 0.5) / 4294967296.0, v = (double)words[1] / 4294967296.0;
  return sqrt(-2.0 * log(u)) * cos(2 * M_PI * v);
}

/* The number at `time` of a process that never starts anew. It is Gaussian and Markov: with the correlation r of
 * numbers that are h steps apart, and variance V, z(t) given z(t - h) and z(t + h)  has mean r / (1 + r^2) (z(t - h) +
 * z(t + h))  and variance V (1 - r^2) / (1 + r^2). Numbers at multiples of DRIFT_SPAN are drawn alone; from there on
 * the middle of an interval is drawn, and then that of the half which has the time. */
static double stationary_drift(double decay, double variance, uint64_t seed, uint32_t row, uint32_t time,
                               uint32_t element) {
  uint32_t low = time / DRIFT_SPAN * DRIFT_SPAN;
  double left = sqrt(variance) * drift_normal(seed, row, low, element, 1),
         right = sqrt(variance) * drift_normal(seed, row, low + DRIFT_SPAN, element, 1);
  for (uint32_t half = DRIFT_SPAN / 2; low != time; half /= 2) {
    const double r = pow(decay, half), mean = r / (1 + r * r) * (left + right);
    const double middle =
        mean + sqrt(variance * (1 - r * r) / (1 + r * r)) * drift_normal(seed, row, low + half, element, 0);
    if (time < low + half) {
      right = middle;
      continue;
    }
    low += half;
    left = middle;
  }
  return left;
}

/* With z as above, x(t) = z(t) - decay^(t - b) z(b) is 0 at time b, and follows the same recursion with the same n. */
float normals_drift(double theta, double dt, uint64_t seed, uint32_t row, uint32_t step, uint32_t age,
                    uint32_t element) {
  const double decay = 1 - theta * dt, variance = dt / (1 - decay * decay);
  const double since = pow(decay, (double)age + 1),
               start = stationary_drift(decay, variance, seed, row, step - age, element);
  return (float)(stationary_drift(decay, variance, seed, row, step + 1, element) - since * start);
}
