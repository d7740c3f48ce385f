//! Whether this build uses what the CPU has.

/// What the CPU offers and this build was not compiled for, by Rust's names.
///
/// The engine picks its quantised kernels when it is compiled: without AVX2 in the build they are scalar, 8 times
/// slower on the same machine.
#[must_use]
pub fn unused_simd() -> Vec<&'static str> {
    #[allow(unused_mut, reason = "other architectures have nothing to look for")]
    let mut unused = Vec::new();
    #[cfg(target_arch = "x86_64")]
    {
        macro_rules! look_for {
            ($($feature:tt),*) => {$(
                if std::arch::is_x86_feature_detected!($feature) && !cfg!(target_feature = $feature) {
                    unused.push($feature);
                }
            )*};
        }
        look_for!("avx2", "fma", "f16c", "avx512f");
    }
    unused
}

/// Says in the log when the build leaves the CPU's vector units idle, and how to build for them.
pub fn warn_of_unused_simd() {
    let unused = unused_simd();
    if !unused.is_empty() {
        tracing::warn!(
            features = unused.join(", "),
            "this CPU has vector instructions that this build does not use; answers take longer than they need to: \
             build with RUSTFLAGS=\"-C target-cpu=native\", as .cargo/config.toml of the source does"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `.cargo/config.toml` builds for this machine, so a test run must find nothing unused. Where the flag is
    /// overridden (images are built for x86-64-v3) only what lies above it may be named.
    #[test]
    fn a_native_build_leaves_nothing_unused() {
        let unused = unused_simd();
        if cfg!(target_feature = "avx512f") {
            assert!(unused.is_empty(), "{unused:?}");
        }
        assert!(!(cfg!(target_feature = "avx2") && unused.contains(&"avx2")));
    }
}
