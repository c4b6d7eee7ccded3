/* Between a process and the system: counts the calls that change files below one folder, writes them down, and makes the n-th end badly.
 * Asked to, it also keeps what was flushed, as a disk would have it after a power cut: the bytes of a file and the names in a folder, by inode.
 *
 * Built and preloaded by tests/store/shimmed.py. Nothing happens before shim_arm is called.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { NOTHING, KILL, FAIL, SHORT, FULL };
#define FILES 4096
static char paths[FILES][512];
static char root[512];
static size_t root_length;
static long wanted, mode, error_number, count, fired;
static int log_fd = -1, armed;
static char hit[600], flushed[512];

void shim_arm(const char *folder, long n, long what, long number, int log) {
    snprintf(root, sizeof root, "%s", folder);
    root_length = strlen(root);
    wanted = n, mode = what, error_number = number, log_fd = log;
    count = fired = 0;
    hit[0] = 0;
    armed = 1;
}
void shim_keep_flushed(const char *folder) { snprintf(flushed, sizeof flushed, "%s", folder); }
void shim_disarm(void) { armed = 0; }
long shim_count(void) { return count; }
long shim_fired(void) { return fired; }
const char *shim_hit(void) { return hit; }

static int inside(const char *path) {
    return armed && path != NULL && strncmp(path, root, root_length) == 0 && (path[root_length] == 0 || path[root_length] == '/');
}
static const char *of(int fd) { return fd >= 0 && fd < FILES ? paths[fd] : ""; }

/* Says what becomes of a call: 0 as ever, 1 failed, 2 half of it. */
static int look(const char *call, const char *path, const char *other, int writes) {
    if (!inside(path)) return 0;
    long now = __sync_add_and_fetch(&count, 1);
    if (log_fd >= 0) {
        char line[1200];
        int length = snprintf(line, sizeof line, "%s\t%s\t%s\n", call, path, other);
        syscall(SYS_write, log_fd, line, (size_t)length);
    }
    if (wanted == 0) return 0;
    if (mode == FULL && now >= wanted && (writes || (error_number == EIO && strcmp(call, "fsync") == 0))) {
        fired = 1;
        errno = error_number ? (int)error_number : ENOSPC;
        return 1;
    }
    if (now != wanted) return 0;
    snprintf(hit, sizeof hit, "%s\t%s", call, path);
    if (mode == KILL) {
        if (writes) return 2;
        kill(getpid(), SIGKILL);
        for (;;) pause();
    }
    if (mode == FAIL) { fired = 1; errno = (int)error_number; return 1; }
    if (mode == SHORT && writes) { fired = 1; return 2; }
    return 0;
}
static void after_half(void) {
    if (mode == KILL) { kill(getpid(), SIGKILL); for (;;) pause(); }
}
#define REAL(type, name, ...) static type (*real)(__VA_ARGS__); if (!real) *(void **)&real = dlsym(RTLD_NEXT, name)

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        REAL(int, #name, const char *, int, ...); \
        mode_t bits = 0; \
        if (flags & (O_CREAT | __O_TMPFILE)) { va_list more; va_start(more, flags); bits = va_arg(more, mode_t); va_end(more); } \
        if ((flags & (O_WRONLY | O_RDWR | O_CREAT)) && look(flags & O_CREAT ? "create" : "open", path, "", 0)) return -1; \
        int fd = real(path, flags, bits); \
        if (fd >= 0 && fd < FILES) snprintf(paths[fd], sizeof paths[fd], "%s", path); \
        return fd; \
    }
OPEN(open)
OPEN(open64)

int close(int fd) {
    REAL(int, "close", int);
    if (fd >= 0 && fd < FILES) paths[fd][0] = 0;
    return real(fd);
}
ssize_t write(int fd, const void *data, size_t length) {
    REAL(ssize_t, "write", int, const void *, size_t);
    int what = look("write", of(fd), "", 1);
    if (what == 1) return -1;
    if (what == 2) { ssize_t done = real(fd, data, length > 1 ? length / 2 : length); after_half(); return done; }
    return real(fd, data, length);
}
#define PWRITE(name) \
    ssize_t name(int fd, const void *data, size_t length, off_t at) { \
        REAL(ssize_t, #name, int, const void *, size_t, off_t); \
        int what = look("write", of(fd), "", 1); \
        if (what == 1) return -1; \
        if (what == 2) { ssize_t done = real(fd, data, length > 1 ? length / 2 : length, at); after_half(); return done; } \
        return real(fd, data, length, at); \
    }
PWRITE(pwrite)
PWRITE(pwrite64)
static void say_name(const char *kind, unsigned long inode, char *into, size_t size) { snprintf(into, size, "%s/%lu.%s", flushed, inode, kind); }
/* Copies what is about to be flushed to a file of this thread's own. */
static int copy_flushed(int fd, int folder, const char *copy) {
    static int (*real_open)(const char *, int, ...);
    if (!real_open) *(void **)&real_open = dlsym(RTLD_NEXT, "open");
    int out = real_open(copy, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (out < 0) return -1;
    if (folder) {
        DIR *entries = opendir(of(fd));
        struct dirent *one;
        while (entries && (one = readdir(entries))) {
            char line[400];
            int length = snprintf(line, sizeof line, "%lu\t%s\n", (unsigned long)one->d_ino, one->d_name);
            syscall(SYS_write, out, line, (size_t)length);
        }
        if (entries) closedir(entries);
    } else {
        char buffer[65536], path[64];
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        int in = real_open(path, O_RDONLY);
        ssize_t got;
        while (in >= 0 && (got = syscall(SYS_read, in, buffer, sizeof buffer)) > 0) syscall(SYS_write, out, buffer, (size_t)got);
        if (in >= 0) syscall(SYS_close, in);
    }
    return (int)syscall(SYS_close, out);
}
#define SYNC(name) \
    int name(int fd) { \
        REAL(int, #name, int); \
        if (look("fsync", of(fd), "", 0)) return -1; \
        struct stat what; \
        if (!flushed[0] || !inside(of(fd)) || fstat(fd, &what)) return real(fd); \
        char copy[600], kept[600]; \
        /* copied before: what comes while the disk works may not be on it */ \
        say_name("new", (unsigned long)syscall(SYS_gettid), copy, sizeof copy); \
        say_name(S_ISDIR(what.st_mode) ? "names" : "bytes", (unsigned long)what.st_ino, kept, sizeof kept); \
        copy_flushed(fd, S_ISDIR(what.st_mode), copy); \
        int done = real(fd); \
        if (!done) syscall(SYS_rename, copy, kept); \
        return done; \
    }
SYNC(fsync)
SYNC(fdatasync)
#define TRUNCATE(name) int name(int fd, off_t size) { REAL(int, #name, int, off_t); return look("truncate", of(fd), "", 0) ? -1 : real(fd, size); }
TRUNCATE(ftruncate)
TRUNCATE(ftruncate64)
int rename(const char *from, const char *to) {
    REAL(int, "rename", const char *, const char *);
    return look("rename", from, to, 0) ? -1 : real(from, to);
}
int link(const char *from, const char *to) {
    REAL(int, "link", const char *, const char *);
    return look("link", from, to, 0) ? -1 : real(from, to);
}
int unlink(const char *path) {
    REAL(int, "unlink", const char *);
    return look("unlink", path, "", 0) ? -1 : real(path);
}
int mkdir(const char *path, mode_t bits) {
    REAL(int, "mkdir", const char *, mode_t);
    return look("mkdir", path, "", 0) ? -1 : real(path, bits);
}
