#include "store/lock.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/path.h"
#include "base/regular.h"
#include "base/text.h"
#include "store/holder.h"
#include "store/journal.h"
#include "store/open.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { ATTEMPTS = 20 };
#define OWNER_AT   INT64_C(0x7ffffffffffffff0) /* the bytes that are locked */
#define WRITERS_AT INT64_C(0x7ffffffffffffff8)

struct lock {
    int file;      /* the store, with its two bytes and the guard; -1: it is not there yet */
    off_t size;    /* of it when the run began to write rows; -1: not known yet            */
    off_t at;      /* where its record is; 0: it has none, and is to be replaced           */
    bool no_locks; /* the file system has none                                             */
    struct buf store;
    struct holder me; /* our record */
    struct lock_past past;
};

static int lock_error(const char *path, const char *what, struct err *e)
{
    const int code = errno;
    return err_at(e, err_kind_of(code), path, NOWHERE, NULL, "%s: %s", what, strerror(code));
}

/* ---- the store's own bytes ---- */

static enum lock_verdict lock_byte(int fd, short type, off_t at)
{
    struct flock lock = { .l_type = type, .l_whence = SEEK_SET, .l_start = at, .l_len = 1 };
    if (!fcntl(fd, F_OFD_SETLK, &lock)) return LOCK_GOT;
    return errno == EAGAIN || errno == EACCES ? LOCK_TAKEN : LOCK_UNKNOWN;
}

enum lock_verdict lock_claim(int fd)
{
    return lock_byte(fd, F_WRLCK, OWNER_AT);
}

/* Without touching it. */
static bool is_free(int fd)
{
    struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = OWNER_AT, .l_len = 1 };
    return !fcntl(fd, F_OFD_GETLK, &lock) && lock.l_type == F_UNLCK;
}

/* Ranks outlive a rank 0 that was killed by a second or two. */
static int wait_for_writers(const struct lock *l, struct err *e)
{
    const double end = clock_wall() + LOCK_PATIENCE;
    enum lock_verdict verdict;
    while ((verdict = lock_byte(l->file, F_WRLCK, WRITERS_AT)) == LOCK_TAKEN && clock_wall() < end) clock_sleep(0.02);
    if (verdict == LOCK_TAKEN)
        return err_at(e, ERR_LOCKED, buf_chars(&l->store), NOWHERE, NULL,
                      "ranks of a dead run still write to it; end them (pkill tombola on this host), or wait");
    return 0;
}

int lock_share(int fd, const char *path, struct err *e)
{
    if (lock_byte(fd, F_RDLCK, WRITERS_AT) != LOCK_TAKEN) return 0;
    return err_at(e, ERR_LOCKED, path, NOWHERE, NULL, "another run began to write to it");
}

/* There flock is a lock of all bytes, and would stand in the way of our own. */
static bool flock_is_of_bytes(int fd)
{
    struct statfs fs;
    return !fstatfs(fd, &fs) && file_magic_is_network((unsigned long)fs.f_type);
}

static int guard(const struct lock *l, struct err *e)
{
    if (flock_is_of_bytes(l->file) || !flock(l->file, LOCK_SH | LOCK_NB) || errno != EWOULDBLOCK) return 0;
    return err_at(e, ERR_LOCKED, buf_chars(&l->store), NOWHERE, NULL, "is open for writing in another program");
}

static int held_by_somebody(const struct lock *l, struct err *e);

static int lock_bytes(struct lock *l, struct err *e)
{
    const enum lock_verdict verdict = lock_claim(l->file);
    if (verdict == LOCK_TAKEN) return held_by_somebody(l, e);
    l->no_locks = verdict == LOCK_UNKNOWN;
    if (l->no_locks)
        log_warn("the file system of '%s' has no locks (%s): only what its /owner says keeps a second run out",
                 buf_chars(&l->store), strerror(errno));
    return guard(l, e);
}

static int open_file(struct lock *l, const char *path, struct err *e)
{
    struct err why = { 0 };
    if (l->file >= 0) close(l->file);
    l->file = regular_open(path, O_RDWR, ERR_IO, &why);
    if (l->file < 0 && errno != ENOENT) *e = why;
    return e->kind ? -1 : 0;
}

/* Until the name and the lock are of one file: it may be renamed between. */
static int lock_present_file(struct lock *l, struct err *e)
{
    const char *path = buf_chars(&l->store);
    for (int i = 0; i < ATTEMPTS; i++) {
        if (open_file(l, path, e)) return -1;
        if (l->file < 0) return 0;
        if (lock_bytes(l, e)) return -1;
        if (path_is_of(l->file, path)) return 0;
    }
    return err_at(e, ERR_LOCKED, path, NOWHERE, NULL, "is replaced again and again; try again");
}

/* ---- the record ---- */

static int held(const struct lock *l, const struct holder *h, struct err *e)
{
    char ago[32];
    return err_at(
        e, ERR_LOCKED, buf_chars(&l->store), NOWHERE, NULL,
        "is in use by another run: pid %s on host '%s'%s%s since %s, last sign of life %s ago; wait or stop "
        "it (a run on another host is taken for dead after %d minutes without one)",
        h->pid, text_shown(h->host, 100), h->slurm[0] ? ", Slurm job " : "", h->slurm, h->since,
        clock_span(fmax(0, holder_silence(h)), ago), HOLDER_SILENCE / 60);
}

/* It may not have written its record yet, or no longer have one. */
static int held_by_somebody(const struct lock *l, struct err *e)
{
    struct holder h;
    off_t at;
    if (holder_find(l->file, &at) && holder_read(&h, l->file, at) && holder_sound(&h) && h.run &&
        !holder_is_dead(&h, false, false))
        return held(l, &h, e);
    return err_at(e, ERR_LOCKED, buf_chars(&l->store), NOWHERE, NULL,
                  "is in use by another run on this host; wait or stop it");
}

static int read_record(const struct lock *l, struct holder *h, struct err *e)
{
    if (holder_read(h, l->file, l->at)) return 0;
    if (errno) return lock_error(buf_chars(&l->store), "its /owner cannot be read", e);
    return err_at(e, ERR_STORE, buf_chars(&l->store), NOWHERE, NULL, "was cut: it ends before its /owner");
}

static bool is_ours(const struct lock *l, const struct holder *h)
{
    return h->magic == HOLDER_MAGIC && h->run == l->me.run;
}

static int write_record(struct lock *l, struct err *e)
{
    if (l->past.unclean) MUST(text_print(l->me.verify, sizeof l->me.verify, "%.0f", l->past.since));
    holder_beat(&l->me);
    if (holder_write(&l->me, l->file, l->at) && !fsync(l->file)) return 0;
    return lock_error(buf_chars(&l->store), "its /owner cannot be written", e);
}

/* Without locks two may have found nobody there: the last to write has it. */
static int look_again(const struct lock *l, struct err *e)
{
    struct holder h;
    if (!l->no_locks) return 0;
    clock_sleep(1);
    if (read_record(l, &h, e)) return -1;
    return is_ours(l, &h) ? 0 : held(l, &h, e);
}

static void note_past(struct lock *l, const struct holder *h)
{
    const double now = clock_unix(), doubt = atof(h->verify);
    double beat = holder_heartbeat(h);
    if (beat == 0 || beat > now) beat = now;
    beat -= LOCK_DOUBT;
    if (doubt > 0 && doubt < beat) beat = doubt;
    l->past = (struct lock_past){ true, beat, holder_launcher_lives_on(h) };
    log_warn("the run that had '%s' (pid %s since %s) is dead: its lock is taken over", buf_chars(&l->store), h->pid,
             h->since);
}

/* Nobody knows what came before: all that is committed is to be verified. */
static void note_damage(struct lock *l)
{
    l->past = (struct lock_past){ .unclean = true, .since = 1 };
    log_warn("'%s': its /owner is damaged; whoever it named can write no more, and what is there is verified",
             buf_chars(&l->store));
}

/* What has lost its magic is still where the library finds it, once that can read the file.  `any` file needs none.
 */
static int find_record(struct lock *l, bool any, struct err *e)
{
    const char *path = buf_chars(&l->store);
    uint64_t at = 0;
    if (holder_find(l->file, &l->at) || any) return 0;
    const int rc = journal_replay(path, e) || store_owner_place(path, &at, e) ? -1 : 0;
    l->at = (off_t)at;
    return rc;
}

static int take_record(struct lock *l, bool any, struct err *e)
{
    struct holder h;
    if (find_record(l, any, e)) return -1;
    if (!l->at) return 0;
    if (read_record(l, &h, e)) return -1;
    if (!holder_sound(&h))
        note_damage(l);
    else if (h.run && !holder_is_dead(&h, !l->no_locks, true))
        return held(l, &h, e);
    else if (h.run)
        note_past(l, &h);
    return write_record(l, e) || look_again(l, e) ? -1 : 0;
}

/* What is left to verify keeps its place: the record of a process that has ended. */
static void leave_record(struct lock *l)
{
    struct holder h;
    if (l->file < 0 || !l->at || l->past.unclean || !holder_read(&h, l->file, l->at) || !is_ours(l, &h)) return;
    holder_blank(&h);
    if (!holder_write(&h, l->file, l->at)) log_warn("cannot renew the /owner of '%s'", buf_chars(&l->store));
}

/* ---- the life of a lock ---- */

static int take(struct lock **out, const char *path, bool any, struct err *e)
{
    struct lock *l = calloc(1, sizeof *l);
    if (!l) die("out of memory for a lock");
    l->file = -1;
    l->size = -1;
    holder_self(&l->me, hash_draw());
    path_follow(&l->store, path);
    int rc = lock_present_file(l, e);
    if (!rc && l->file >= 0)
        rc = take_record(l, any, e) || wait_for_writers(l, e) || lock_share(l->file, path, e) ? -1 : 0;
    *out = rc ? NULL : l;
    if (rc) lock_release(l);
    return rc;
}

int lock_take(struct lock **out, const char *path, struct err *e)
{
    return take(out, path, false, e);
}

int lock_take_any(struct lock **out, const char *path, struct err *e)
{
    return take(out, path, true, e);
}

bool lock_has_file(const struct lock *l)
{
    return l->file >= 0;
}

int lock_check_present(const struct lock *l, struct err *e)
{
    if (l->file >= 0) return 0;
    return err_at(e, ERR_LOCKED, buf_chars(&l->store), NOWHERE, NULL,
                  "was made by another run at this moment; try again");
}

int lock_adopt(struct lock *l, int fd, struct err *e)
{
    const char *path = buf_chars(&l->store);
    leave_record(l);
    if (l->file >= 0) close(l->file);
    l->file = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (l->file < 0) return lock_error(path, "cannot be locked", e);
    if (lock_bytes(l, e)) return -1;
    if (!holder_find(l->file, &l->at)) return err_at(e, ERR_STORE, path, NOWHERE, NULL, "has no readable /owner");
    return write_record(l, e) || lock_share(l->file, path, e) ? -1 : 0;
}

const char *lock_path(const struct lock *l)
{
    return buf_chars(&l->store);
}

uint64_t lock_run(const struct lock *l)
{
    return l->me.run;
}

const struct lock_past *lock_past(const struct lock *l)
{
    return &l->past;
}

void lock_verified(struct lock *l)
{
    struct holder h;
    if (!l->past.unclean) return;
    l->past.unclean = false;
    memset(l->me.verify, 0, sizeof l->me.verify);
    if (l->file < 0 || !l->at || !holder_read(&h, l->file, l->at) || !is_ours(l, &h)) return;
    if (!holder_write(&l->me, l->file, l->at)) log_warn("cannot renew the /owner of '%s'", buf_chars(&l->store));
}

static int check_file(struct lock *l, struct err *e)
{
    struct stat st;
    const char *store = buf_chars(&l->store),
               *safe = "what this run has committed is in the file that it has begun with";
    if (!path_is_of(l->file, store))
        return err_at(e, ERR_STORE, store, NOWHERE, NULL, "was deleted, replaced or renamed during the run; %s",
                      safe);
    if (fstat(l->file, &st)) return lock_error(store, "cannot be looked at", e);
    if (l->size < 0) l->size = st.st_size;
    if (st.st_size == l->size) return 0;
    return err_at(e, ERR_STORE, store, NOWHERE, NULL,
                  "was changed by another program: it has %lld bytes, and had %lld when the run began",
                  (long long)st.st_size, (long long)l->size);
}

int lock_beat(struct lock *l, struct err *e)
{
    struct holder h;
    if (l->file < 0) return 0;
    if (check_file(l, e)) return -1;
    if (!l->at) return 0;
    if (read_record(l, &h, e)) return -1;
    if (!is_ours(l, &h))
        return err_at(e, ERR_LOCKED, buf_chars(&l->store), NOWHERE, NULL,
                      "was taken over by another run, or its /owner was damaged; this run ends at once");
    holder_beat(&l->me);
    if (!holder_write(&l->me, l->file, l->at)) log_warn("cannot renew the /owner of '%s'", buf_chars(&l->store));
    return 0;
}

void lock_release(struct lock *l)
{
    if (!l) return;
    leave_record(l);
    if (l->file >= 0) close(l->file);
    buf_release(&l->store);
    free(l);
}

void lock_disown(const struct lock *l)
{
    struct holder h;
    if (l->file < 0 || !l->at || !holder_read(&h, l->file, l->at) || !is_ours(l, &h)) return;
    memset(h.launcher, 0, sizeof h.launcher);
    h.launcher[0] = '?';
    if (!holder_write(&h, l->file, l->at)) return; /* then it is a death like any other */
}

/* ---- the others ---- */

int lock_check(int fd, uint64_t at, const char *path, uint64_t run, struct err *e)
{
    uint64_t word[2]; /* magic, run */
    const ssize_t got = pread(fd, word, sizeof word, (off_t)at);
    if (got < 0) return lock_error(path, "its /owner cannot be read", e);
    if (got < (ssize_t)sizeof word)
        return err_at(e, ERR_STORE, path, NOWHERE, NULL, "was cut: it ends before its /owner");
    if (word[0] == HOLDER_MAGIC && word[1] == run) return 0;
    return err_at(e, ERR_LOCKED, path, NOWHERE, NULL,
                  "was taken over by another run, or its /owner was damaged; nothing more is written");
}

bool lock_look(struct lock_seen *out, const char *path)
{
    struct holder h;
    off_t at;
    const int fd = regular_open(path, O_RDONLY, ERR_IO, NULL);
    bool found = fd >= 0 && holder_find(fd, &at) && holder_read(&h, fd, at) && holder_sound(&h) && h.run;
    found = found && !holder_is_dead(&h, is_free(fd), false);
    if (fd >= 0) close(fd);
    if (!found) return false;
    *out = (struct lock_seen){ .silence = fmax(0, holder_silence(&h)) };
    memcpy(out->host, h.host, sizeof h.host);
    memcpy(out->pid, h.pid, sizeof h.pid);
    memcpy(out->slurm, h.slurm, sizeof h.slurm);
    memcpy(out->since, h.since, sizeof h.since);
    return true;
}
