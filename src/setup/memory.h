/* Whether what a run keeps of its steps fits into memory. */
#ifndef SETUP_MEMORY_H
#define SETUP_MEMORY_H

#include "muster/env.h"
#include "setup/config.h"

/* Whether a machine like this one can hold the rollouts of a config, with its algorithm and these environments, its
 * table, and a learner's share of its replay; the error (USAGE) is at the option that says how long they are. Where all
 * ranks learn, how many share the replay is known later, and is not checked here. */
MUSTER_CHECKED muster_status check_memory(const struct document *document, const struct run_config *config,
                                          const struct algorithm_type *algorithm, const muster_env_spec *spec);

#endif
