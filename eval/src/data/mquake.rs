//! MQuAKE: one or more edits, and questions that chain several facts.
//!
//! `questions` ask for the end of the chain in several wordings: [`Portability::reasoning`]. Of `new_single_hops`, the
//! links of the chain, those that ask for an edited fact are its rephrasings; the others must be answered as before:
//! [`Locality::other_subjects`].
//!
//! [`Portability::reasoning`]: super::record::Portability::reasoning
//! [`Locality::other_subjects`]: super::record::Locality::other_subjects

use super::{
    fields::{At, FieldError},
    issue::Problem,
    knowedit::{note, rewrite, same},
    probes::Notes,
    reader::Draft,
    record::{Fact, Gold, Probe},
};

pub(crate) fn read(record: &At<'_>, notes: &mut Notes) -> Result<Draft, FieldError> {
    let rewrites = record.need(&["requested_rewrite"])?;
    let mut facts = Vec::new();
    for item in rewrites.items()? {
        let mut fact = rewrite(&item, notes)?.fact;
        fact.rephrasings = note(Some(item.texts(&["question"])), notes).unwrap_or_default();
        facts.push(fact);
    }
    if facts.is_empty() {
        return Err(rewrites.wrong(Problem::Empty));
    }
    let mut draft = Draft::of(facts.remove(0));
    draft.further = facts;
    let answer = record.gold_with_aliases("new_answer", &["new_answer_alias"]);
    if let Some(gold) = note(Some(answer), notes) {
        let questions = note(Some(record.texts(&["questions"])), notes).unwrap_or_default();
        let probes = questions.into_iter().map(|prompt| Probe { prompt, gold: gold.clone() });
        draft.portability.reasoning = probes.collect();
    }
    if let Some(hops) = record.find(&["new_single_hops"]) {
        for hop in note(Some(hops.items()), notes).unwrap_or_default() {
            note(Some(place(&hop, &mut draft)), notes);
        }
    }
    Ok(draft)
}

/// Puts one link of the chain where it belongs.
fn place(hop: &At<'_>, draft: &mut Draft) -> Result<(), FieldError> {
    let question = hop.need(&["question"])?.text()?;
    let cloze = hop.find(&["cloze"]).map(|field| field.text()).transpose()?;
    let gold = hop.gold_with_aliases("answer", &["answer_alias"])?;
    let mut facts = std::iter::once(&mut draft.fact).chain(&mut draft.further);
    match facts.find(|fact| asks_for(fact, &question, cloze.as_deref(), &gold)) {
        Some(fact) if !fact.rephrasings.contains(&question) => fact.rephrasings.push(question),
        Some(_) => {}
        None => draft.locality.other_subjects.push(Probe { prompt: question, gold }),
    }
    Ok(())
}

fn asks_for(fact: &Fact, question: &str, cloze: Option<&str>, gold: &Gold) -> bool {
    let worded =
        fact.rephrasings.iter().any(|known| known == question) || cloze == Some(fact.prompt.as_str());
    worded && same(&fact.target, gold)
}
