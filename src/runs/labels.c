#include "runs/labels.h"

#include "base/format.h"
#include "config/text.h"

#include <string.h>

static const struct run_info *first_of(const struct grouped_runs *runs, size_t group) {
  return runs->info[runs->groups[group].members[0]];
}

/* an option's value in a group; "" where its configs do not have it */
static const char *setting(const struct run_group *group, const char *key) {
  const struct entry *entry = entry_list_find(&group->settings, key);
  return entry != NULL ? entry->content : "";
}

static bool share(const struct run_group *a, const struct run_group *b, const char *key) {
  return strcmp(setting(a, key), setting(b, key)) == 0;
}

/* whether any group of the same environment and algorithm has another value of an option than this one */
static bool is_varied(const struct grouped_runs *runs, const struct run_group *group, const char *key) {
  for (size_t g = 0; g < runs->n_groups; g++) {
    const struct run_group *other = &runs->groups[g];
    if (share(group, other, "env.name") && share(group, other, "algorithm.name") && !share(group, other, key))
      return true;
  }
  return false;
}

static bool ranks_are_varied(const struct grouped_runs *runs) {
  for (size_t g = 1; g < runs->n_groups; g++)
    if (first_of(runs, g)->ranks != first_of(runs, 0)->ranks) return true;
  return false;
}

static bool envs_are_varied(const struct grouped_runs *runs) {
  for (size_t g = 1; g < runs->n_groups; g++)
    if (!share(&runs->groups[g], &runs->groups[0], "env.name")) return true;
  return false;
}

/* "algorithm.gamma=0.9 ranks=2" */
static void list_differences(const struct grouped_runs *runs, size_t g) {
  struct run_group *group = &runs->groups[g];
  struct text_sink sink = text_sink_start(group->differences, sizeof group->differences);
  for (size_t i = 0; i < group->settings.count; i++) {
    const struct entry *entry = &group->settings.entries[i];
    if (is_varied(runs, group, entry->key))
      text_print(&sink, "%s%s=%s", sink.length > 0 ? " " : "", entry->key, entry->content);
  }
  if (ranks_are_varied(runs)) text_print(&sink, "%sranks=%d", sink.length > 0 ? " " : "", first_of(runs, g)->ranks);
}

/* "ppo, n_steps 128, 3 ranks": the algorithm, and what differs; false when that is too long to read */
static bool describe(const struct grouped_runs *runs, size_t g) {
  enum { READABLE = 72, DIFFERENCES = 3 };
  struct run_group *group = &runs->groups[g];
  struct text_sink sink = text_sink_start(group->label, sizeof group->label);
  text_print(&sink, "%.60s", setting(group, "algorithm.name"));
  if (envs_are_varied(runs)) text_print(&sink, ", %.60s", setting(group, "env.name"));
  int differences = 0;
  for (size_t i = 0; i < group->settings.count && sink.length < READABLE; i++) {
    const struct entry *entry = &group->settings.entries[i];
    if (!is_varied(runs, group, entry->key)) continue;
    const char *dot = strrchr(entry->key, '.');
    text_print(&sink, ", %.24s %.24s", dot != NULL ? dot + 1 : entry->key, entry->content);
    differences++;
  }
  const int ranks = first_of(runs, g)->ranks;
  if (ranks_are_varied(runs)) text_print(&sink, ", %d rank%s", ranks, plural(ranks));
  return group->label[0] != '\0' && sink.length < READABLE && differences <= DIFFERENCES;
}

/* the name of the run's folder, or the beginning that the folders of all its runs share, without a number at its end:
 * "ppo" for "ppo-1" and "ppo-2" */
static void name_group(const struct grouped_runs *runs, struct run_group *group) {
  const char *name = runs->info[group->members[0]]->name;
  size_t length = strlen(name);
  for (size_t i = 1; i < group->n_members; i++) {
    size_t shared = 0;
    while (shared < length && name[shared] == runs->info[group->members[i]]->name[shared]) shared++;
    length = shared;
  }
  while (group->n_members > 1 && length > 0 && strchr("0123456789-_.", name[length - 1]) != NULL) length--;
  snprintf(group->label, sizeof group->label, "%.*s", length > 0 && length < 72 ? (int)length : 72, name);
}

static bool labels_differ(const struct grouped_runs *runs) {
  for (size_t g = 0; g < runs->n_groups; g++)
    for (size_t other = 0; other < g; other++)
      if (strcmp(runs->groups[g].label, runs->groups[other].label) == 0) return false;
  return true;
}

/* "(4 runs of 3 seeds)", added to the label of a group with several runs */
static void add_counts(struct run_group *group) {
  const size_t length = strlen(group->label), left = sizeof group->label - length;
  if (group->n_seeds < group->n_members)
    snprintf(group->label + length, left, " (%zu runs of %zu seed%s)", group->n_members, group->n_seeds,
             plural((double)group->n_seeds));
  else if (group->n_members > 1)
    snprintf(group->label + length, left, " (%zu runs)", group->n_members);
}

void run_labels_make(struct grouped_runs *runs) {
  /* labels say what differs if that is short, else name the folders, else give their paths */
  bool is_readable = true;
  for (size_t g = 0; g < runs->n_groups; g++) is_readable = describe(runs, g) && is_readable;
  is_readable = is_readable && labels_differ(runs);
  for (size_t g = 0; g < runs->n_groups && !is_readable; g++) name_group(runs, &runs->groups[g]);
  const bool differ = labels_differ(runs);
  for (size_t g = 0; g < runs->n_groups; g++) {
    if (!differ) snprintf(runs->groups[g].label, sizeof runs->groups[g].label, "%.72s", first_of(runs, g)->path);
    add_counts(&runs->groups[g]);
    list_differences(runs, g);
  }
}

void grouped_runs_title(const struct grouped_runs *runs, char title[RUN_LABEL_SIZE]) {
  const char *env = run_info_option(runs->info[0], "env.name");
  const char *algorithm = run_info_option(runs->info[0], "algorithm.name");
  for (size_t i = 1; i < runs->n; i++) {
    if (strcmp(env, run_info_option(runs->info[i], "env.name")) != 0) env = "";
    if (strcmp(algorithm, run_info_option(runs->info[i], "algorithm.name")) != 0) algorithm = "";
  }
  snprintf(title, RUN_LABEL_SIZE, "%.72s%s%.72s", env, env[0] != '\0' && algorithm[0] != '\0' ? ", " : "", algorithm);
}
