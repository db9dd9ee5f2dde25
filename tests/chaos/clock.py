"""A clock that can be set, for the processes of one site: the machine's own is everybody's."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

import pytest

# What libc answers to those who ask for the time of day; what counts from the start goes on as
# ever. Whoever waits until a moment of that clock waits as long as before it was set.
SOURCE = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile long none;
static volatile long *shift = &none;

__attribute__((constructor)) static void begin(void) {
    const char *name = getenv("CHAOS_CLOCK");
    int file = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *page = mmap(0, sizeof(long), PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (page != MAP_FAILED) shift = page;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int failed = syscall(SYS_clock_gettime, clock, now);
    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += *shift;
    return failed;
}

int gettimeofday(struct timeval *now, void *zone) {
    struct timespec exact;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *now) {
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    if (now) *now = exact.tv_sec;
    return exact.tv_sec;
}

int sem_timedwait(sem_t *semaphore, const struct timespec *until) {
    struct timespec real = *until;
    real.tv_sec -= *shift;
    return sem_clockwait(semaphore, CLOCK_REALTIME, &real);
}
"""


class Clock:
    """Read by all processes that are started with its `environment`; set while they run."""

    def __init__(self, folder: Path) -> None:
        compiler = shutil.which("cc")
        if compiler is None:
            pytest.skip("no C compiler here: a clock cannot be set for some processes only")
        self.page, library, source = (folder / name for name in ("clock", "clock.so", "clock.c"))
        source.write_text(SOURCE)
        command = [compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(source)]
        subprocess.run(command, check=True)
        self.page.write_bytes(struct.pack("l", 0))
        self.environment = {"LD_PRELOAD": str(library), "CHAOS_CLOCK": str(self.page)}

    def set(self, seconds: int) -> None:
        """Put the clock so far before the real one, at once for all."""
        with self.page.open("r+b", buffering=0) as file:
            file.write(struct.pack("l", seconds))
