/* What the learner commands the actors before each rollout. */
#ifndef TRAIN_COMMAND_H
#define TRAIN_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

/* A header, then the policy's parameters and the statistics that its observations are normalised with: one message. */
struct command {
  int64_t iteration;   /* rollouts finished before the one that it asks for; also the version of the policy */
  int32_t send_states; /* first send the states of the environments: enum send_states */
  int32_t stop;        /* enum stop: no rollout, end */
  int64_t rollouts;    /* in an asynchronous run: the number from which actors count their rollouts */
  int32_t evaluation;  /* enum command_evaluation */
  int32_t unused;
  int64_t steps;      /* collected before the rollout: options of environments go by it */
  int64_t padding[3]; /* parameters start at the next cache line */
  float floats[];     /* [policy_count] parameters, then the encoder's statistics */
};

/* What a command says of evaluations. A command that begins, continues or ends one says nothing else: the actors play
 * its policy for a slice of time, then the next such command comes, until one ends the evaluation. */
enum command_evaluation {
  EVALUATION_NONE,
  EVALUATION_BEGINS,
  EVALUATION_GOES_ON,
  EVALUATION_ENDS,
  EVALUATION_FOLLOWS /* after the rollout that the command asks for; meanwhile the learner learns */
};

/* What the states of environments are sent for: a checkpoint that is due, or one that is written if the evaluation that
 * follows is the best. */
enum send_states { SEND_NOTHING, SEND_FOR_CHECKPOINT, SEND_FOR_BEST };

/* Whether it begins, continues or ends an evaluation, and asks for nothing else. */
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

/* What an actor flags besides the bits of enum interrupt: its rollout holds a fault; environments stay dead. */
enum { FLAG_FAULT = 4, FLAG_DEAD = 8 };

#endif
