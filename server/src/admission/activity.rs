//! How many users are being served, for whoever goes behind them.

use amend_proto::Priority;
use tokio::sync::watch;

/// Counts users' requests from their arrival to the end of their answer. Clones are one count.
#[derive(Debug, Clone)]
pub(super) struct Activity(watch::Sender<usize>);

impl Default for Activity {
    fn default() -> Self {
        Self(watch::Sender::new(0))
    }
}

/// One request, until it is dropped.
#[derive(Debug)]
pub(super) struct Present(watch::Sender<usize>);

impl Activity {
    /// Counts a request, unless it is one of the daemon's own.
    pub(super) fn enter(&self, priority: Priority) -> Option<Present> {
        match priority {
            Priority::Live => {
                self.0.send_modify(|count| *count += 1);
                Some(Present(self.0.clone()))
            }
            Priority::Background => None,
        }
    }

    /// The count as it changes.
    pub(super) fn watch(&self) -> watch::Receiver<usize> {
        self.0.subscribe()
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_counted_while_they_are_there_and_the_daemons_own_requests_are_not() {
        let activity = Activity::default();
        let busy = activity.watch();
        let (one, two) = (activity.enter(Priority::Live), activity.enter(Priority::Live));
        assert!(activity.enter(Priority::Background).is_none());
        assert_eq!(*busy.borrow(), 2);
        drop(one);
        assert_eq!(*busy.borrow(), 1);
        drop(two);
        assert_eq!(*busy.borrow(), 0);
    }
}
