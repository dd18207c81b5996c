/** task/corpus_private.h: what reads files and what gathers words share.  Nobody else includes it. */
#ifndef TOMBOLA_TASK_CORPUS_PRIVATE_H
#define TOMBOLA_TASK_CORPUS_PRIVATE_H

#include "base/map.h"
#include "task/corpus.h"

/** Texts as they come in; words are numbered as they first appear. */
struct gathering {
    struct buf letters;        /* the words, NUL-terminated, one after the other */
    struct buf words;          /* size_t[]: where each begins in letters         */
    struct buf said;           /* uint32_t[]                                     */
    struct buf starts, labels; /* size_t[] and int32_t[], one a text             */
    struct map number;         /* of a word                                      */
    struct word_reader reader;
};

/** Entries of so many bytes. */
size_t corpus_gathered(const struct buf *b, size_t size);
/** The i-th different word. */
const char *corpus_gathered_word(const struct gathering *g, size_t i);
void corpus_gather_text(struct gathering *g, const char *text, size_t length, int32_t label);
/** corpus_files.c: gather all texts at path. */
CHECKED int corpus_gather_files(struct gathering *g, const char *path, struct err *e);

#endif
