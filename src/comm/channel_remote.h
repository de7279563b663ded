/* Inside comm/: the messages of a channel (comm/channel.h) between the learner and the actors that share no memory with
 * it.
 *
 * A message or a command is one message, with a head in front that says how much it is or which. The learner receives
 * into two slots for each actor, whose receives are posted before the actor may send: it sends again only when told,
 * by a message of no bytes, that the learner has let go of a slot. So nothing piles up anywhere.
 *
 * Commands are sent synchronously, so that they are done only when the actor has asked for one, and one at a time: what
 * is told meanwhile waits, and only the newest of it is sent. */
#ifndef COMM_CHANNEL_REMOTE_H
#define COMM_CHANNEL_REMOTE_H

#include "comm/channel_memory.h"
#include "comm/mpi_call.h"

/* What both ends have. */
struct remote_line {
  MPI_Comm world;    /* borrowed: no other messages have these tags there */
  MPI_Datatype unit; /* a message is a whole number of heads */
};

/* Error USAGE where a message of so many bytes would be too large for MPI. */
MUSTER_CHECKED muster_status remote_line_open(struct remote_line *line, MPI_Comm world, size_t largest_bytes);
void remote_line_close(struct remote_line *line); /* accepts one without a unit: MPI_DATATYPE_NULL */

/* --- the learner's end --- */

struct remote_peer {
  int rank;
  struct channel_head *slot[2];
  bool has_come[2];  /* received, while the one before it is not */
  uint32_t arrived;  /* messages that have come, in order */
  uint32_t credited; /* of them */
  uint32_t version;  /* of the last command that was sent */
  int packet;        /* which is being sent; -1: none */
};

struct remote_learner {
  struct remote_line line; /* borrowed */
  int n;
  struct remote_peer *peers; /* [n] */
  MPI_Request *requests;     /* [2 n]: of messages, persistent; then [n]: of commands */
  MPI_Request *credits;      /* [2 n], persistent */
  int *done;                 /* [3 n] scratch */
  char *packets;             /* [n + 1] commands: one is free even when each actor is being sent another */
  size_t packet_bytes;       /* of each */
  int *readers;              /* [n + 1] actors that it is being sent to */
  int newest;                /* packet */
  uint32_t version;          /* of that; 0: none was told */
};

/* With actors of these ranks [n] and rooms [n]. */
MUSTER_CHECKED muster_status remote_learner_open(struct remote_learner *end, struct remote_line line, int n,
                                                 const int *ranks, const size_t *rooms, size_t command_bytes);
void remote_learner_close(struct remote_learner *end); /* accepts a zeroed one */
/* Looks after all messages. Writes whose messages have come, as indices of peers, oldest first, to come[2 n]. */
MUSTER_CHECKED muster_status remote_learner_poll(struct remote_learner *end, int *come, int *n_come);
MUSTER_CHECKED muster_status remote_learner_credit(struct remote_learner *end, int index);
MUSTER_CHECKED muster_status remote_learner_send_command(struct remote_learner *end, uint32_t version,
                                                         const void *command, size_t command_bytes);
/* Whether every actor has the newest command. */
bool remote_learner_is_done(const struct remote_learner *end);

/* --- an actor's end --- */

struct remote_actor {
  struct remote_line line; /* borrowed */
  int learner;
  struct channel_head *slot[2];
  MPI_Request sends[2], credits[2]; /* of each slot; the latter persistent */
  struct channel_head *packet[2];   /* a command that has come, and room for the next */
  MPI_Request commands[2];          /* persistent; one of them is active */
  int incoming;                     /* that one */
};

MUSTER_CHECKED muster_status remote_actor_open(struct remote_actor *end, struct remote_line line, int learner,
                                               size_t room, size_t command_bytes);
void remote_actor_close(struct remote_actor *end); /* accepts a zeroed one */
/* Whether the learner has let go of what was in a slot; waits until it has. */
MUSTER_CHECKED muster_status remote_actor_is_free(struct remote_actor *end, int which, bool *is_free);
MUSTER_CHECKED muster_status remote_actor_wait_free(struct remote_actor *end, int which);
/* Sends what is in a slot, whose head says how much. */
MUSTER_CHECKED muster_status remote_actor_send(struct remote_actor *end, int which);
/* Waits until it is sent. */
MUSTER_CHECKED muster_status remote_actor_wait_sent(struct remote_actor *end, int which);
/* Looks after all messages. */
MUSTER_CHECKED muster_status remote_actor_poll(struct remote_actor *end);
/* Waits for another command. */
MUSTER_CHECKED muster_status remote_actor_wait_command(struct remote_actor *end);
/* The newest command that has come, and its version in the head; version 0: none. */
const struct channel_head *remote_actor_command(const struct remote_actor *end);

#endif
