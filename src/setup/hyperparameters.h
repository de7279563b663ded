/* The options that decide what a run learns, as the hyper-parameters that TensorBoard shows. */
#ifndef SETUP_HYPERPARAMETERS_H
#define SETUP_HYPERPARAMETERS_H

#include "setup/config.h"
#include "store/events.h"

#define HYPERPARAMETERS_MAX 160

/* Fills list[HYPERPARAMETERS_MAX] and returns how many there are. A number, or a schedule that is constant, is a
 * number; what is null is left out; env.options has one entry for each of its keys. */
size_t hyperparameters_list(const struct run_config *config, struct hyperparameter *list);

#endif
