//! CounterFact.
//!
//! `attribute_prompts` ask for other subjects that have had the new target all along; their answers are not given in a
//! form that could be scored, and they are not read.

use super::{
    fields::{At, FieldError},
    issue::Problem,
    knowedit::{note, rewrite},
    probes::Notes,
    reader::Draft,
    record::Probe,
};

pub(crate) fn read(record: &At<'_>, notes: &mut Notes) -> Result<Draft, FieldError> {
    let mut draft = rewrite(&record.need(&["requested_rewrite"])?, notes)?;
    draft.fact.rephrasings = note(Some(record.texts(&["paraphrase_prompts"])), notes).unwrap_or_default();
    draft.fluency_prompts = note(Some(record.texts(&["generation_prompts"])), notes).unwrap_or_default();
    let neighbours = note(Some(record.texts(&["neighborhood_prompts"])), notes).unwrap_or_default();
    // The neighbourhood are subjects of which the *old* target is true: its prompts have no answers of their own.
    match &draft.fact.before {
        Some(gold) => {
            let probes = neighbours.into_iter().map(|prompt| Probe { prompt, gold: gold.clone() });
            draft.locality.other_subjects = probes.collect();
        }
        None if neighbours.is_empty() => {}
        None => notes.push(FieldError::new("requested_rewrite.target_true", Problem::Missing)),
    }
    Ok(draft)
}
