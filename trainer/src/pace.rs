//! Where a computation can be held up: between two operations of the decoder.
//!
//! A pass through the model is too long to be waited for by somebody who wants the processor now. The operations are told
//! nothing of whoever that is: a thread that computes names a function that returns when it may go on, and each of the
//! larger operations calls it before it begins.

use std::cell::RefCell;

type Wait = Box<dyn Fn()>;

thread_local! {
    static WAIT: RefCell<Option<Wait>> = const { RefCell::new(None) };
}

/// While it lives, the operations of this thread wait.
#[must_use]
pub(crate) struct Paced(());

/// From now on the operations of this thread call `wait` before they begin. It must not compute with the decoder itself.
pub(crate) fn by(wait: impl Fn() + 'static) -> Paced {
    WAIT.with_borrow_mut(|current| *current = Some(Box::new(wait)));
    Paced(())
}

impl Drop for Paced {
    fn drop(&mut self) {
        WAIT.with_borrow_mut(Option::take);
    }
}

/// Returns when this thread may go on.
pub(crate) fn wait() {
    WAIT.with_borrow(|wait| {
        if let Some(wait) = wait {
            wait();
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::rc::Rc;

    #[test]
    fn only_a_thread_that_is_paced_waits() {
        let calls = Rc::new(Cell::new(0));
        wait();
        let counted = Rc::clone(&calls);
        let paced = by(move || counted.set(counted.get() + 1));
        wait();
        std::thread::spawn(wait).join().expect("another thread does not wait");
        drop(paced);
        wait();
        assert_eq!(calls.get(), 1);
    }
}
