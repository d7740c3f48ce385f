//! The log through its whole interface. Every test opens an editor of its own in a temporary folder.

mod bulk;
mod encoders;
mod hybrid;
mod lifecycle;
mod paging;
mod past;
mod random;
mod repeated;
mod scoped;
mod standing;

use crate::{
    dense::EncoderSetup,
    edit::{AddEdits, Added, Attribution, Edit, NewEdit, RestoreEdit, RetireEdit, RollBack, Seq},
    editor::{Editor, EditorOptions},
    operation::Operation,
    tenant::TenantEditor,
    time::ManualClock,
};
use amend_proto::{EditId, Message, TenantId};
use std::{path::Path, sync::Arc};
use tempfile::TempDir;

/// An editor with a clock that stands at second 1,000.
struct Bench {
    editor: Editor,
    clock: Arc<ManualClock>,
    folder: TempDir,
    encoder: Option<EncoderSetup>,
}

async fn bench() -> Bench {
    bench_with(None).await
}

async fn bench_with(encoder: Option<EncoderSetup>) -> Bench {
    let (folder, clock) = (tempfile::tempdir().expect("a temporary folder"), ManualClock::at(1_000));
    let editor = open(&folder.path().join("amend.db"), &clock, encoder.clone()).await;
    Bench { editor, clock, folder, encoder }
}

async fn open(database: &Path, clock: &Arc<ManualClock>, encoder: Option<EncoderSetup>) -> Editor {
    let clock = Arc::clone(clock) as Arc<dyn crate::time::Clock>;
    let options = EditorOptions { clock, encoder, ..EditorOptions::new(database) };
    Editor::open(options).await.expect("opens")
}

impl Bench {
    fn of(&self, tenant: &str) -> TenantEditor {
        self.editor.tenant(TenantId::new(tenant).expect("a valid id"))
    }
}

fn id(text: &str) -> EditId {
    EditId::new(text).expect("a valid id")
}

fn seq(number: i64) -> Seq {
    Seq::new(number)
}

/// An edit named after its id's text.
fn edit(name: &str, text: &str) -> NewEdit {
    NewEdit::new(text).named(id(name))
}

async fn add(tenant: &TenantEditor, edit: NewEdit) -> Added {
    tenant.add(edit.into()).await.expect("added")
}

fn retire(name: &str) -> RetireEdit {
    RetireEdit { id: id(name), by: Attribution::default() }
}

fn restore(name: &str) -> RestoreEdit {
    RestoreEdit { id: id(name), version: None, by: Attribution::default() }
}

fn back_to(number: i64) -> RollBack {
    RollBack { to: seq(number), by: Attribution::default() }
}

fn applied(tenant: &TenantEditor, question: &str) -> Vec<String> {
    let preview = tenant.preview(&[Message::user(question)]).expect("renders");
    preview.edits.into_iter().map(|edit| edit.id.to_string()).collect()
}

fn names(edits: &[Edit]) -> Vec<&str> {
    edits.iter().map(|edit| edit.id.as_str()).collect()
}

/// `add a`, `retire a`, ….
fn did(operations: &[Operation]) -> Vec<String> {
    operations.iter().map(|operation| format!("{} {}", operation.change.as_str(), operation.edit)).collect()
}

fn batch(edits: impl IntoIterator<Item = NewEdit>) -> AddEdits {
    AddEdits::new(edits.into_iter().collect())
}
