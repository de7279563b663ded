/* How orders reach the ranks of the learner's node (src/comm/stream_memory.c): slots that are written in turn and say
 * which order they hold, and a bell that stands at the newest. The words of an order are written and read in any order,
 * as the memory model allows between the fences. One writer, one reader, since readers do not know of each other; fewer
 * slots than the program has, so that the writer comes round to the reader's slot more often.
 *
 * What must hold: no order that is taken is torn or older than the last, and the reader gets the last one. */

#define SLOTS 2
#define ORDERS 7

byte version[SLOTS]; /* what a slot says that it holds */
byte first_word[SLOTS], second_word[SLOTS];
byte bell;
byte sleepers;
bool is_asleep;

active proctype writer() {
  byte order = 1;
  do
  :: order <= ORDERS ->
#ifndef MUTANT_SLOT_NOT_MARKED
     version[order % SLOTS] = order + 1;
#endif
     if
     :: first_word[order % SLOTS] = order; second_word[order % SLOTS] = order
     :: second_word[order % SLOTS] = order; first_word[order % SLOTS] = order
     fi;
     version[order % SLOTS] = order;
     bell = order;
     if
     :: sleepers > 0 -> is_asleep = false
     :: else
     fi;
     order++
  :: else -> break
  od
}

active proctype reader() {
  byte last, newest, first, second;
  do
  :: last == ORDERS -> break
  :: last != ORDERS ->
     newest = bell;
     if
     :: newest == last ->
        /* sleeps until there is another */
        sleepers++;
        do
        :: atomic { bell != last -> break }
        :: atomic { bell == last -> is_asleep = true };
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
