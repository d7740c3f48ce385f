//! Between the editor's types and those of the gRPC wire.

use super::status::Failure;
use amend_editor as editor;
use amend_editor::{
    Attribution, Cause, Change, Content, ListAfter, NewEdit, OnConflict, Seq, Target, Timestamp,
};
use amend_proto::{EditId, InvalidId, Message, ModelId, RevisionId, Role, grpc::v1};
use std::sync::Arc;

/// Items on a page, unless the client says otherwise.
const DEFAULT_PAGE: usize = 100;

pub(super) fn id(field: &str, text: &str) -> Result<EditId, Failure> {
    EditId::new(text).map_err(|error| Failure::invalid(format!("{field}: {error}")))
}

/// A page's size; the editor refuses what is too large.
pub(super) fn limit(limit: u32) -> usize {
    if limit == 0 { DEFAULT_PAGE } else { limit as usize }
}

/// Items of preferences, jobs, gates and revisions on a page, unless the client says otherwise.
const DEFAULT_SMALL_PAGE: usize = 20;
/// Most of them on a page.
const MAX_SMALL_PAGE: usize = 100;

/// The size of a page of preferences, jobs, gates or revisions.
pub(super) fn page(limit: u32) -> Result<usize, Failure> {
    match limit as usize {
        0 => Ok(DEFAULT_SMALL_PAGE),
        limit @ 1..=MAX_SMALL_PAGE => Ok(limit),
        _ => Err(Failure::invalid(format!("limit must be at most {MAX_SMALL_PAGE}"))),
    }
}

pub(super) fn seq(field: &str, number: i64) -> Result<Seq, Failure> {
    match number {
        0.. => Ok(Seq::new(number)),
        _ => Err(Failure::invalid(format!("{field} must be the number of an entry of the log, or 0"))),
    }
}

/// A page of the edits that stand begins there; empty begins at the start.
pub(super) fn list_after(after: &str) -> Result<Option<ListAfter>, Failure> {
    let read =
        |text: &str| text.parse().map_err(|error: InvalidId| Failure::invalid(format!("after: {error}")));
    Some(after).filter(|after| !after.is_empty()).map(read).transpose()
}

/// A page of a past state begins after a version; empty begins at the start.
pub(super) fn after_seq(after: &str) -> Result<Seq, Failure> {
    match after {
        "" => Ok(Seq::START),
        text => match text.parse() {
            Ok(number @ 0..) => Ok(Seq::new(number)),
            _ => Err(Failure::invalid("after must be the former page's next")),
        },
    }
}

pub(super) fn by(author: Option<String>, reason: Option<String>) -> Attribution {
    Attribution { author, reason }
}

fn target(target: Option<v1::Target>) -> Result<Target, Failure> {
    use v1::target::Models;
    let wrong = |error| Failure::invalid(format!("target: {error}"));
    match target {
        None => Ok(Target::AllModels),
        Some(v1::Target { models: None }) => {
            Err(Failure::invalid("target must name a model or a revision; leave it out for all models"))
        }
        Some(v1::Target { models: Some(Models::Model(model)) }) => {
            ModelId::new(model).map(Target::Model).map_err(wrong)
        }
        Some(v1::Target { models: Some(Models::Revision(revision)) }) => {
            RevisionId::new(revision).map(Target::Revision).map_err(wrong)
        }
    }
}

pub(super) fn content(field: &str, content: Option<v1::Content>) -> Result<Content, Failure> {
    let Some(content) = content else { return Err(Failure::invalid(format!("{field} is missing"))) };
    let v1::Content { text, subject, relation, object, aliases, target: models, valid_from, .. } = content;
    let v1::Content { expires_at, source, author, reason, .. } = content;
    Ok(Content {
        text,
        subject,
        relation,
        object,
        aliases,
        target: target(models)?,
        valid_from: valid_from.map(Timestamp::from_seconds),
        expires_at: expires_at.map(Timestamp::from_seconds),
        source,
        author,
        reason,
    })
}

pub(super) fn new_edit(field: &str, edit: v1::NewEdit) -> Result<NewEdit, Failure> {
    let v1::NewEdit { id: name, content: said } = edit;
    let name = name.map(|name| id(&format!("{field}.id"), &name)).transpose()?;
    Ok(NewEdit { id: name, content: content(&format!("{field}.content"), said)? })
}

pub(super) fn on_conflict(rule: i32) -> Result<OnConflict, Failure> {
    match v1::OnConflict::try_from(rule) {
        Ok(v1::OnConflict::Unspecified | v1::OnConflict::KeepBoth) => Ok(OnConflict::KeepBoth),
        Ok(v1::OnConflict::Refuse) => Ok(OnConflict::Refuse),
        Ok(v1::OnConflict::Supersede) => Ok(OnConflict::Supersede),
        Err(_) => Err(Failure::invalid("on_conflict is none of its values")),
    }
}

pub(super) fn message(at: usize, message: v1::Message) -> Result<Message, Failure> {
    let role = match message.role() {
        v1::message::Role::System => Role::System,
        v1::message::Role::User => Role::User,
        v1::message::Role::Assistant => Role::Assistant,
        v1::message::Role::Unspecified | v1::message::Role::Tool => {
            return Err(Failure::invalid(format!("messages[{at}].role must be system, user or assistant")));
        }
    };
    Ok(Message { role, ..Message::user(message.content) })
}

fn status(status: editor::Status) -> v1::Status {
    match status {
        editor::Status::Live => v1::Status::Live,
        editor::Status::Scheduled => v1::Status::Scheduled,
        editor::Status::Expired => v1::Status::Expired,
        editor::Status::Superseded => v1::Status::Superseded,
        editor::Status::Retired => v1::Status::Retired,
    }
}

/// An edit that stands, or stood.
pub(super) fn edit(edit: editor::Edit, now: Timestamp) -> v1::Edit {
    let standing = edit.content.status_at(now);
    edit_with(edit, standing)
}

pub(super) fn edit_with(edit: editor::Edit, standing: editor::Status) -> v1::Edit {
    use v1::target::Models;
    let editor::Edit { id, tenant: _, seq, created_at, updated_at, content } = edit;
    let models = match content.target {
        Target::AllModels => None,
        Target::Model(model) => Some(Models::Model(model.into())),
        Target::Revision(revision) => Some(Models::Revision(revision.into())),
    };
    v1::Edit {
        id: id.into(),
        seq: seq.get(),
        status: status(standing).into(),
        content: Some(v1::Content {
            text: content.text,
            subject: content.subject,
            relation: content.relation,
            object: content.object,
            aliases: content.aliases,
            target: models.map(|models| v1::Target { models: Some(models) }),
            valid_from: content.valid_from.map(Timestamp::seconds),
            expires_at: content.expires_at.map(Timestamp::seconds),
            source: content.source,
            author: content.author,
            reason: content.reason,
        }),
        created_at: created_at.seconds(),
        updated_at: updated_at.seconds(),
    }
}

pub(super) fn conflict(conflict: editor::Conflict) -> v1::Conflict {
    use v1::conflict::{Kind, Resolution};
    let editor::Conflict { edit, with, with_seq, kind, resolution } = conflict;
    let kind = match kind {
        editor::ConflictKind::Contradiction => Kind::Contradiction,
        editor::ConflictKind::Duplicate => Kind::Duplicate,
    };
    let resolution = match resolution {
        editor::Resolution::KeptBoth => Resolution::KeptBoth,
        editor::Resolution::Superseded => Resolution::Superseded,
    };
    v1::Conflict {
        edit: edit.into(),
        with: with.into(),
        with_seq: with_seq.get(),
        kind: kind.into(),
        resolution: resolution.into(),
    }
}

pub(super) fn written(written: editor::Written, now: Timestamp) -> v1::WriteResponse {
    let conflicts = written.conflicts.into_iter().map(conflict).collect();
    v1::WriteResponse { edit: Some(edit(written.edit, now)), conflicts }
}

pub(super) fn operation(operation: editor::Operation, now: Timestamp) -> v1::Operation {
    use v1::operation::Kind;
    let editor::Operation { seq, batch, tenant: _, edit: id, at, author, reason, cause, change } = operation;
    let kind = match &change {
        Change::Add(_) => Kind::Add,
        Change::Supersede(_) => Kind::Supersede,
        Change::Restore(_) => Kind::Restore,
        Change::Retire => Kind::Retire,
        Change::Displace { .. } => Kind::Displace,
    };
    let version = change.edit().map(|version| edit(version.as_ref().clone(), now));
    v1::Operation {
        seq: seq.get(),
        batch: batch.get(),
        kind: kind.into(),
        edit: id.into(),
        at: at.seconds(),
        author,
        reason,
        rollback_to: match cause {
            Cause::Request => None,
            Cause::Rollback { to } => Some(to.get()),
        },
        displaced_by: match change {
            Change::Displace { by } => Some(by.into()),
            _ => None,
        },
        version,
    }
}

pub(super) fn difference(difference: editor::Difference, now: Timestamp) -> v1::Difference {
    let side = |one: Arc<editor::Edit>| Some(edit(one.as_ref().clone(), now));
    match difference {
        editor::Difference::Added(after) => v1::Difference { before: None, after: side(after) },
        editor::Difference::Removed(before) => v1::Difference { before: side(before), after: None },
        editor::Difference::Changed { before, after } => {
            v1::Difference { before: side(before), after: side(after) }
        }
    }
}

pub(super) fn rolled_back(done: editor::RolledBack) -> v1::RollBackResponse {
    let editor::RolledBack { to, from, through, retired, restored } = done;
    v1::RollBackResponse { to: to.get(), from: from.get(), through: through.get(), retired, restored }
}

pub(super) fn preview(preview: editor::Preview, why: Option<editor::Explanation>) -> v1::PreviewResponse {
    use v1::preview_response::Decision;
    let decision = match preview.decision {
        editor::Decision::Apply => Decision::Apply,
        editor::Decision::None => Decision::None,
    };
    let (threshold, considered) = match why {
        Some(why) => (Some(why.threshold), why.considered),
        None => (None, Vec::new()),
    };
    v1::PreviewResponse {
        decision: decision.into(),
        edits: preview.edits.into_iter().map(scored).collect(),
        prompt: preview.prompt,
        dropped: preview.dropped.into_iter().map(scored).collect(),
        threshold,
        considered: considered.into_iter().map(considered_edit).collect(),
    }
}

fn scored(edit: editor::ScoredEdit) -> v1::ScoredEdit {
    v1::ScoredEdit { id: edit.id.into(), text: edit.text, score: edit.score }
}

fn considered_edit(considered: editor::ConsideredEdit) -> v1::ConsideredEdit {
    use v1::considered_edit::Verdict;
    let editor::ConsideredEdit { edit, probability, verdict, features } = considered;
    let verdict = match verdict {
        editor::Verdict::Applied => Verdict::Applied,
        editor::Verdict::Unlikely => Verdict::Unlikely,
        editor::Verdict::LongerName => Verdict::LongerName,
        editor::Verdict::BetterFit => Verdict::BetterFit,
        editor::Verdict::Beyond => Verdict::Beyond,
        editor::Verdict::OverBudget => Verdict::OverBudget,
    };
    let names = editor::ScopeFeatures::NAMES.iter().map(|name| (*name).to_owned());
    v1::ConsideredEdit {
        edit: Some(scored(edit)),
        probability,
        verdict: verdict.into(),
        features: names.zip(features.values()).collect(),
    }
}

pub(super) fn scope(settings: editor::ScopeSettings) -> v1::ScopeSettings {
    let count = |count: Option<usize>| count.map(|count| u32::try_from(count).unwrap_or(u32::MAX));
    let json = |model: Option<editor::ScopeModel>| {
        model.map(|model| serde_json::to_string(&model).expect("numbers and names are JSON"))
    };
    v1::ScopeSettings {
        top_k: count(settings.top_k),
        max_tokens: count(settings.max_tokens),
        threshold: settings.threshold,
        lexical: json(settings.lexical),
        hybrid: json(settings.hybrid),
    }
}

pub(super) fn scope_settings(settings: v1::ScopeSettings) -> Result<editor::ScopeSettings, Failure> {
    let model = |field: &str, json: Option<String>| {
        let read = |json: String| {
            json.parse::<editor::ScopeModel>().map_err(|error| Failure::invalid(format!("{field}: {error}")))
        };
        json.map(read).transpose()
    };
    Ok(editor::ScopeSettings {
        top_k: settings.top_k.map(|count| count as usize),
        max_tokens: settings.max_tokens.map(|count| count as usize),
        threshold: settings.threshold,
        lexical: model("settings.lexical", settings.lexical)?,
        hybrid: model("settings.hybrid", settings.hybrid)?,
    })
}

pub(super) fn import(report: editor::ImportReport) -> v1::ImportResponse {
    let problem = |problem: editor::Problem| v1::ImportProblem {
        line: problem.line,
        field: problem.field,
        reason: problem.reason,
    };
    v1::ImportResponse {
        added: report.added,
        superseded: report.superseded,
        unchanged: report.unchanged,
        refused: report.refused,
        conflicts: report.conflicts,
        problems: report.problems.into_iter().map(problem).collect(),
        through: report.through.get(),
    }
}
