//! Pages of lists, newest first, that go on after an id.

/// A page of what was asked for with one more than its length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Page<T> {
    /// At most as many as were wanted.
    pub(crate) items: Vec<T>,
    /// Whether more come after them.
    pub(crate) has_more: bool,
}

impl<T> Page<T> {
    /// Of `found`, which has at most one more than `limit`.
    pub(crate) fn of(mut found: Vec<T>, limit: usize) -> Self {
        let has_more = found.len() > limit;
        found.truncate(limit);
        Self { items: found, has_more }
    }

    /// What the next page comes after; none at the end.
    pub(crate) fn next<Id>(&self, id: impl FnOnce(&T) -> Id) -> Option<Id> {
        self.items.last().filter(|_| self.has_more).map(id)
    }
}

#[cfg(test)]
mod tests {
    use super::Page;

    #[test]
    fn one_more_than_wanted_tells_of_a_next_page() {
        let page = Page::of(vec![3, 2, 1], 2);
        assert_eq!(
            (page.items.as_slice(), page.has_more, page.next(|last| *last)),
            ([3, 2].as_slice(), true, Some(2))
        );
        let page = Page::of(vec![3, 2], 2);
        assert_eq!((page.items.len(), page.has_more, page.next(|last| *last)), (2, false, None));
    }
}
