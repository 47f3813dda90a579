/* inputs.h -- every number that went into a forecast, and where it came from; and the notes. */
#ifndef JC_CLI_INPUTS_H
#define JC_CLI_INPUTS_H

#include "cli/records.h"

enum input_from {
  FROM_FLAG,      /* an option of this command */
  FROM_FILE,      /* the model, a profile or a shipped data row */
  FROM_USER_FILE, /* a data row of the user's own */
  FROM_DETECTED,  /* this machine */
  FROM_DEFAULT    /* nobody said otherwise */
};

/* "flag", "file", "user file", "detected", "default". */
const char *input_from_name(enum input_from from);

enum { MAX_INPUTS = 32, MAX_REPORT_NOTES = 24, INPUT_TEXT = 256, NOTE_TEXT = 240 };

struct input {
  const char *name; /* as the JSON key; ends in the unit */
  struct value value;
  char *(*format)(double value, char *buffer, size_t size); /* for people; NULL: plain */
  enum input_from from;
  char text[INPUT_TEXT]; /* where value.text points, for texts */
  char note[INPUT_TEXT]; /* "average of the world, 2024"; "": none */
};

/* Must not be moved: values point into it. */
struct inputs {
  size_t count;
  struct input item[MAX_INPUTS];
  size_t note_count;
  char notes[MAX_REPORT_NOTES][NOTE_TEXT];
};

/* Each returns the input, so that a note can be added. */
struct input *input_text(struct inputs *inputs, const char *name, enum input_from from,
                         const char *text);
struct input *input_count(struct inputs *inputs, const char *name, enum input_from from,
                          uint64_t count);
struct input *input_real(struct inputs *inputs, const char *name, enum input_from from,
                         double value);

/* FROM as another struct, its values its own. */
void inputs_copy(const struct inputs *from, struct inputs *to);

/* Adds a printf-like note about the whole forecast. */
__attribute__((format(printf, 2, 3))) void inputs_note(struct inputs *inputs, const char *format,
                                                       ...);

bool inputs_have_note(const struct inputs *inputs, const char *note);

/* {name: {value, from, note}}. */
void inputs_put(const struct inputs *inputs, struct jc_json_writer *writer, const char *key);
void inputs_print(const struct inputs *inputs, FILE *out);
/* As rows of name, value and where it came from, for people. Free RECORDS. */
void inputs_record(const struct inputs *inputs, struct records *records);

/* The notes, as an array and as a list for people. */
void notes_put(const struct inputs *inputs, struct jc_json_writer *writer, const char *key);
void notes_print(const struct inputs *inputs, FILE *out);

#endif
