/* Commands as a user can copy them from a hint into a shell: words in quotes where they need them, and this program by
 * the name under which the user finds it. */
#ifndef BASE_SHELL_H
#define BASE_SHELL_H

/* Room for a path of 4095 bytes of which each needs quotes of its own, with its terminating zero. */
#define SHELL_WORD_SIZE (4 * 4096 + 3)
/* Three of them, and what stands between. */
#define SHELL_COMMAND_SIZE (3 * SHELL_WORD_SIZE + 128)

/* Values, so that a hint is one expression: printf("%s eval %s", shell_program().text, shell_quote(path).text). */
struct shell_word {
  char text[SHELL_WORD_SIZE];
};
struct shell_command {
  char text[SHELL_COMMAND_SIZE];
};

/* `word` as a POSIX shell reads it back, byte for byte: as it is, or in single quotes. */
struct shell_word shell_quote(const char *word);

/* How the user calls this program, quoted: `muster` where PATH leads to it, else the path it was started by, relative
 * where it lies below the working directory. Where this process is another program, which has muster as a library:
 * `muster`. */
struct shell_word shell_program(void);

/* How the user started the training of so many ranks, up to and with the word `train`: by scripts/train, by mpirun with
 * its options where the command line of mpirun is to be seen, or alone. */
struct shell_command shell_train(int ranks);

#endif
