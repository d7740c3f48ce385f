//! Lists of questions, whose bad items are noted and left out.

use super::{
    fields::{At, FieldError, fold},
    issue::Problem,
    record::{Gold, Locality, Portability, Probe},
};

/// What was left out of a record.
pub(crate) type Notes = Vec<FieldError>;

const ANSWERS: &[&str] = &["ground_truth", "answer", "answers", "target"];
/// Stands in front of the unrelated questions of the original ZsRE file, to say which set they are from.
const NATURAL_QUESTIONS: &str = "nq question:";

fn probe(item: &At<'_>) -> Result<Probe, FieldError> {
    if !item.value.is_object() {
        return Err(item.wrong_type("an object with prompt and ground_truth"));
    }
    let prompt = item.need(&["prompt", "question"])?.text()?;
    Ok(Probe { prompt, gold: item.need(ANSWERS)?.gold()? })
}

/// The questions of a list, or a single one without the list around it.
fn probes(list: &At<'_>, notes: &mut Notes) -> Vec<Probe> {
    let items = match list.value.is_object() {
        true => Ok(vec![list.clone()]),
        false => list.items(),
    };
    let items = items.unwrap_or_else(|error| {
        notes.push(error);
        Vec::new()
    });
    items.iter().filter_map(|item| probe(item).map_err(|error| notes.push(error)).ok()).collect()
}

/// The lists of an object, with their folded names.
fn lists<'a>(record: &At<'a>, name: &str, notes: &mut Notes) -> Vec<(String, At<'a>)> {
    let Some(groups) = record.find(&[name]) else { return Vec::new() };
    let Some(object) = groups.value.as_object() else {
        // Some files write "nothing" as an empty list.
        if groups.value.as_array().is_none_or(|list| !list.is_empty()) {
            notes.push(groups.wrong_type("an object of lists"));
        }
        return Vec::new();
    };
    let present = object.iter().filter(|(_, value)| !value.is_null());
    present.map(|(name, value)| (fold(name), groups.member(name, value))).collect()
}

/// `portability` of a KnowEdit record.
pub(crate) fn portability(record: &At<'_>, notes: &mut Notes) -> Portability {
    let mut all = Portability::default();
    for (name, list) in lists(record, "portability", notes) {
        let to = match name.as_str() {
            "reasoning" => &mut all.reasoning,
            "subjectaliasing" => &mut all.aliasing,
            "logicalgeneralization" | "logicalgeneralisation" => &mut all.logical,
            _ => {
                notes.push(list.wrong(Problem::UnknownList));
                continue;
            }
        };
        to.extend(probes(&list, notes));
    }
    all
}

/// `locality` of a KnowEdit record, and `loc` with `loc_ans`, the one unrelated question of older files.
pub(crate) fn locality(record: &At<'_>, notes: &mut Notes) -> Locality {
    let mut all = Locality::default();
    for (name, list) in lists(record, "locality", notes) {
        let to = match name.as_str() {
            "relationspecificity" => &mut all.relation_specificity,
            "forgetfulness" => &mut all.forgetfulness,
            "neighborhood" | "neighbourhood" => &mut all.other_subjects,
            _ => {
                notes.push(list.wrong(Problem::UnknownList));
                continue;
            }
        };
        to.extend(probes(&list, notes));
    }
    match unrelated(record) {
        Ok(found) => all.other_subjects.extend(found),
        Err(error) => notes.push(error),
    }
    all
}

fn unrelated(record: &At<'_>) -> Result<Option<Probe>, FieldError> {
    let Some(question) = record.find(&["loc", "locality_prompt"]) else { return Ok(None) };
    let text = question.text()?;
    let prompt = match text.strip_prefix(NATURAL_QUESTIONS).map(str::trim) {
        Some("") => return Err(question.wrong(Problem::Empty)),
        // That set is written without question marks.
        Some(bare) if !bare.ends_with('?') => format!("{bare}?"),
        Some(whole) => whole.to_owned(),
        None => text,
    };
    let gold: Gold = record.need(&["loc_ans", "locality_ground_truth"])?.gold()?;
    Ok(Some(Probe { prompt, gold }))
}
