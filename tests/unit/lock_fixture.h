/* Locks of a store in a folder of the test's own. */
#ifndef TOMBOLA_TESTS_LOCK_FIXTURE_H
#define TOMBOLA_TESTS_LOCK_FIXTURE_H

#include "store_fixture.h"

#include "store/lock.h"

#include <unistd.h>

static char store[256], lock_name[300];

static inline int setup(void **state)
{
    if (folder_setup(state)) return -1;
    snprintf(store, sizeof store, "%s", file_in(state, "x.h5"));
    snprintf(lock_name, sizeof lock_name, "%s.lock", store);
    unsetenv("SLURM_JOB_ID");
    unsetenv("SLURM_RESTART_COUNT");
    return 0;
}

static inline void make_store(void)
{
    FILE *file = fopen(store, "wb");
    assert_non_null(file);
    fputs("a store", file);
    fclose(file);
}

static inline void take(struct lock **l)
{
    struct err e = { 0 };
    if (lock_take(l, store, &e)) fail_msg("%s", e.text);
    assert_non_null(*l);
}

/* As a run does that has verified what it had to. */
static inline void drop(struct lock *l)
{
    lock_verified(l);
    lock_release(l);
}

static inline void refused(const char *want)
{
    struct lock *l;
    struct err e = { 0 };
    assert_int_equal(lock_take(&l, store, &e), -1);
    assert_null(l);
    assert_int_equal(e.kind, ERR_LOCKED);
    if (!strstr(e.text, want)) fail_msg("'%s' does not say '%s'", e.text, want);
}

static inline void read_lock(struct buf *text)
{
    buf_clear(text);
    assert_true(buf_read_file(text, lock_name));
}

static inline void write_lock(const char *text)
{
    FILE *file = fopen(lock_name, "wb");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

/* The lock of this process with one line replaced. */
static inline void forge(const char *key, const char *value)
{
    struct lock *l;
    struct buf text = { 0 }, forged = { 0 };
    take(&l);
    read_lock(&text);
    drop(l);
    for (const char *line = buf_chars(&text); *line; line += strcspn(line, "\n") + 1) {
        size_t length = strlen(key);
        if (!strncmp(line, key, length) && line[length] == ' ')
            buf_print(&forged, "%s %s\n", key, value);
        else
            buf_add(&forged, line, strcspn(line, "\n") + 1);
    }
    write_lock(buf_chars(&forged));
    buf_release(&text);
    buf_release(&forged);
}

static inline void lost(struct lock *l, enum err_kind kind, const char *want)
{
    struct err e = { 0 };
    assert_int_equal(lock_beat(l, &e), -1);
    assert_int_equal(e.kind, kind);
    if (!strstr(e.text, want)) fail_msg("'%s' does not say '%s'", e.text, want);
}

#endif
