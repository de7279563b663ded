/* Pictures: what the canvas draws, the colors of a GIF, and that every built-in environment draws what it shows. */
#include "base/random.h"
#include "canvas/gif.h"
#include "canvas/palette.h"
#include "canvas/picture.h"
#include "env/pool.h"
#include "env/registry.h"
#include "support/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct image image_of(struct picture *picture) {
  struct image image = {0};
  CHECK_OK_FATAL(picture_image(picture, &image));
  return image;
}

static uint32_t pixel(const struct image *image, int x, int y) {
  return image->pixels[(size_t)y * (size_t)image->stride + (size_t)x] & 0xffffff;
}

static struct picture *new_picture(int side) {
  struct picture *picture = NULL;
  CHECK_OK_FATAL(picture_create(side, &picture));
  return picture;
}

/* ---- the canvas ---- */

static void test_shape(void) {
  struct picture *picture = new_picture(60);
  muster_canvas *canvas = picture_canvas(picture);
  canvas->view(canvas, -3.0, 3.0, 0.0, 4.0, 0x102030);
  struct image image = image_of(picture);
  CU_ASSERT_EQUAL(image.width, 60);
  CU_ASSERT_EQUAL(image.height, 40);
  CU_ASSERT_EQUAL(pixel(&image, 0, 0), 0x102030);
  CU_ASSERT_EQUAL(pixel(&image, 59, 39), 0x102030);

  /* ten pixels a unit, y upwards: this is the lower left quarter of the picture */
  muster_canvas_rectangle(canvas, -3.0, 0.0, 0.0, 2.0, 0xff8000);
  image = image_of(picture);
  CU_ASSERT_EQUAL(pixel(&image, 0, 39), 0xff8000);
  CU_ASSERT_EQUAL(pixel(&image, 29, 20), 0xff8000);
  CU_ASSERT_EQUAL(pixel(&image, 30, 20), 0x102030);
  CU_ASSERT_EQUAL(pixel(&image, 29, 19), 0x102030);

  /* a view of another shape is fitted into the middle of the same pixels: 10 pixels a unit, as before */
  canvas->view(canvas, 0.0, 4.0, 0.0, 4.0, 0xffffff);
  muster_canvas_rectangle(canvas, 0.0, 4.0, 0.0, 4.0, 0x000000);
  image = image_of(picture);
  CU_ASSERT_EQUAL(image.width, 60);
  CU_ASSERT_EQUAL(pixel(&image, 9, 20), 0xffffff);
  CU_ASSERT_EQUAL(pixel(&image, 10, 20), 0x000000);
  CU_ASSERT_EQUAL(pixel(&image, 49, 20), 0x000000);
  CU_ASSERT_EQUAL(pixel(&image, 50, 20), 0xffffff);
  picture_destroy(&picture);
  CU_ASSERT_PTR_NULL(picture);
}

static void test_drawings(void) {
  struct picture *picture = new_picture(100);
  muster_canvas *canvas = picture_canvas(picture);
  const double line[] = {2.0, 5.0, 8.0, 5.0}, triangle[] = {0.0, 0.0, 10.0, 0.0, 0.0, 10.0};
  canvas->view(canvas, 0.0, 10.0, 0.0, 10.0, 0xffffff);
  canvas->circle(canvas, 5.0, 5.0, 2.0, 0xff0000);
  struct image image = image_of(picture);
  CU_ASSERT_EQUAL(pixel(&image, 50, 50), 0xff0000);
  CU_ASSERT_EQUAL(pixel(&image, 50, 32), 0xff0000);
  CU_ASSERT_EQUAL(pixel(&image, 50, 28), 0xffffff);
  CU_ASSERT_EQUAL(pixel(&image, 34, 34), 0xffffff); /* a circle, not a square */

  /* a line of width 2 with round ends */
  canvas->line(canvas, 2, line, 2.0, 0x00ff00);
  image = image_of(picture);
  CU_ASSERT_EQUAL(pixel(&image, 50, 41), 0x00ff00);
  CU_ASSERT_EQUAL(pixel(&image, 50, 38), 0xff0000);
  CU_ASSERT_EQUAL(pixel(&image, 12, 50), 0x00ff00);
  CU_ASSERT_EQUAL(pixel(&image, 8, 50), 0xffffff);

  canvas->view(canvas, 0.0, 10.0, 0.0, 10.0, 0xffffff);
  canvas->polygon(canvas, 3, triangle, 0x0000ff);
  image = image_of(picture);
  CU_ASSERT_EQUAL(pixel(&image, 20, 90), 0x0000ff);
  CU_ASSERT_EQUAL(pixel(&image, 5, 10), 0x0000ff);
  CU_ASSERT_EQUAL(pixel(&image, 80, 10), 0xffffff);
  picture_destroy(&picture);
}

static void test_image(void) {
  /* [2, 3, 3]: red, green, blue; white, black, gray */
  static const uint8_t rgb[] = {255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 9, 9, 9};
  struct picture *picture = new_picture(100);
  muster_canvas *canvas = picture_canvas(picture);
  canvas->view(canvas, 0.0, 10.0, 0.0, 10.0, 0x102030);
  CU_ASSERT_EQUAL(muster_canvas_image(canvas, 1.0, 7.0, 3.0, 7.0, 3, 2, rgb), 1);
  struct image image = image_of(picture);
  CU_ASSERT_EQUAL(pixel(&image, 9, 40), 0x102030);
  CU_ASSERT_EQUAL(pixel(&image, 10, 30), 0xff0000); /* the corner at the top on the left */
  CU_ASSERT_EQUAL(pixel(&image, 19, 39), 0xff0000);
  CU_ASSERT_TRUE((pixel(&image, 40, 35) >> 8 & 0xff) > 240); /* green, and a little of its neighbours */
  CU_ASSERT_EQUAL(pixel(&image, 69, 30), 0x0000ff);
  CU_ASSERT_EQUAL(pixel(&image, 70, 40), 0x102030);
  CU_ASSERT_EQUAL(pixel(&image, 10, 69), 0xffffff);
  CU_ASSERT_TRUE((pixel(&image, 40, 69) & 0xff) < 15);
  CU_ASSERT_EQUAL(pixel(&image, 69, 69), 0x090909);
  CU_ASSERT_EQUAL(pixel(&image, 40, 70), 0x102030);

  /* nothing to draw, or nowhere; and the next shapes are in their places */
  muster_canvas_image(canvas, 0.0, 10.0, 0.0, 10.0, 0, 2, rgb);
  muster_canvas_image(canvas, 5.0, 5.0, 0.0, 10.0, 3, 2, rgb);
  muster_canvas_rectangle(canvas, 0.0, 1.0, 0.0, 1.0, 0x777777);
  image = image_of(picture);
  CU_ASSERT_EQUAL(pixel(&image, 5, 95), 0x777777);
  CU_ASSERT_EQUAL(pixel(&image, 50, 10), 0x102030);

  /* a canvas from before images */
  muster_canvas older = *canvas;
  older.struct_size = offsetof(muster_canvas, image);
  CU_ASSERT_EQUAL(muster_canvas_image(&older, 0.0, 10.0, 0.0, 10.0, 3, 2, rgb), 0);
  muster_canvas_image(canvas, NAN, 7.0, 3.0, 7.0, 3, 2, rgb);
  CHECK_FAILS(picture_image(picture, &image), MUSTER_ERROR_ENVIRONMENT, "not finite");
  picture_destroy(&picture);
}

static void test_unsound(void) {
  struct picture *picture = new_picture(50);
  muster_canvas *canvas = picture_canvas(picture);
  struct image image;
  canvas->view(canvas, 1.0, 1.0, 0.0, 1.0, 0xffffff);
  CHECK_FAILS(picture_image(picture, &image), MUSTER_ERROR_ENVIRONMENT, "no extent");
  canvas->view(canvas, 0.0, 1.0, 0.0, 1.0, 0xffffff);
  canvas->circle(canvas, NAN, 0.0, 1.0, 0x000000);
  CHECK_FAILS(picture_image(picture, &image), MUSTER_ERROR_ENVIRONMENT, "not finite");

  /* the next view starts afresh; without a view the unit square is shown */
  canvas->view(canvas, 0.0, 1.0, 0.0, 1.0, 0xffffff);
  CHECK_OK(picture_image(picture, &image));
  picture_destroy(&picture);
  picture = new_picture(50);
  canvas = picture_canvas(picture);
  muster_canvas_rectangle(canvas, 0.5, 1.0, 0.5, 1.0, 0x123456);
  image = image_of(picture);
  CU_ASSERT_EQUAL(image.height, 50);
  CU_ASSERT_EQUAL(pixel(&image, 30, 10), 0x123456);
  CU_ASSERT_EQUAL(pixel(&image, 20, 10), 0xffffff);
  picture_destroy(&picture);
}

/* ---- colors ---- */

static void test_palette(void) {
  enum { WIDE = 320, HIGH = 40 };
  uint32_t *pixels = calloc(WIDE * HIGH, sizeof *pixels);
  struct palette *palette = malloc(sizeof *palette);
  CU_ASSERT_TRUE_FATAL(pixels != NULL && palette != NULL);
  const struct image image = {WIDE, HIGH, WIDE, pixels};

  /* 200 colors: all are kept */
  for (int i = 0; i < WIDE * HIGH; i++) pixels[i] = (uint32_t)(i % 200) * 0x10307u & 0xffffff;
  palette_choose(palette, &image);
  CU_ASSERT_EQUAL(palette->n, 200);
  for (int i = 0; i < 200; i++) CU_ASSERT_EQUAL(palette->color[palette_find(palette, pixels[i])], pixels[i]);

  /* of thousands of colors the frequent ones are kept, and the others are replaced by near ones */
  for (int i = 0; i < WIDE * HIGH; i++) pixels[i] = i % 2 == 0 ? 0xffffff : (uint32_t)i % 12000;
  palette_choose(palette, &image);
  CU_ASSERT_EQUAL(palette->n, PALETTE_COLORS);
  CU_ASSERT_EQUAL(palette->color[palette_find(palette, 0xffffff)], 0xffffff);
  for (int i = 1; i < 12000; i += 2) CU_ASSERT_NOT_EQUAL(palette->color[palette_find(palette, pixels[i])], 0xffffff);
  CU_ASSERT_EQUAL(palette->color[palette_find(palette, 0xfffffe)], 0xffffff);
  free(palette);
  free(pixels);
}

static void test_gif(void) {
  uint32_t pixels[6] = {0xff0000, 0x00ff00, 0x0000ff, 0x000000, 0xffffff, 0x808080};
  const struct image image = {3, 2, 3, pixels};
  struct gif *gif = NULL;
  const void *bytes;
  size_t size, one_size;
  CHECK_OK_FATAL(gif_create(25.0, "a comment", &gif));
  CHECK_OK(gif_add(gif, &image));
  CHECK_OK(gif_finish(gif, &bytes, &one_size));
  CU_ASSERT_EQUAL(memcmp(bytes, "GIF89a\3\0\2\0", 10), 0);
  CU_ASSERT_EQUAL(((const char *)bytes)[one_size - 1], ';');
  gif_destroy(&gif);
  CU_ASSERT_PTR_NULL(gif);

  /* the same image again, and one that differs in one pixel, take little space */
  CHECK_OK_FATAL(gif_create(25.0, "a comment", &gif));
  CHECK_OK(gif_add(gif, &image));
  CHECK_OK(gif_add(gif, &image));
  pixels[4] = 0x00ffff;
  CHECK_OK(gif_add(gif, &image));
  CHECK_OK(gif_finish(gif, &bytes, &size));
  CU_ASSERT_TRUE(size > one_size && size < one_size + 2 * 40);
  gif_destroy(&gif);
}

/* ---- every built-in environment ---- */

/* plays with scripted actions, and checks after each step where the picture has changed */
static void play(const muster_env_type *type, struct picture *picture) {
  struct env_pool *pool = NULL;
  CHECK_OK_FATAL(env_pool_create(type, NULL, 3, 0, 1, &pool));
  const muster_env_spec *spec = env_pool_spec(pool);
  const size_t elements = muster_space_elements(&spec->action);
  char *observation = malloc(muster_space_bytes(&spec->observation)), *action = malloc(elements * sizeof(int32_t));
  CU_ASSERT_TRUE_FATAL(observation != NULL && action != NULL && spec->agents == 1);
  float reward;
  uint8_t ended;
  struct env_pool_result result = {.observation = observation,
                                   .observation_stride = muster_space_bytes(&spec->observation),
                                   .reward = &reward,
                                   .ended = &ended};
  CHECK_OK_FATAL(env_pool_reset(pool, observation, result.observation_stride));
  uint32_t last = 0;
  int changes = 0;
  for (int step = 0; step < 40; step++) {
    CU_ASSERT_TRUE_FATAL(env_pool_render_picture(pool, 0, picture_canvas(picture)));
    const struct image image = image_of(picture), again = image_of(picture);
    CU_ASSERT_EQUAL(image.pixels, again.pixels);
    uint32_t hash = 0;
    for (int y = 0; y < image.height; y++)
      for (int x = 0; x < image.width; x++) hash = (hash ^ pixel(&image, x, y)) * 16777619u;
    changes += hash != last;
    last = hash;
    for (size_t i = 0; i < elements; i++) {
      uint32_t words[4];
      random_words(5, RANDOM_ACTION, 0, (uint32_t)step, (uint32_t)i, words);
      if (spec->action.kind == MUSTER_SPACE_BOX)
        ((float *)(void *)action)[i] = 2.0f * random_unit_float(words[0]) - 1.0f;
      else
        ((int32_t *)(void *)action)[i] = (int32_t)(words[0] % (uint32_t)spec->action.counts[i]);
    }
    CHECK_OK_FATAL(env_pool_step(pool, action, step, &result));
  }
  if (changes < 5) printf("\n    %s: %d different pictures", type->name, changes);
  CU_ASSERT_TRUE(changes >= 5);
  env_pool_destroy(&pool);
  free(observation);
  free(action);
}

static void test_environments(void) {
  int pictures = 0;
  for (const muster_env_type *const *type = env_registry_list(); *type != NULL; type++) {
    if ((*type)->render_picture == NULL) continue;
    struct picture *picture = new_picture(200);
    CU_ASSERT_TRUE((*type)->render_fps > 0.0 && (*type)->render_fps <= GIF_MAX_FPS);
    play(*type, picture);
    picture_destroy(&picture);
    pictures++;
  }
  CU_ASSERT_TRUE(pictures >= 5);
}

/* the cart stands where the state says */
static void test_cartpole(void) {
  const muster_env_type *type = NULL;
  muster_env_error error;
  void *env = NULL;
  CHECK_OK_FATAL(env_registry_find("CartPole-v1", &type));
  CU_ASSERT_EQUAL_FATAL(type->create(NULL, &env, &error), 0);
  CU_ASSERT_EQUAL(type->load_state(env, (const double[]){-1.2, 0, 0, 0}, &error), 0);
  struct picture *picture = new_picture(600);
  type->render_picture(env, picture_canvas(picture));
  const struct image image = image_of(picture);
  CU_ASSERT_EQUAL(image.height, 400);
  int left = image.width, right = -1;
  for (int x = 0; x < image.width; x++) {
    if (pixel(&image, x, 305) != 0x000000) continue;
    left = x < left ? x : left;
    right = x > right ? x : right;
  }
  /* 0.4 m wide, 125 pixels a metre, with its middle a quarter of the way along; the upright pole is over it */
  CU_ASSERT_EQUAL(left, 125);
  CU_ASSERT_EQUAL(right, 174);
  CU_ASSERT_EQUAL(pixel(&image, 149, 200), 0xca9865);
  CU_ASSERT_EQUAL(pixel(&image, 140, 200), 0xffffff);
  picture_destroy(&picture);
  type->destroy(env);
}

static const struct check_case cases[] = {
    {"the view gives the picture's shape", test_shape},
    {"circle, line, polygon", test_drawings},
    {"images", test_image},
    {"what cannot be drawn is an error", test_unsound},
    {"palette: frequent colors are exact", test_palette},
    {"GIF: head, tail, only what changes", test_gif},
    {"every environment that draws", test_environments},
    {"CartPole: the cart stands where the state says", test_cartpole},
};

CHECK_MAIN("picture", cases)
