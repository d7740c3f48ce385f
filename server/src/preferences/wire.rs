//! Between the store's types and those of the HTTP wire.

use super::{Forgotten, ImportStopped, Imported, Judged, Kept, Listed, NewFeedback, StoredPair, Unread};
use amend_proto::{
    AppliedEdit, CompletionId, PairId,
    wire::{
        AmendInfo, AppliedEditObject, ChatChoice, ChatCompletionTag, DeletedCompletionTag,
        DeletedCompletions, DeletedPreference, DeletedPreferenceTag, FeedbackObject, FeedbackOpinion,
        FeedbackTag, KeptCompletionObject, KeptList, ListTag, PreferenceImport, PreferenceList,
        PreferenceObject, PreferenceProblem, PreferenceScores, PreferenceSource, PreferenceTag, Thumb,
    },
};
use amend_trainer::preference::{self as pref, Opinion, PairSource, Rating, UnixMillis, format::Place};

fn seconds(at: UnixMillis) -> i64 {
    at.0.div_euclid(1000)
}

fn edits(edits: Vec<AppliedEdit>) -> Vec<AppliedEditObject> {
    edits.into_iter().map(|AppliedEdit { id, score }| AppliedEditObject { id, score }).collect()
}

fn source(source: PairSource) -> PreferenceSource {
    match source {
        PairSource::Preference => PreferenceSource::Preference,
        PairSource::Thumb => PreferenceSource::Thumb,
        PairSource::Rating => PreferenceSource::Rating,
        PairSource::Correction => PreferenceSource::Correction,
        PairSource::Choice => PreferenceSource::Choice,
        PairSource::Import => PreferenceSource::Import,
        PairSource::Generated => PreferenceSource::Generated,
    }
}

pub(crate) fn object(stored: StoredPair) -> PreferenceObject {
    let StoredPair { seq, pair } = stored;
    let pref::Pair { id, prompt, chosen, rejected, provenance } = pair;
    let by = provenance;
    PreferenceObject {
        id,
        object: PreferenceTag::Tag,
        seq,
        messages: prompt.into_iter().map(Into::into).collect(),
        chosen,
        rejected,
        source: source(by.source),
        author: by.author,
        completion_id: by.completion,
        revision: by.revision,
        edits: edits(by.edits),
        sampling: by.sampling,
        scores: by.scores.map(|pref::Scores { chosen, rejected }| PreferenceScores { chosen, rejected }),
        created: seconds(by.created_at),
    }
}

pub(crate) fn list(listed: Listed<StoredPair>) -> PreferenceList {
    let Listed { items, next } = listed;
    let data = items.into_iter().map(object).collect();
    PreferenceList { object: ListTag::Tag, data, has_more: next.is_some(), next }
}

pub(crate) fn deleted(id: PairId) -> DeletedPreference {
    DeletedPreference { id, object: DeletedPreferenceTag::Tag, deleted: true }
}

/// What a request says of an answer.
pub(crate) fn feedback(
    (completion, answer, opinion, author): (CompletionId, usize, FeedbackOpinion, Option<String>),
) -> Option<NewFeedback> {
    let opinion = match opinion {
        FeedbackOpinion::Thumb(Thumb::Up) => Opinion::Thumb(pref::Thumb::Up),
        FeedbackOpinion::Thumb(Thumb::Down) => Opinion::Thumb(pref::Thumb::Down),
        FeedbackOpinion::Rating(stars) => Opinion::Rating(Rating::new(stars)?),
        FeedbackOpinion::Correction(text) => Opinion::Correction(text),
        FeedbackOpinion::Choice => Opinion::Choice,
    };
    Some(NewFeedback { completion, answer, opinion, author })
}

pub(crate) fn judged(judged: Judged) -> FeedbackObject {
    let Judged { completion, answer, pairs, at, heard: _ } = judged;
    FeedbackObject {
        object: FeedbackTag::Tag,
        completion_id: completion,
        answer: answer as u64,
        preferences: pairs.into_iter().map(object).collect(),
        created: seconds(at),
    }
}

pub(crate) fn kept(kept: Kept) -> KeptCompletionObject {
    let Kept { completion, model, finish, usage, user, at } = kept;
    let pref::KeptCompletion { id, prompt, answers, tenant: _, revision, edits: applied, sampling: _ } =
        completion;
    let choices = (0..).zip(answers).zip(finish);
    KeptCompletionObject {
        id,
        object: ChatCompletionTag::Tag,
        created: seconds(at),
        model: model.to_string(),
        system_fingerprint: revision.to_string(),
        messages: prompt.into_iter().map(Into::into).collect(),
        choices: choices.map(|((index, text), reason)| ChatChoice::kept(index, text, reason)).collect(),
        usage,
        amend: AmendInfo { revision, edits: edits(applied), unknown_fields: Vec::new(), kept: Some(true) },
        user,
    }
}

pub(crate) fn kept_list(listed: Listed<Kept>) -> KeptList {
    let Listed { items, next } = listed;
    let data = items.into_iter().map(kept).collect();
    KeptList { object: ListTag::Tag, data, has_more: next.is_some(), next }
}

pub(crate) fn forgotten(
    (id, user): (Option<CompletionId>, Option<String>),
    gone: Forgotten,
) -> DeletedCompletions {
    let Forgotten { completions, feedback, pairs } = gone;
    let object = DeletedCompletionTag::Tag;
    DeletedCompletions { id, user, object, deleted: true, completions, feedback, pairs }
}

fn problem(unread: Unread) -> PreferenceProblem {
    let Unread { place, field, reason } = unread;
    let (line, row) = match place {
        Place::Line(line) => (Some(line), None),
        Place::Row(row) => (None, Some(row)),
    };
    PreferenceProblem { line, row, field: Some(field).filter(|field| !field.is_empty()), reason }
}

pub(crate) fn imported(imported: Imported) -> PreferenceImport {
    let Imported { added, unchanged, refused, problems } = imported;
    PreferenceImport { added, unchanged, refused, problems: problems.into_iter().map(problem).collect() }
}

/// What the client is told of an import that ended early.
pub(crate) fn after(stopped: &ImportStopped) -> String {
    let Imported { added, unchanged, refused, .. } = &stopped.done;
    format!(
        "; {added} preferences were added before, {unchanged} were there, {refused} were left out; sending all of it again \
         adds the rest"
    )
}
