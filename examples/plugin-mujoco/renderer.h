/* MuJoCo's renderer, without a display. */
#ifndef RENDERER_H
#define RENDERER_H

#include <mujoco/mujoco.h>

#include <stdint.h>

enum { RENDERER_WIDTH = 600, RENDERER_HEIGHT = 450 };

struct renderer;

/* Opened by the first picture. NULL: out of memory. */
struct renderer *renderer_create(void);
void renderer_destroy(struct renderer *renderer); /* accepts NULL */

/* A picture of the state from the model's camera `track`, as Gymnasium's, or from the free camera where it has none:
 * [RENDERER_HEIGHT, RENDERER_WIDTH, 3] from the top, borrowed until the next one. NULL: there is no OpenGL without a
 * display here (gl_context.h), or MuJoCo cannot use it. All places in `data` must be known. */
const uint8_t *renderer_draw(struct renderer *renderer, const mjModel *model, mjData *data);

#endif
