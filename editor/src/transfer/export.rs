//! Edits as JSON lines.

use super::line;
use crate::{
    edit::{Edit, MAX_PAGE, Seq},
    error::EditError,
    operation::PastEdits,
    tenant::TenantEditor,
};
use futures::stream::{self, BoxStream, Stream, StreamExt, TryStreamExt};

impl TenantEditor {
    /// The edits that stood after an entry (`None`: now) as JSON lines, some hundred of them an item; the format is in
    /// the documentation of [`import`](Self::import). The oldest version comes first, so of edits that contradict each other
    /// the same one wins after an import. Writes go on meanwhile and are not in it.
    ///
    /// # Errors
    /// [`EditError::InvalidEdit`] for `seq` when it lies ahead of the log. The stream's own error is its last item.
    pub fn export(
        &self,
        as_of: Option<Seq>,
    ) -> Result<BoxStream<'static, Result<String, EditError>>, EditError> {
        let lines = |page: Vec<Edit>| async move {
            let lines = tokio::task::spawn_blocking(move || page.iter().map(line::write).collect());
            lines.await.map_err(|error| EditError::storage("write its edits", error))?
        };
        Ok(self.pages(as_of)?.and_then(lines).boxed())
    }

    /// As [`export`](Self::export), the edits themselves.
    ///
    /// # Errors
    /// As [`export`](Self::export).
    pub fn edits_as_of(
        &self,
        as_of: Option<Seq>,
    ) -> Result<BoxStream<'static, Result<Edit, EditError>>, EditError> {
        let pages = self.pages(as_of)?;
        Ok(pages.map_ok(|page| stream::iter(page.into_iter().map(Ok))).try_flatten().boxed())
    }

    fn pages(
        &self,
        as_of: Option<Seq>,
    ) -> Result<impl Stream<Item = Result<Vec<Edit>, EditError>> + Send + use<>, EditError> {
        let seq = as_of.unwrap_or_else(|| self.editor().last_seq());
        self.editor().reached("seq", seq)?;
        let begin = Some((self.clone(), Seq::START));
        Ok(stream::unfold(begin, move |state| async move {
            let (editor, after) = state?;
            match editor.state_as_of(seq, after, MAX_PAGE).await {
                Ok(PastEdits { edits, next }) => Some((Ok(edits), next.map(|next| (editor, next)))),
                Err(error) => Some((Err(error), None)),
            }
        }))
    }
}
