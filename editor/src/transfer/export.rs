//! Edits as JSON lines.

use super::line;
use crate::{
    edit::{MAX_PAGE, Seq},
    error::EditError,
    tenant::TenantEditor,
};
use futures::stream::{self, BoxStream, StreamExt};

impl TenantEditor {
    /// The edits that stood after an entry (`None`: now) as JSON lines, some hundred of them an item; the format is in
    /// the documentation of [`import`](Self::import). Writes go on meanwhile and are not in it.
    ///
    /// # Errors
    /// [`EditError::InvalidEdit`] for `seq` when it lies ahead of the log. The stream's own error is its last item.
    pub fn export(
        &self,
        as_of: Option<Seq>,
    ) -> Result<BoxStream<'static, Result<String, EditError>>, EditError> {
        let seq = as_of.unwrap_or_else(|| self.editor().last_seq());
        self.editor().reached("seq", seq)?;
        let begin = Some((self.clone(), Seq::START));
        Ok(stream::unfold(begin, move |state| async move {
            let (editor, after) = state?;
            match page(&editor, seq, after).await {
                Ok((lines, next)) => Some((Ok(lines), next.map(|next| (editor, next)))),
                Err(error) => Some((Err(error), None)),
            }
        })
        .boxed())
    }
}

async fn page(editor: &TenantEditor, seq: Seq, after: Seq) -> Result<(String, Option<Seq>), EditError> {
    let past = editor.state_as_of(seq, after, MAX_PAGE).await?;
    let lines = tokio::task::spawn_blocking(move || past.edits.iter().map(line::write).collect());
    let lines: Result<String, EditError> =
        lines.await.map_err(|error| EditError::storage("write its edits", error))?;
    Ok((lines?, past.next))
}
