/* What a config says about a model (`policy:`), and the layers that each of the model's networks gets from it.
 *
 * hidden_sizes is short for a list of dense layers, each followed by the activation. With a kernel_size the policy's
 * hidden layers are convolutions instead, and its head, the last layer, is the same for every cell. */
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
  char distribution[OPTION_STRING_SIZE]; /* "": the default for the kind of the actions */
  double log_std_init;
  int log_std; /* enum model_log_std */

  struct policy_request request; /* the algorithm's, and no option */
};

enum model_head { MODEL_HEAD_DENSE, MODEL_HEAD_CONV2D };

enum model_log_std { MODEL_LOG_STD_PARAMETER, MODEL_LOG_STD_STATE };

extern const struct option_table model_option_table;

/* The rows of the table whose defaults depend on the algorithm: most leave them as they are in model_option_table,
 * others have a table of their own (MODEL_DEFAULTS) that is applied after it. */
#define ROW_HIDDEN_SIZES(value)                                                                                        \
  {                                                                                                                    \
    .key = "hidden_sizes", .type = OPTION_INT_LIST, .offset = offsetof(struct model_options, hidden_sizes),            \
    .default_value = value, .min = 1, .max = 65536,                                                                    \
    .help = "widths of the hidden layers, of policy and value network alike"                                           \
  }
#define ROW_ACTIVATION(value)                                                                                          \
  {                                                                                                                    \
    .key = "activation", .type = OPTION_CHOICE, .offset = offsetof(struct model_options, activation),                  \
    .default_value = value, .choices = model_activation_names, .help = "nonlinearity of the hidden layers"             \
  }
#define ROW_ORTHO_INIT(value)                                                                                          \
  {                                                                                                                    \
    .key = "ortho_init", .type = OPTION_BOOL, .offset = offsetof(struct model_options, ortho_init),                    \
    .default_value = value, .help = "orthogonal initial weights; false: uniform as torch.nn.Linear"                    \
  }

extern const char *const model_activation_names[];

/* The policy of an algorithm whose defaults are others, as texts of YAML: MODEL_DEFAULTS("dqn", "[64, 64]", "relu",
 * "false"). */
#define MODEL_DEFAULTS(name, hidden_sizes, activation, ortho_init)                                                     \
  (&(const struct option_table){                                                                                       \
      .section = "policy",                                                                                             \
      .owner = name,                                                                                                   \
      .options = (const struct option_spec[]){                                                                         \
          ROW_HIDDEN_SIZES(hidden_sizes), ROW_ACTIVATION(activation), ROW_ORTHO_INIT(ortho_init), {.key = NULL}}})

/* USAGE error where options contradict each other. Such errors begin with the key: "policy.kernel_size: ...". */
MUSTER_CHECKED muster_status model_options_check(const struct model_options *options);

/* USAGE error, which begins with the key, where layers are listed and an option of the short form is set, too: it
 * differs from its default, which may be that of an algorithm's own table (NULL: it has none). Likewise where the
 * policy is a table and any option is set, but for the distribution. */
MUSTER_CHECKED muster_status model_options_check_short_form(const struct model_options *options,
                                                            const struct option_table *own_defaults);

/* USAGE error, which begins with the key, where a policy of convolutions does not fit the observations or the
 * actions. */
MUSTER_CHECKED muster_status model_options_check_spaces(const struct model_options *options,
                                                        const struct policy_head *head, struct layer_shape grid);

/* The networks whose hidden layers the options tell. */
enum model_part { MODEL_TRUNK, MODEL_POLICY, MODEL_CRITIC };

/* The hidden layers of such a network, and the key that lists them; NULL: they come from the short form. */
MUSTER_CHECKED muster_status model_options_hidden(const struct model_options *options, enum model_part part,
                                                  struct layer_list *list, const char **key);

/* The policy's last layer, which reads the output of its hidden layers. USAGE error where it does not fit. */
MUSTER_CHECKED muster_status model_options_head(const struct model_options *options, const struct policy_head *head,
                                                struct layer_shape below, struct layer_spec *spec);

#endif
