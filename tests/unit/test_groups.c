/* Groups of runs that differ in nothing but the seed: members, seeds, statistics, labels. */
#include "runs/groups.h"
#include "support/check.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* a run folder with a seed, a return, and one more line of config */
static void write_run(const char *folder, const char *name, int seed, double mean_return, const char *option) {
  char path[1400];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  CU_ASSERT_EQUAL_FATAL(mkdir(path, 0777), 0);
  snprintf(path, sizeof path, "%s/%s/config.yaml", folder, name);
  FILE *file = fopen(path, "w");
  CU_ASSERT_PTR_NOT_NULL_FATAL(file);
  fprintf(file, "# ranks: 1\nseed: %d\nenv: {name: CartPole-v1}\nalgorithm: {name: ppo}\n%s\n", seed, option);
  fclose(file);
  snprintf(path, sizeof path, "%s/%s/metrics.csv", folder, name);
  file = fopen(path, "w");
  CU_ASSERT_PTR_NOT_NULL_FATAL(file);
  fprintf(file, "time/total_timesteps,time/time_elapsed,rollout/ep_rew_mean\n100,1,%.17g\n", mean_return);
  fclose(file);
}

static struct grouped_runs *find(const char *folder) {
  struct grouped_runs *runs = NULL;
  CHECK_OK_FATAL(grouped_runs_find(&folder, 1, &runs));
  return runs;
}

/* members are sorted by seed; several runs of one seed count as one, with their mean; NAN is not known */
static void test_seeds(void) {
  const char *folder = check_folder("groups-seeds");
  write_run(folder, "a", 7, 1, "");
  write_run(folder, "b", 5, 8, "");
  write_run(folder, "c", 7, 2, "checkpoint: {keep: 9}");
  write_run(folder, "d", 7, 3, "env.frame_stack: 1"); /* the default */
  write_run(folder, "e", 6, (double)NAN, "");
  write_run(folder, "f", 6, (double)NAN, "");
  struct grouped_runs *runs = find(folder);
  CU_ASSERT_EQUAL_FATAL(runs->n_groups, 1);
  const struct run_group *group = &runs->groups[0];
  CU_ASSERT_EQUAL(group->n_members, 6);
  CU_ASSERT_EQUAL(group->n_seeds, 3);
  static const int64_t seeds[] = {5, 6, 6, 7, 7, 7};
  static const char *const names[] = {"b", "e", "f", "a", "c", "d"};
  for (size_t i = 0; i < 6; i++) {
    CU_ASSERT_EQUAL(group->seeds[i], seeds[i]);
    CU_ASSERT_STRING_EQUAL(runs->info[group->members[i]]->name, names[i]);
  }
  CU_ASSERT_STRING_EQUAL(group->label, "ppo (6 runs of 3 seeds)");
  CU_ASSERT_STRING_EQUAL(group->differences, "");

  const struct seed_statistics returns = run_group_statistics(runs, group, offsetof(struct run_info, mean_return));
  CU_ASSERT_EQUAL(returns.count, 2); /* the values of the two seeds: 8 and 2 */
  CHECK_CLOSE(returns.mean, 5, 1e-12);
  CHECK_CLOSE(returns.std, sqrt(18.0), 1e-12);
  CHECK_CLOSE(returns.median, 5, 1e-12);
  const struct seed_statistics unknown =
      run_group_statistics(runs, group, offsetof(struct run_info, evaluation_return));
  CU_ASSERT_EQUAL(unknown.count, 0);
  CU_ASSERT_TRUE(isnan(unknown.mean) && isnan(unknown.std) && isnan(unknown.median));
  grouped_runs_destroy(&runs);
  CU_ASSERT_PTR_NULL(runs);
}

/* groups are in the order of their first runs, and their labels say in what they differ */
static void test_labels(void) {
  const char *folder = check_folder("groups-labels");
  char title[RUN_LABEL_SIZE];
  write_run(folder, "a", 1, 1, "");
  write_run(folder, "b", 1, 1, "total_steps: 5000");
  write_run(folder, "c", 2, 1, "");
  struct grouped_runs *runs = find(folder);
  CU_ASSERT_EQUAL_FATAL(runs->n_groups, 2);
  CU_ASSERT_STRING_EQUAL(runs->groups[0].label, "ppo, total_steps 1000000 (2 runs)");
  CU_ASSERT_STRING_EQUAL(runs->groups[1].label, "ppo, total_steps 5000");
  CU_ASSERT_STRING_EQUAL(runs->groups[1].differences, "total_steps=5000");
  grouped_runs_title(runs, title);
  CU_ASSERT_STRING_EQUAL(title, "CartPole-v1, ppo");
  grouped_runs_destroy(&runs);

  /* too many differences for a legend: the label is the beginning that the names of the members share */
  write_run(folder, "long-1", 1, 1, "normalize: {observations: true}\nevaluation: {episodes: 1}\ntotal_steps: 9\n");
  write_run(folder, "long-2", 2, 1, "normalize: {observations: true}\nevaluation: {episodes: 1}\ntotal_steps: 9\n");
  write_run(folder, "other", 2, 1, "env.num_envs: 2");
  runs = find(folder);
  CU_ASSERT_EQUAL_FATAL(runs->n_groups, 4);
  CU_ASSERT_STRING_EQUAL(runs->groups[2].label, "long (2 runs)");
  CU_ASSERT_STRING_EQUAL(runs->groups[3].label, "other");
  grouped_runs_destroy(&runs);
}

static const struct check_case cases[] = {
    {"seeds, and runs that repeat them", test_seeds},
    {"labels, and what differs", test_labels},
};

CHECK_MAIN("groups", cases)
