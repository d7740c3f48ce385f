//! Threads for what takes long, with a priority of their own.

use amend_proto::Priority;
use amend_trainer::memory::lower_priority;
use tokio::sync::oneshot;

/// There was no thread, or what ran on it panicked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("its thread could not be started, or panicked")]
pub(crate) struct NoThread;

/// Runs `work` on a thread of its own; what that starts has the same priority. It goes on when nobody waits any more.
///
/// # Errors
/// [`NoThread`].
pub(crate) async fn apart<T: Send + 'static>(
    name: &'static str,
    priority: Priority,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, NoThread> {
    let (sender, receiver) = oneshot::channel();
    let body = move || {
        if priority == Priority::Background {
            lower_priority();
        }
        // Nobody waits any more when it was given up.
        drop(sender.send(work()));
    };
    // Started by one of the runtime's threads: a thread has the priority of the one that starts it, and that of a job is
    // low and cannot be raised again.
    let start = move || std::thread::Builder::new().name(name.to_owned()).spawn(body).map(drop);
    tokio::spawn(async move { start() }).await.map_err(|_| NoThread)?.map_err(|_| NoThread)?;
    receiver.await.map_err(|_| NoThread)
}

/// The nice value of the calling thread.
#[cfg(all(test, target_os = "linux"))]
pub(crate) fn nice() -> i32 {
    // The nineteenth field of the thread's own line; its name may hold a space.
    let line = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
    let fields: Vec<&str> = line.rsplit(')').next().unwrap().split_whitespace().collect();
    fields[16].parse().unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_done_apart_comes_back_and_a_panic_is_an_error() {
        for priority in [Priority::Live, Priority::Background] {
            assert_eq!(apart("amend-test", priority, || 7).await, Ok(7));
            assert_eq!(apart("amend-test", priority, || panic!("as wanted")).await, Err::<(), _>(NoThread));
        }
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_thread_has_the_priority_that_it_was_given_whoever_asked() {
        let runtime = tokio::runtime::Handle::current();
        let asked = apart("amend-test", Priority::Background, move || {
            (nice(), runtime.block_on(apart("amend-test", Priority::Live, nice)).unwrap())
        });
        let (low, normal) = asked.await.unwrap();
        assert_eq!(normal, nice(), "asked for by a thread of low priority");
        assert!(low > normal || low == 19, "{low} {normal}");
    }
}
