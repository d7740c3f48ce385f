//! What the kernel says of this process and of the machine.

use super::ScaleError;

fn read(path: &'static str) -> Result<String, ScaleError> {
    std::fs::read_to_string(path).map_err(|error| ScaleError::System { path, reason: error.to_string() })
}

fn missing(path: &'static str) -> ScaleError {
    ScaleError::System { path, reason: "a field is missing".to_owned() }
}

/// Resident memory of this process, in bytes.
pub(in crate::bench) fn resident() -> Result<u64, ScaleError> {
    let path = "/proc/self/status";
    let status = read(path)?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or_else(|| missing(path))?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().map_err(|_| missing(path))?;
    Ok(kib * 1024)
}

/// What this process has computed so far, in seconds, of all processors together, to a hundredth.
pub(super) fn computed() -> Result<f64, ScaleError> {
    let path = "/proc/self/stat";
    let stat = read(path)?;
    // Behind the command's name, which is in brackets and may hold anything.
    let fields = stat.rsplit_once(')').ok_or_else(|| missing(path))?.1;
    let ticks = |field: usize| fields.split_whitespace().nth(field).and_then(|text| text.parse::<f64>().ok());
    // Ticks are hundredths of a second on every Linux that this runs on.
    let (user, system) = ticks(11).zip(ticks(12)).ok_or_else(|| missing(path))?;
    Ok((user + system) / 100.0)
}

/// Processes that ran or waited for a processor, on average over the last minute, this one among them.
pub(super) fn load() -> Result<f64, ScaleError> {
    let path = "/proc/loadavg";
    read(path)?.split(' ').next().and_then(|text| text.parse().ok()).ok_or_else(|| missing(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_tells() {
        let before = resident().unwrap();
        let held = vec![1u8; 64 << 20];
        assert!(resident().unwrap() >= before + (48 << 20), "{} bytes more", held.len());
        let begun = computed().unwrap();
        let mut sum = 0u64;
        // Ends as soon as the kernel has counted some of it.
        while computed().unwrap() - begun < 0.02 {
            sum = (0..100_000u64).fold(sum, |sum, at| sum.wrapping_mul(31) ^ at);
        }
        assert!(load().unwrap() >= 0.0, "{sum}");
    }
}
