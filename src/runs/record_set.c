#include "runs/record_set.h"

#include "runs/seeds.h"

#include <stdlib.h>
#include <string.h>

static muster_status out_of_memory(const char *path) {
  return status_error(MUSTER_ERROR_MEMORY, "out of memory: the run %s", path);
}

/* --- groups --- */

/* whether an option is the same in all runs of a group */
static bool is_shared(const struct entry *entry) {
  return entry->kind != ENTRY_SECTION && strcmp(entry->key, "seed") != 0 && strcmp(entry->key, "run.dir") != 0;
}

/* whether an option belongs into a label: it says how a run learns, not how it is watched and kept */
static bool is_telling(const struct entry *entry) {
  static const char *const others[] = {"env.name", "algorithm.name", "evaluation", "checkpoint", "run", NULL};
  for (const char *const *other = others; *other != NULL; other++)
    if (strcmp(entry->key, *other) == 0 || key_is_above(*other, entry->key)) return false;
  return is_shared(entry);
}

/* whether all that `a` says of shared options `b` says too */
static bool config_is_within(const struct run_record *a, const struct run_record *b) {
  const struct entry_list *list = document_entries(a->config);
  for (size_t i = 0; i < list->count; i++) {
    const struct entry *entry = &list->entries[i];
    if (is_shared(entry) && strcmp(entry->content, run_record_option(b, entry->key)) != 0) return false;
  }
  return true;
}

/* runs without a config are like no other */
static bool belong_together(const struct run_record *a, const struct run_record *b) {
  return document_entries(a->config)->count > 0 && a->ranks == b->ranks && config_is_within(a, b) &&
         config_is_within(b, a);
}

static muster_status make_groups(struct record_set *set) {
  set->groups = calloc(set->n, sizeof *set->groups);
  if (set->groups == NULL) return out_of_memory(set->records[0]->path);
  for (size_t i = 0; i < set->n; i++) {
    size_t g = 0;
    while (g < set->n_groups && !belong_together(set->records[set->groups[g].members[0]], set->records[i])) g++;
    struct record_group *group = &set->groups[g];
    if (g == set->n_groups) {
      group->members = calloc(set->n, sizeof *group->members);
      group->seeds = calloc(set->n, sizeof *group->seeds);
      set->n_groups++;
      if (group->members == NULL || group->seeds == NULL) return out_of_memory(set->records[i]->path);
    }
    group->seeds[group->n_members] = set->records[i]->seed;
    group->members[group->n_members++] = i;
    group->n_seeds = seeds_count(group->n_members, group->seeds);
  }
  return MUSTER_OK;
}

/* --- labels --- */

static const struct run_record *first_of(const struct record_set *set, size_t group) {
  return set->records[set->groups[group].members[0]];
}

/* whether groups differ in this option; with `like`, only those of the same environment and algorithm count */
static bool groups_differ(const struct record_set *set, const char *key, const struct run_record *like) {
  const char *text = NULL;
  for (size_t g = 0; g < set->n_groups; g++) {
    const struct run_record *record = first_of(set, g);
    if (like != NULL &&
        (strcmp(run_record_option(record, "env.name"), run_record_option(like, "env.name")) != 0 ||
         strcmp(run_record_option(record, "algorithm.name"), run_record_option(like, "algorithm.name")) != 0))
      continue;
    if (text != NULL && strcmp(text, run_record_option(record, key)) != 0) return true;
    text = run_record_option(record, key);
  }
  return false;
}

static bool ranks_differ(const struct record_set *set) {
  for (size_t g = 1; g < set->n_groups; g++)
    if (first_of(set, g)->ranks != first_of(set, 0)->ranks) return true;
  return false;
}

/* "ppo, n_steps 128, 3 ranks": the algorithm, and what differs; false when that is too long to read */
static bool describe(const struct record_set *set, const struct run_record *record, char label[RECORD_LABEL_SIZE]) {
  enum { READABLE = 72, DIFFERENCES = 3 };
  bool many_envs = groups_differ(set, "env.name", NULL);
  int length = snprintf(label, RECORD_LABEL_SIZE, "%.60s%s%.60s", run_record_option(record, "algorithm.name"),
                        many_envs ? ", " : "", many_envs ? run_record_option(record, "env.name") : "");
  const struct entry_list *list = document_entries(record->config);
  int differences = 0;
  for (size_t i = 0; i < list->count && length < READABLE; i++) {
    const struct entry *entry = &list->entries[i];
    if (!is_telling(entry) || !groups_differ(set, entry->key, record)) continue;
    const char *dot = strrchr(entry->key, '.');
    length += snprintf(label + length, (size_t)(RECORD_LABEL_SIZE - length), ", %.24s %.24s",
                       dot != NULL ? dot + 1 : entry->key, entry->content);
    differences++;
  }
  if (ranks_differ(set))
    length += snprintf(label + length, (size_t)(RECORD_LABEL_SIZE - length), ", %d rank%s", record->ranks,
                       record->ranks == 1 ? "" : "s");
  return label[0] != '\0' && length < READABLE && differences <= DIFFERENCES;
}

/* the name of its folder, or the start that those of all runs share, without a number behind it: "ppo" for "ppo-1" and
 * "ppo-2" */
static void name_group(const struct record_set *set, const struct record_group *group, char label[RECORD_LABEL_SIZE]) {
  const char *name = set->records[group->members[0]]->name;
  size_t length = strlen(name);
  for (size_t i = 1; i < group->n_members; i++) {
    size_t shared = 0;
    while (shared < length && name[shared] == set->records[group->members[i]]->name[shared]) shared++;
    length = shared;
  }
  while (group->n_members > 1 && length > 0 && strchr("0123456789-_.", name[length - 1]) != NULL) length--;
  snprintf(label, RECORD_LABEL_SIZE, "%.*s", length > 0 && length < 72 ? (int)length : 72, name);
}

static bool labels_differ(const struct record_set *set) {
  for (size_t g = 0; g < set->n_groups; g++)
    for (size_t other = 0; other < g; other++)
      if (strcmp(set->groups[g].label, set->groups[other].label) == 0) return false;
  return true;
}

/* what differs where that is short, else the names of the folders */
static void make_labels(struct record_set *set) {
  bool readable = true;
  for (size_t g = 0; g < set->n_groups; g++)
    readable = describe(set, first_of(set, g), set->groups[g].label) && readable;
  readable = readable && labels_differ(set);
  for (size_t g = 0; g < set->n_groups && !readable; g++) name_group(set, &set->groups[g], set->groups[g].label);
  bool differ = labels_differ(set);
  for (size_t g = 0; g < set->n_groups; g++) {
    struct record_group *group = &set->groups[g];
    if (!differ) snprintf(group->label, RECORD_LABEL_SIZE, "%.72s", first_of(set, g)->path);
    size_t length = strlen(group->label);
    if (group->n_seeds < group->n_members)
      snprintf(group->label + length, RECORD_LABEL_SIZE - length, " (%zu runs of %zu seed%s)", group->n_members,
               group->n_seeds, group->n_seeds == 1 ? "" : "s");
    else if (group->n_members > 1)
      snprintf(group->label + length, RECORD_LABEL_SIZE - length, " (%zu runs)", group->n_members);
  }
}

void record_set_title(const struct record_set *set, char title[RECORD_LABEL_SIZE]) {
  const char *env = run_record_option(set->records[0], "env.name");
  const char *algorithm = run_record_option(set->records[0], "algorithm.name");
  for (size_t i = 1; i < set->n; i++) {
    if (strcmp(env, run_record_option(set->records[i], "env.name")) != 0) env = "";
    if (strcmp(algorithm, run_record_option(set->records[i], "algorithm.name")) != 0) algorithm = "";
  }
  snprintf(title, RECORD_LABEL_SIZE, "%.72s%s%.72s", env, env[0] != '\0' && algorithm[0] != '\0' ? ", " : "",
           algorithm);
}

/* --- the set --- */

/* two paths of one folder would count one seed twice */
static muster_status check_given_once(const struct record_set *set, const char *path) {
  struct stat here, there;
  if (stat(path, &here) != 0) return status_errno(MUSTER_ERROR_IO, "cannot open the run %s", path);
  for (size_t other = 0; other < set->n; other++)
    if (stat(set->records[other]->path, &there) == 0 && here.st_dev == there.st_dev && here.st_ino == there.st_ino)
      return status_error(MUSTER_ERROR_USAGE, "the run %s is given twice", path);
  return MUSTER_OK;
}

static muster_status read_record(struct run_record *record) {
  run_record_refresh(record);
  MUSTER_TRY(run_record_take_failure(record));
  if (record->is_run) return MUSTER_OK;
  return status_error(MUSTER_ERROR_USAGE,
                      "%s is not a run folder: expects a folder with config.yaml and metrics.csv, as training "
                      "leaves it",
                      record->path);
}

static muster_status read_all(struct record_set *set, const char *const *paths, size_t n) {
  set->records = calloc(n, sizeof *set->records);
  if (set->records == NULL) return out_of_memory(paths[0]);
  for (size_t i = 0; i < n; i++) {
    MUSTER_TRY(check_given_once(set, paths[i]));
    MUSTER_TRY(run_record_create(paths[i], &set->records[i]));
    set->n++;
    MUSTER_TRY(read_record(set->records[i]));
  }
  MUSTER_TRY(make_groups(set));
  make_labels(set);
  return MUSTER_OK;
}

muster_status record_set_read(const char *const *paths, size_t n, struct record_set **out) {
  struct record_set *set = calloc(1, sizeof *set);
  if (set == NULL) return out_of_memory(paths[0]);
  muster_status status = read_all(set, paths, n);
  if (status != MUSTER_OK)
    record_set_destroy(&set);
  else
    *out = set;
  return status;
}

void record_set_destroy(struct record_set **handle) {
  struct record_set *set = *handle;
  if (set == NULL) return;
  for (size_t i = 0; i < set->n; i++) run_record_destroy(&set->records[i]);
  for (size_t g = 0; g < set->n_groups; g++) {
    free(set->groups[g].members);
    free(set->groups[g].seeds);
  }
  free(set->groups);
  free(set->records);
  free(set);
  *handle = NULL;
}
