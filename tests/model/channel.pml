/* The protocol of asynchronous actors (src/comm/channel.h) with the phases of a run: two actors, one learner, two slots
 * for each actor, and commands; a newer command replaces one that was not yet taken. The learner may pause, go on and
 * end whenever it is not asleep. It may also wait for one actor's trajectory, which would be too old later (on_lag:
 * block), and hold back what the other actor sends meanwhile: taken from the queue or received, but not yet credited.
 * Whether messages bring trajectories or gradients (a3c) makes no difference here. Wherever two ranks meet, the steps
 * of the model are as small as those of the program: tickets and entries of the queue; an event, and who sleeps until
 * it is signalled; filling a slot, copying its content and crediting it.
 *
 * REMOTE=1: actor 1 shares no memory with the learner: its messages and commands travel by MPI. The learner then polls.
 *
 * Runs are endless. The search is nevertheless complete, since the model keeps no number that only grows:
 * - trajectories of the actor WATCHED are numbered modulo 3, which tells them apart, since at most two are under way;
 *   those of the other actor have no numbers, since whether one actor loses something does not depend on another's;
 * - slots count from the oldest message that was not credited, tickets from the oldest entry that was not taken;
 * - of the number of an event the model keeps only whether it has changed since the rank that waits for it last looked.
 *   The events of an actor change exactly when it has a free slot, or a command that it has not taken.
 *
 * What must hold: the assertions, no deadlock, and, as long as every rank goes on, the formulas at the end. Each
 * MUTANT_... breaks one thing, to show that the search notices it. */

#ifndef REMOTE
#define REMOTE 0
#endif
#ifndef WATCHED
#define WATCHED 0
#endif
#define shares_memory(actor) ((actor) == 0 || !REMOTE)

#ifdef MUTANT_THREE_MESSAGES
#define SLOTS 3
#else
#define SLOTS 2
#endif

/* words of commands, kinds of messages */
mtype = { NONE, RUN, PAUSE, STOP, TRAJECTORY, STATES };

/* --- what ranks share --- */

/* slots of actor a: 2a is the one to be credited next, 2a + 1 the other */
mtype kind_in[4] = NONE;
byte number_in[4];
byte uncredited[2]; /* messages that the learner has not credited */
chan messages = [2] of { mtype, byte }; /* messages of a remote actor; both receives are posted */

/* the queue: entries from the oldest on: actor + 1, or 0 where a ticket is drawn but the entry is not yet filled in */
byte entry[4];
byte drawn;
byte ticket[2];

/* events */
bool arrival_rang, learner_waits, learner_sleeps;
bool slot_waits[2], slot_sleeps[2];
byte order_waiters;
bool order_sleeps[2];

/* the newest command, and for each actor whether it has not yet taken it; commands.pml shows that it is read whole */
mtype told = NONE;
bool is_new[2];
chan commands = [2] of { mtype }; /* to a remote actor: one that has come, one that is being sent */
bool is_pending;                /* the newest one follows when those are done */

/* --- what is observed --- */

byte made, learned; /* trajectories that the watched actor has sent, and that the learner has taken from it; modulo 3 */
bool pausing;
byte ended;         /* actors that have ended */
bool done;

/* --- an actor --- */

inline wait_for_slot() {
  if
  :: uncredited[me] < SLOTS
  :: else ->
     slot_waits[me] = true;
     do
     :: atomic { uncredited[me] < SLOTS -> break }
     :: atomic { uncredited[me] >= SLOTS -> slot_sleeps[me] = true };
        !slot_sleeps[me]
     od;
     slot_waits[me] = false
  fi
}

/* the number of a message: only trajectories of the watched actor have one */
#define number_of(me) (word == RUN && me == WATCHED -> made : 0)
inline count() {
  if
  :: word == RUN && me == WATCHED -> made = (made + 1) % 3
  :: else
  fi
}

/* fills a slot, draws a ticket, fills in the entry, signals */
inline send(what) {
  wait_for_slot();
  if
  :: shares_memory(me) ->
     atomic {
       kind_in[2 * me + uncredited[me] % 2] = what;
       number_in[2 * me + uncredited[me] % 2] = number_of(me);
       uncredited[me]++;
       count()
     };
     atomic { assert(drawn < 4); ticket[me] = drawn; drawn++ };
     atomic { assert(entry[ticket[me]] == 0); entry[ticket[me]] = me + 1; ticket[me] = 0 };
     arrival_rang = true;
     if
     :: learner_waits -> learner_sleeps = false
     :: else
     fi
  :: else ->
     /* a receive is posted, so the actor does not wait */
     atomic { assert(len(messages) < 2); messages!what, number_of(me); uncredited[me]++; count() }
  fi
}

/* takes the newest command that has come, if any */
inline refresh() {
  if
  :: shares_memory(me) ->
     atomic {
       if
       :: is_new[me] -> is_new[me] = false; word = told
       :: else
       fi
     }
  :: else ->
     do
     :: commands?word
     :: atomic { empty(commands) -> break }
     od
  fi
}

inline await() {
  if
  :: shares_memory(me) ->
     do
     :: atomic { is_new[me] -> is_new[me] = false; word = told; break }
     :: !is_new[me] ->
        order_waiters++;
        do
        :: atomic { is_new[me] -> break }
        :: atomic { !is_new[me] -> order_sleeps[me] = true };
           !order_sleeps[me]
        od;
        order_waiters--
     od
  :: else -> commands?word
  fi
}

proctype actor(byte me) {
  mtype word = NONE;
  await();
  do
  :: word == RUN ->
     send(TRAJECTORY);
     refresh()
  :: word != RUN ->
     send(STATES);
     if
     :: word == STOP -> break
     :: else ->
        await();
#ifdef MUTANT_DEAF_AFTER_A_PAUSE
        /* takes any command for the end of the pause, although it may be the stop, or another pause */
        word = RUN
#endif
     fi
  od;

  /* finish: the stop was the last command */
  assert(!is_new[me] && (shares_memory(me) || empty(commands)));
  ended++
}

/* --- the learner --- */

#define can_send (is_pending && len(commands) < 2)

inline tell(what) {
  atomic {
    told = what;
    what = NONE;
    pausing = told == PAUSE;
    is_new[0] = true;
    is_new[1] = !REMOTE;
#if REMOTE
#ifdef MUTANT_COMMAND_FORGOTTEN
    is_pending = len(commands) < 2;
#else
    is_pending = true;
#endif
    if
    :: can_send -> commands!told; is_pending = false
    :: else
    fi
#endif
  };
  if
  :: order_waiters > 0 -> atomic { order_sleeps[0] = false; order_sleeps[1] = false }
  :: else
  fi
}

inline take_entry() {
  who = entry[0] - 1;
  entry[0] = entry[1]; entry[1] = entry[2]; entry[2] = entry[3]; entry[3] = 0;
  drawn--;
  ticket[0] = (ticket[0] > 0 -> ticket[0] - 1 : 0);
  ticket[1] = (ticket[1] > 0 -> ticket[1] - 1 : 0)
}

/* finds the actor whose message is the oldest; messages of a remote actor are received in their turn */
inline next() {
  do
  ::
#ifndef MUTANT_LOST_WAKE_UP
     arrival_rang = false;
#endif
#if REMOTE
     if
     :: atomic { can_send -> commands!told; is_pending = false }
     :: else
     fi;
#endif
     if
     :: atomic { entry[0] != 0 -> take_entry(); break }
#if REMOTE
     :: atomic { messages?kind_in[2 + held_remote], number_in[2 + held_remote]; who = 1; break }
#else
     :: entry[0] == 0 ->
#ifdef MUTANT_LOST_WAKE_UP
        arrival_rang = false;
#endif
        learner_waits = true;
        do
        :: atomic { arrival_rang -> break }
        :: atomic { !arrival_rang -> learner_sleeps = true };
           !learner_sleeps
        od;
        learner_waits = false
#endif
     fi
  od
}

inline credit() {
  atomic {
    uncredited[who]--;
    kind_in[2 * who] = kind_in[2 * who + 1];
    number_in[2 * who] = number_in[2 * who + 1];
    kind_in[2 * who + 1] = NONE;
    number_in[2 * who + 1] = 0
  };
  if
  :: slot_waits[who] -> slot_sleeps[who] = false
  :: else
  fi
}

/* the oldest message that was held back, or else the next one */
inline first() {
  if
  :: atomic { held?who; held_remote = held_remote - (REMOTE && who == 1) }
  :: empty(held) -> next()
  fi
}

/* copies one message into its own memory. None is lost or doubled, they come in order, and none comes after an actor's
 * states. */
inline take() {
#ifdef MUTANT_CREDITED_TOO_EARLY
  credit();
#endif
  atomic {
    assert(!has_states[who]);
    if
    :: kind_in[2 * who] == STATES ->
       assert(told != RUN);
       has_states[who] = true
    :: else ->
       assert(kind_in[2 * who] == TRAJECTORY);
       assert(number_in[2 * who] == (who == WATCHED -> learned : 0));
       learned = (who == WATCHED -> (learned + 1) % 3 : learned)
    fi
  };
#ifndef MUTANT_CREDITED_TOO_EARLY
  credit();
#endif
  who = 0
}

/* when the learner has the states of all actors, nothing else is under way */
inline rest() {
  atomic {
    assert(drawn == 0 && empty(messages));
    assert(empty(held) && held_remote == 0);
    assert(uncredited[0] == 0 && uncredited[1] == 0);
    assert(made == learned);
    pausing = false;
    has_states[0] = false;
    has_states[1] = false
  }
}

/* waits for the trajectory of one actor, which may be among the messages that were held back */
inline wait_for(urgent) {
  do
#ifdef MUTANT_HELD_NOT_SEARCHED
  :: next();
#else
  :: atomic { held??eval(urgent); who = urgent; held_remote = held_remote - (REMOTE && who == 1); break }
  :: atomic { !(held??[eval(urgent)]) -> skip };
     next();
#endif
     if
     :: who == urgent -> break
     :: else ->
        atomic { held!who; held_remote = held_remote + (REMOTE && who == 1); who = 0 }
     fi
  od
}

proctype learner() {
  byte who;
  chan held = [4] of { byte }; /* the actors whose messages were held back, from the oldest on */
  byte held_remote;            /* how many of those are of a remote actor */
  bool has_states[2];
  mtype next_word = RUN;
  do
  :: next_word != NONE ->
     tell(next_word)
  :: next_word == NONE && (told == RUN || !(has_states[0] && has_states[1])) ->
     first();
     take()
  :: next_word == NONE && told == RUN ->
     if
     :: wait_for(0)
     :: wait_for(1)
     fi;
     take()
  :: next_word == NONE && told == RUN ->
     /* after an update, or because of a checkpoint, or at the end */
     if
     :: next_word = RUN
     :: next_word = PAUSE
     :: next_word = STOP
     fi
  :: next_word == NONE && told == PAUSE && has_states[0] && has_states[1] ->
     rest();
     if
     :: next_word = RUN
     :: next_word = PAUSE
     :: next_word = STOP
     fi
  :: next_word == NONE && told == STOP && has_states[0] && has_states[1] ->
     rest();
     break
  od;

  /* finish */
  ended == 2;
  assert(!is_pending && empty(commands));
  done = true
}

init { atomic { run learner(); run actor(0); run actor(1) } }

/* every pause ends, and a stop ends the run: so the newest command always arrives, whatever it replaced */
ltl pauses_end { [] (pausing -> <> !pausing) }
ltl stops_end { [] (told == STOP -> <> done) }
