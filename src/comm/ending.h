/* Ending a process with certainty, within a bounded time, when ranks of the job are lost: nothing here waits for
 * another rank. */
#ifndef COMM_ENDING_H
#define COMM_ENDING_H

#include <pthread.h>
#include <stdbool.h>

/* Requests from outside to end the process, by signals and time limits: bits whose meaning only the caller knows. */
struct ending_requests {
  int (*pending)(void *context);         /* all requests so far; 0: none; any thread may call it */
  int (*exit_code)(int requests);        /* of a run that ends because of them */
  const char *(*describe)(int requests); /* names them for a message */
  void *context;                         /* borrowed */
};

/* Seconds that the start of a job may take, until its ranks have met and read the config: MUSTER_START_TIMEOUT of the
 * process's environment, else 300; 0: no limit. It is no option of the config, which has not been read by then. */
double ending_start_timeout(void);

/* Seconds within which the launcher finds out by itself that a host is gone, and ends the job; 0: ranks should not wait
 * for that. On an idle connection Open MPI's mpirun finds out by keepalive probes that it is dead. But once mpirun has
 * sent something there, as it does when a rank ends, it waits until the kernel gives up, after a quarter of an hour. So
 * where mpirun is on another host, ranks should not end before mpirun knows. Where mpirun is on this host, ending_now()
 * ends it. */
double ending_launcher_seconds(void);

/* Ends this process; the launcher then ends the other ranks. Open MPI's mpirun would wait for the daemon of a host that
 * is gone, so this leaves behind a process that kills mpirun after ten seconds, unless it has ended by then. */
_Noreturn void ending_now(int exit_code);

/* Sleeps until another rank has ended the job. */
_Noreturn void ending_await(void);

/* The exit code of a process that ends alone because of such requests. If a rank of a job ended alone with 0, the
 * launcher would report a failure and end with 1, so such a rank returns 1 instead of 0. */
int ending_code(const struct ending_requests *asked, int requests, bool is_launched);

/* Seconds that the main thread has to react to a request where it can do so at once; and seconds between looks for one.
 * Open MPI's mpirun kills ranks a second after it has passed a signal on. */
#define ENDING_GRACE 0.5
#define ENDING_PERIOD 0.1

/* Ends the process as ending_now() does, after writing `message` (copied; NULL: nothing) to standard error, unless the
 * deadline is cancelled within `seconds`. NULL for 0 seconds, or where no thread can be started. */
struct deadline;
struct deadline *deadline_start(double seconds, int exit_code, const char *message);
/* The same, but it also ends the process, after a message of its own, when a request (borrowed) has been pending for
 * half a second. Then 0 seconds mean no other limit. */
struct deadline *deadline_start_heeding(double seconds, int exit_code, const char *message,
                                        const struct ending_requests *requests);
void deadline_cancel(struct deadline **deadline); /* accepts NULL inside */

/* pthread_create() of a thread that leaves all signals to the others. */
int ending_start_thread(pthread_t *thread, void *(*function)(void *), void *context);

#endif
