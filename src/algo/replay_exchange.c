#include "algo/replay_exchange.h"

#include <string.h>

struct replay_division replay_exchange_division(const struct learner_group *group, int64_t n_steps) {
  return (struct replay_division){
      .members = learner_group_size(group), .index = learner_group_index(group), .window = n_steps};
}

muster_status replay_exchange_create(const struct replay *replay, const struct learner_group *group, size_t batch,
                                     int64_t n_steps, double gamma, struct arena *arena,
                                     struct replay_exchange *exchange) {
  *exchange =
      (struct replay_exchange){.replay = replay, .group = group, .batch = batch, .n_steps = n_steps, .gamma = gamma};
  if (learner_group_size(group) == 1) return MUSTER_OK;
  MUSTER_TRY(ARENA_TAKE(arena, batch, "places of a minibatch", &exchange->place));
  return group->share(group->context, 2 * batch * replay_packed_bytes(replay), (void **)&exchange->packed);
}

/* the steps of this minibatch */
static char *packed_steps(const struct replay_exchange *exchange) {
  return exchange->packed + exchange->turns % 2 * exchange->batch * replay_packed_bytes(exchange->replay);
}

/* gives the drawn steps their places, in the order of their owners; those of member i begin at begins[i] */
static void place_steps(struct replay_exchange *exchange, const uint64_t *drawn, size_t *begins) {
  const size_t members = exchange->group->size;
  size_t next[LEARNER_GROUP_MAX + 1] = {0};
  for (size_t i = 0; i < exchange->batch; i++) next[replay_owner(exchange->replay, drawn[i]) + 1]++;
  for (size_t i = 0; i < members; i++) next[i + 1] += next[i];
  memcpy(begins, next, (members + 1) * sizeof *begins);
  for (size_t i = 0; i < exchange->batch; i++)
    exchange->place[i] = (uint32_t)next[replay_owner(exchange->replay, drawn[i])]++;
}

muster_status replay_exchange_gather(struct replay_exchange *exchange, const uint64_t *drawn) {
  const struct learner_group *group = exchange->group;
  const struct replay *replay = exchange->replay;
  if (exchange->packed == NULL) return MUSTER_OK;
  const size_t bytes = replay_packed_bytes(replay);
  size_t offsets[LEARNER_GROUP_MAX + 1];
  exchange->turns++;
  place_steps(exchange, drawn, offsets);
  char *packed = packed_steps(exchange);
  for (size_t i = 0; i < exchange->batch; i++)
    if (replay_owner(replay, drawn[i]) == group->index)
      replay_pack(replay, drawn[i], exchange->n_steps, exchange->gamma, packed + exchange->place[i] * bytes);
  for (size_t i = 0; i <= group->size; i++) offsets[i] *= bytes;
  return group->gather(group->context, packed, offsets);
}

void replay_exchange_fill(const struct replay_exchange *exchange, const uint64_t *drawn, size_t first, size_t rows,
                          struct replay_tile *tile) {
  const struct replay *replay = exchange->replay;
  if (exchange->packed == NULL) {
    replay_gather(replay, drawn + first, rows, exchange->n_steps, exchange->gamma, tile);
    return;
  }
  const size_t bytes = replay_packed_bytes(replay);
  tile->rows = rows;
  for (size_t r = 0; r < rows; r++)
    replay_unpack(replay, packed_steps(exchange) + exchange->place[first + r] * bytes, tile, r);
}
