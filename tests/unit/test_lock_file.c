/* store/lock: the file itself is locked, whatever name it has. */
#include "lock_fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
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
    const char *const names[] = { link_name, soft };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct err says = { 0 };
        struct lock_seen seen;
        assert_int_equal(lock_take(&other, names[i], &says), -1);
        assert_int_equal(says.kind, ERR_LOCKED);
        assert_non_null(strstr(says.text, "is in use by another run: pid"));
        assert_true(lock_look(&seen, names[i]));
    }
    drop(l);
    struct err e = { 0 };
    assert_int_equal(lock_take(&other, soft, &e), 0);
    assert_string_equal(lock_path(other), store);
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
    const int fd = open(store, O_RDONLY);
    assert_int_equal(lock_check(fd, HOLDER_BYTES, store, lock_run(l), &e), -1);
    assert_int_equal(e.kind, ERR_STORE);
    close(fd);
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
    volatile bool *wrote = mmap(NULL, sizeof *wrote, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(wrote, MAP_FAILED);
    make_store();
    assert_int_equal(pipe(ready), 0);
    const pid_t pid = fork();
    if (pid == 0) {
        struct err e = { 0 };
        const int fd = open(store, O_RDWR);
        if (lock_share(fd, store, &e) || write(ready[1], "x", 1) != 1) _exit(1);
        usleep(300000); /* while the other waits */
        *wrote = true;
        _exit(0);
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    take(&l);
    assert_true(*wrote);
    struct err e = { 0 };
    const int fd = open(store, O_RDWR);
    assert_int_equal(lock_share(fd, store, &e), 0); /* ours may write now */
    close(fd);
    drop(l);
    close(ready[0]);
    waitpid(pid, &status, 0);
    munmap((void *)wrote, sizeof *wrote);
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
}

static void try_to_prepare(struct lock *l, enum err_kind want)
{
    struct fixture *f = fixture_new("s1", 0, 3);
    struct err e = { 0 };
    f->need.lock = l;
    const int rc = store_prepare(store, &f->need, f->row, &e);
    if (e.kind != want || rc != (want ? -1 : 0)) fail_msg("%d: %s", e.kind, e.text);
    free(f);
}

/* Two find no store: the first to make it has it, and the other leaves it alone. */
static void one_of_two_makes_it(void **state)
{
    (void)state;
    struct lock *first, *second;
    struct err e = { 0 };
    take(&first);
    take(&second);
    assert_true(!lock_has_file(first) && !lock_has_file(second));
    try_to_prepare(first, ERR_NONE);
    assert_true(lock_has_file(first));
    assert_int_equal(lock_beat(first, &e), 0);
    try_to_prepare(second, ERR_LOCKED);
    assert_int_equal(store_recover(store, second, &e), -1);
    assert_int_equal(e.kind, ERR_LOCKED);
    lock_release(second);
    refused("is in use by another run: pid");
    struct fresh late;
    memset(&e, 0, sizeof e);
    assert_int_equal(fresh_begin(&late, store, &e), 0);
    assert_int_equal(fresh_publish(&late, store, false, &e), -1);
    assert_int_equal(e.kind, ERR_LOCKED);
    fresh_end(&late);
    memset(&e, 0, sizeof e);
    assert_int_equal(lock_beat(first, &e), 0);
    drop(first);
    unlink(store);
}

static size_t files_in(const char *folder)
{
    size_t files = 0;
    DIR *dir = opendir(folder);
    for (const struct dirent *entry; (entry = readdir(dir));) files += entry->d_name[0] != '.';
    closedir(dir);
    return files;
}

/* What is being made stays, what a killed process has left goes, and what looks like it is let alone. */
static void leftovers_go(void **state)
{
    const char *folder = *state;
    struct fresh mine;
    struct err e = { 0 };
    int ready[2], status;
    char byte, elsewhere[300], second[300];
    assert_int_equal(pipe(ready), 0);
    const pid_t pid = fork();
    if (pid == 0) {
        if (fresh_begin(&mine, store, &e) || write(ready[1], "x", 1) != 1) _exit(1);
        pause();
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(fresh_begin(&mine, store, &e), 0);
    fresh_sweep(store);
    assert_int_equal(files_in(folder), 2);
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    fresh_sweep(store);
    assert_int_equal(files_in(folder), 1);
    snprintf(elsewhere, sizeof elsewhere, "%s.tmp.some-other-host.12", store);
    fclose(fopen(elsewhere, "wb"));
    fresh_sweep(store);
    assert_int_equal(access(elsewhere, F_OK), 0); /* its lock may not be seen here */
    const struct timespec then[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };
    assert_int_equal(utimensat(AT_FDCWD, elsewhere, then, 0), 0);
    fresh_sweep(store);
    assert_int_equal(access(elsewhere, F_OK), -1);
    assert_int_equal(fresh_publish(&mine, store, false, &e), 0);
    snprintf(second, sizeof second, "%s.tmp.some-other-host.13", store);
    assert_int_equal(link(store, second), 0); /* killed between two steps of that */
    fresh_sweep(store);
    assert_int_equal(access(second, F_OK), -1);
    fresh_end(&mine);
    static const char *const others[] = { "tmp", "tmp.", "tmp.1", "tmp.host.x", "tmp.host.1x", "tmp.host." };
    assert_int_equal(files_in(folder), 1);
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        snprintf(second, sizeof second, "%s.%s", store, others[i]);
        fclose(fopen(second, "wb"));
        assert_int_equal(utimensat(AT_FDCWD, second, then, 0), 0);
    }
    snprintf(second, sizeof second, "%s.tmp.some-other-host.14", store);
    assert_int_equal(mkfifo(second, 0600), 0);
    fresh_sweep(store);
    assert_int_equal(files_in(folder), 2 + ARRAY_LEN(others));
    close(ready[0]);
    close(ready[1]);
}

/* A record that has lost its magic is found where the library says; a store that never had one is of format 1. */
static void no_record(void **state)
{
    (void)state;
    struct lock *l;
    struct err e = { 0 };
    off_t at;
    struct fixture *f = fixture_new("s1", 0, 3);
    prepare(store, f);
    int fd = open(store, O_RDWR);
    assert_true(holder_find(fd, &at));
    assert_int_equal(pwrite(fd, "########", 8, at), 8);
    take(&l);
    assert_true(lock_past(l)->unclean);
    drop(l);
    assert_true(holder_find(fd, &at));
    close(fd);
    struct store *s = open_store(store, true);
    assert_true(H5Ldelete(s->disk.file, "owner", H5P_DEFAULT) >= 0);
    assert_true(H5Adelete(s->disk.file, "format") >= 0 && h5_set_number(s->disk.file, "format", 1));
    store_close(s);
    fd = open(store, O_RDWR);
    assert_int_equal(pwrite(fd, "########", 8, at), 8);
    close(fd);
    assert_int_equal(lock_take(&l, store, &e), -1);
    assert_int_equal(e.kind, ERR_IO);
    assert_non_null(strstr(e.text, "is a store of format 1, which is only read: `tombola merge"));
    store_close(open_store(store, false));
    memset(&e, 0, sizeof e);
    assert_int_equal(lock_take_any(&l, store, &e), 0); /* it may be replaced */
    assert_true(lock_has_file(l));
    drop(l);
    free(f);
    unlink(store);
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
        cmocka_unit_test(one_file_of_many_names),
        cmocka_unit_test(a_lost_store_is_noticed),
        cmocka_unit_test(ranks_are_waited_for),
        cmocka_unit_test(no_regular_file),
        cmocka_unit_test(guarded_against_writers),
        cmocka_unit_test(one_of_two_makes_it),
        cmocka_unit_test(no_record),
        cmocka_unit_test(leftovers_go),
    };
    return cmocka_run_group_tests_name("lock_file", tests, setup, folder_teardown);
}
