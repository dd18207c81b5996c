/* store/lock: one writer; a lock is broken only when its holder is provably dead. */
#include "lock_fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

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
    refused(lock_name); /* and what to delete if all else fails */
    size_t length = text.length;
    struct err e = { 0 };
    assert_int_equal(lock_beat(l, &e), 0);
    read_lock(&text);
    assert_int_equal(text.length, length);
    assert_non_null(strstr(buf_chars(&text), "\nheartbeat 20"));
    drop(l);
    assert_int_equal(access(lock_name, F_OK), -1);
    take(&l);
    drop(l);
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
    assert_int_equal(access(lock_name, F_OK), 0);
    take(&l);
    drop(l);
    close(ready[0]);
    close(ready[1]);
}

static void age(int seconds)
{
    struct timespec then[2];
    clock_gettime(CLOCK_REALTIME, &then[0]);
    then[0].tv_sec -= seconds;
    then[1] = then[0];
    assert_int_equal(utimensat(AT_FDCWD, lock_name, then, 0), 0);
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
        drop(l);
    }
    static const char *const unknown[][2] = {
        { "host", "some-other-host" },
        { "space", "pid:[1]" }, /* a container: its pids mean nothing here */
        { "heartbeat", "2001-01-01T00:00:00Z" },
    };
    for (size_t i = 0; i < ARRAY_LEN(unknown); i++) {
        forge(unknown[i][0], unknown[i][1]);
        refused("is in use by another run");
        unlink(lock_name);
    }
    for (size_t i = 0; i < 2; i++) { /* silent for long, where nobody can look */
        forge(unknown[i][0], unknown[i][1]);
        age(LOCK_SILENCE - 60);
        refused("is in use by another run");
        age(LOCK_SILENCE + 60);
        take(&l);
        drop(l);
    }
    write_lock("");
    refused("which nobody can read");
    unlink(lock_name);
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
    drop(l);
    forge("host", "first-node");
    setenv("SLURM_JOB_ID", "4712", 1);
    refused("Slurm job 4711");
    unlink(lock_name);
    unsetenv("SLURM_JOB_ID");
    unsetenv("SLURM_RESTART_COUNT");
}

/* The batch script counts its launches: the next one need not wait for the last one's silence. */
static void launches_of_a_slurm_job(void **state)
{
    (void)state;
    struct lock *l;
    setenv("SLURM_JOB_ID", "4711", 1);
    setenv("TOMBOLA_LAUNCH", "2", 1);
    forge("host", "first-node");
    refused("Slurm job 4711");
    setenv("TOMBOLA_LAUNCH", "3", 1);
    take(&l);
    drop(l);
    unsetenv("SLURM_JOB_ID");
    unsetenv("TOMBOLA_LAUNCH");
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
            drop(l);
        } else
            refused("Slurm job 4711");
        unlink(lock_name);
    }
    unsetenv("SLURM_JOB_ID");
}

static void a_lost_lock_is_noticed(void **state)
{
    (void)state;
    struct lock *l;
    struct err e = { 0 };
    take(&l);
    assert_int_equal(lock_beat(l, &e), 0);
    assert_int_equal(lock_check(store, lock_run(l), &e), 0);
    unlink(lock_name);
    lost(l, ERR_LOCKED, "taken by another run");
    assert_int_equal(lock_check(store, lock_run(l), &e), -1);
    assert_int_equal(e.kind, ERR_LOCKED);
    write_lock("of another");
    lost(l, ERR_LOCKED, "taken by another run");
    drop(l);
    assert_int_equal(access(lock_name, F_OK), 0);
    unlink(lock_name);
}

/* What a dead run has left to verify passes from lock to lock until it has been done. */
static void doubts_are_handed_on(void **state)
{
    (void)state;
    struct lock *l;
    make_store();
    forge("pid", "999999999");
    take(&l);
    assert_true(lock_past(l)->unclean);
    const double since = lock_past(l)->since;
    assert_true(since < (double)time(NULL) - LOCK_DOUBT + 60 && since > (double)time(NULL) - LOCK_DOUBT - 60);
    lock_release(l);
    assert_int_equal(access(lock_name, F_OK), 0);
    struct buf text = { 0 };
    read_lock(&text);
    assert_non_null(strstr(buf_chars(&text), "verify 1"));
    buf_release(&text);
    unlink(lock_name);
    unlink(store);
}

static void launchers(void **state)
{
    struct lock *l;
    struct buf text = { 0 };
    char folder[256];
    snprintf(folder, sizeof folder, "%s", file_in(state, "session"));
    unlink(lock_name);
    setenv("PMIX_SERVER_TMPDIR", folder, 1);
    forge("pid", "999999999");
    take(&l);
    assert_true(lock_past(l)->launcher_lives); /* it has tidied up */
    lock_verified(l);
    assert_false(lock_past(l)->unclean);
    drop(l);
    assert_int_equal(access(lock_name, F_OK), -1);
    forge("pid", "999999999");
    assert_int_equal(mkdir(folder, 0700), 0);
    take(&l);
    assert_false(lock_past(l)->launcher_lives); /* it was killed, too */
    lock_disown(l);
    read_lock(&text);
    assert_non_null(strstr(buf_chars(&text), "\nlauncher ?"));
    drop(l);
    rmdir(folder);
    unsetenv("PMIX_SERVER_TMPDIR");
    buf_release(&text);
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
        unlink(lock_name);
    }
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
    drop(l);
    assert_false(lock_look(&seen, store));
    forge("start", "1"); /* another process had this pid before us */
    assert_false(lock_look(&seen, store));
    assert_int_equal(access(lock_name, F_OK), 0); /* to look breaks nothing */
    assert_int_equal(unlink(lock_name), 0);
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
    snprintf(half_made, sizeof half_made, "%s.somewhere.12345", lock_name);
    fclose(fopen(half_made, "wb"));
    take(&l);
    assert_int_equal(access(half_made, F_OK), -1);
    assert_int_equal(access(lock_name, F_OK), 0);
    drop(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(taken_and_released),
        cmocka_unit_test(leftovers_of_killed_processes_go),
        cmocka_unit_test(the_dead_lose_it),
        cmocka_unit_test(proofs_of_death),
        cmocka_unit_test(slurm_restarts),
        cmocka_unit_test(slurm_is_asked),
        cmocka_unit_test(a_lost_lock_is_noticed),
        cmocka_unit_test(a_race),
        cmocka_unit_test(no_folder),
        cmocka_unit_test(seen_by_others),
        cmocka_unit_test(launches_of_a_slurm_job),
        cmocka_unit_test(doubts_are_handed_on),
        cmocka_unit_test(launchers),
    };
    return cmocka_run_group_tests_name("lock", tests, setup, folder_teardown);
}
