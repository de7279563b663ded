#include "simulation.h"

#include "guard.h"
#include "renderer.h"

#include <math.h>
#include <stdlib.h>

/* ---- the model ---- */

/* a model's path by Gymnasium's rule: what begins with . / or ~ is a path, anything else a file of the folder `assets`
 */
static int find_model(const struct parameters *parameters, char *path, size_t size, muster_env_error *error) {
  const char *name = parameters->xml_file, *home = getenv("HOME");
  int length;
  if (*name == '.' || *name == '/')
    length = snprintf(path, size, "%s", name);
  else if (*name == '~')
    length = snprintf(path, size, "%s%s", home != NULL ? home : "", name + 1);
  else
    length = snprintf(path, size, "%s/%s", parameters->assets, name);
  if (length >= (int)size) return muster_env_fail(error, "option xml_file: the path is too long: %.100s...", path);
  FILE *file = fopen(path, "r");
  if (file == NULL) return muster_env_fail(error, "option xml_file: there is no file %.180s", path);
  fclose(file);
  return 0;
}

struct loading {
  const char *path;
  mjModel *model;
  char text[160];
};

static void load(void *argument) {
  struct loading *loading = argument;
  loading->model = mj_loadXML(loading->path, NULL, loading->text, sizeof loading->text);
}

static int load_model(struct simulation *self, muster_env_error *error) {
  char path[4096];
  if (find_model(&self->parameters, path, sizeof path, error)) return 1;
  struct loading loading = {.path = path};
  if (guard_run(load, &loading, error)) return 1;
  self->model = loading.model;
  if (self->model == NULL)
    return muster_env_fail(error, "option xml_file: %.80s is no model: %s", self->parameters.xml_file, loading.text);
  return 0;
}

static int find_body(const struct simulation *self, const char *name, int *id, muster_env_error *error) {
  *id = mj_name2id(self->model, mjOBJ_BODY, name);
  if (*id < 0) return muster_env_fail(error, "the model %.80s has no body \"%.60s\"", self->parameters.xml_file, name);
  return 0;
}

/* `main_body` is a body's name, or else its number */
static int find_main_body(struct simulation *self, muster_env_error *error) {
  const char *name = self->parameters.main_body;
  if (name == NULL) return 0;
  char *end;
  const long number = strtol(name, &end, 10);
  if (*end != '\0' || end == name) return find_body(self, name, &self->main_body, error);
  if (number < 0 || number >= self->model->nbody)
    return muster_env_fail(error, "option main_body: expects a body's name or its number, from 0 to %d, got \"%.40s\"",
                           (int)self->model->nbody - 1, name);
  self->main_body = (int)number;
  return 0;
}

static int check_model(struct simulation *self, muster_env_error *error) {
  const struct needs *needs = &self->task->needs;
  const mjModel *model = self->model;
  if (model->nu < 1 || model->nq < needs->nq || model->nv < needs->nv || model->nsite < needs->nsite)
    return muster_env_fail(error,
                           "the model %.80s does not fit %s: it has nu %d, nq %d, nv %d, nsite %d; the task "
                           "needs at least 1, %d, %d, %d",
                           self->parameters.xml_file, self->task->name, (int)model->nu, (int)model->nq, (int)model->nv,
                           (int)model->nsite, needs->nq, needs->nv, needs->nsite);
  for (int i = 0; i < 2; i++)
    if (needs->bodies[i] != NULL && find_body(self, needs->bodies[i], &self->body[i], error)) return 1;
  return find_main_body(self, error);
}

/* ---- create and destroy ---- */

/* the bounds of actions are those of the model's actuators */
static int take_bounds(struct simulation *self, muster_env_error *error) {
  const int nu = (int)self->model->nu;
  self->action_low = malloc(2 * (size_t)nu * sizeof *self->action_low);
  if (self->action_low == NULL) return muster_env_fail(error, "out of memory");
  for (int i = 0; i < nu; i++) {
    self->action_low[i] = (float)self->model->actuator_ctrlrange[2 * i];
    self->action_low[nu + i] = (float)self->model->actuator_ctrlrange[2 * i + 1];
  }
  return 0;
}

static void make_robots(void *argument) {
  struct simulation *self = argument;
  for (int32_t i = 0; i < self->n; i++) self->robots[i].data = mj_makeData(self->model);
}

static int take_robots(struct simulation *self, int32_t n, muster_env_error *error) {
  self->robots = calloc((size_t)n, sizeof *self->robots);
  if (self->robots == NULL) return muster_env_fail(error, "out of memory");
  self->n = n;
  if (guard_run(make_robots, self, error)) return 1;
  for (int32_t i = 0; i < n; i++)
    if (self->robots[i].data == NULL) return muster_env_fail(error, "out of memory");
  return 0;
}

/* an observation is as long as what observe() writes; no task writes more than this */
static int measure(struct simulation *self, muster_env_error *error) {
  const mjModel *model = self->model;
  const size_t most = 2 * (size_t)model->nq + 2 * (size_t)model->nv + 22 * (size_t)model->nbody + 16;
  float *observation = malloc(most * sizeof *observation);
  if (observation == NULL) return muster_env_fail(error, "out of memory");
  self->obs_dim = (int32_t)(self->task->observe(self, self->robots[0].data, observation) - observation);
  free(observation);
  self->state_size = (int32_t)mj_stateSize(model, mjSTATE_INTEGRATION) + 2;
  self->seconds = model->opt.timestep * self->parameters.frame_skip;
  self->scratch = malloc((size_t)self->state_size * sizeof *self->scratch);
  self->renderer = renderer_create();
  return self->scratch == NULL || self->renderer == NULL ? muster_env_fail(error, "out of memory") : 0;
}

int simulation_create(const struct task *task, const muster_env_setting *settings, int32_t n, struct simulation **out,
                      muster_env_error *error) {
  struct simulation *self = calloc(1, sizeof *self);
  if (self == NULL) return muster_env_fail(error, "out of memory");
  self->task = task;
  if (parameters_read(settings, &self->parameters, error) || load_model(self, error) || check_model(self, error) ||
      take_bounds(self, error) || take_robots(self, n, error) || measure(self, error)) {
    simulation_destroy(self);
    return 1;
  }
  *out = self;
  return 0;
}

void simulation_destroy(struct simulation *self) {
  if (self == NULL) return;
  for (int32_t i = 0; i < self->n; i++) mj_deleteData(self->robots[i].data);
  free(self->robots);
  renderer_destroy(self->renderer);
  free(self->scratch);
  free(self->action_low);
  mj_deleteModel(self->model);
  free(self);
}

void simulation_describe(const struct simulation *self, muster_env_spec *spec) {
  const int32_t nu = (int32_t)self->model->nu;
  spec->observation = (muster_space){.kind = MUSTER_SPACE_BOX, .rank = 1, .shape = {self->obs_dim}};
  spec->action = (muster_space){
      .kind = MUSTER_SPACE_BOX, .rank = 1, .shape = {nu}, .low = self->action_low, .high = self->action_low + nu};
  spec->agents = 1;
  spec->max_steps = self->task->max_steps;
  spec->reward_threshold = self->task->reward_threshold;
  spec->state_bytes = (size_t)self->state_size * sizeof(double);
}

/* ---- episodes ---- */

/* one call of MuJoCo under a guard */
struct call {
  struct simulation *self;
  struct robot *robot;
  muster_random *random;
  const float *action;
};

/* the model's own state and noise */
static void start_with_noise(const struct simulation *self, mjData *data, muster_random *random) {
  const double scale = self->parameters.reset_noise_scale;
  for (int i = 0; i < self->model->nq; i++) data->qpos[i] += muster_random_uniform(random, -scale, scale);
  for (int i = 0; i < self->model->nv; i++)
    data->qvel[i] += self->task->normal_velocities ? scale * muster_random_normal(random)
                                                   : muster_random_uniform(random, -scale, scale);
}

static void begin_episode(void *argument) {
  const struct call *call = argument;
  const struct simulation *self = call->self;
  mj_resetData(self->model, call->robot->data);
  (self->task->start != NULL ? self->task->start : start_with_noise)(self, call->robot->data, call->random);
  mj_forward(self->model, call->robot->data);
}

int simulation_reset(struct simulation *self, int32_t row, muster_random *random, float *observation,
                     muster_env_error *error) {
  struct robot *robot = &self->robots[row];
  if (guard_run(begin_episode, &(struct call){.self = self, .robot = robot, .random = random}, error)) return 1;
  self->task->locate(self, robot->data, robot->place);
  self->task->observe(self, robot->data, observation);
  return 0;
}

/* frame_skip steps of MuJoCo, and then the forces at contacts, which mj_step() leaves out */
static void move(void *argument) {
  const struct call *call = argument;
  const mjModel *model = call->self->model;
  mjData *data = call->robot->data;
  for (int i = 0; i < model->nu; i++) data->ctrl[i] = call->action[i];
  for (int i = 0; i < call->self->parameters.frame_skip; i++) mj_step(model, data);
  mj_rnePostConstraint(model, data);
}

int simulation_step(struct simulation *self, int32_t row, const float *action, float *observation, double *reward,
                    bool *terminated, muster_env_error *error) {
  struct robot *robot = &self->robots[row];
  if (guard_run(move, &(struct call){.self = self, .robot = robot, .action = action}, error)) return 1;
  const double before = robot->place[0];
  self->task->locate(self, robot->data, robot->place);
  const double velocity = (robot->place[0] - before) / self->seconds;
  self->task->observe(self, robot->data, observation);
  *reward = self->task->reward(self, robot->data, action, velocity, terminated);
  return 0;
}

/* ---- states: MuJoCo's with what its solver starts from, then the place ---- */

void simulation_save(const struct simulation *self, int32_t row, void *state) {
  const struct robot *robot = &self->robots[row];
  const size_t place_at = ((size_t)self->state_size - 2) * sizeof(double);
  mj_getState(self->model, robot->data, self->scratch, mjSTATE_INTEGRATION);
  memcpy(state, self->scratch, place_at);
  memcpy((char *)state + place_at, robot->place, sizeof robot->place);
}

int simulation_load(struct simulation *self, int32_t row, const void *state, muster_env_error *error) {
  struct robot *robot = &self->robots[row];
  const double *values = memcpy(self->scratch, state, (size_t)self->state_size * sizeof(double));
  for (int32_t i = 0; i < self->state_size; i++)
    if (!isfinite(values[i])) return muster_env_fail(error, "the state's number %d is not finite", (int)i);
  mj_setState(self->model, robot->data, values, mjSTATE_INTEGRATION);
  memcpy(robot->place, values + self->state_size - 2, sizeof robot->place);
  return 0;
}
