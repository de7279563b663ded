#include "run/summary.h"

#include "store/checkpoint.h"
#include "store/json_read.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- the files of one run --- */

/* takes what <run>/summary.json says; a run that has none has not come to an end */
static muster_status read_summary(const char *path, struct run_summary *run) {
  struct json_value *summary = NULL;
  if (access(path, F_OK) == 0) MUSTER_TRY(json_read(path, &summary));
  const char *status = json_string_of(json_get(summary, "status"));
  const double steps = json_number_of(json_get(summary, "total_steps"));
  if (summary != NULL && isnan(steps)) {
    json_destroy(&summary);
    return status_error(MUSTER_ERROR_FORMAT, "%s: total_steps: expects a number", path);
  }
  run->state = status != NULL && strcmp(status, "finished") == 0 ? RUN_FINISHED : RUN_INTERRUPTED;
  run->total_steps = isnan(steps) ? 0 : (int64_t)steps;
  run->mean_return = json_number_of(json_get(summary, "mean_return"));
  run->std_return = json_number_of(json_get(summary, "std_return"));
  run->evaluation_return = json_number_of(json_get(summary, "final_evaluation.mean_return"));
  run->evaluation_std = json_number_of(json_get(summary, "final_evaluation.std_return"));
  run->solved_at_steps = json_number_of(json_get(summary, "solved_at_steps"));
  run->steps_per_second = json_number_of(json_get(summary, "steps_per_second"));
  json_destroy(&summary);
  return MUSTER_OK;
}

/* how far the newest whole checkpoint of a run is; a run that has none has done nothing yet */
static muster_status read_checkpoint(const char *run, int64_t *total_steps, double *mean_return) {
  *total_steps = 0;
  *mean_return = NAN;
  char path[RUN_PATH_SIZE + 96];
  muster_status status = checkpoint_resolve(run, path, sizeof path);
  if (status != MUSTER_OK) {
    muster_status_clear(&status);
    return MUSTER_OK;
  }
  struct checkpoint_reader *reader;
  MUSTER_TRY(checkpoint_open(path, &reader));
  status = checkpoint_read_int(reader, "about/total_steps", total_steps);
  if (status == MUSTER_OK) status = checkpoint_read_float(reader, "about/mean_return", mean_return);
  checkpoint_close(&reader);
  return status;
}

static muster_status read_run(const char *path, struct run_summary *run) {
  char file[RUN_PATH_SIZE + 32];
  snprintf(file, sizeof file, "%s/config.yaml", path);
  snprintf(run->path, sizeof run->path, "%s", path);
  MUSTER_TRY(run_config_read(file, &run->config));
  snprintf(file, sizeof file, "%s/summary.json", path);
  MUSTER_TRY(read_summary(file, run));
  if (run_folder_in_use(path)) run->state = RUN_RUNNING;
  if (run->state == RUN_FINISHED) return MUSTER_OK;

  /* a summary that was written before the run went on is of the past */
  int64_t steps;
  double mean_return;
  MUSTER_TRY(read_checkpoint(path, &steps, &mean_return));
  run->evaluation_return = run->evaluation_std = NAN;
  if (steps <= run->total_steps) return MUSTER_OK;
  run->total_steps = steps;
  run->mean_return = mean_return;
  run->std_return = run->steps_per_second = NAN;
  return MUSTER_OK;
}

/* --- finding them --- */

#define SEARCH_LEVELS 4 /* runs/<sweep>/<run> and one above */

static muster_status add_run(struct run_list *list, const char *path) {
  struct run_summary *grown = realloc(list->runs, (list->count + 1) * sizeof *grown);
  if (grown == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory for %zu runs", list->count + 1);
  list->runs = grown;
  MUSTER_TRY(read_run(path, &list->runs[list->count]));
  list->count++;
  return MUSTER_OK;
}

static int is_visible(const struct dirent *entry) { return entry->d_name[0] != '.'; }

/* adds the run in a folder, or those in the folders in it */
static muster_status search(struct run_list *list, const char *path, int levels) {
  char inner[RUN_PATH_SIZE];
  if ((size_t)snprintf(inner, sizeof inner, "%s/config.yaml", path) >= sizeof inner) return MUSTER_OK;
  if (access(inner, F_OK) == 0) return add_run(list, path);
  if (levels == 0) return MUSTER_OK;
  struct dirent **entries;
  int n = scandir(path, &entries, is_visible, versionsort);
  if (n < 0 && errno == ENOTDIR) return MUSTER_OK;
  if (n < 0) return status_errno(MUSTER_ERROR_IO, "cannot read the folder %s", path);
  muster_status status = MUSTER_OK;
  for (int i = 0; i < n; i++) {
    bool fits = (size_t)snprintf(inner, sizeof inner, "%s/%s", path, entries[i]->d_name) < sizeof inner;
    if (status == MUSTER_OK && fits) status = search(list, inner, levels - 1);
    free(entries[i]);
  }
  free(entries);
  return status;
}

muster_status run_list_add(struct run_list *list, const char *path) {
  char folder[RUN_PATH_SIZE];
  if ((size_t)snprintf(folder, sizeof folder, "%s", path) >= sizeof folder)
    return status_error(MUSTER_ERROR_USAGE, "the path is longer than %d bytes", RUN_PATH_SIZE - 1);
  for (size_t n = strlen(folder); n > 1 && folder[n - 1] == '/'; n--) folder[n - 1] = '\0';
  if (access(folder, F_OK) != 0) return status_errno(MUSTER_ERROR_IO, "cannot find the run %s", folder);
  size_t before = list->count;
  MUSTER_TRY(search(list, folder, SEARCH_LEVELS));
  if (list->count == before)
    return status_error(MUSTER_ERROR_IO, "there is no run in %s: a run folder has a config.yaml", folder);
  return MUSTER_OK;
}

void run_list_clear(struct run_list *list) {
  free(list->runs);
  free(list->groups);
  *list = (struct run_list){0};
}

/* --- groups --- */

static int compare_doubles(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* over the member at `offset` of the runs of a group; `values` has room for all runs */
static struct run_statistics summarize(const struct run_list *list, size_t group, size_t offset, double *values) {
  size_t n = 0;
  for (size_t i = 0; i < list->count; i++) {
    double value = *(const double *)((const char *)&list->runs[i] + offset);
    if (list->runs[i].group == group && !isnan(value)) values[n++] = value;
  }
  if (n == 0) return (struct run_statistics){.mean = NAN, .std = NAN, .median = NAN};
  double sum = 0, squares = 0;
  for (size_t i = 0; i < n; i++) sum += values[i];
  double mean = sum / (double)n;
  for (size_t i = 0; i < n; i++) squares += (values[i] - mean) * (values[i] - mean);
  qsort(values, n, sizeof *values, compare_doubles);
  double median = (values[(n - 1) / 2] + values[n / 2]) / 2;
  return (struct run_statistics){.count = n, .mean = mean, .std = sqrt(squares / (double)n), .median = median};
}

/* gives each run its group: that of the first run with the same config */
static void find_groups(struct run_list *list) {
  for (size_t i = 0; i < list->count; i++) {
    struct run_summary *run = &list->runs[i];
    char difference[2];
    for (run->group = 0; run->group < list->n_groups; run->group++) {
      const struct run_config *other = &list->runs[list->groups[run->group].first].config;
      if (!run_config_is_alike(other, &run->config)) continue;
      run_config_list_differences(&run->config, &other, 1, difference, sizeof difference);
      if (difference[0] == '\0') break;
    }
    if (run->group == list->n_groups) list->groups[list->n_groups++] = (struct run_group){.first = i};
    list->groups[run->group].runs++;
    if (run->state == RUN_FINISHED) list->groups[run->group].finished++;
  }
}

static int compare_runs(const void *a, const void *b) {
  const struct run_summary *x = a, *y = b;
  if (x->group != y->group) return x->group < y->group ? -1 : 1;
  int64_t seed_x = x->config.general.seed, seed_y = y->config.general.seed;
  return seed_x != seed_y ? (seed_x < seed_y ? -1 : 1) : strcmp(x->path, y->path);
}

muster_status run_list_group(struct run_list *list) {
  list->groups = calloc(list->count, sizeof *list->groups);
  double *values = calloc(list->count, sizeof *values);
  const struct run_config **configs = calloc(list->count, sizeof *configs);
  bool fits = list->groups != NULL && values != NULL && configs != NULL;
  if (fits) {
    find_groups(list);
    qsort(list->runs, list->count, sizeof *list->runs, compare_runs);
    for (size_t i = list->count; i-- > 0;) list->groups[list->runs[i].group].first = i;
    for (size_t g = 0; g < list->n_groups; g++) configs[g] = &list->runs[list->groups[g].first].config;
  }
  for (size_t g = 0; g < list->n_groups; g++) {
    struct run_group *group = &list->groups[g];
    group->mean_return = summarize(list, g, offsetof(struct run_summary, mean_return), values);
    group->evaluation_return = summarize(list, g, offsetof(struct run_summary, evaluation_return), values);
    group->solved_at_steps = summarize(list, g, offsetof(struct run_summary, solved_at_steps), values);
    group->steps_per_second = summarize(list, g, offsetof(struct run_summary, steps_per_second), values);
    run_config_list_differences(configs[g], configs, list->n_groups, group->settings, sizeof group->settings);
  }
  free(values);
  free(configs);
  return fits ? MUSTER_OK : status_error(MUSTER_ERROR_MEMORY, "out of memory for %zu runs", list->count);
}

const char *run_state_name(enum run_state state) {
  static const char *const names[] = {"finished", "interrupted", "running"};
  return names[state];
}
