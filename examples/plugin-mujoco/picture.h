/* Pictures of a robot, drawn on muster's canvas without a graphics library. */
#ifndef PICTURE_H
#define PICTURE_H

#include "simulation.h"

/* Draws the first row: from the side, or from above where the task moves in the plane of the ground. Shapes are seen
 * without perspective; what is nearer is drawn later. Changes nothing; leaves the view empty without memory. */
void picture_draw(const struct simulation *self, muster_canvas *canvas);

#endif
