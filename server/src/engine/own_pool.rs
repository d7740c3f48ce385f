//! Helper threads of its own for an engine of low priority.
//!
//! candle multiplies matrices on rayon's pool of the thread that asks, and that is the pool of the whole process: what an
//! engine of a gate asks for would be computed by threads of a user's priority, beside a user's answer. A thread that is
//! a member of a pool of its own asks that one, and the pool's other threads have the priority of the one that starts
//! them. mistralrs starts the engine's thread itself; what runs on it is a logits processor, so one of those does it.

use mistralrs::{CustomLogitsProcessor, Tensor};
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::cell::OnceCell;

thread_local! {
    /// Its other threads end with this one.
    static POOL: OnceCell<Option<ThreadPool>> = const { OnceCell::new() };
}

/// Gives the thread of the engine that draws a token with it a pool of its own.
///
/// To be sent with one sequence at a time: of several the engine draws the tokens on a pool's threads.
pub(super) struct OwnPool;

impl CustomLogitsProcessor for OwnPool {
    fn apply(&self, logits: &Tensor, _: &[u32]) -> mistralrs::Result<Tensor> {
        POOL.with(|pool| {
            pool.get_or_init(start);
        });
        Ok(logits.clone())
    }
}

/// A pool of this thread and others, as many as there are processors; two at least, since this thread waits for what the
/// engine gives a pool to do.
fn start() -> Option<ThreadPool> {
    let threads = std::thread::available_parallelism().map_or(2, |threads| threads.get().max(2));
    let pool = ThreadPoolBuilder::new()
        .num_threads(threads)
        .use_current_thread()
        .thread_name(|_| "amend-low".to_owned())
        .build();
    match pool {
        Ok(pool) => Some(pool),
        Err(error) => {
            tracing::warn!(%error, "an engine of low priority computes on the threads of all");
            None
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::threads::nice;
    use amend_trainer::memory::lower_priority;
    use mistralrs::Device;

    #[test]
    fn what_a_thread_asks_for_is_computed_with_its_priority() {
        let here = nice();
        let low = std::thread::spawn(move || {
            lower_priority();
            let logits = Tensor::new(&[1_f32, 2.0], &Device::Cpu).unwrap();
            for _ in 0..2 {
                let same = OwnPool.apply(&logits, &[]).unwrap();
                assert_eq!(same.to_vec1::<f32>().unwrap(), [1.0, 2.0]);
            }
            (nice(), rayon::current_thread_index(), rayon::broadcast(|_| nice()))
        });
        let (own, index, all) = low.join().unwrap();
        assert_eq!(index, Some(0), "not in a pool of its own");
        assert!(all.len() > 1 && all.iter().all(|nice| *nice == own), "{own} {all:?}");
        // The process's pool is as it was.
        assert_eq!(rayon::broadcast(|_| nice()), vec![here; rayon::current_num_threads()]);
        assert!(own == 19 || here == own, "{here} {own}");
    }

    #[test]
    fn a_pool_for_a_thread_that_is_in_one_is_none_and_no_error() {
        let pool = ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        assert!(pool.install(start).is_none());
    }
}
