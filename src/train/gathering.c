#include "train/gathering.h"

/* --- the group, as algorithms see it --- */

static muster_status share_memory(void *group, size_t bytes, void **memory) {
  return group_share(group, bytes, memory);
}

static muster_status gather_memory(void *group, void *memory, const size_t *offsets) {
  return group_gather(group, memory, offsets);
}

static muster_status meet_on_node(void *group) { return group_meet_on_node(group); }

static muster_status create_group(struct gathering *gathering) {
  const struct topology *topology = &gathering->run->topology;
  if (topology->learners == 1) return MUSTER_OK;
  MUSTER_TRY(group_create(gathering->run->comm, topology->group, topology->learners, &gathering->group));
  if (gathering->group == NULL) return MUSTER_OK;
  gathering->learners = (struct learner_group){.size = (size_t)group_ranks(gathering->group),
                                               .index = (size_t)group_rank(gathering->group),
                                               .context = gathering->group,
                                               .node_size = (size_t)group_node_ranks(gathering->group),
                                               .node_index = (size_t)group_node_rank(gathering->group),
                                               .share = share_memory,
                                               .gather = gather_memory,
                                               .meet_on_node = meet_on_node};
  return MUSTER_OK;
}

/* --- the batch --- */

static muster_status take_batch(struct gathering *gathering, struct arena *arena) {
  const struct run *run = gathering->run;
  MUSTER_TRY(ARENA_TAKE(arena, 1, "the batch's head", &gathering->head));
  return trajectory_create(env_pool_spec(run->pool), run->schedule->batch_envs(run), run->needs.n_steps, arena,
                           &gathering->batch);
}

/* in memory that the learners of a node share: all of them lay out the same arrays in it */
static muster_status share_batch(struct gathering *gathering) {
  struct arena *measured;
  void *memory;
  MUSTER_TRY(arena_create(&measured));
  muster_status status = take_batch(gathering, measured);
  const size_t room = arena_room(measured);
  arena_destroy(&measured);
  if (status == MUSTER_OK) status = group_share(gathering->group, room, &memory);
  if (status == MUSTER_OK) status = arena_create_in(memory, room, &gathering->shared);
  return status == MUSTER_OK ? take_batch(gathering, gathering->shared) : status;
}

muster_status gathering_create(struct run *run, struct gathering *gathering) {
  *gathering = (struct gathering){.run = run};
  MUSTER_TRY(create_group(gathering));
  if (!run->topology.learns) return MUSTER_OK;
  MUSTER_TRY(gathering->group != NULL ? share_batch(gathering) : take_batch(gathering, run->arena));
  if (!run->topology.leads) return MUSTER_OK;
  return ARENA_TAKE(run->arena, (size_t)run->config.env.num_envs * run->env_state_bytes, "environment states",
                    &gathering->env_states);
}

muster_status gathering_share(struct gathering *gathering) {
  struct batch_head *head = gathering->head;
  struct final_observations *final_observations = &gathering->batch.final_observations;
  if (gathering->group == NULL) return MUSTER_OK;
  if (gathering->run->topology.leads) head->final_observations = final_observations->count;
  MUSTER_TRY(group_broadcast(gathering->group, head, sizeof *head));
  final_observations->count = head->final_observations;
  if (!group_spans_nodes(gathering->group)) return MUSTER_OK;
  /* final observations come last in memory, so only those that there are need to be sent */
  char *rest = (char *)(head + 1);
  return group_broadcast(gathering->group, rest, (size_t)(trajectory_end(&gathering->batch) - rest));
}

void gathering_release(struct gathering *gathering) {
  arena_destroy(&gathering->shared);
  group_destroy(&gathering->group);
}
