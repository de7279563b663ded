#include "view/record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_SIZE = 4096 };

static muster_status out_of_memory(const char *path) {
  return status_error(MUSTER_ERROR_MEMORY, "out of memory: the run %s", path);
}

/* --- one run --- */

static bool find_file(const struct record *record, const char *name, char path[PATH_SIZE]) {
  return snprintf(path, PATH_SIZE, "%s/%s", record->path, name) < PATH_SIZE && access(path, F_OK) == 0;
}

/* the last part of the path; of "." and ".." that of the folder they stand for */
static void name_record(struct record *record) {
  char resolved[PATH_SIZE];
  const char *path = realpath(record->path, resolved) != NULL ? resolved : record->path;
  const char *slash = strrchr(path, '/');
  snprintf(record->name, sizeof record->name, "%.255s", slash != NULL && slash[1] != '\0' ? slash + 1 : path);
}

/* keeps the comments before the first option, and the number of ranks that they tell */
static muster_status read_about(struct record *record, const char *path) {
  FILE *file = fopen(path, "re");
  if (file == NULL) return status_errno(MUSTER_ERROR_IO, "cannot open '%s'", path);
  size_t size = 0, length = 0;
  char *line = NULL;
  FILE *about = open_memstream(&record->about, &length);
  while (about != NULL && getline(&line, &size, file) > 0 && line[0] == '#') {
    int ranks;
    if (sscanf(line, "# ranks: %d", &ranks) == 1) record->ranks = ranks;
    fputs(line + (line[1] == ' ' ? 2 : 1), about);
  }
  free(line);
  fclose(file);
  return about == NULL || fclose(about) != 0 ? out_of_memory(record->path) : MUSTER_OK;
}

static muster_status read_config(struct record *record) {
  char path[PATH_SIZE];
  MUSTER_TRY(document_create(&record->config));
  if (!find_file(record, "config.yaml", path)) return MUSTER_OK;
  MUSTER_TRY(read_about(record, path));
  return document_read_file(record->config, path);
}

static muster_status read_metrics(struct record *record) {
  char path[PATH_SIZE];
  if (find_file(record, "metrics.csv", path)) return metrics_read(path, &record->metrics);
  record->metrics = calloc(1, sizeof *record->metrics);
  return record->metrics == NULL ? out_of_memory(record->path) : MUSTER_OK;
}

/* whether the lock that a run holds on its folder is somebody's (src/run/folder.c) */
static bool folder_is_locked(const struct record *record) {
  char path[PATH_SIZE];
  int file = find_file(record, ".lock", path) ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  if (file < 0) return false;
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  bool locked = fcntl(file, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
  close(file);
  return locked;
}

/* while a run goes on, the summary that stands there is of the part before it was resumed */
static muster_status read_summary(struct record *record) {
  char path[PATH_SIZE];
  record->is_running = folder_is_locked(record);
  if (record->is_running || !find_file(record, "summary.json", path)) return MUSTER_OK;
  return json_read(path, &record->summary);
}

static muster_status read_record(struct record *record) {
  struct stat about;
  char path[PATH_SIZE];
  if (stat(record->path, &about) != 0) return status_errno(MUSTER_ERROR_IO, "cannot open the run %s", record->path);
  if (!S_ISDIR(about.st_mode) || (!find_file(record, "metrics.csv", path) && !find_file(record, "config.yaml", path)))
    return status_error(MUSTER_ERROR_USAGE,
                        "%s is not a run folder: expects a folder with config.yaml and metrics.csv, as `muster train` "
                        "leaves it",
                        record->path);
  name_record(record);
  MUSTER_TRY(read_config(record));
  MUSTER_TRY(read_metrics(record));
  return read_summary(record);
}

const char *record_config(const struct record *record, const char *key) {
  const char *text = document_get(record->config, key);
  return text != NULL ? text : "";
}

const char *record_status(const struct record *record) {
  const char *status = json_string_of(json_get(record->summary, "status"));
  return record->is_running ? "running" : status != NULL ? status : "not finished";
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
static bool config_is_within(const struct record *a, const struct record *b) {
  const struct entry_list *list = document_entries(a->config);
  for (size_t i = 0; i < list->count; i++) {
    const struct entry *entry = &list->entries[i];
    if (is_shared(entry) && strcmp(entry->content, record_config(b, entry->key)) != 0) return false;
  }
  return true;
}

/* runs without a config are like no other */
static bool belong_together(const struct record *a, const struct record *b) {
  return document_entries(a->config)->count > 0 && a->ranks == b->ranks && config_is_within(a, b) &&
         config_is_within(b, a);
}

static muster_status make_groups(struct record_set *set) {
  set->groups = calloc(set->n, sizeof *set->groups);
  if (set->groups == NULL) return out_of_memory(set->records[0].path);
  for (size_t i = 0; i < set->n; i++) {
    size_t g = 0;
    while (g < set->n_groups && !belong_together(&set->records[set->groups[g].members[0]], &set->records[i])) g++;
    struct record_group *group = &set->groups[g];
    if (g == set->n_groups) {
      group->members = calloc(set->n, sizeof *group->members);
      if (group->members == NULL) return out_of_memory(set->records[i].path);
      set->n_groups++;
    }
    group->members[group->n_members++] = i;
  }
  return MUSTER_OK;
}

/* --- labels --- */

static const struct record *first_of(const struct record_set *set, size_t group) {
  return &set->records[set->groups[group].members[0]];
}

/* whether groups differ in this option; with `like`, only those of the same environment and algorithm count */
static bool groups_differ(const struct record_set *set, const char *key, const struct record *like) {
  const char *text = NULL;
  for (size_t g = 0; g < set->n_groups; g++) {
    const struct record *record = first_of(set, g);
    if (like != NULL && (strcmp(record_config(record, "env.name"), record_config(like, "env.name")) != 0 ||
                         strcmp(record_config(record, "algorithm.name"), record_config(like, "algorithm.name")) != 0))
      continue;
    if (text != NULL && strcmp(text, record_config(record, key)) != 0) return true;
    text = record_config(record, key);
  }
  return false;
}

static bool ranks_differ(const struct record_set *set) {
  for (size_t g = 1; g < set->n_groups; g++)
    if (first_of(set, g)->ranks != first_of(set, 0)->ranks) return true;
  return false;
}

/* "ppo, n_steps 128, 3 ranks": the algorithm, and what differs; false when that is too long to read */
static bool describe(const struct record_set *set, const struct record *record, char label[RECORD_LABEL_SIZE]) {
  enum { READABLE = 72, DIFFERENCES = 3 };
  bool many_envs = groups_differ(set, "env.name", NULL);
  int length = snprintf(label, RECORD_LABEL_SIZE, "%.60s%s%.60s", record_config(record, "algorithm.name"),
                        many_envs ? ", " : "", many_envs ? record_config(record, "env.name") : "");
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
  const char *name = set->records[group->members[0]].name;
  size_t length = strlen(name);
  for (size_t i = 1; i < group->n_members; i++) {
    size_t shared = 0;
    while (shared < length && name[shared] == set->records[group->members[i]].name[shared]) shared++;
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
    if (group->n_members > 1)
      snprintf(group->label + length, RECORD_LABEL_SIZE - length, " (%zu runs)", group->n_members);
  }
}

void record_set_title(const struct record_set *set, char title[RECORD_LABEL_SIZE]) {
  const char *env = record_config(&set->records[0], "env.name");
  const char *algorithm = record_config(&set->records[0], "algorithm.name");
  for (size_t i = 1; i < set->n; i++) {
    if (strcmp(env, record_config(&set->records[i], "env.name")) != 0) env = "";
    if (strcmp(algorithm, record_config(&set->records[i], "algorithm.name")) != 0) algorithm = "";
  }
  snprintf(title, RECORD_LABEL_SIZE, "%.72s%s%.72s", env, env[0] != '\0' && algorithm[0] != '\0' ? ", " : "",
           algorithm);
}

/* --- the set --- */

/* two paths of one folder would count one seed twice */
static muster_status check_given_once(const struct record_set *set, size_t i) {
  struct stat here, there;
  for (size_t other = 0; other < i; other++)
    if (stat(set->records[i].path, &here) == 0 && stat(set->records[other].path, &there) == 0 &&
        here.st_dev == there.st_dev && here.st_ino == there.st_ino)
      return status_error(MUSTER_ERROR_USAGE, "the run %s is given twice", set->records[i].path);
  return MUSTER_OK;
}

static muster_status read_all(struct record_set *set, const char *const *paths, size_t n) {
  set->records = calloc(n, sizeof *set->records);
  if (set->records == NULL) return out_of_memory(paths[0]);
  for (; set->n < n; set->n++) {
    set->records[set->n].path = paths[set->n];
    MUSTER_TRY(check_given_once(set, set->n));
    muster_status status = read_record(&set->records[set->n]);
    if (status != MUSTER_OK) set->n++; // what was read of it is released too
    MUSTER_TRY(status);
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
  for (size_t i = 0; i < set->n; i++) {
    struct record *record = &set->records[i];
    document_destroy(&record->config);
    free(record->about);
    metrics_table_destroy(&record->metrics);
    json_destroy(&record->summary);
  }
  for (size_t g = 0; g < set->n_groups; g++) free(set->groups[g].members);
  free(set->groups);
  free(set->records);
  free(set);
  *handle = NULL;
}
