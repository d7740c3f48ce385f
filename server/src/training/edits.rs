//! The edits that stood in front of a question when its answers were given: training must see what the model saw.

use amend_editor::Editor;
use amend_proto::Role;
use amend_trainer::preference::Pair;

/// The pair with its edits in front of its question, each as it last read; none when one of them is not known any more, or
/// there is no question.
pub(super) async fn rendered(editor: &Editor, mut pair: Pair) -> anyhow::Result<Option<Pair>> {
    if pair.provenance.edits.is_empty() {
        return Ok(Some(pair));
    }
    let tenant = editor.tenant(pair.provenance.tenant.clone());
    let mut texts = Vec::new();
    for applied in &pair.provenance.edits {
        let Some(known) = tenant.find(&applied.id).await? else { return Ok(None) };
        texts.push(known.edit.content.text);
    }
    let Some(question) = pair.prompt.iter_mut().rfind(|message| message.role == Role::User) else {
        return Ok(None);
    };
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    question.content = editor.template().render(&texts, &question.content)?;
    Ok(Some(pair))
}
