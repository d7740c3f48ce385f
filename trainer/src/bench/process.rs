//! What the kernel says of this process. Nothing where there is no `/proc`.

use std::fs;

const MIB: f64 = 1024.0;

fn status(field: &str) -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    let kib: f64 = line.trim_start_matches(':').trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kib / MIB)
}

/// Resident memory in MiB.
pub(crate) fn resident() -> Option<f64> {
    status("VmRSS")
}

/// The most resident memory since the start or the last [`forget_peak`], in MiB.
pub(crate) fn peak() -> Option<f64> {
    status("VmHWM")
}

/// Begins the peak anew, where the kernel allows it; otherwise it stays what it was, which is never too little.
pub(crate) fn forget_peak() {
    // A refusal leaves the old peak standing.
    let _ = fs::write("/proc/self/clear_refs", "5");
}

/// What this process has computed so far, in seconds, of all processors together.
pub(crate) fn computed() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // Behind the command's name, which is in brackets and may hold anything.
    let fields = stat.rsplit_once(')')?.1;
    let ticks = |field: usize| fields.split_whitespace().nth(field)?.parse::<f64>().ok();
    // Ticks are hundredths of a second on every Linux that this runs on.
    Some((ticks(11)? + ticks(12)?) / 100.0)
}

/// What the calling thread has computed so far, in seconds.
pub(crate) fn computed_here() -> Option<f64> {
    let text = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_whitespace().next()?.parse::<f64>().ok().map(|nanoseconds| nanoseconds / 1e9)
}

/// Processes that ran or waited for a processor, on average over the last minute.
pub(crate) fn load() -> Option<f64> {
    fs::read_to_string("/proc/loadavg").ok()?.split(' ').next()?.parse().ok()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_tells() {
        let before = resident().expect("known");
        let held = vec![1u8; 64 << 20];
        assert!(peak().expect("known") >= before + 48.0, "{} bytes more", held.len());
        assert!(computed().is_some() && computed_here().is_some() && load().is_some());
    }
}
