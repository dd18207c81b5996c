/* store/lock: one writer; a lock is broken only when its holder is provably dead. */
#include "store_fixture.h"

#include "store/lock.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

static char store[256], lock_file[300];

static int setup(void **state)
{
    if (folder_setup(state)) return -1;
    snprintf(store, sizeof store, "%s", file_in(state, "x.h5"));
    snprintf(lock_file, sizeof lock_file, "%s.lock", store);
    unsetenv("SLURM_JOB_ID");
    unsetenv("SLURM_RESTART_COUNT");
    return 0;
}

static void take(struct lock **l)
{
    struct err e = { 0 };
    if (lock_take(l, store, &e)) fail_msg("%s", e.text);
    assert_non_null(*l);
}

static void refused(const char *want)
{
    struct lock *l;
    struct err e = { 0 };
    assert_int_equal(lock_take(&l, store, &e), -1);
    assert_null(l);
    assert_int_equal(e.kind, ERR_LOCKED);
    if (!strstr(e.text, want)) fail_msg("'%s' does not say '%s'", e.text, want);
}

static void read_lock(struct buf *text)
{
    buf_clear(text);
    assert_true(buf_read_file(text, lock_file));
}

static void write_lock(const char *text)
{
    FILE *file = fopen(lock_file, "wb");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

/* The lock of this process with one line replaced. */
static void forge(const char *key, const char *value)
{
    struct lock *l;
    struct buf text = { 0 }, forged = { 0 };
    take(&l);
    read_lock(&text);
    lock_release(l);
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

static void taken_and_released(void **state)
{
    (void)state;
    struct lock *l;
    struct buf text = { 0 };
    char pid[32], want[128];
    take(&l);
    read_lock(&text);
    snprintf(pid, sizeof pid, "\npid %ld\n", (long)getpid());
    assert_non_null(strstr(buf_chars(&text), pid));
    snprintf(want, sizeof want, "is in use by another run: pid %ld on host", (long)getpid());
    refused(want);
    refused(lock_file); /* and what to delete if all else fails */
    size_t length = text.length;
    lock_beat(l);
    read_lock(&text);
    assert_int_equal(text.length, length);
    assert_non_null(strstr(buf_chars(&text), "\nheartbeat 20"));
    lock_release(l);
    assert_int_equal(access(lock_file, F_OK), -1);
    take(&l);
    lock_release(l);
    buf_release(&text);
}

static void the_dead_lose_it(void **state)
{
    (void)state;
    struct lock *l;
    int ready[2];
    char byte;
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct err e = { 0 };
        if (lock_take(&l, store, &e) || write(ready[1], "x", 1) != 1) _exit(1);
        pause();
        _exit(0);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    refused("is in use by another run");
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    assert_int_equal(access(lock_file, F_OK), 0);
    take(&l);
    lock_release(l);
    close(ready[0]);
    close(ready[1]);
}

static void age(int seconds)
{
    struct timespec then[2];
    clock_gettime(CLOCK_REALTIME, &then[0]);
    then[0].tv_sec -= seconds;
    then[1] = then[0];
    assert_int_equal(utimensat(AT_FDCWD, lock_file, then, 0), 0);
}

static void proofs_of_death(void **state)
{
    (void)state;
    struct lock *l;
    static const char *const dead[][2] = {
        { "pid", "999999999" },                             /* no such process  */
        { "start", "1" },                                   /* the pid was reused */
        { "boot", "00000000-0000-0000-0000-000000000000" }, /* before a reboot  */
    };
    for (size_t i = 0; i < ARRAY_LEN(dead); i++) {
        forge(dead[i][0], dead[i][1]);
        take(&l);
        lock_release(l);
    }
    static const char *const unknown[][2] = {
        { "host", "some-other-host" },
        { "space", "pid:[1]" }, /* a container: its pids mean nothing here */
        { "heartbeat", "2001-01-01T00:00:00Z" },
    };
    for (size_t i = 0; i < ARRAY_LEN(unknown); i++) {
        forge(unknown[i][0], unknown[i][1]);
        refused("is in use by another run");
        unlink(lock_file);
    }
    for (size_t i = 0; i < 2; i++) { /* silent for long, where nobody can look */
        forge(unknown[i][0], unknown[i][1]);
        age(LOCK_SILENCE - 60);
        refused("is in use by another run");
        age(LOCK_SILENCE + 60);
        take(&l);
        lock_release(l);
    }
    write_lock("");
    refused("which nobody can read");
    unlink(lock_file);
}

static void slurm_restarts(void **state)
{
    (void)state;
    struct lock *l;
    setenv("SLURM_JOB_ID", "4711", 1);
    forge("host", "first-node");
    refused("Slurm job 4711"); /* the same run of the job: another step may hold it */
    setenv("SLURM_RESTART_COUNT", "1", 1);
    take(&l); /* requeued: Slurm has ended the run before */
    lock_release(l);
    forge("host", "first-node");
    setenv("SLURM_JOB_ID", "4712", 1);
    refused("Slurm job 4711");
    unlink(lock_file);
    unsetenv("SLURM_JOB_ID");
    unsetenv("SLURM_RESTART_COUNT");
}

/* What a squeue of our own says about the holder's job. */
static void slurm_is_asked(void **state)
{
    static const struct {
        const char *script;
        bool ended;
    } cases[] = {
        { "echo RUNNING", false },
        { "echo COMPLETING", false },
        { "echo 'slurm_load_jobs error: Unable to contact slurm controller' >&2; exit 1", false },
        { "exit 127", false },
        { "true", true },
        { "echo PENDING", true },
        { "[ $3 = 4711 ] && echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1", true },
    };
    char path[320], search[1 << 14];
    struct lock *l;
    snprintf(path, sizeof path, "%s", file_in(state, "squeue"));
    snprintf(search, sizeof search, "%s:%s", (const char *)*state, getenv("PATH"));
    setenv("PATH", search, 1);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        FILE *script = fopen(path, "w");
        assert_non_null(script);
        fprintf(script, "#!/bin/sh\n%s\n", cases[i].script);
        fclose(script);
        assert_int_equal(chmod(path, 0755), 0);
        setenv("SLURM_JOB_ID", "4711", 1);
        forge("host", "first-node");
        setenv("SLURM_JOB_ID", "4712", 1);
        if (cases[i].ended) {
            take(&l);
            lock_release(l);
        } else
            refused("Slurm job 4711");
        unlink(lock_file);
    }
    unsetenv("SLURM_JOB_ID");
}

static void a_lost_lock_is_noticed(void **state)
{
    (void)state;
    struct lock *l;
    take(&l);
    assert_true(lock_beat(l));
    unlink(lock_file);
    assert_false(lock_beat(l));
    write_lock("of another");
    assert_false(lock_beat(l));
    lock_release(l);
    assert_int_equal(access(lock_file, F_OK), 0);
    unlink(lock_file);
}

/* Many processes find the same dead lock at the same moment: one gets it. */
static void a_race(void **state)
{
    (void)state;
    enum { RACERS = 12, ROUNDS = 10 };
    for (int round = 0; round < ROUNDS; round++) {
        int winners = 0, status, go[2];
        pid_t pid[RACERS];
        forge("pid", "999999999");
        assert_int_equal(pipe(go), 0);
        for (int i = 0; i < RACERS; i++)
            if ((pid[i] = fork()) == 0) {
                struct lock *l;
                struct err e = { 0 };
                char byte;
                close(go[1]);
                if (!freopen("/dev/null", "w", stderr) || read(go[0], &byte, 1) != 0) _exit(2);
                int rc = lock_take(&l, store, &e);
                if (!rc) usleep(100000); /* alive while the others look */
                _exit(rc == 0 ? 0 : e.kind == ERR_LOCKED ? 1 : 3);
            }
        close(go[0]);
        close(go[1]);
        for (int i = 0; i < RACERS; i++) {
            waitpid(pid[i], &status, 0);
            assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
            winners += WEXITSTATUS(status) == 0;
        }
        assert_int_equal(winners, 1);
        unlink(lock_file);
    }
}

static void guarded_against_writers(void **state)
{
    (void)state;
    struct lock *l;
    struct err e = { 0 };
    struct fixture *f = fixture_new("s1", 0, 3);
    prepare(store, f);
    take(&l);
    assert_int_equal(lock_guard(l, store, &e), 0);
    prepare(store, f); /* growing and reading are our own */
    struct store *s = open_store(store, false);
    store_close(s);
    FILE *other = fopen(store, "r+b");
    assert_int_equal(flock(fileno(other), LOCK_EX | LOCK_NB), -1); /* what HDF5 asks for when it opens to write */
    lock_release(l);
    assert_int_equal(flock(fileno(other), LOCK_EX | LOCK_NB), 0);
    take(&l);
    assert_int_equal(lock_guard(l, store, &e), -1);
    assert_int_equal(e.kind, ERR_LOCKED);
    memset(&e, 0, sizeof e);
    assert_int_equal(store_prepare(store, &f->need, f->row, &e), -1);
    assert_int_equal(e.kind, ERR_LOCKED);
    lock_release(l);
    fclose(other);
    free(f);
}

static void seen_by_others(void **state)
{
    (void)state;
    struct lock *l;
    struct lock_seen seen = { .pid = "" };
    char pid[32];
    assert_false(lock_look(&seen, store));
    take(&l);
    assert_true(lock_look(&seen, store));
    snprintf(pid, sizeof pid, "%ld", (long)getpid());
    assert_string_equal(seen.pid, pid);
    assert_true(seen.since[0] && seen.host[0] && seen.silence > -1 && seen.silence < 60);
    lock_release(l);
    assert_false(lock_look(&seen, store));
    forge("start", "1"); /* another process had this pid before us */
    assert_false(lock_look(&seen, store));
    assert_int_equal(access(lock_file, F_OK), 0); /* to look breaks nothing */
    assert_int_equal(unlink(lock_file), 0);
}

static void no_folder(void **state)
{
    struct lock *l;
    struct err e = { 0 };
    assert_int_equal(lock_take(&l, file_in(state, "no/such/x.h5"), &e), -1);
    assert_int_equal(e.kind, ERR_IO);
}

static void leftovers_of_killed_processes_go(void **state)
{
    (void)state;
    struct lock *l;
    char half_made[320];
    snprintf(half_made, sizeof half_made, "%s.somewhere.12345", lock_file);
    fclose(fopen(half_made, "wb"));
    take(&l);
    assert_int_equal(access(half_made, F_OK), -1);
    assert_int_equal(access(lock_file, F_OK), 0);
    lock_release(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(taken_and_released),      cmocka_unit_test(leftovers_of_killed_processes_go),
        cmocka_unit_test(the_dead_lose_it),        cmocka_unit_test(proofs_of_death),
        cmocka_unit_test(slurm_restarts),          cmocka_unit_test(slurm_is_asked),
        cmocka_unit_test(a_lost_lock_is_noticed),  cmocka_unit_test(a_race),
        cmocka_unit_test(guarded_against_writers), cmocka_unit_test(no_folder),
        cmocka_unit_test(seen_by_others),
    };
    return cmocka_run_group_tests_name("lock", tests, setup, folder_teardown);
}
