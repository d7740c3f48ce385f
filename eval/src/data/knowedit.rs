//! KnowEdit's files, and ZsRE as it was published before them.

use super::{
    fields::{At, FieldError},
    issue::Problem,
    probes::{self, Notes},
    reader::Draft,
    record::{Gold, PromptForm},
};

/// ZsRE, wiki_recent, wiki_counterfact.
pub(crate) fn read(record: &At<'_>, notes: &mut Notes) -> Result<Draft, FieldError> {
    let prompt = record.need(&["prompt", "src"])?.text()?;
    let target = record.need(&["target_new", "alt"])?.gold()?;
    let before = record.find(&["ground_truth", "answers"]).map(|field| field.gold());
    let mut draft = Draft::new(record.need(&["subject"])?.text()?, prompt, target);
    draft.fact.before = note(before, notes);
    let rephrasings = record.texts(&["rephrase_prompt", "rephrase", "rephrases", "paraphrase_prompts"]);
    draft.fact.rephrasings = note(Some(rephrasings), notes).unwrap_or_default();
    draft.portability = probes::portability(record, notes);
    draft.locality = probes::locality(record, notes);
    Ok(draft)
}

/// wikibio. A passage's beginning is the prompt, the sentence that belongs behind it the target.
pub(crate) fn read_biography(record: &At<'_>, notes: &mut Notes) -> Result<Draft, FieldError> {
    let subject = record.need(&["concept"])?.text()?;
    let target = record.need(&["labels"])?.gold()?;
    let mut draft = Draft::new(subject, record.need(&["text"])?.text()?, target);
    draft.fact.form = PromptForm::Passage;
    draft.locality = probes::locality(record, notes);
    Ok(draft)
}

/// `prompt` with its placeholder filled, the new and the old target of a rewrite of CounterFact or MQuAKE.
pub(crate) fn rewrite(rewrite: &At<'_>, notes: &mut Notes) -> Result<Draft, FieldError> {
    let subject = rewrite.need(&["subject"])?.text()?;
    let field = rewrite.need(&["prompt"])?;
    let prompt = field.text()?;
    if !prompt.contains("{}") {
        return Err(field.wrong(Problem::NoPlaceholder));
    }
    let target = rewrite.need(&["target_new"])?.gold()?;
    let mut draft = Draft::new(subject.clone(), prompt.replace("{}", &subject), target);
    draft.fact.before = note(rewrite.find(&["target_true"]).map(|field| field.gold()), notes);
    Ok(draft)
}

/// The value, if there is one and it is right; an error is noted.
pub(crate) fn note<T>(found: Option<Result<T, FieldError>>, notes: &mut Notes) -> Option<T> {
    found.and_then(|found| found.map_err(|error| notes.push(error)).ok())
}

/// Whether two answers share a name, letter case aside.
pub(crate) fn same(a: &Gold, b: &Gold) -> bool {
    a.names().any(|a| b.names().any(|b| a.to_lowercase() == b.to_lowercase()))
}
