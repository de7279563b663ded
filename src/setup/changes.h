/* Options that change when a run is resumed. What decides what is learned stays the same in a run, unless the user
 * allows a key to change (`muster train --allow-change KEY`). A change that was made is noted in the run's config, in
 * train.changes, as "KEY@STEPS" with the value before: so the config of a run tells what it was trained with, and a run
 * that is killed before its next checkpoint goes on from the noted config without being allowed anew. */
#ifndef SETUP_CHANGES_H
#define SETUP_CHANGES_H

#include "setup/config.h"

/* The arguments of --allow-change, each one key or several with commas between them. Borrowed. */
struct allowed_changes {
  const char *const *texts; /* [n] */
  size_t n;
};

/* Checks that all keys are options, and such that can change in a run. USAGE error, which says why one cannot, or names
 * the most similar key. */
MUSTER_CHECKED muster_status allowed_changes_check(const struct allowed_changes *allowed);

/* Why an option can never change in a run, as the end of a sentence; NULL: it can. */
const char *allowed_changes_never(const char *key);

/* Compares the config of a checkpoint after so many steps with the one that a run is to go on with, and notes in
 * now->train.changes what has changed, after what the checkpoint knows of earlier changes. USAGE error where an option
 * differs that is neither allowed nor noted in now->train.changes already, or that can never change; the message is
 * without the checkpoint's name. */
MUSTER_CHECKED muster_status run_config_take_changes(const struct run_config *before,
                                                     const struct allowed_changes *allowed, int64_t steps,
                                                     struct run_config *now);

/* One entry of train.changes. */
struct noted_change {
  char key[64];
  const char *before; /* the value as YAML, borrowed from the config; cut where it is long */
  int64_t steps;
};
struct noted_change noted_change_read(const struct run_config *config, int32_t i);

/* Whether an option, or one below it, changed after so many steps. */
bool run_config_changed(const struct run_config *config, const char *key, int64_t steps);

#endif
