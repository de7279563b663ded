/* Ending a process for real, within a bounded time, when the job is no longer whole: nothing here waits for another
 * rank. */
#ifndef COMM_ENDING_H
#define COMM_ENDING_H

#include <pthread.h>

/* Seconds that the start of a job may take, until its ranks have met and read the config: MUSTER_START_TIMEOUT of the
 * process's environment, else 300; 0: no limit. It is no option of the config, which has not been read by then. */
double ending_start_timeout(void);

/* Seconds within which the launcher finds out by itself that a host is gone, and ends the job; 0: nobody should wait
 * for it. Open MPI's mpirun asks a connection that nothing passes whether it is alive (keepalive). Once it has sent
 * something there, as it does when a rank ends, it waits for the kernel to give up instead, a quarter of an hour. So
 * where mpirun is on another host, ranks had better not end before it knows. Where it is on this one, ending_now() ends
 * it. */
double ending_launcher_seconds(void);

/* Ends this process; the launcher then ends the other ranks. Open MPI's mpirun would wait for the daemon of a host that
 * is gone, so a process is left behind that kills it after ten seconds, unless it has ended by then. */
_Noreturn void ending_now(int exit_code);

/* Sleeps until another rank has ended the job. */
_Noreturn void ending_await(void);

/* Ends the process as ending_now() does, after writing `message` (copied; NULL: nothing) to standard error, unless the
 * deadline is cancelled within `seconds`. NULL for 0 seconds, or where no thread can be had. */
struct deadline;
struct deadline *deadline_start(double seconds, int exit_code, const char *message);
void deadline_cancel(struct deadline **deadline); /* accepts NULL inside */

/* pthread_create() of a thread that leaves all signals to the others. */
int ending_start_thread(pthread_t *thread, void *(*function)(void *), void *context);

#endif
