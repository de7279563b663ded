#include "comm/watchdog_link.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

/* room for the heartbeats of many ranks at once */
#define RECEIVE_BYTES (4 << 20)

struct watchdog_link {
  int socket;
  struct invitation invitation;
  int32_t works; /* index of the address whose answer came last */
  struct sockaddr_in sender;
  int32_t sender_address;
};

static muster_status open_link(struct watchdog_link **out) {
  struct watchdog_link *link = calloc(1, sizeof *link);
  if (link == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory: watchdog");
  link->socket = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (link->socket < 0) {
    free(link);
    return status_errno(MUSTER_ERROR_IO, "a socket of the watchdog");
  }
  const int bytes = RECEIVE_BYTES;
  setsockopt(link->socket, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  *out = link;
  return MUSTER_OK;
}

/* the addresses of this host, including loopback: other ranks may be on this host */
static muster_status list_addresses(struct invitation *invitation) {
  struct ifaddrs *list;
  if (getifaddrs(&list) != 0) return status_errno(MUSTER_ERROR_IO, "the network interfaces of this host");
  for (struct ifaddrs *i = list; i != NULL && invitation->n < LINK_MAX_ADDRESSES; i = i->ifa_next) {
    if (i->ifa_addr == NULL || i->ifa_addr->sa_family != AF_INET || (i->ifa_flags & IFF_UP) == 0) continue;
    const struct sockaddr_in *address = (const struct sockaddr_in *)(const void *)i->ifa_addr;
    invitation->address[invitation->n++] = address->sin_addr.s_addr;
  }
  freeifaddrs(list);
  return invitation->n > 0 ? MUSTER_OK : status_error(MUSTER_ERROR_IO, "this host has no IPv4 address");
}

static muster_status fill_invitation(struct watchdog_link *link) {
  struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_ANY)};
  socklen_t length = sizeof own;
  if (bind(link->socket, (struct sockaddr *)&own, length) != 0 ||
      getsockname(link->socket, (struct sockaddr *)&own, &length) != 0)
    return status_errno(MUSTER_ERROR_IO, "a UDP port of the watchdog");
  struct invitation *invitation = &link->invitation;
  invitation->port = own.sin_port;
  if (getrandom(&invitation->token, sizeof invitation->token, 0) != (ssize_t)sizeof invitation->token)
    return status_errno(MUSTER_ERROR_IO, "a random number of the kernel");
  return list_addresses(invitation);
}

muster_status link_invite(struct invitation *invitation, struct watchdog_link **out) {
  struct watchdog_link *link = NULL;
  MUSTER_TRY(open_link(&link));
  muster_status status = fill_invitation(link);
  if (status != MUSTER_OK) {
    link_destroy(&link);
    return status;
  }
  *invitation = link->invitation;
  *out = link;
  return MUSTER_OK;
}

muster_status link_accept(const struct invitation *invitation, struct watchdog_link **out) {
  struct watchdog_link *link = NULL;
  MUSTER_TRY(open_link(&link));
  link->invitation = *invitation;
  *out = link;
  return MUSTER_OK;
}

void link_destroy(struct watchdog_link **link) {
  if (*link == NULL) return;
  close((*link)->socket);
  free(*link);
  *link = NULL;
}

int link_descriptor(const struct watchdog_link *link) { return link->socket; }

static void send_heartbeat(struct watchdog_link *link, struct heartbeat *heartbeat, int32_t address,
                           const struct sockaddr_in *to) {
  heartbeat->token = link->invitation.token;
  heartbeat->address = address;
  ssize_t sent = sendto(link->socket, heartbeat, sizeof *heartbeat, 0, (const struct sockaddr *)to, sizeof *to);
  (void)sent; /* a later one may get through */
}

void link_heartbeat(struct watchdog_link *link, struct heartbeat *heartbeat, bool is_answered) {
  const struct invitation *invitation = &link->invitation;
  for (int32_t i = 0; i < invitation->n; i++) {
    if (is_answered && i != link->works) continue;
    const struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = invitation->port, .sin_addr.s_addr = invitation->address[i]};
    send_heartbeat(link, heartbeat, i, &to);
  }
}

bool link_receive(struct watchdog_link *link, struct heartbeat *heartbeat) {
  for (;;) {
    socklen_t length = sizeof link->sender;
    ssize_t bytes = recvfrom(link->socket, heartbeat, sizeof *heartbeat, 0, (struct sockaddr *)&link->sender, &length);
    if (bytes < 0) return false;
    if (bytes != (ssize_t)sizeof *heartbeat || heartbeat->token != link->invitation.token) continue;
    link->works = link->sender_address = heartbeat->address;
    return true;
  }
}

void link_answer(struct watchdog_link *link, struct heartbeat *heartbeat) {
  send_heartbeat(link, heartbeat, link->sender_address, &link->sender);
}
