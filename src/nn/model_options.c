#include "nn/model_options.h"

#include <string.h>

#define LAYERS_OF_EACH 4 /* of hidden_sizes: weights, dropout, layer_norm or batch_renorm, activation */
_Static_assert(NETWORK_MAX_LAYERS >= 1 + LAYERS_OF_EACH * OPTION_LIST_MAX,
               "batch_renorm may be below; activations are parts of other layers, so that there is room for a head");
_Static_assert(NETWORK_MAX_LAYERS > OPTION_TEXTS_MAX,
               "a network lists as many layers as there may be; a head comes on top");

const char *const model_activation_names[] = {"tanh", "relu", NULL};
static const struct layer_type *const activations[] = {&layer_tanh, &layer_relu};
static const char *const head_names[] = {"dense", "conv2d", NULL};
static const char *const log_std_names[] = {"parameter", "state", NULL};

static const struct option_spec model_options[] = {
    ROW_HIDDEN_SIZES("[64, 64]"),
    {.key = "kernel_size",
     .type = OPTION_INT,
     .offset = offsetof(struct model_options, kernel_size),
     .default_value = "0",
     .min = 0,
     .max = 63,
     .help = "the policy's hidden layers are convolutions of kernel_size x kernel_size cells (odd), hidden_sizes their "
             "channels, for observations [rows, columns, channels] and actions for each cell; 0: dense layers"},
    ROW_ACTIVATION("tanh"),
    {.key = "network",
     .type = OPTION_TEXT_LIST,
     .offset = offsetof(struct model_options, network),
     .check = layer_check,
     .example = "[dense 64, tanh, dense 64, tanh]",
     .help = "hidden layers of policy and value network, in place of hidden_sizes, kernel_size and activation: see "
             "`muster parts`"},
    {.key = "value_network",
     .type = OPTION_TEXT_LIST,
     .offset = offsetof(struct model_options, value_network),
     .check = layer_check,
     .example = "[dense 64, tanh, dense 64, tanh]",
     .help = "hidden layers of the value network alone; null: as the policy's, but dense for a kernel_size"},
    {.key = "head",
     .type = OPTION_CHOICE,
     .offset = offsetof(struct model_options, head),
     .default_value = "dense",
     .choices = head_names,
     .help =
         "last layer of the policy: dense, or conv2d with the same outputs for each cell of the grid below it, as a "
         "kernel_size implies"},
    ROW_ORTHO_INIT("true"),
    {.key = "share_trunk",
     .type = OPTION_BOOL,
     .offset = offsetof(struct model_options, share_trunk),
     .default_value = "false",
     .help = "one stack of hidden layers under both heads"},
    {.key = "distribution",
     .type = OPTION_STRING,
     .offset = offsetof(struct model_options, distribution),
     .check = distribution_check,
     .help = "distribution of the actions: see `muster parts`; null: the first one for their kind"},
    {.key = "log_std_init",
     .type = OPTION_FLOAT,
     .offset = offsetof(struct model_options, log_std_init),
     .default_value = "0",
     .min = -20,
     .max = 2,
     .help = "Box actions: logarithm of the initial standard deviation"},
    {.key = "log_std",
     .type = OPTION_CHOICE,
     .offset = offsetof(struct model_options, log_std),
     .default_value = "parameter",
     .choices = log_std_names,
     .help = "Box actions: log-deviations are parameters, the same in every state, or depend on the state as the means "
             "do"},
    {.key = NULL},
};

const struct option_table model_option_table = {.section = "policy", .options = model_options};

/* ---- lists of layers ---- */

/* the short form: a layer for each of hidden_sizes, followed by what is requested and the activation; convolutions for
 * the policy alone */
static muster_status list_hidden(const struct model_options *options, enum model_part part, struct layer_list *list) {
  const struct policy_request *request = &options->request;
  const struct hidden_request *requested = part == MODEL_CRITIC ? &request->critics : &request->hidden;
  const int64_t kernel_size = part == MODEL_POLICY ? options->kernel_size : 0;
  const bool doubles_last = part == MODEL_POLICY && request->dueling;
  const struct layer_spec batch_renorm = {&layer_batch_renorm, {requested->momentum}};
  if (requested->batch_norm) MUSTER_TRY(layer_list_add(list, batch_renorm));
  for (int32_t i = 0; i < options->hidden_sizes.count; i++) {
    const bool is_last = i == options->hidden_sizes.count - 1;
    const int64_t width = options->hidden_sizes.values[i] * (is_last && doubles_last ? 2 : 1);
    const struct layer_spec dense = {&layer_dense, {width}}, conv = {&layer_conv2d, {width, kernel_size, 1}};
    MUSTER_TRY(layer_list_add(list, kernel_size > 0 ? conv : dense));
    if (requested->dropout > 0)
      MUSTER_TRY(layer_list_add(list, (struct layer_spec){&layer_dropout, {requested->dropout}}));
    if (requested->layer_norm) MUSTER_TRY(layer_list_add(list, (struct layer_spec){&layer_norm, {0}}));
    MUSTER_TRY(layer_list_add(list, (struct layer_spec){activations[options->activation], {0}}));
    if (requested->batch_norm) MUSTER_TRY(layer_list_add(list, batch_renorm));
  }
  return MUSTER_OK;
}

static muster_status list_texts(const struct option_text_list *texts, struct layer_list *list) {
  for (int32_t i = 0; i < texts->count; i++) {
    struct layer_spec spec;
    MUSTER_TRY(layer_spec_parse(texts->items[i], &spec));
    MUSTER_TRY(layer_list_add(list, spec));
  }
  return MUSTER_OK;
}

muster_status model_options_hidden(const struct model_options *options, enum model_part part, struct layer_list *list,
                                   const char **key) {
  const bool has_own = part == MODEL_CRITIC && !options->value_network.is_null;
  const struct option_text_list *texts = has_own ? &options->value_network : &options->network;
  *list = (struct layer_list){0};
  *key = texts->is_null ? NULL : has_own ? "policy.value_network" : "policy.network";
  if (!texts->is_null) return list_texts(texts, list);
  return list_hidden(options, part, list);
}

muster_status model_options_head(const struct model_options *options, const struct policy_head *head,
                                 struct layer_shape below, struct layer_spec *spec) {
  const size_t outputs = head->outputs, cells = below.rows * below.columns;
  *spec = (struct layer_spec){&layer_dense, {(int64_t)outputs}};
  if (options->request.dueling)
    *spec = (struct layer_spec){&layer_dueling, {(int64_t)head->choices, (int64_t)head->atoms}};
  if (options->head == MODEL_HEAD_DENSE && options->kernel_size == 0) return MUSTER_OK;
  if (options->request.dueling)
    return status_error(MUSTER_ERROR_USAGE, "algorithm.dueling: the policy's last layer is a convolution, which "
                                            "has no streams of values and advantages; expects false");
  if (head->counts == NULL)
    return status_error(MUSTER_ERROR_USAGE,
                        "policy.head: conv2d needs Discrete or MultiDiscrete actions; expects dense");
  if (!below.is_grid)
    return status_error(
        MUSTER_ERROR_USAGE,
        "policy.head: conv2d has outputs for each cell of a grid, and the layers of policy.network make "
        "a vector of %zu; expects dense",
        layer_shape_floats(below));
  if (outputs % cells != 0)
    return status_error(MUSTER_ERROR_USAGE,
                        "policy.head: conv2d has the same number of outputs for each of the %zu x %zu cells, and the "
                        "actions need %zu outputs; expects dense",
                        below.rows, below.columns, outputs);
  *spec = (struct layer_spec){&layer_conv2d, {(int64_t)(outputs / cells), 1, 1}};
  return MUSTER_OK;
}

/* ---- options that contradict each other ---- */

/* a table has no layers: each option must equal its default, but for the distribution, which others check */
static muster_status check_table(const struct model_options *options, const struct model_options *unsaid) {
  for (const struct option_spec *option = model_option_table.options; option->key != NULL; option++) {
    char said[OPTION_TEXT_SIZE], expected[OPTION_TEXT_SIZE];
    option_format(option, options, said, sizeof said);
    option_format(option, unsaid, expected, sizeof expected);
    if (strcmp(said, expected) == 0 || strcmp(option->key, "distribution") == 0) continue;
    return status_error(MUSTER_ERROR_USAGE,
                        "policy.%s: the policy of this algorithm is a table, which has no layers; expects the default, "
                        "%s",
                        option->key, expected);
  }
  return MUSTER_OK;
}

muster_status model_options_check_short_form(const struct model_options *options,
                                             const struct option_table *own_defaults) {
  struct model_options unsaid;
  MUSTER_TRY(option_set_defaults(&model_option_table, &unsaid));
  if (own_defaults != NULL) MUSTER_TRY(option_set_defaults(own_defaults, &unsaid));
  if (options->request.table) return check_table(options, &unsaid);
  const struct option_int_list *sizes = &options->hidden_sizes;
  const char *said = NULL;
  if (sizes->count != unsaid.hidden_sizes.count ||
      memcmp(sizes->values, unsaid.hidden_sizes.values, (size_t)sizes->count * sizeof *sizes->values) != 0)
    said = "hidden_sizes";
  if (options->activation != unsaid.activation) said = "activation";
  if (options->kernel_size != unsaid.kernel_size) said = "kernel_size";
  if (options->network.is_null || said == NULL) return MUSTER_OK;
  return status_error(MUSTER_ERROR_USAGE,
                      "policy.%s: is short for a list of layers, and policy.network is one; expects only one of them",
                      said);
}

/* adds to *count the layers of a list that have statistics over a minibatch */
static muster_status count_statistics(const struct option_text_list *texts, int *count) {
  for (int32_t i = 0; !texts->is_null && i < texts->count; i++) {
    struct layer_spec spec;
    MUSTER_TRY(layer_spec_parse(texts->items[i], &spec));
    *count += spec.type->follow != NULL;
  }
  return MUSTER_OK;
}

/* statistics over a minibatch need an algorithm that runs one at once, and that one needs a layer with statistics */
static muster_status check_statistics(const struct model_options *options) {
  const char *key = options->network.is_null ? "value_network" : "network";
  const bool has_lists = !options->network.is_null || !options->value_network.is_null;
  int count = 0;
  MUSTER_TRY(count_statistics(&options->network, &count));
  MUSTER_TRY(count_statistics(&options->value_network, &count));
  if (count > 0 && options->request.batch_rows == 0)
    return status_error(MUSTER_ERROR_USAGE,
                        "policy.%s: batch_renorm has statistics over a minibatch, which sac with algorithm.batch_norm: "
                        "true alone finds; expects layer_norm",
                        key);
  if (has_lists && count == 0 && options->request.batch_rows > 0)
    return status_error(MUSTER_ERROR_USAGE,
                        "algorithm.batch_norm: is for policy.hidden_sizes, and policy.%s lists the layers; expects "
                        "`batch_renorm` in that list",
                        key);
  return MUSTER_OK;
}

muster_status model_options_check(const struct model_options *options) {
  MUSTER_TRY(check_statistics(options));
  if (!options->value_network.is_null && options->share_trunk)
    return status_error(MUSTER_ERROR_USAGE,
                        "policy.value_network: with policy.share_trunk the hidden layers are shared; expects null");
  const bool lists_critics = !options->network.is_null || !options->value_network.is_null;
  const struct hidden_request *critics = &options->request.critics;
  if (lists_critics && (critics->dropout > 0 || critics->layer_norm))
    return status_error(MUSTER_ERROR_USAGE,
                        "algorithm.%s: is for critics of policy.hidden_sizes, and policy.%s lists their layers; "
                        "expects `%s` in that list",
                        critics->dropout > 0 ? "dropout" : "layer_norm",
                        options->value_network.is_null ? "network" : "value_network",
                        critics->dropout > 0 ? "dropout RATE" : "layer_norm");
  if (options->kernel_size == 0) return MUSTER_OK;
  if (options->kernel_size % 2 == 0)
    return status_error(MUSTER_ERROR_USAGE, "policy.kernel_size: expects an odd number, or 0, got %d",
                        (int)options->kernel_size);
  if (options->share_trunk)
    return status_error(MUSTER_ERROR_USAGE,
                        "policy.share_trunk: a policy with a kernel_size shares no layers; expects false");
  if (options->hidden_sizes.count == 0)
    return status_error(MUSTER_ERROR_USAGE,
                        "policy.hidden_sizes: a policy with a kernel_size needs the channels of at least one layer");
  return MUSTER_OK;
}

muster_status model_options_check_spaces(const struct model_options *options, const struct policy_head *head,
                                         struct layer_shape grid) {
  if (options->kernel_size == 0) return MUSTER_OK;
  if (head->counts == NULL)
    return status_error(MUSTER_ERROR_USAGE, "policy.kernel_size: needs Discrete or MultiDiscrete actions; expects 0");
  if (!grid.is_grid)
    return status_error(MUSTER_ERROR_USAGE,
                        "policy.kernel_size: a convolution needs observations of the shape [rows, columns, channels], "
                        "which this environment does not have; expects 0");
  if (head->outputs % (grid.rows * grid.columns) != 0)
    return status_error(MUSTER_ERROR_USAGE,
                        "policy.kernel_size: a convolution has the same number of outputs for each of the %zu x %zu "
                        "cells, and the actions need %zu outputs; expects 0",
                        grid.rows, grid.columns, head->outputs);
  return MUSTER_OK;
}
