#include "picture.h"

#include "guard.h"
#include "renderer.h"

#include <math.h>
#include <stdlib.h>

#define OUTLINE 0.006 /* of the view's width */

/* what is drawn, and where */
struct scene {
  const mjModel *model;
  mjData *data; /* a copy of the robot's, with the places that belong to qpos */
  const struct view *view;
  muster_canvas *canvas;
  double center[2];
};

/* the axes of the world to the right and upwards; the third one goes away from who looks */
static int right_axis(void) { return 0; }
static int up_axis(const struct scene *scene) { return scene->view->from_above ? 1 : 2; }

static double depth(const struct scene *scene, int geom) {
  const mjtNum *place = scene->data->geom_xpos + 3 * geom;
  return scene->view->from_above ? -place[2] : place[1];
}

/* ---- the ground: stripes below z = 0, or squares seen from above, so that one sees the robot move ---- */

static uint32_t tile_color(double x, double y) {
  return fmod(fabs(floor(x) + floor(y)), 2.0) < 1.0 ? 0xd8dde3 : 0xc6cdd6;
}

static void draw_ground(const struct scene *scene) {
  const struct view *view = scene->view;
  const double tile = view->tile, left = scene->center[0] - 0.5 * view->width, right = left + view->width;
  const double bottom = scene->center[1] + view->bottom, top = scene->center[1] + view->top;
  for (double x = floor(left / tile); x * tile < right; x++) {
    if (!view->from_above) {
      muster_canvas_rectangle(scene->canvas, x * tile, (x + 1) * tile, bottom, 0.0, tile_color(x, 0.0));
      continue;
    }
    for (double y = floor(bottom / tile); y * tile < top; y++)
      muster_canvas_rectangle(scene->canvas, x * tile, (x + 1) * tile, y * tile, (y + 1) * tile, tile_color(x, y));
  }
}

/* ---- shapes ---- */

/* a shape's own color, unless it is the default gray and there is a material */
static uint32_t color_of(const mjModel *model, int geom) {
  const float *own = model->geom_rgba + 4 * geom;
  const int material = model->geom_matid[geom];
  const bool is_default = own[0] == 0.5f && own[1] == 0.5f && own[2] == 0.5f;
  const float *rgba = is_default && material >= 0 ? model->mat_rgba + 4 * material : own;
  uint32_t color = 0;
  for (int i = 0; i < 3; i++) color = color << 8 | (uint32_t)lround(255.0 * fmin(fmax(rgba[i], 0.0), 1.0));
  return color;
}

/* planes are the ground; what is transparent or in a hidden group is not seen */
static bool is_seen(const mjModel *model, int geom) {
  return model->geom_type[geom] != mjGEOM_PLANE && model->geom_rgba[4 * geom + 3] > 0.0f && model->geom_group[geom] < 3;
}

/* a rod along the shape's own z axis, or a ball where that has no length */
static void draw_rod(const struct scene *scene, int geom, double half, double radius, uint32_t color) {
  const int up = up_axis(scene), right = right_axis();
  const mjtNum *place = scene->data->geom_xpos + 3 * geom, *turn = scene->data->geom_xmat + 9 * geom;
  const double along[2] = {half * turn[3 * right + 2], half * turn[3 * up + 2]};
  const double ends[] = {place[right] - along[0], place[up] - along[1], place[right] + along[0], place[up] + along[1]};
  if (hypot(along[0], along[1]) > 0.0)
    scene->canvas->line(scene->canvas, 2, ends, 2.0 * radius, color);
  else
    scene->canvas->circle(scene->canvas, place[right], place[up], radius, color);
}

/* spheres, capsules and cylinders have their shape, all others are balls around them */
static void draw_geom(const struct scene *scene, int geom) {
  const mjModel *model = scene->model;
  const mjtNum *size = model->geom_size + 3 * geom;
  const int type = model->geom_type[geom];
  const bool is_rod = type == mjGEOM_CAPSULE || type == mjGEOM_CYLINDER;
  const double half = is_rod ? size[1] : 0.0;
  const double radius = is_rod || type == mjGEOM_SPHERE ? size[0] : model->geom_rbound[geom];
  const double outline = OUTLINE * scene->view->width;
  draw_rod(scene, geom, half, radius + outline, 0x30343a);
  draw_rod(scene, geom, half, radius, color_of(model, geom));
}

/* the farthest of those that are seen and nearer than `last` (in the order of depth, then number); -1: none */
static int next_geom(const struct scene *scene, int last) {
  int found = -1;
  for (int i = 0; i < scene->model->ngeom; i++) {
    if (!is_seen(scene->model, i)) continue;
    const double z = depth(scene, i), limit = last >= 0 ? depth(scene, last) : INFINITY;
    const bool comes_later = z < limit || (z == limit && i > last);
    if (comes_later && (found < 0 || z > depth(scene, found))) found = i;
  }
  return found;
}

/* ---- a picture ---- */

/* what pictures read: the places that belong to qpos */
static void find_places(void *argument) {
  const struct scene *scene = argument;
  mj_kinematics(scene->model, scene->data);
  mj_comPos(scene->model, scene->data);
  mj_camlight(scene->model, scene->data);
}

/* whether MuJoCo's renderer, and this muster's canvas, can */
static bool draw_image(const struct scene *scene, struct renderer *renderer) {
  const double wide = RENDERER_WIDTH, high = RENDERER_HEIGHT;
  if (scene->canvas->struct_size <= offsetof(muster_canvas, image)) return false;
  const uint8_t *pixels = renderer_draw(renderer, scene->model, scene->data);
  if (pixels == NULL) return false;
  scene->canvas->view(scene->canvas, 0.0, wide, 0.0, high, 0x000000);
  muster_canvas_image(scene->canvas, 0.0, wide, 0.0, high, RENDERER_WIDTH, RENDERER_HEIGHT, pixels);
  return true;
}

static void draw_shapes(struct scene *scene) {
  const struct view *view = scene->view;
  if (view->follows) scene->center[0] = scene->data->subtree_com[right_axis()];
  if (view->follows && view->from_above) scene->center[1] = scene->data->subtree_com[1];
  const double left = scene->center[0] - 0.5 * view->width;
  scene->canvas->view(scene->canvas, left, left + view->width, scene->center[1] + view->bottom,
                      scene->center[1] + view->top, 0xf4f6f8);
  if (view->has_ground) draw_ground(scene);
  for (int geom = next_geom(scene, -1); geom >= 0; geom = next_geom(scene, geom)) draw_geom(scene, geom);
}

void picture_draw(const struct simulation *self, muster_canvas *canvas) {
  struct scene scene = {.model = self->model, .view = &self->task->view, .canvas = canvas};
  scene.data = mj_copyData(NULL, self->model, self->robots[0].data);
  muster_env_error error;
  if (scene.data == NULL || guard_run(find_places, &scene, &error))
    canvas->view(canvas, 0.0, 1.0, 0.0, 1.0, 0xffffff);
  else if (!draw_image(&scene, self->renderer))
    draw_shapes(&scene);
  mj_deleteData(scene.data);
}
