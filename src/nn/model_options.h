/* What a config says of a model (`policy:`), and the layers that follow from it for each kind of its networks.
 *
 * hidden_sizes is short for a list of dense layers, each with the activation above it; with a kernel_size the policy's
 * are convolutions, and its head, the last layer, is the same for every cell. */
#ifndef NN_MODEL_OPTIONS_H
#define NN_MODEL_OPTIONS_H

#include "config/option.h"
#include "nn/distribution.h"
#include "nn/network.h"

struct model_options {
  struct option_int_list hidden_sizes;
  int64_t kernel_size;
  int activation; /* index into its choices */
  struct option_text_list network, value_network;
  int head; /* enum model_head */
  bool ortho_init;
  bool share_trunk;
  char distribution[OPTION_STRING_SIZE]; /* "": by the kind of the actions */
  double log_std_init;
  int log_std; /* enum model_log_std */
};

enum model_head { MODEL_HEAD_DENSE, MODEL_HEAD_CONV2D };

enum model_log_std { MODEL_LOG_STD_PARAMETER, MODEL_LOG_STD_STATE };

extern const struct option_table model_option_table;

/* USAGE error where options contradict each other. Such errors begin with the key: "policy.kernel_size: ...". */
MUSTER_CHECKED muster_status model_options_check(const struct model_options *options);

/* The same where a policy of convolutions fits neither the observations nor the actions. */
MUSTER_CHECKED muster_status model_options_check_spaces(const struct model_options *options,
                                                        const struct policy_head *head, struct layer_shape grid);

/* Whose hidden layers options are asked for. */
enum model_part { MODEL_TRUNK, MODEL_POLICY, MODEL_CRITIC };

/* These layers, and the key that lists them; NULL: the short form makes them. */
MUSTER_CHECKED muster_status model_options_hidden(const struct model_options *options, enum model_part part,
                                                  struct layer_list *list, const char **key);

/* The policy's last layer, above what its hidden layers make. USAGE error where it does not fit. */
MUSTER_CHECKED muster_status model_options_head(const struct model_options *options, const struct policy_head *head,
                                                struct layer_shape below, struct layer_spec *spec);

#endif
