/* Preloaded: the wall clock of a process is off by CLOCK_SHIFT_SECONDS. What waits until a moment of
   that clock is woken at the right one. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/time.h>
#include <threads.h>
#include <time.h>

static int64_t seconds(void) {
    const char *told = getenv("CLOCK_SHIFT_SECONDS");
    return told ? atoll(told) : 0;
}

int clock_gettime(clockid_t which, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int code = real(which, now);
    if (!code && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE)) now->tv_sec += seconds();
    return code;
}

int gettimeofday(struct timeval *now, void *zone) {
    struct timespec found;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &found)) return -1;
    now->tv_sec = found.tv_sec;
    now->tv_usec = found.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *told) {
    struct timespec found;
    clock_gettime(CLOCK_REALTIME, &found);
    if (told) *told = found.tv_sec;
    return found.tv_sec;
}

int timespec_get(struct timespec *now, int base) {
    return base == TIME_UTC && !clock_gettime(CLOCK_REALTIME, now) ? base : 0;
}

/* The moment that the kernel's clock has when ours has `end`; the monotonic clock is the same. */
static struct timespec unshifted(const struct timespec *end) {
    struct timespec until = *end;
    if (until.tv_sec > 1000000000) until.tv_sec -= seconds();
    return until;
}

int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *lock, const struct timespec *end) {
    static int (*real)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
    if (!real) {
        /* The first symbol of this name is one for programs of 2003, with another layout. */
        real = dlvsym(RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2");
        if (!real) real = dlsym(RTLD_NEXT, "pthread_cond_timedwait");
    }
    struct timespec until = unshifted(end);
    return real(condition, lock, &until);
}

int cnd_timedwait(cnd_t *condition, mtx_t *lock, const struct timespec *end) {
    static int (*real)(cnd_t *, mtx_t *, const struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "cnd_timedwait");
    struct timespec until = unshifted(end);
    return real(condition, lock, &until);
}

int sem_timedwait(sem_t *semaphore, const struct timespec *end) {
    static int (*real)(sem_t *, const struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "sem_timedwait");
    struct timespec until = unshifted(end);
    return real(semaphore, &until);
}
