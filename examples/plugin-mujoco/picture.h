/* Pictures of a robot: of MuJoCo's renderer where it can be had without a display, or else drawn on muster's canvas. */
#ifndef PICTURE_H
#define PICTURE_H

#include "simulation.h"

/* Draws the first row. Without the renderer: from the side, or from above where the task moves in the plane of the
 * ground. Shapes are seen without perspective; what is nearer is drawn later. Changes nothing; leaves the view empty
 * without memory. */
void picture_draw(const struct simulation *self, muster_canvas *canvas);

#endif
