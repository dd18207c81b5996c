/** task/corpus_private.h: what reads files and what gathers words share.  Nobody else includes it. */
#ifndef TOMBOLA_TASK_CORPUS_PRIVATE_H
#define TOMBOLA_TASK_CORPUS_PRIVATE_H

#include "base/map.h"
#include "task/corpus.h"

/** Texts as they come in; words are numbered as they first appear. */
struct gathering {
    struct buf letters; /* the words, NUL-terminated, one after the other */
    size_t *word;       /* [words] where each begins in letters           */
    uint32_t *said;     /* [all] numbers of words, text by text           */
    struct said_text {
        size_t first; /* of its words, in said */
        int32_t label;
    } * text; /* [texts] */
    size_t words, all, texts;
    struct map number; /* of a word */
    struct word_reader reader;
};

void corpus_gather_text(struct gathering *g, const char *text, size_t length, int32_t label);
/** corpus_files.c: gather all texts at path. */
CHECKED int corpus_gather_files(struct gathering *g, const char *path, struct err *e);

#endif
