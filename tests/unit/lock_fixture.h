/* Locks of a store in a folder of the test's own. */
#ifndef TOMBOLA_TESTS_LOCK_FIXTURE_H
#define TOMBOLA_TESTS_LOCK_FIXTURE_H

#include "store_fixture.h"

#include "store/fresh.h"
#include "store/holder.h"
#include "store/lock.h"

#include <fcntl.h>
#include <unistd.h>

static char store[256];

static inline int setup(void **state)
{
    if (folder_setup(state)) return -1;
    snprintf(store, sizeof store, "%s", file_in(state, "x.h5"));
    unsetenv("SLURM_JOB_ID");
    unsetenv("SLURM_RESTART_COUNT");
    return 0;
}

static inline void put_record(struct holder *h)
{
    off_t at;
    const int fd = open(store, O_RDWR);
    assert_true(fd >= 0 && holder_find(fd, &at) && holder_write(h, fd, at));
    close(fd);
}

static inline void get_record(struct holder *h)
{
    off_t at;
    const int fd = open(store, O_RDONLY);
    assert_true(fd >= 0 && holder_find(fd, &at) && holder_read(h, fd, at) && holder_sound(h));
    close(fd);
}

/* As much of one as a lock asks for: the record, behind another page. */
static inline void make_store(void)
{
    struct holder nobody;
    const int fd = open(store, O_RDWR | O_CREAT | O_TRUNC, 0666);
    holder_blank(&nobody);
    assert_true(fd >= 0 && !ftruncate(fd, 3 * HOLDER_BYTES) && holder_write(&nobody, fd, HOLDER_BYTES));
    close(fd);
}

static inline int setup_store(void **state)
{
    if (setup(state)) return -1;
    make_store();
    return 0;
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

/* A record that this process has made, but for one word. */
#define FORGE(word, value)                                                                                           \
    do {                                                                                                             \
        struct holder forged_;                                                                                       \
        holder_self(&forged_, 4711);                                                                                 \
        memset(forged_.word, 0, sizeof forged_.word);                                                                \
        snprintf(forged_.word, sizeof forged_.word, "%s", value);                                                    \
        put_record(&forged_);                                                                                        \
    } while (0)

static inline void forget_record(void)
{
    struct holder nobody;
    holder_blank(&nobody);
    put_record(&nobody);
}

static inline void lost(struct lock *l, enum err_kind kind, const char *want)
{
    struct err e = { 0 };
    assert_int_equal(lock_beat(l, &e), -1);
    assert_int_equal(e.kind, kind);
    if (!strstr(e.text, want)) fail_msg("'%s' does not say '%s'", e.text, want);
}

#endif
