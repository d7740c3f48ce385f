//! How the process keeps memory it has freed, and which of its threads go first.

/// Tells the C library to keep freed memory instead of giving it back to the kernel. A training step allocates and
/// frees the same large buffers again and again; by default glibc unmaps them each time and the kernel clears every page
/// anew, which doubles the time of a step of a small model. Applies to the whole process, so only a program that trains
/// and then exits should call it. Does nothing where the C library is not glibc, nor for a program with another
/// allocator, as `amend` is: 100 steps of a small model take it 12.1 s of processor time, and 12.9 s with glibc so told.
pub fn keep_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        /// The largest threshold glibc accepts.
        const LARGE: libc::c_int = 32 << 20;
        // SAFETY: mallopt only changes settings of the allocator; it is called with documented parameters.
        unsafe {
            libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE);
            libc::mallopt(libc::M_TRIM_THRESHOLD, libc::c_int::MAX);
            libc::mallopt(libc::M_TOP_PAD, 64 << 20);
            // Other arenas than the first consist of small heaps that are unmapped when they are empty.
            libc::mallopt(libc::M_ARENA_MAX, 1);
        }
    }
}

/// Lets the calling thread, and the threads that it starts, have the processor after all others. Does nothing where the
/// system has no such order for a single thread.
pub fn lower_priority() {
    #[cfg(target_os = "linux")]
    {
        /// The last: with 10, a tenth of a processor that a user's answer needs went to a job.
        const NICE: libc::c_int = 19;
        let no_order = libc::sched_param { sched_priority: 0 };
        // SAFETY: both take plain numbers and a structure that outlives the call; on Linux `0` is the calling thread. That
        // they refuse is no failure.
        unsafe {
            libc::setpriority(libc::PRIO_PROCESS, 0, NICE);
            // A processor that runs nothing else counts as idle for whoever wakes up, and is given away at once; a nice
            // value alone lets the thread keep it until the next tick, milliseconds later.
            libc::sched_setscheduler(0, libc::SCHED_IDLE, &raw const no_order);
        }
    }
}
