#include "runs/groups.h"

#include "base/statistics.h"
#include "runs/folder.h"
#include "runs/labels.h"
#include "runs/list.h"
#include "setup/config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static muster_status out_of_memory(const char *path) {
  return status_error(MUSTER_ERROR_MEMORY, "out of memory: the run %s", path);
}

/* --- the rule --- */

/* whether runs that belong together have the same value of an option */
static bool counts(const struct entry *entry) {
  static const char *const others[] = {
      "seed", "run", "checkpoint", "evaluation.every", "ranks.learner_host", "env.plugin", "evaluation.env.plugin"};
  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    if (strcmp(entry->key, others[i]) == 0 || key_is_above(others[i], entry->key)) return false;
  return entry->kind != ENTRY_SECTION;
}

static muster_status keep_what_counts(const struct document *config, struct entry_list *settings) {
  const struct entry_list *list = document_entries(config);
  for (size_t i = 0; i < list->count; i++)
    if (counts(&list->entries[i])) MUSTER_TRY(entry_list_add(settings, &list->entries[i]));
  return MUSTER_OK;
}

/* reads a config and fills in defaults; NULL: this version does not understand it */
static muster_status resolve_config(const struct run_info *info, struct document **resolved) {
  char path[4096 + 16], *text = NULL;
  snprintf(path, sizeof path, "%s/" RUN_CONFIG_FILE, info->path);
  struct run_config *config = malloc(sizeof *config);
  if (config == NULL) return out_of_memory(info->path);
  muster_status status = run_config_read(path, config);
  const bool is_understood = status == MUSTER_OK;
  muster_status_clear(&status);
  if (is_understood) status = run_config_text(config, &text);
  if (is_understood && status == MUSTER_OK) status = document_create(resolved);
  if (is_understood && status == MUSTER_OK) status = document_read_text(*resolved, path, text, strlen(text));
  if (status != MUSTER_OK) document_destroy(resolved);
  free(text);
  free(config);
  return status;
}

static muster_status read_settings(const struct run_info *info, struct entry_list *settings) {
  struct document *resolved = NULL;
  if (!run_info_has_config(info)) return MUSTER_OK;
  MUSTER_TRY(resolve_config(info, &resolved));
  muster_status status = keep_what_counts(resolved != NULL ? resolved : info->config, settings);
  document_destroy(&resolved);
  return status;
}

static bool settings_are_equal(const struct entry_list *a, const struct entry_list *b) {
  bool are_equal = a->count == b->count;
  for (size_t i = 0; i < a->count && are_equal; i++) {
    const struct entry *other = entry_list_find(b, a->entries[i].key);
    are_equal = other != NULL && strcmp(a->entries[i].content, other->content) == 0;
  }
  return are_equal;
}

/* whether a run with these settings belongs to the group */
static bool belongs(const struct grouped_runs *runs, const struct run_group *group, const struct run_info *info,
                    const struct entry_list *settings) {
  return settings->count > 0 && info->ranks == runs->info[group->members[0]]->ranks &&
         settings_are_equal(&group->settings, settings);
}

/* --- groups --- */

/* adds a group without members; takes the settings */
static muster_status add_group(struct grouped_runs *runs, struct entry_list settings) {
  struct run_group *group = &runs->groups[runs->n_groups++];
  group->settings = settings;
  group->members = calloc(runs->n, sizeof *group->members);
  group->seeds = calloc(runs->n, sizeof *group->seeds);
  group->scratch = calloc(runs->n, sizeof *group->scratch);
  const bool fits = group->members != NULL && group->seeds != NULL && group->scratch != NULL;
  return fits ? MUSTER_OK : out_of_memory(runs->info[0]->path);
}

/* inserts a run into the group, ordered by seed and path */
static void add_member(const struct grouped_runs *runs, struct run_group *group, size_t member) {
  const struct run_info *info = runs->info[member];
  size_t at = group->n_members++;
  for (; at > 0; at--) {
    const struct run_info *before = runs->info[group->members[at - 1]];
    if (before->seed < info->seed) break;
    if (before->seed == info->seed && strcmp(before->path, info->path) <= 0) break;
    group->members[at] = group->members[at - 1];
    group->seeds[at] = group->seeds[at - 1];
  }
  group->n_seeds += (at == 0 || group->seeds[at - 1] != info->seed) &&
                    (at + 1 == group->n_members || group->seeds[at + 1] != info->seed);
  group->members[at] = member;
  group->seeds[at] = info->seed;
}

static muster_status make_groups(struct grouped_runs *runs) {
  runs->groups = calloc(runs->n, sizeof *runs->groups);
  if (runs->groups == NULL) return out_of_memory(runs->info[0]->path);
  for (size_t i = 0; i < runs->n; i++) {
    struct entry_list settings = {0};
    muster_status status = read_settings(runs->info[i], &settings);
    size_t g = 0;
    while (g < runs->n_groups && !belongs(runs, &runs->groups[g], runs->info[i], &settings)) g++;
    if (status == MUSTER_OK && g == runs->n_groups)
      status = add_group(runs, settings);
    else
      entry_list_clear(&settings);
    MUSTER_TRY(status);
    add_member(runs, &runs->groups[g], i);
  }
  run_labels_make(runs);
  return MUSTER_OK;
}

/* --- seeds --- */

size_t run_group_merge_seeds(const struct run_group *group, double *values) {
  size_t count = 0;
  for (size_t i = 0, first = 0; i < group->n_members; first = i) {
    double mean = 0, known = 0;
    for (; i < group->n_members && group->seeds[i] == group->seeds[first]; i++)
      if (!isnan(values[i])) mean += (values[i] - mean) / ++known;
    if (known > 0) values[count++] = mean; // count <= first: the value there is no longer needed
  }
  return count;
}

struct seed_statistics run_group_statistics(const struct grouped_runs *runs, const struct run_group *group,
                                            size_t offset) {
  for (size_t i = 0; i < group->n_members; i++)
    group->scratch[i] = *(const double *)((const char *)runs->info[group->members[i]] + offset);
  const size_t n = run_group_merge_seeds(group, group->scratch);
  const struct statistics statistics = statistics_of(n, group->scratch);
  return (struct seed_statistics){n, statistics.mean, statistics.sample_std, statistics_median(n, group->scratch)};
}

/* --- reading --- */

/* whether the folder is already among the runs: two paths to one folder must not count as two runs */
static muster_status is_known(const struct grouped_runs *runs, const char *path, bool *known) {
  struct stat here, there;
  *known = false;
  if (stat(path, &here) != 0) return status_errno(MUSTER_ERROR_IO, "cannot open the run %s", path);
  for (size_t other = 0; other < runs->n && !*known; other++)
    *known = stat(runs->info[other]->path, &there) == 0 && here.st_dev == there.st_dev && here.st_ino == there.st_ino;
  return MUSTER_OK;
}

static muster_status read_info(struct run_info *info) {
  run_info_refresh(info);
  MUSTER_TRY(run_info_take_failure(info));
  if (info->is_run) return MUSTER_OK;
  return status_error(MUSTER_ERROR_USAGE,
                      "%s is not a run folder: expects a folder with config.yaml and metrics.csv, as training "
                      "leaves it",
                      info->path);
}

static muster_status read_named(struct grouped_runs *runs, const char *const *paths, size_t n) {
  runs->info = calloc(n, sizeof *runs->info);
  if (runs->info == NULL) return out_of_memory(paths[0]);
  for (size_t i = 0; i < n; i++) {
    bool known;
    MUSTER_TRY(is_known(runs, paths[i], &known));
    if (known) return status_error(MUSTER_ERROR_USAGE, "the run %s is given twice", paths[i]);
    MUSTER_TRY(run_info_create(paths[i], &runs->info[i]));
    runs->n++;
    MUSTER_TRY(read_info(runs->info[i]));
  }
  return make_groups(runs);
}

/* moves each run that has begun out of the list, duplicates only once */
static muster_status take_infos(struct grouped_runs *runs, struct run_list *list) {
  runs->info = calloc((size_t)list->n, sizeof *runs->info);
  if (runs->info == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory for %d runs", list->n);
  for (int i = 0; i < list->n; i++) {
    struct run_info *info = list->info[i];
    MUSTER_TRY(run_info_take_failure(info));
    if (!info->is_run)
      return status_error(MUSTER_ERROR_IO, "there is no run in %s: a run folder has a config.yaml", info->path);
    bool known;
    MUSTER_TRY(is_known(runs, info->path, &known));
    if (known || !run_info_has_config(info)) continue;
    runs->info[runs->n++] = info;
    list->info[i] = NULL;
  }
  return MUSTER_OK;
}

static muster_status find_all(struct grouped_runs *runs, const char *const *paths, size_t n) {
  struct run_list list = {0};
  muster_status status = run_list_find(&list, paths, (int)n);
  if (status == MUSTER_OK) run_list_refresh(&list);
  if (status == MUSTER_OK) status = take_infos(runs, &list);
  run_list_destroy(&list);
  MUSTER_TRY(status);
  if (runs->n == 0) return status_error(MUSTER_ERROR_IO, "there is no run in %s yet", paths[0]);
  return make_groups(runs);
}

typedef muster_status reader(struct grouped_runs *runs, const char *const *paths, size_t n);

static muster_status create(reader *read, const char *const *paths, size_t n, struct grouped_runs **out) {
  struct grouped_runs *runs = calloc(1, sizeof *runs);
  if (runs == NULL) return out_of_memory(paths[0]);
  muster_status status = read(runs, paths, n);
  if (status != MUSTER_OK)
    grouped_runs_destroy(&runs);
  else
    *out = runs;
  return status;
}

muster_status grouped_runs_read(const char *const *paths, size_t n, struct grouped_runs **out) {
  return create(read_named, paths, n, out);
}

muster_status grouped_runs_find(const char *const *paths, size_t n, struct grouped_runs **out) {
  return create(find_all, paths, n, out);
}

void grouped_runs_destroy(struct grouped_runs **handle) {
  struct grouped_runs *runs = *handle;
  if (runs == NULL) return;
  for (size_t i = 0; i < runs->n; i++) run_info_destroy(&runs->info[i]);
  for (size_t g = 0; g < runs->n_groups; g++) {
    free(runs->groups[g].members);
    free(runs->groups[g].seeds);
    free(runs->groups[g].scratch);
    entry_list_clear(&runs->groups[g].settings);
  }
  free(runs->groups);
  free(runs->info);
  free(runs);
  *handle = NULL;
}
