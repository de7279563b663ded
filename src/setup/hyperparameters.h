/* The options that decide what a run learns, as the hyper-parameters that TensorBoard shows. */
#ifndef SETUP_HYPERPARAMETERS_H
#define SETUP_HYPERPARAMETERS_H

#include "setup/config.h"
#include "store/events.h"

#define HYPERPARAMETERS_MAX 224

/* Fills list[HYPERPARAMETERS_MAX] and returns how many there are. Numbers and constant schedules are listed as numbers;
 * options that are null are left out; a map, such as env.options, has one entry for each of its keys. */
size_t hyperparameters_list(const struct run_config *config, struct hyperparameter *list);

#endif
