/* What `muster eval --render` and `--gif` do with each state of the episodes. */
#ifndef CLI_RENDERER_H
#define CLI_RENDERER_H

#include "store/output.h"
#include "train/evaluation.h"

struct renderer_request {
  bool text;                 /* whether to print states as text: animated in place on a terminal, else one after the
                                other */
  struct output_request gif; /* no file where its path is NULL */
  long long fps;             /* frames per second; 0: the environment's own rate */
  long long max_frames;
};

struct renderer;

/* Fails before the first step where it can: USAGE where the environment cannot be shown in this way, or where the file
 * exists and was not written by muster; IO where the file could not be written. Borrows both arguments. */
MUSTER_CHECKED muster_status renderer_create(const struct renderer_request *request, const muster_env_type *type,
                                             struct renderer **out);
void renderer_destroy(struct renderer **renderer); /* accepts NULL inside */

/* The viewer that the evaluation passes the states to; borrowed for the life of the renderer. */
struct evaluation_viewer *renderer_viewer(struct renderer *renderer);

/* Writes the file if one was asked for, and says so on standard output unless `quiet`. */
MUSTER_CHECKED muster_status renderer_finish(struct renderer *renderer, bool quiet);

#endif
