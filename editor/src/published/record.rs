//! One record.

use crate::{
    edit::NewEdit,
    fields::{Field, Fields, Misfit},
};
use serde_json::Value;

/// A question, or the beginning of a sentence, with the answers that count as right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// The question.
    pub prompt: String,
    /// The answers, the first one the reference.
    pub answers: Vec<String>,
}

/// Probes of one kind: `Reasoning`, `Relation_Specificity`, ….
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeSet {
    /// The kind, as the file spells it.
    pub name: String,
    /// The probes.
    pub probes: Vec<Probe>,
}

/// A record of ZsRE or KnowEdit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// What the edit is about.
    pub subject: String,
    /// A question, or the beginning of a sentence.
    pub prompt: String,
    /// The new answer.
    pub target: String,
    /// The same in other words.
    pub rephrased: Vec<String>,
    /// The old answers.
    pub former: Vec<String>,
    /// What must follow from the edit.
    pub portability: Vec<ProbeSet>,
    /// What must stay as it was.
    pub locality: Vec<ProbeSet>,
}

/// A record of WikiBio: the next sentence of a biography.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Biography {
    /// The person.
    pub concept: String,
    /// The text so far.
    pub text: String,
    /// The sentence that comes next.
    pub label: String,
    /// What must stay as it was.
    pub locality: Vec<ProbeSet>,
}

/// One fact that CounterFact or MQuAKE changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewrite {
    /// What it is about.
    pub subject: String,
    /// The beginning of a sentence, the subject filled in.
    pub prompt: String,
    /// The new end of the sentence.
    pub target: String,
    /// The old one.
    pub former: Option<String>,
    /// The same as a question.
    pub question: Option<String>,
    /// The relation's name in Wikidata, such as `P36`.
    pub relation: Option<String>,
}

/// A record of CounterFact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CounterFact {
    /// The fact that changes.
    pub rewrite: Rewrite,
    /// The same in other words.
    pub paraphrases: Vec<String>,
    /// About other subjects, whose answers must stay as they were.
    pub neighborhood: Vec<String>,
}

/// One step of a [`MultiHop`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    /// The question.
    pub question: String,
    /// The answers, the first one the reference.
    pub answers: Vec<String>,
}

/// A record of MQuAKE: a question over several facts, some of which change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MultiHop {
    /// The facts that change.
    pub rewrites: Vec<Rewrite>,
    /// The question, in several wordings.
    pub questions: Vec<String>,
    /// The old answers, the first one the reference.
    pub former: Vec<String>,
    /// The new answers, the first one the reference.
    pub answers: Vec<String>,
    /// The steps as they were.
    pub former_hops: Vec<Hop>,
    /// The steps as they are.
    pub hops: Vec<Hop>,
}

/// A record of any of the data sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// ZsRE, KnowEdit.
    Fact(Fact),
    /// WikiBio.
    Biography(Biography),
    /// CounterFact.
    CounterFact(CounterFact),
    /// MQuAKE.
    MultiHop(MultiHop),
}

impl Record {
    /// Reads a record.
    ///
    /// # Errors
    /// When a field that its kind must have is missing, empty, or of another type.
    pub fn read(value: &Value) -> Result<Self, Misfit> {
        let Value::Object(map) = value else { return Err(Misfit::whole("must be a JSON object")) };
        let fields = Fields::new(map);
        match fields.get("requested_rewrite") {
            Some(rewrites) if rewrites.value().is_array() => {
                multi_hop(&fields, &rewrites).map(Self::MultiHop)
            }
            Some(one) => counter_fact(&fields, &one).map(Self::CounterFact),
            None if fields.get("concept").is_some() => biography(&fields).map(Self::Biography),
            None => fact(&fields).map(Self::Fact),
        }
    }

    /// What it states, as edits: prompt and new answer together as one statement (`The capital of France is Lyon.`,
    /// `What is the capital of France? Lyon`), with subject, object and relation as far as the record names them; of a
    /// biography the text with its next sentence; of a multi-hop question one edit for each fact that changes.
    #[must_use]
    pub fn edits(&self) -> Vec<NewEdit> {
        match self {
            Self::Fact(fact) => {
                let mut edit = NewEdit::new(statement(&fact.prompt, &fact.target)).about(&fact.subject);
                edit.content.object = Some(fact.target.clone());
                vec![edit]
            }
            Self::Biography(bio) => {
                vec![NewEdit::new(format!("{} {}", bio.text.trim(), bio.label.trim())).about(&bio.concept)]
            }
            Self::CounterFact(record) => vec![record.rewrite.edit()],
            Self::MultiHop(record) => record.rewrites.iter().map(Rewrite::edit).collect(),
        }
    }
}

impl Rewrite {
    fn edit(&self) -> NewEdit {
        let mut edit = NewEdit::new(statement(&self.prompt, &self.target)).about(&self.subject);
        edit.content.object = Some(self.target.clone());
        edit.content.relation.clone_from(&self.relation);
        edit
    }
}

fn statement(prompt: &str, target: &str) -> String {
    let (prompt, target) = (prompt.trim(), target.trim());
    let asks = prompt.ends_with(['?', '\u{ff1f}']);
    let ends = target.ends_with(['.', '!', '?']);
    format!("{prompt} {target}{}", if asks || ends { "" } else { "." })
}

fn fact(fields: &Fields<'_>) -> Result<Fact, Misfit> {
    let mut locality = probe_sets(fields.get("locality"))?;
    if let Some(loc) = fields.get("loc") {
        let answers =
            fields.any(&["loc_ans", "loc_answer"]).map_or(Ok(Vec::new()), |at| at.nested_texts())?;
        let probes = loc.nested_texts()?.into_iter().map(|prompt| Probe { prompt, answers: answers.clone() });
        locality.push(ProbeSet { name: "loc".to_owned(), probes: probes.collect() });
    }
    Ok(Fact {
        subject: text(&fields.required(&["subject"])?)?,
        prompt: text(&fields.required(&["prompt", "src", "question"])?)?,
        target: target(&fields.required(&["target_new", "alt", "target"])?)?,
        rephrased: texts(fields, &["rephrase_prompt", "rephrase", "paraphrase_prompts"])?,
        former: texts(fields, &["ground_truth", "answers", "target_true"])?,
        portability: probe_sets(fields.get("portability"))?,
        locality,
    })
}

fn biography(fields: &Fields<'_>) -> Result<Biography, Misfit> {
    Ok(Biography {
        concept: text(&fields.required(&["concept"])?)?,
        text: text(&fields.required(&["text", "prompt"])?)?,
        label: target(&fields.required(&["labels", "target_new"])?)?,
        locality: probe_sets(fields.get("locality"))?,
    })
}

fn counter_fact(fields: &Fields<'_>, one: &Field<'_>) -> Result<CounterFact, Misfit> {
    Ok(CounterFact {
        rewrite: rewrite(one)?,
        paraphrases: texts(fields, &["paraphrase_prompts", "rephrase_prompt"])?,
        neighborhood: texts(fields, &["neighborhood_prompts"])?,
    })
}

fn multi_hop(fields: &Fields<'_>, rewrites: &Field<'_>) -> Result<MultiHop, Misfit> {
    let with_aliases = |name: &str, alias: &str| -> Result<Vec<String>, Misfit> {
        Ok([texts(fields, &[name])?, texts(fields, &[alias])?].concat())
    };
    let rewrites: Vec<Rewrite> = rewrites.array()?.map(|one| rewrite(&one)).collect::<Result<_, _>>()?;
    Ok(MultiHop {
        rewrites,
        questions: texts(fields, &["questions"])?,
        former: with_aliases("answer", "answer_alias")?,
        answers: with_aliases("new_answer", "new_answer_alias")?,
        former_hops: hops(fields.get("single_hops"))?,
        hops: hops(fields.get("new_single_hops"))?,
    })
}

fn rewrite(at: &Field<'_>) -> Result<Rewrite, Misfit> {
    let fields = at.object()?;
    let subject = text(&fields.required(&["subject"])?)?;
    let prompt = text(&fields.required(&["prompt"])?)?.replace("{}", &subject);
    let optional = |name: &str| fields.get(name).map(|field| text(&field)).transpose();
    Ok(Rewrite {
        prompt,
        target: target(&fields.required(&["target_new"])?)?,
        former: fields.get("target_true").map(|field| target(&field)).transpose()?,
        question: optional("question")?,
        relation: optional("relation_id")?,
        subject,
    })
}

fn hops(field: Option<Field<'_>>) -> Result<Vec<Hop>, Misfit> {
    let Some(field) = field else { return Ok(Vec::new()) };
    let hop = |item: Field<'_>| {
        let fields = item.object()?;
        let question = text(&fields.required(&["question", "prompt"])?)?;
        Ok(Hop {
            question,
            answers: [texts(&fields, &["answer"])?, texts(&fields, &["answer_alias"])?].concat(),
        })
    };
    field.array()?.map(hop).collect()
}

/// Probes by kind; a bare list is of no kind.
fn probe_sets(field: Option<Field<'_>>) -> Result<Vec<ProbeSet>, Misfit> {
    let Some(field) = field else { return Ok(Vec::new()) };
    if field.value().is_array() {
        return Ok(vec![ProbeSet { name: String::new(), probes: probes(&field)? }]);
    }
    let set =
        |(name, field): (&str, Field<'_>)| Ok(ProbeSet { name: name.to_owned(), probes: probes(&field)? });
    field.object()?.all().map(set).collect()
}

fn probes(field: &Field<'_>) -> Result<Vec<Probe>, Misfit> {
    if field.value().is_object() {
        return Ok(vec![probe(field)?]);
    }
    field.array()?.map(|item| probe(&item)).collect()
}

fn probe(item: &Field<'_>) -> Result<Probe, Misfit> {
    let fields = item.object()?;
    let prompt = text(&fields.required(&["prompt", "question", "New Question"])?)?;
    Ok(Probe { prompt, answers: texts(&fields, &["ground_truth", "answer", "New Answer"])? })
}

fn texts(fields: &Fields<'_>, names: &[&str]) -> Result<Vec<String>, Misfit> {
    match fields.any(names) {
        None => Ok(Vec::new()),
        // CounterFact writes an answer as an object.
        Some(field) if field.value().is_object() => Ok(vec![target(&field)?]),
        Some(field) => field.nested_texts(),
    }
}

/// A text, or the first of a list, that says something.
fn text(field: &Field<'_>) -> Result<String, Misfit> {
    let found = field.nested_texts()?.into_iter().next().unwrap_or_default();
    match found.trim() {
        "" => Err(field.misfit("is empty")),
        text => Ok(text.to_owned()),
    }
}

/// An answer: a text, a list of which the first counts, or an object with the text under `str`.
fn target(field: &Field<'_>) -> Result<String, Misfit> {
    match field.value() {
        Value::Object(map) => text(&Fields::within(map, field.path()).required(&["str"])?),
        _ => text(field),
    }
}
