/* What the learner tells the actors before each rollout. */
#ifndef TRAIN_COMMAND_H
#define TRAIN_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

/* A header and, behind it, the policy's parameters and the
 * statistics that its observations are normalised with, broadcast as one message. */
struct command {
  int64_t iteration;   /* rollouts finished before the one that it asks for; also the version of the policy */
  int32_t send_states; /* first send the states of the environments: enum send_states */
  int32_t stop;        /* enum stop: no rollout, end */
  int64_t rollouts;    /* of an asynchronous run: the number that actors count theirs from */
  int32_t evaluation;  /* enum command_evaluation */
  int32_t unused;
  int64_t padding[4]; /* parameters start at the next cache line */
  float floats[];     /* [policy_count] parameters, then the encoder's statistics */
};

/* What a command says of evaluations. One that begins, goes on or ends speaks of nothing else: its policy is played for
 * a slice of time, then another such command comes, until one that ends. */
enum command_evaluation {
  EVALUATION_NONE,
  EVALUATION_BEGINS,
  EVALUATION_GOES_ON,
  EVALUATION_ENDS,
  EVALUATION_FOLLOWS /* behind the rollout that the command asks for, where the learner learns meanwhile */
};

/* What states of environments are for: a checkpoint is due, or comes if the evaluation that follows is the best. */
enum send_states { SEND_NOTHING, SEND_FOR_CHECKPOINT, SEND_FOR_BEST };

/* Whether it asks for a slice of an evaluation, or ends one, and for nothing else. */
static inline bool command_is_of_evaluation(const struct command *command) {
  return command->evaluation == EVALUATION_BEGINS || command->evaluation == EVALUATION_GOES_ON ||
         command->evaluation == EVALUATION_ENDS;
}

/* Why a run ends. */
enum stop {
  STOP_NOT,
  STOP_FINISHED,
  STOP_ASKED,
  STOP_REQUEUE,
  STOP_DEAD /* isolated environments have died more often than env.max_restarts */
};

/* What an actor flags beside the bits of enum interrupt: its rollout holds a fault; environments stay dead. */
enum { FLAG_FAULT = 4, FLAG_DEAD = 8 };

#endif
