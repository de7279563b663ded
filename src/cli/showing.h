/* What `muster eval --render` and `--gif` do with each state of the episodes. */
#ifndef CLI_SHOWING_H
#define CLI_SHOWING_H

#include "store/output.h"
#include "train/evaluation.h"

struct showing_request {
  bool text;                 /* on standard output: in place and at pace on a terminal, else one after the other */
  struct output_request gif; /* its path NULL: none */
  long long fps;             /* frames a second; 0: the environment's own pace */
  long long max_frames;
};

struct showing;

/* Errors of what is known before the first step: USAGE where the environment cannot be shown like this, or the file
 * is the user's; IO where it could not be written. Borrows both. */
MUSTER_CHECKED muster_status showing_create(const struct showing_request *request, const muster_env_type *type,
                                            struct showing **out);
void showing_destroy(struct showing **showing); /* accepts NULL inside */

/* Whom the evaluation shows the states to; borrowed for the life of the showing. */
struct evaluation_viewer *showing_viewer(struct showing *showing);

/* Writes the file, if there is to be one, and says so on standard output or, when `quiet`, nothing. */
MUSTER_CHECKED muster_status showing_finish(struct showing *showing, bool quiet);

#endif
