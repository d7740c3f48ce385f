//! Following the log: every operation once, in order, from any entry on.

use crate::{
    edit::Seq,
    error::EditError,
    operation::{Operation, Operations},
    store::{Part, Reader},
};
use amend_proto::TenantId;
use futures::stream::{self, BoxStream, StreamExt};
use std::collections::VecDeque;
use tokio::sync::watch;

/// Operations that are read at a time, and the most that a watch holds.
const PAGE: usize = 256;

/// The operations of a [`watch`](crate::TenantEditor::watch).
pub type Watch = BoxStream<'static, Result<Operation, EditError>>;

/// What a watch follows.
pub(crate) struct Follow {
    pub(crate) reader: Reader,
    /// The last entry that is durable and visible.
    pub(crate) progress: watch::Receiver<Seq>,
    /// `None` follows everyone.
    pub(crate) tenant: Option<TenantId>,
    pub(crate) after: Seq,
}

struct State {
    follow: Follow,
    read: VecDeque<Operation>,
}

impl Follow {
    /// The operations after [`after`](Self::after), first those that are there, then each as it comes.
    ///
    /// All of them are read from the database, a page at a time, when the page before is used up; the writer only says
    /// how far it is. So whoever reads slowly holds up nobody and costs one page of memory, and there is no seam between
    /// the past and the present at which an operation could be lost or doubled. The newest pages are in SQLite's and the
    /// system's cache.
    pub(crate) fn stream(self) -> Watch {
        stream::unfold(Some(State { follow: self, read: VecDeque::new() }), next).boxed()
    }

    async fn page(&mut self, through: Seq) -> Result<VecDeque<Operation>, EditError> {
        let part = Part { after: self.after, through, limit: PAGE };
        let Operations { operations, next } = self.reader.operations(part, self.tenant.as_ref()).await?;
        self.after = next.unwrap_or(through);
        Ok(operations.into())
    }
}

async fn next(state: Option<State>) -> Option<(Result<Operation, EditError>, Option<State>)> {
    let mut state = state?;
    loop {
        if let Some(operation) = state.read.pop_front() {
            return Some((Ok(operation), Some(state)));
        }
        let through = *state.follow.progress.borrow_and_update();
        if state.follow.after >= through {
            // The writer is gone, and all that it wrote has been read.
            state.follow.progress.changed().await.ok()?;
            continue;
        }
        match state.follow.page(through).await {
            Ok(page) => state.read = page,
            Err(error) => return Some((Err(error), None)),
        }
    }
}
