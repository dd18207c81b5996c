/* store/lock: the file itself is locked, whatever name it has. */
#include "lock_fixture.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* Whether by symbolic link, hard link or after a rename: it is one file. */
static void one_file_of_many_names(void **state)
{
    struct lock *l, *other;
    char link_name[256], soft[256];
    snprintf(link_name, sizeof link_name, "%s", file_in(state, "hard.h5"));
    snprintf(soft, sizeof soft, "%s", file_in(state, "soft.h5"));
    make_store();
    assert_int_equal(link(store, link_name), 0);
    assert_int_equal(symlink(store, soft), 0);
    take(&l);
    struct err hard_says = { 0 }, soft_says = { 0 };
    assert_int_equal(lock_take(&other, link_name, &hard_says), -1);
    assert_int_equal(hard_says.kind, ERR_LOCKED);
    assert_non_null(strstr(hard_says.text, "under another name"));
    assert_int_equal(lock_take(&other, soft, &soft_says), -1);
    assert_int_equal(soft_says.kind, ERR_LOCKED);
    drop(l);
    memset(&soft_says, 0, sizeof soft_says);
    assert_int_equal(lock_take(&other, soft, &soft_says), 0);
    assert_string_equal(lock_path(other), store);
    assert_int_equal(access(lock_name, F_OK), 0); /* beside the file, not beside the link */
    lock_release(other);
    unlink(link_name);
    unlink(soft);
    unlink(store);
}

static void a_lost_store_is_noticed(void **state)
{
    struct lock *l;
    struct err e = { 0 };
    char aside[256];
    snprintf(aside, sizeof aside, "%s", file_in(state, "aside.h5"));
    make_store();
    take(&l);
    assert_int_equal(lock_beat(l, &e), 0);
    assert_int_equal(rename(store, aside), 0);
    lost(l, ERR_STORE, "deleted, replaced or renamed");
    make_store();
    lost(l, ERR_STORE, "deleted, replaced or renamed");
    assert_int_equal(rename(aside, store), 0);
    assert_int_equal(lock_beat(l, &e), 0);
    assert_int_equal(truncate(store, 3), 0);
    lost(l, ERR_STORE, "changed by another program");
    drop(l);
    unlink(store);
}

/* A rank that still may write keeps the next run out, until it ends. */
static void ranks_are_waited_for(void **state)
{
    (void)state;
    struct lock *l;
    int status, ready[2];
    char byte;
    make_store();
    assert_int_equal(pipe(ready), 0);
    const pid_t pid = fork();
    if (pid == 0) {
        struct err e = { 0 };
        const int fd = open(store, O_RDWR);
        if (lock_share(fd, store, &e) || write(ready[1], "x", 1) != 1) _exit(1);
        usleep(500000);
        _exit(0);
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    take(&l);
    assert_int_equal(waitpid(pid, &status, WNOHANG) >= 0, 1);
    struct err e = { 0 };
    const int fd = open(store, O_RDWR);
    assert_int_equal(lock_share(fd, store, &e), 0); /* ours may write now */
    close(fd);
    drop(l);
    close(ready[0]);
    waitpid(pid, &status, 0);
    unlink(store);
}

static void no_regular_file(void **state)
{
    (void)state;
    struct lock *l;
    struct err e = { 0 };
    assert_int_equal(mkfifo(store, 0600), 0);
    assert_int_equal(lock_take(&l, store, &e), -1);
    assert_int_equal(e.kind, ERR_IO);
    unlink(store);
    assert_int_equal(mkfifo(lock_name, 0600), 0);
    memset(&e, 0, sizeof e);
    assert_int_equal(lock_take(&l, store, &e), -1);
    unlink(lock_name);
}

static void guarded_against_writers(void **state)
{
    (void)state;
    struct lock *l, *late;
    struct err e = { 0 };
    struct fixture *f = fixture_new("s1", 0, 3);
    prepare(store, f);
    take(&l);
    prepare(store, f); /* growing and reading are our own */
    struct store *s = open_store(store, false);
    store_close(s);
    FILE *other = fopen(store, "r+b");
    assert_int_equal(flock(fileno(other), LOCK_EX | LOCK_NB), -1); /* what HDF5 asks for when it opens to write */
    drop(l);
    assert_int_equal(flock(fileno(other), LOCK_EX | LOCK_NB), 0);
    assert_int_equal(lock_take(&late, store, &e), -1);
    assert_int_equal(e.kind, ERR_LOCKED);
    assert_non_null(strstr(e.text, "open for writing in another program"));
    fclose(other);
    free(f);
    unlink(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_file_of_many_names),  cmocka_unit_test(a_lost_store_is_noticed),
        cmocka_unit_test(ranks_are_waited_for),    cmocka_unit_test(no_regular_file),
        cmocka_unit_test(guarded_against_writers),
    };
    return cmocka_run_group_tests_name("lock_file", tests, setup, folder_teardown);
}
