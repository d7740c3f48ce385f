//! A handle by which a running training is paused and stopped.

use crate::pace::{self, Paced};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// What a training shall do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    Run,
    Pause,
    Stop,
}

/// Pauses, resumes and stops a training from another thread. Clones are one handle. A pause is heeded
/// between two operations of the model, a stop between two passes through it; while paused the training uses no processor.
#[derive(Debug, Clone)]
pub struct Control(Arc<(Mutex<Wish>, Condvar)>);

impl Default for Control {
    fn default() -> Self {
        Self(Arc::new((Mutex::new(Wish::Run), Condvar::new())))
    }
}

/// Whether to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    Go,
    Stop,
}

impl Control {
    /// Lets the training wait. Has no effect once it was told to stop.
    pub fn pause(&self) {
        self.wish(Wish::Pause);
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.wish(Wish::Run);
    }

    /// Stops it for good, also when it is paused: it writes a checkpoint and returns. The same job, with a new handle, goes
    /// on from there.
    pub fn stop(&self) {
        self.wish(Wish::Stop);
    }

    /// Whether it was told to stop.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) == Wish::Stop
    }

    /// Whether it shall wait.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) == Wish::Pause
    }

    fn wish(&self, wish: Wish) {
        let mut current = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        if *current != Wish::Stop {
            *current = wish;
        }
        self.0.1.notify_all();
    }

    /// Until the guard is dropped, what this thread computes with the decoder waits while paused, operation by operation.
    pub(crate) fn pace(&self) -> Paced {
        let control = self.clone();
        pace::by(move || {
            control.next();
        })
    }

    /// Waits while paused.
    pub(crate) fn next(&self) -> Next {
        let mut wish = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match *wish {
                Wish::Run => return Next::Go,
                Wish::Stop => return Next::Stop,
                Wish::Pause => wish = self.0.1.wait(wish).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_holds_until_it_is_lifted_and_a_stop_is_final() {
        let control = Control::default();
        assert_eq!(control.next(), Next::Go);
        control.pause();
        let waiting = control.clone();
        let worker = std::thread::spawn(move || waiting.next());
        assert!(!worker.is_finished());
        control.resume();
        assert_eq!(worker.join().expect("returns"), Next::Go);
        control.pause();
        let waiting = control.clone();
        let worker = std::thread::spawn(move || waiting.next());
        control.stop();
        assert_eq!(worker.join().expect("returns"), Next::Stop);
        control.resume();
        assert!(control.is_stopped() && control.next() == Next::Stop);
    }
}
