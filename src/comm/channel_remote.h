/* Inside comm/: the messages of a channel (comm/channel.h) between the learner and the actors that share no memory with
 * it.
 *
 * A message or a command is one MPI message, with a head in front that holds the size of a message or the version of a
 * command. The learner receives into two slots for each actor, whose receives are posted before the actor may send: it
 * sends again only when an empty message has told it that the learner has given back a slot. So messages never pile up.
 *
 * Commands are sent synchronously, so that a send is complete only when the actor receives it, and one at a time for
 * each actor: commands that come meanwhile wait, and only the newest of them is sent. */
#ifndef COMM_CHANNEL_REMOTE_H
#define COMM_CHANNEL_REMOTE_H

#include "comm/channel_memory.h"
#include "comm/mpi_call.h"

/* What both ends of the connection have. */
struct remote_line {
  MPI_Comm world;    /* borrowed: no other messages have these tags there */
  MPI_Datatype unit; /* a message is a whole number of heads */
};

/* Error USAGE where a message of `largest_bytes` bytes would be too large for MPI. */
MUSTER_CHECKED muster_status remote_line_open(struct remote_line *line, MPI_Comm world, size_t largest_bytes);
void remote_line_close(struct remote_line *line); /* accepts one without a unit: MPI_DATATYPE_NULL */

/* --- the learner's end --- */

struct remote_peer {
  int rank;
  struct channel_head *slot[2];
  bool has_come[2];  /* received before the message that precedes it */
  uint32_t arrived;  /* messages that have arrived, in order */
  uint32_t credited; /* how many of these were given back */
  uint32_t version;  /* of the last command that was sent */
  int packet;        /* which packet is being sent; -1: none */
};

struct remote_learner {
  struct remote_line line; /* borrowed */
  int n;
  struct remote_peer *peers; /* [n] */
  MPI_Request *requests;     /* [2 n] for messages, persistent; then [n] for commands */
  MPI_Request *credits;      /* [2 n], persistent */
  int *done;                 /* [3 n] scratch */
  char *packets;             /* [n + 1] commands: one is free even while each actor is being sent a different one */
  size_t packet_bytes;       /* of each */
  int *readers;              /* [n + 1] number of actors to which a packet is being sent */
  int newest;                /* the packet with the newest command */
  uint32_t version;          /* of that command; 0: there was none yet */
};

/* Opens the learner's end for actors of these ranks [n], whose largest messages have `rooms` [n] bytes. */
MUSTER_CHECKED muster_status remote_learner_open(struct remote_learner *end, struct remote_line line, int n,
                                                 const int *ranks, const size_t *rooms, size_t command_bytes);
void remote_learner_close(struct remote_learner *end); /* accepts a zeroed one */
/* Lets all messages move. Writes to come[2 n] the peers (by index) whose messages have arrived, oldest first. */
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
  MPI_Request sends[2], credits[2]; /* for each slot; `credits` are persistent */
  struct channel_head *packet[2];   /* the command that has arrived, and room for the next one */
  MPI_Request commands[2];          /* persistent; one of them is active */
  int incoming;                     /* the index of the active one */
};

MUSTER_CHECKED muster_status remote_actor_open(struct remote_actor *end, struct remote_line line, int learner,
                                               size_t room, size_t command_bytes);
void remote_actor_close(struct remote_actor *end); /* accepts a zeroed one */
/* Whether the learner has given back a slot; the second function waits until it has. */
MUSTER_CHECKED muster_status remote_actor_is_free(struct remote_actor *end, int which, bool *is_free);
MUSTER_CHECKED muster_status remote_actor_wait_free(struct remote_actor *end, int which);
/* Sends the message in a slot; its head gives the size. */
MUSTER_CHECKED muster_status remote_actor_send(struct remote_actor *end, int which);
/* Waits until the message in a slot is sent. */
MUSTER_CHECKED muster_status remote_actor_wait_sent(struct remote_actor *end, int which);
/* Lets all messages move. */
MUSTER_CHECKED muster_status remote_actor_poll(struct remote_actor *end);
/* Waits for another command. */
MUSTER_CHECKED muster_status remote_actor_wait_command(struct remote_actor *end);
/* The newest command that has arrived, after a head with its version; version 0: there was none yet. */
const struct channel_head *remote_actor_command(const struct remote_actor *end);

#endif
