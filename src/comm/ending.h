/* Ending a process for real, within a bounded time, when the job is no longer whole: nothing here waits for another
 * rank. */
#ifndef COMM_ENDING_H
#define COMM_ENDING_H

#include <pthread.h>
#include <stdbool.h>

/* What a process may be asked from outside, as bits that only the caller knows: to end, by signals and time limits. */
struct ending_requests {
  int (*pending)(void *context);         /* asked so far; 0: nothing; any thread may call it */
  int (*exit_code)(int requests);        /* of a run that ends for them */
  const char *(*describe)(int requests); /* what they were */
  void *context;                         /* borrowed */
};

/* Seconds that the start of a job may take, until its ranks have met and read the config: MUSTER_START_TIMEOUT of the
 * process's environment, else 300; 0: no limit. It is no option of the config, which has not been read by then. */
double ending_start_timeout(void);

/* Seconds within which the launcher finds out by itself that a host is gone, and ends the job; 0: nobody should wait
 * for it. Open MPI's mpirun asks a connection that nothing passes whether it is alive (keepalive). Once it has sent
 * something there, as it does when a rank ends, it waits for the kernel to give up instead, a quarter of an hour. So
 * where mpirun is on another host, ranks should not end before it knows. Where it is on this one, ending_now() ends
 * it. */
double ending_launcher_seconds(void);

/* Ends this process; the launcher then ends the other ranks. Open MPI's mpirun would wait for the daemon of a host that
 * is gone, so a process is left behind that kills it after ten seconds, unless it has ended by then. */
_Noreturn void ending_now(int exit_code);

/* Sleeps until another rank has ended the job. */
_Noreturn void ending_await(void);

/* The exit code of a process that ends alone for such requests. With 0 a launcher would say that something is amiss,
 * and end with 1: so does a rank of a job then. */
int ending_code(const struct ending_requests *asked, int requests, bool is_launched);

/* How long the main thread has to heed a request where it might do so at once, and how often is looked for one. Open
 * MPI's mpirun kills ranks a second after it has passed a signal on. */
#define ENDING_GRACE 0.5
#define ENDING_PERIOD 0.1

/* Ends the process as ending_now() does, after writing `message` (copied; NULL: nothing) to standard error, unless the
 * deadline is cancelled within `seconds`. NULL for 0 seconds, or where no thread can be started. */
struct deadline;
struct deadline *deadline_start(double seconds, int exit_code, const char *message);
/* The same, and it also ends the process, after a message of its own, when a request (borrowed) has not been heeded for
 * half a second; then also for 0 seconds. */
struct deadline *deadline_start_heeding(double seconds, int exit_code, const char *message,
                                        const struct ending_requests *requests);
void deadline_cancel(struct deadline **deadline); /* accepts NULL inside */

/* pthread_create() of a thread that leaves all signals to the others. */
int ending_start_thread(pthread_t *thread, void *(*function)(void *), void *context);

#endif
