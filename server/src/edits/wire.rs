//! Between the editor's types and those of the HTTP wire.

use amend_editor as editor;
use amend_editor::{Attribution, Cause, Change, Content, Edit, NewEdit, OnConflict, Seq, Target, Timestamp};
use amend_proto::{
    EditId, InvalidId,
    wire::{
        ConflictKind, ConflictObject, ConflictRule, DifferenceObject, EditConsidered, EditDecision,
        EditInput, EditObject, EditPreview, EditScore, EditStatus, EditTarget, EditVerdict, HowDifferent,
        ImportObject, ImportProblem, KnownEdit, OperationKind, OperationObject, Resolution, RollbackObject,
        WrittenEdit,
    },
};

pub(crate) fn target(target: EditTarget) -> Target {
    match target {
        EditTarget::AllModels => Target::AllModels,
        EditTarget::Model(model) => Target::Model(model),
        EditTarget::Revision(revision) => Target::Revision(revision),
    }
}

fn target_object(target: Target) -> Option<EditTarget> {
    match target {
        Target::AllModels => None,
        Target::Model(model) => Some(EditTarget::Model(model)),
        Target::Revision(revision) => Some(EditTarget::Revision(revision)),
    }
}

/// What an edit says. Unknown fields were refused, and a missing text too, when the body was read.
pub(crate) fn content(input: EditInput) -> Content {
    Content {
        text: input.text.unwrap_or_default(),
        subject: input.subject,
        relation: input.relation,
        object: input.object,
        aliases: input.aliases.unwrap_or_default(),
        target: input.target.map(target).unwrap_or_default(),
        valid_from: input.valid_from.map(Timestamp::from_seconds),
        expires_at: input.expires_at.map(Timestamp::from_seconds),
        source: input.source,
        author: input.author,
        reason: input.reason,
    }
}

pub(crate) fn new_edit(mut input: EditInput) -> Result<NewEdit, InvalidId> {
    let id = input.id.take().map(EditId::new).transpose()?;
    Ok(NewEdit { id, content: content(input) })
}

pub(crate) fn on_conflict(rule: ConflictRule) -> OnConflict {
    match rule {
        ConflictRule::KeepBoth => OnConflict::KeepBoth,
        ConflictRule::Refuse => OnConflict::Refuse,
        ConflictRule::Supersede => OnConflict::Supersede,
    }
}

pub(crate) fn by(author: Option<String>, reason: Option<String>) -> Attribution {
    Attribution { author, reason }
}

fn status(status: editor::Status) -> EditStatus {
    match status {
        editor::Status::Live => EditStatus::Live,
        editor::Status::Scheduled => EditStatus::Scheduled,
        editor::Status::Expired => EditStatus::Expired,
        editor::Status::Superseded => EditStatus::Superseded,
        editor::Status::Retired => EditStatus::Retired,
    }
}

/// An edit that stands, or stood.
pub(crate) fn object(edit: Edit, now: Timestamp) -> EditObject {
    let standing = edit.content.status_at(now);
    object_with(edit, standing)
}

fn object_with(edit: Edit, standing: editor::Status) -> EditObject {
    let Edit { id, tenant: _, seq, created_at, updated_at, content } = edit;
    EditObject {
        id,
        seq: seq.get(),
        status: status(standing),
        text: content.text,
        subject: content.subject,
        relation: content.relation,
        object: content.object,
        aliases: content.aliases,
        target: target_object(content.target),
        valid_from: content.valid_from.map(Timestamp::seconds),
        expires_at: content.expires_at.map(Timestamp::seconds),
        source: content.source,
        author: content.author,
        reason: content.reason,
        created_at: created_at.seconds(),
        updated_at: updated_at.seconds(),
    }
}

/// An edit that was taken back just now.
pub(crate) fn retired(edit: Edit) -> EditObject {
    object_with(edit, editor::Status::Retired)
}

pub(crate) fn known(known: editor::Known) -> KnownEdit {
    let editor::Known { edit, status, superseded_by, last: _ } = known;
    KnownEdit { edit: object_with(edit, status), superseded_by }
}

pub(crate) fn conflict(conflict: editor::Conflict) -> ConflictObject {
    let editor::Conflict { edit, with, with_seq, kind, resolution } = conflict;
    ConflictObject {
        edit,
        with,
        with_seq: with_seq.get(),
        kind: match kind {
            editor::ConflictKind::Contradiction => ConflictKind::Contradiction,
            editor::ConflictKind::Duplicate => ConflictKind::Duplicate,
        },
        resolution: match resolution {
            editor::Resolution::KeptBoth => Resolution::KeptBoth,
            editor::Resolution::Superseded => Resolution::Superseded,
        },
    }
}

pub(crate) fn written(written: editor::Written, now: Timestamp) -> WrittenEdit {
    let editor::Written { edit, conflicts } = written;
    WrittenEdit { edit: object(edit, now), conflicts: conflicts.into_iter().map(conflict).collect() }
}

pub(crate) fn operation(operation: editor::Operation, now: Timestamp) -> OperationObject {
    let editor::Operation { seq, batch, tenant: _, edit, at, author, reason, cause, change } = operation;
    let kind = match &change {
        Change::Add(_) => OperationKind::Add,
        Change::Supersede(_) => OperationKind::Supersede,
        Change::Restore(_) => OperationKind::Restore,
        Change::Retire => OperationKind::Retire,
        Change::Displace { .. } => OperationKind::Displace,
    };
    let version = change.edit().map(|version| object(version.as_ref().clone(), now));
    OperationObject {
        seq: seq.get(),
        batch: batch.get(),
        operation: kind,
        edit,
        at: at.seconds(),
        author,
        reason,
        rollback_to: match cause {
            Cause::Request => None,
            Cause::Rollback { to } => Some(to.get()),
        },
        displaced_by: match change {
            Change::Displace { by } => Some(by),
            _ => None,
        },
        version,
    }
}

pub(crate) fn difference(difference: editor::Difference, now: Timestamp) -> DifferenceObject {
    let side = |edit: std::sync::Arc<Edit>| Some(object(edit.as_ref().clone(), now));
    match difference {
        editor::Difference::Added(after) => {
            DifferenceObject { difference: HowDifferent::Added, before: None, after: side(after) }
        }
        editor::Difference::Removed(before) => {
            DifferenceObject { difference: HowDifferent::Removed, before: side(before), after: None }
        }
        editor::Difference::Changed { before, after } => {
            DifferenceObject { difference: HowDifferent::Changed, before: side(before), after: side(after) }
        }
    }
}

pub(crate) fn rolled_back(done: editor::RolledBack) -> RollbackObject {
    let editor::RolledBack { to, from, through, retired, restored } = done;
    RollbackObject { to: to.get(), from: from.get(), through: through.get(), retired, restored }
}

/// What an import did.
pub(crate) fn import(report: editor::ImportReport) -> ImportObject {
    let problem = |problem: editor::Problem| ImportProblem {
        line: problem.line,
        field: problem.field,
        reason: problem.reason,
    };
    ImportObject {
        added: report.added,
        superseded: report.superseded,
        unchanged: report.unchanged,
        refused: report.refused,
        conflicts: report.conflicts,
        problems: report.problems.into_iter().map(problem).collect(),
        through: report.through.get(),
    }
}

fn scored(edit: editor::ScoredEdit) -> EditScore {
    EditScore { id: edit.id, text: edit.text, score: edit.score }
}

/// What would be done with a conversation, and, if that was asked, why.
pub(crate) fn preview(preview: editor::Preview, why: Option<editor::Explanation>) -> EditPreview {
    let editor::Preview { decision, edits, dropped, prompt } = preview;
    let (threshold, considered) = match why {
        Some(why) => (Some(why.threshold), Some(why.considered.into_iter().map(considered).collect())),
        None => (None, None),
    };
    EditPreview {
        decision: match decision {
            editor::Decision::Apply => EditDecision::Apply,
            editor::Decision::None => EditDecision::None,
        },
        edits: edits.into_iter().map(scored).collect(),
        dropped: dropped.into_iter().map(scored).collect(),
        threshold,
        considered,
        prompt,
    }
}

fn considered(considered: editor::ConsideredEdit) -> EditConsidered {
    let editor::ConsideredEdit { edit, probability, verdict, features } = considered;
    let names = editor::ScopeFeatures::NAMES.iter().map(|name| (*name).to_owned());
    EditConsidered {
        edit: scored(edit),
        probability,
        verdict: match verdict {
            editor::Verdict::Applied => EditVerdict::Applied,
            editor::Verdict::Unlikely => EditVerdict::Unlikely,
            editor::Verdict::LongerName => EditVerdict::LongerName,
            editor::Verdict::BetterFit => EditVerdict::BetterFit,
            editor::Verdict::Beyond => EditVerdict::Beyond,
            editor::Verdict::OverBudget => EditVerdict::OverBudget,
        },
        features: names.zip(features.values()).collect(),
    }
}

/// An entry of the log, as clients name it.
pub(crate) fn seq(number: i64) -> Seq {
    Seq::new(number)
}
