/** cli/topics.h: what a sweep file may say besides kinds and their keys, each with an example. */
#ifndef TOMBOLA_CLI_TOPICS_H
#define TOMBOLA_CLI_TOPICS_H

struct topic {
    const char *name;
    const char *text;    /* paragraphs; lines end where they are to end */
    const char *example; /* a whole sweep file */
    int jobs;            /* that `plan` finds in it */
};

/** Ends with name NULL. */
extern const struct topic topics[];

#endif
