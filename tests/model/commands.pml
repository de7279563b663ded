/* How commands reach the ranks of the learner's node (src/comm/channel_memory.c): slots that are written in turn and say
 * which command they hold, and an event whose number is that of the newest. The words of a command are written and read
 * in any order, as the memory model allows between the fences. One writer and one reader, since readers do not know of
 * each other; fewer slots than in the program, so that the writer comes back to the reader's slot more often.
 *
 * What must hold: no command that is taken is torn, or older than the one taken before it; and the reader gets the last
 * one. */

#define SLOTS 2
#define COMMANDS 7

byte version[SLOTS]; /* the command that a slot says it holds */
byte first_word[SLOTS], second_word[SLOTS];
byte event;
byte sleepers;
bool is_asleep;

active proctype writer() {
  byte command = 1;
  do
  :: command <= COMMANDS ->
#ifndef MUTANT_SLOT_NOT_MARKED
     version[command % SLOTS] = command + 1;
#endif
     if
     :: first_word[command % SLOTS] = command; second_word[command % SLOTS] = command
     :: second_word[command % SLOTS] = command; first_word[command % SLOTS] = command
     fi;
     version[command % SLOTS] = command;
     event = command;
     if
     :: sleepers > 0 -> is_asleep = false
     :: else
     fi;
     command++
  :: else -> break
  od
}

active proctype reader() {
  byte last, newest, first, second;
  do
  :: last == COMMANDS -> break
  :: last != COMMANDS ->
     newest = event;
     if
     :: newest == last ->
        /* sleeps until there is a newer command */
        sleepers++;
        do
        :: atomic { event != last -> break }
        :: atomic { event == last -> is_asleep = true };
           !is_asleep
        od;
        sleepers--
     :: newest != last && version[newest % SLOTS] != newest
     :: newest != last && version[newest % SLOTS] == newest ->
        if
        :: first = first_word[newest % SLOTS]; second = second_word[newest % SLOTS]
        :: second = second_word[newest % SLOTS]; first = first_word[newest % SLOTS]
        fi;
        if
#ifdef MUTANT_NO_SECOND_LOOK
        :: true ->
#else
        :: version[newest % SLOTS] != newest
        :: version[newest % SLOTS] == newest ->
#endif
           assert(newest > last);
           assert(first == newest && second == newest);
           last = newest
        fi
     fi
  od
}
