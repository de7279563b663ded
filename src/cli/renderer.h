/* What `muster eval --render` and `--gif` do with each state of the episodes. */
#ifndef CLI_RENDERER_H
#define CLI_RENDERER_H

#include "store/output.h"
#include "train/evaluation.h"

struct renderer_request {
  bool text;                 /* on standard output: in place and at pace on a terminal, else one after the other */
  struct output_request gif; /* its path NULL: none */
  long long fps;             /* frames a second; 0: the environment's own pace */
  long long max_frames;
};

struct renderer;

/* Errors of what is known before the first step: USAGE where the environment cannot be shown like this, or the file
 * is the user's; IO where it could not be written. Borrows both. */
MUSTER_CHECKED muster_status renderer_create(const struct renderer_request *request, const muster_env_type *type,
                                             struct renderer **out);
void renderer_destroy(struct renderer **renderer); /* accepts NULL inside */

/* Whom the evaluation shows the states to; borrowed for the life of the renderer. */
struct evaluation_viewer *renderer_viewer(struct renderer *renderer);

/* Writes the file, if there is to be one, and says so on standard output or, when `quiet`, nothing. */
MUSTER_CHECKED muster_status renderer_finish(struct renderer *renderer, bool quiet);

#endif
