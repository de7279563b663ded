#include "renderer.h"

#include "gl_context.h"
#include "guard.h"

#include <stdlib.h>
#include <string.h>

enum { GEOMS_MAX = 1000, PICTURE_BYTES = RENDERER_WIDTH * RENDERER_HEIGHT * 3 };

struct renderer {
  struct gl_context *gl; /* NULL: not opened yet, or there is none */
  bool has_tried;
  mjvScene scene;
  mjrContext context;
  mjvCamera camera;
  mjvOption option;
  uint8_t pixels[PICTURE_BYTES], line[3 * RENDERER_WIDTH];
};

struct renderer *renderer_create(void) {
  return calloc(1, sizeof(struct renderer));
}

void renderer_destroy(struct renderer *renderer) {
  if (renderer == NULL) return;
  if (renderer->gl != NULL && gl_context_enter(renderer->gl)) {
    mjr_freeContext(&renderer->context);
    gl_context_leave(renderer->gl);
  }
  if (renderer->gl != NULL) mjv_freeScene(&renderer->scene);
  gl_context_close(renderer->gl);
  free(renderer);
}

/* ---- opening ---- */

struct opening {
  struct renderer *renderer;
  const mjModel *model;
};

/* a texture buffer of the size of the picture is drawn on, in place of a window */
static void make_context(void *argument) {
  const struct opening *opening = argument;
  struct renderer *renderer = opening->renderer;
  mjv_makeScene(opening->model, &renderer->scene, GEOMS_MAX);
  /* without a graphics card, shadows would take two thirds of the time */
  renderer->scene.flags[mjRND_SHADOW] = 0;
  mjr_makeContext(opening->model, &renderer->context, mjFONTSCALE_100);
  mjr_resizeOffscreen(RENDERER_WIDTH, RENDERER_HEIGHT, &renderer->context);
  mjr_setBuffer(mjFB_OFFSCREEN, &renderer->context);
}

/* MuJoCo reads MUJOCO_GL to find OpenGL's functions; the process keeps the variable as it was */
static bool make_context_by(const char *name, struct opening *opening) {
  const char *value = getenv("MUJOCO_GL");
  char *before = value != NULL ? strdup(value) : NULL;
  muster_env_error error;
  setenv("MUJOCO_GL", name, 1);
  const int failed = guard_run(make_context, opening, &error);
  if (before != NULL)
    setenv("MUJOCO_GL", before, 1);
  else
    unsetenv("MUJOCO_GL");
  free(before);
  return !failed && opening->renderer->context.currentBuffer == mjFB_OFFSCREEN;
}

static void choose_camera(struct renderer *renderer, const mjModel *model) {
  const int track = mj_name2id(model, mjOBJ_CAMERA, "track");
  mjv_defaultFreeCamera(model, &renderer->camera);
  if (track < 0) return;
  renderer->camera.type = mjCAMERA_FIXED;
  renderer->camera.fixedcamid = track;
}

static void open_renderer(struct renderer *renderer, const mjModel *model) {
  struct opening opening = {renderer, model};
  renderer->has_tried = true;
  mjv_defaultScene(&renderer->scene);
  mjv_defaultOption(&renderer->option);
  mjr_defaultContext(&renderer->context);
  choose_camera(renderer, model);
  renderer->gl = gl_context_open(RENDERER_WIDTH, RENDERER_HEIGHT);
  if (renderer->gl == NULL) return;
  bool is_made = false;
  if (gl_context_enter(renderer->gl)) {
    is_made = make_context_by(gl_context_name(renderer->gl), &opening);
    gl_context_leave(renderer->gl);
  }
  if (is_made) return;
  mjv_freeScene(&renderer->scene);
  gl_context_close(renderer->gl);
  renderer->gl = NULL;
}

/* ---- drawing ---- */

struct drawing {
  struct renderer *renderer;
  const mjModel *model;
  mjData *data;
};

static void render(void *argument) {
  const struct drawing *drawing = argument;
  struct renderer *renderer = drawing->renderer;
  const mjrRect all = {0, 0, RENDERER_WIDTH, RENDERER_HEIGHT};
  mjv_updateScene(drawing->model, drawing->data, &renderer->option, NULL, &renderer->camera, mjCAT_ALL,
                  &renderer->scene);
  mjr_render(all, &renderer->scene, &renderer->context);
  mjr_readPixels(renderer->pixels, NULL, all, &renderer->context);
}

/* OpenGL's rows begin at the bottom */
static void turn_over(struct renderer *renderer) {
  const size_t row = sizeof renderer->line;
  for (uint8_t *low = renderer->pixels, *high = low + PICTURE_BYTES - row; low < high; low += row, high -= row) {
    memcpy(renderer->line, low, row);
    memcpy(low, high, row);
    memcpy(high, renderer->line, row);
  }
}

const uint8_t *renderer_draw(struct renderer *renderer, const mjModel *model, mjData *data) {
  struct drawing drawing = {renderer, model, data};
  muster_env_error error;
  if (!renderer->has_tried) open_renderer(renderer, model);
  if (renderer->gl == NULL || !gl_context_enter(renderer->gl)) return NULL;
  const int failed = guard_run(render, &drawing, &error);
  gl_context_leave(renderer->gl);
  if (failed) return NULL;
  turn_over(renderer);
  return renderer->pixels;
}
