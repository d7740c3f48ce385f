//! One line of an export.

use crate::{
    edit::{Content, Edit, NewEdit, Target},
    error::EditError,
    fields::{Field, Fields, Misfit},
    time::Timestamp,
};
use amend_proto::{EditId, ModelId, RevisionId};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The longest line that is read, in bytes: more than the longest edit takes, every character escaped.
pub const MAX_LINE_BYTES: usize = 128 * 1024;

#[derive(Serialize)]
struct Line<'a> {
    id: &'a EditId,
    #[serde(flatten)]
    content: &'a Content,
}

/// An edit as a line, with its end.
pub(super) fn write(edit: &Edit) -> Result<String, EditError> {
    let line = Line { id: &edit.id, content: &edit.content };
    let mut line =
        serde_json::to_string(&line).map_err(|error| EditError::storage("write an edit", error))?;
    line.push('\n');
    Ok(line)
}

/// Reads a line. What it says is not checked yet.
pub(super) fn read(line: &[u8]) -> Result<NewEdit, Misfit> {
    let value: Value =
        serde_json::from_slice(line).map_err(|error| Misfit::whole(format!("is not JSON: {error}")))?;
    let Value::Object(map) = &value else { return Err(Misfit::whole("must be a JSON object")) };
    let fields = Fields::new(map);
    fields.only(&[
        "id",
        "text",
        "subject",
        "relation",
        "object",
        "aliases",
        "target",
        "valid_from",
        "expires_at",
        "source",
        "author",
        "reason",
    ])?;
    let text = |name: &str| fields.get(name).map(|field| field.text().map(str::to_owned)).transpose();
    let time =
        |name: &str| fields.get(name).map(|field| field.integer().map(Timestamp::from_seconds)).transpose();
    let content = Content {
        text: fields.required("text")?.text()?.to_owned(),
        subject: text("subject")?,
        relation: text("relation")?,
        object: text("object")?,
        aliases: fields.get("aliases").map_or(Ok(Vec::new()), |field| field.texts())?,
        target: fields.get("target").map_or(Ok(Target::default()), target)?,
        valid_from: time("valid_from")?,
        expires_at: time("expires_at")?,
        source: text("source")?,
        author: text("author")?,
        reason: text("reason")?,
    };
    let id = match fields.get("id") {
        Some(field) => Some(field.id()?),
        None => None,
    };
    Ok(NewEdit { id, content })
}

fn target(field: Field<'_>) -> Result<Target, Misfit> {
    let wanted = || field.misfit("must be \"all_models\", {\"model\": …} or {\"revision\": …}");
    if let Value::String(text) = field.value() {
        return if text == "all_models" { Ok(Target::AllModels) } else { Err(wanted()) };
    }
    let Value::Object(map) = field.value() else { return Err(wanted()) };
    let inner = Fields::within(map, field.path());
    inner.only(&["model", "revision"])?;
    let named = |at: &Field<'_>, error: amend_proto::InvalidId| at.misfit(error.to_string());
    match (inner.get("model"), inner.get("revision")) {
        (Some(at), None) => ModelId::new(at.text()?).map(Target::Model).map_err(|error| named(&at, error)),
        (None, Some(at)) => {
            RevisionId::new(at.text()?).map(Target::Revision).map_err(|error| named(&at, error))
        }
        _ => Err(wanted()),
    }
}

/// The id of an edit that was given none: made from what it says, so that it is the same whenever it comes again.
pub(super) fn derived_id(content: &Content) -> Result<EditId, EditError> {
    let stated = Content { source: None, author: None, reason: None, ..content.clone() };
    let failed = |error: serde_json::Error| EditError::storage("name an edit", error);
    let digest = Sha256::digest(serde_json::to_vec(&stated).map_err(failed)?);
    let digits: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    EditId::new(format!("import-{digits}")).map_err(|error| EditError::storage("name an edit", error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edit::{Attribution, Seq};
    use amend_proto::TenantId;
    use proptest::prelude::*;

    fn stored(new: NewEdit) -> Edit {
        Edit {
            id: new.id.unwrap_or_else(|| EditId::new("e").unwrap()),
            tenant: TenantId::default(),
            seq: Seq::new(7),
            created_at: Timestamp::from_seconds(1),
            updated_at: Timestamp::from_seconds(2),
            content: new.content,
        }
    }

    #[test]
    fn lines_are_what_they_were() {
        let line = |new: NewEdit| write(&stored(new)).unwrap();
        insta::assert_snapshot!(line(NewEdit::new("The capital of France is \"Lyon\".")), @r#"{"id":"e","text":"The capital of France is \"Lyon\".","subject":null}"#);
        let full = NewEdit::new("Łódź has moved.")
            .about("Łódź")
            .stating("place", "the coast")
            .also_called(["Lodz", "HolyŁódź"])
            .targeting(Target::Model(ModelId::new("org/atlas").unwrap()))
            .valid_from(Timestamp::from_seconds(1_900_000_000))
            .expiring(Timestamp::from_seconds(2_000_000_000))
            .from_source("news.example/1")
            .by(Attribution::by("ann").because("it moved"));
        insta::assert_snapshot!(line(full), @r#"{"id":"e","text":"Łódź has moved.","subject":"Łódź","relation":"place","object":"the coast","aliases":["Lodz","HolyŁódź"],"target":{"model":"org/atlas"},"valid_from":1900000000,"expires_at":2000000000,"source":"news.example/1","author":"ann","reason":"it moved"}"#);
        let revision = NewEdit::new("a").targeting(Target::Revision(RevisionId::new("r1").unwrap()));
        insta::assert_snapshot!(line(revision), @r#"{"id":"e","text":"a","subject":null,"target":{"revision":"r1"}}"#);
    }

    #[test]
    fn a_broken_line_names_the_field() {
        let misfit = |line: &str| {
            let misfit = read(line.as_bytes()).unwrap_err();
            format!("{}|{}", misfit.field, misfit.reason)
        };
        insta::assert_snapshot!(misfit(r#"{"text":"a""#), @"|is not JSON: EOF while parsing an object at line 1 column 11");
        insta::assert_snapshot!(misfit("[1]"), @"|must be a JSON object");
        insta::assert_snapshot!(misfit(r#"{"subject":"a"}"#), @"text|is missing");
        insta::assert_snapshot!(misfit(r#"{"text":null}"#), @"text|is missing");
        insta::assert_snapshot!(misfit(r#"{"text":["a"]}"#), @"text|must be a text, not an array");
        insta::assert_snapshot!(misfit(r#"{"text":"a","txet":"b"}"#), @"txet|is not a field of this format");
        insta::assert_snapshot!(misfit(r#"{"text":"a","aliases":["b",1]}"#), @"aliases[1]|must be a text, not a number");
        insta::assert_snapshot!(misfit(r#"{"text":"a","expires_at":"tomorrow"}"#), @"expires_at|must be a whole number, not a text");
        insta::assert_snapshot!(misfit(r#"{"text":"a","expires_at":1.5}"#), @"expires_at|must be a whole number, not a number with a fraction");
        insta::assert_snapshot!(misfit(r#"{"text":"a","id":"a b"}"#), @"id|an id may hold ASCII letters, digits and any of - _ . : / only, not ' '");
        insta::assert_snapshot!(misfit(r#"{"text":"a","target":"some"}"#), @r#"target|must be "all_models", {"model": …} or {"revision": …}"#);
        insta::assert_snapshot!(misfit(r#"{"text":"a","target":{"model":""}}"#), @"target.model|an id must not be empty");
    }

    #[test]
    fn an_unnamed_edit_is_named_by_what_it_says() {
        let id = |new: NewEdit| derived_id(&new.content).unwrap();
        let edit = || NewEdit::new("Iron is soft.");
        assert_eq!(id(edit()), id(edit().from_source("elsewhere")));
        assert_ne!(id(edit()), id(edit().about("iron")));
        insta::assert_snapshot!(id(edit()), @"import-c001010cb3549735ce7713f30def67d7");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            text in "\\PC{1,40}", subject in proptest::option::of("\\PC{0,10}"),
            aliases in proptest::collection::vec("\\PC{0,8}", 0..4), times in any::<(Option<i64>, Option<i64>)>(),
        ) {
            let content = Content {
                subject, aliases,
                valid_from: times.0.map(Timestamp::from_seconds),
                expires_at: times.1.map(Timestamp::from_seconds),
                ..Content::new(text)
            };
            let edit = stored(content.into());
            let line = write(&edit).unwrap();
            prop_assert_eq!(line.matches('\n').count(), 1);
            let back = read(line.trim_end().as_bytes()).unwrap();
            prop_assert_eq!((back.id, back.content), (Some(edit.id), edit.content));
        }

        #[test]
        fn any_bytes_are_an_edit_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = read(&bytes);
        }
    }
}
