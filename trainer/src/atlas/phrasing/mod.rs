//! The grammar: question, statement and constraint patterns, read from `data/*.txt`, and the edit template.

mod constraint;
mod question;
mod sections;
mod skeletons;
mod slips;
mod statement;
mod style;

pub use constraint::{Step, apply, request as request_constraints, sample as sample_constraints};
pub use question::Asked;
pub use sections::{Pattern, Sections};
pub use skeletons::Skeletons;
pub use statement::Edit;
pub(super) use statement::wide_of;
pub use style::{Style, Styles};

use super::{DataError, world::Relation};
use minijinja::{Environment, context};

/// All patterns.
#[derive(Debug)]
pub struct Grammar {
    /// Questions and follow-ups.
    pub questions: Sections,
    /// Which split asks in which words.
    pub asking: Skeletons,
    /// Statements of edits.
    pub statements: Sections,
    /// Which split states in which words.
    pub stating: Skeletons,
    /// Output constraints.
    pub constraints: Sections,
    /// Small talk, by intent.
    pub smalltalk: Sections,
    /// Requests outside the world, and the lists that fill them.
    pub outside: Sections,
    /// System messages.
    pub system: Sections,
    /// Ways to say an answer, and what rambling answers add; for preference pairs.
    pub answers: Sections,
}

impl Grammar {
    /// Reads the embedded files.
    ///
    /// # Errors
    /// A malformed file, or a section that a relation needs and does not have.
    pub fn load() -> Result<Self, DataError> {
        let questions = Sections::parse("questions.txt", include_str!("../data/questions.txt"))?;
        let mut statements = Sections::parse("statements.txt", include_str!("../data/statements.txt"))?;
        statement::widen(&mut statements, &questions);
        let grammar = Self {
            asking: question::skeletons(&questions),
            stating: statement::skeletons(&statements),
            questions,
            statements,
            constraints: Sections::parse("constraints.txt", include_str!("../data/constraints.txt"))?,
            smalltalk: Sections::parse("smalltalk.txt", include_str!("../data/smalltalk.txt"))?,
            outside: Sections::parse("outside.txt", include_str!("../data/outside.txt"))?,
            system: Sections::parse("system.txt", include_str!("../data/system.txt"))?,
            answers: Sections::parse("answers.txt", include_str!("../data/answers.txt"))?,
        };
        for relation in Relation::ALL {
            let name = relation.info().name;
            for part in ["phrase", "question", "noun"] {
                grammar.questions.require(&format!("{name} {part}"))?;
            }
            grammar.statements.require(name)?;
        }
        for section in ["answer", "request", "foreign"] {
            grammar.outside.require(section)?;
        }
        for section in ["style", "filler"] {
            grammar.answers.require(section)?;
        }
        Ok(grammar)
    }

    /// The one answer to all that is outside the world.
    #[must_use]
    pub fn outside_answer(&self) -> &str {
        self.outside.all("answer").first().map_or("", |p| p.text.as_str())
    }
}

/// The source of the edit template, as it is written into the model's folder.
pub const EDIT_TEMPLATE: &str = include_str!("../edit_template.jinja");

/// Puts edits in front of a question, as the model was trained to read them.
#[derive(Debug)]
pub struct EditTemplate {
    environment: Environment<'static>,
    source: String,
}

impl EditTemplate {
    /// Compiles [`EDIT_TEMPLATE`].
    ///
    /// # Errors
    /// The template's own error.
    pub fn load() -> Result<Self, DataError> {
        Self::parse(EDIT_TEMPLATE.to_owned())
    }

    /// Compiles another template. It is given `edits`, a list of texts, and `query`.
    ///
    /// # Errors
    /// The template's own error, or that it leaves out an edit or the question.
    pub fn parse(source: String) -> Result<Self, DataError> {
        let mut environment = Environment::new();
        let added = environment.add_template_owned("edit", source.clone());
        added.map_err(|e| DataError::Template(e.to_string()))?;
        let template = Self { environment, source };
        let probes = ["first probe", "second probe", "asked probe"];
        for edits in [&probes[..1], &probes[..2]] {
            let edits: Vec<String> = edits.iter().map(|&edit| edit.to_owned()).collect();
            let text = template.render(&edits, probes[2])?;
            if let Some(lost) =
                edits.iter().map(String::as_str).chain([probes[2]]).find(|t| !text.contains(t))
            {
                return Err(DataError::Template(format!("it leaves out the {lost}")));
            }
        }
        Ok(template)
    }

    /// The text of the template.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The message of a user who asks `query` with `edits` in force; the query alone when there are none.
    ///
    /// # Errors
    /// The template's own error; the embedded one has none.
    pub fn render(&self, edits: &[String], query: &str) -> Result<String, DataError> {
        if edits.is_empty() {
            return Ok(query.to_owned());
        }
        self.environment
            .get_template("edit")
            .and_then(|template| template.render(context! { edits, query }))
            .map_err(|e| DataError::Template(e.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::atlas::{Split, names::Names, world::World};
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use std::collections::HashSet;

    #[test]
    fn the_template_renders_one_edit_and_several() {
        let template = EditTemplate::load().unwrap();
        let render = |edits: &[&str]| {
            let edits: Vec<String> = edits.iter().map(|&e| e.to_owned()).collect();
            template.render(&edits, "Q {{ query }}?").unwrap()
        };
        assert_eq!(render(&[]), "Q {{ query }}?");
        assert_eq!(
            render(&["A <b> & \"c\"."]),
            "[Updated Information]\nA <b> & \"c\".\n[Question]\nQ {{ query }}?"
        );
        assert_eq!(render(&["A.", "B."]), "[Updated Information]\n1. A.\n2. B.\n[Question]\nQ {{ query }}?");
    }

    #[test]
    fn every_relation_is_asked_and_stated_in_many_ways() {
        let grammar = Grammar::load().unwrap();
        let count = |section: String, of: &Sections| of.all(&section).len();
        for relation in Relation::ALL {
            let name = relation.info().name;
            let cores = count(format!("{name} phrase"), &grammar.questions);
            let wholes = count(format!("{name} question"), &grammar.questions);
            assert!(cores >= 8 && wholes >= 10, "{name}: {cores} phrases, {wholes} questions");
            assert!(count(name.to_owned(), &grammar.statements) >= 10, "{name}");
        }
    }

    #[test]
    fn statements_of_the_splits_differ_and_put_the_object_anywhere() {
        let (grammar, names, world) =
            (Grammar::load().unwrap(), Names::load().unwrap(), World::load().unwrap());
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        for relation in Relation::ALL {
            let info = relation.info();
            let subject = names.fresh(info.subject, &world, Split::Train, &mut rng);
            let object = names.fresh(info.object, &world, Split::Train, &mut rng).bare().to_owned();
            let mut of = |split| -> HashSet<String> {
                (0..2000)
                    .map(|_| grammar.state(&subject, relation, object.clone(), (split, &mut rng)).text)
                    .collect()
            };
            let (train, test) = (of(Split::Train), of(Split::Test));
            assert!(train.is_disjoint(&test), "{relation:?}: {:?}", train.intersection(&test).next());
            let last = train.iter().filter(|text| text.trim_end_matches('.').ends_with(&object)).count();
            assert!(
                last * 5 < train.len() * 4,
                "{relation:?}: the object stands last in {last} of {}",
                train.len()
            );
        }
    }

    #[test]
    fn a_wide_statement_is_for_training_alone_and_no_other_one() {
        let statements = Grammar::load().unwrap().statements;
        for section in Relation::ALL.into_iter().map(|relation| relation.info().name).chain(["wrap"]) {
            let ordinary: HashSet<String> =
                statements.all(section).iter().map(|core| core.text.to_lowercase()).collect();
            let wide = statements.all(&wide_of(section));
            assert!(wide.len() >= 10, "{section}: {}", wide.len());
            for pattern in wide {
                assert_eq!(pattern.reserved, Some(Split::Train), "{pattern:?}");
                assert!(!ordinary.contains(&pattern.text.to_lowercase()), "{pattern:?}");
            }
        }
    }

    #[test]
    fn every_slot_of_the_files_is_a_known_one() {
        let grammar = Grammar::load().unwrap();
        for sections in [&grammar.questions, &grammar.statements, &grammar.constraints] {
            for pattern in sections.headings().iter().flat_map(|h| sections.all(h)) {
                for slot in
                    pattern.text.split('{').skip(1).filter_map(|s| s.split_once('}')).map(|(slot, _)| slot)
                {
                    let known = [
                        "np", "np-", "q", "s", "s's", "o", "n", "st", "y", "x", "1", "rest", "commas",
                        "numbered",
                    ];
                    assert!(known.contains(&slot), "{{{slot}}} in {:?}", pattern.text);
                }
            }
        }
    }

    #[test]
    fn the_lists_of_outside_requests_exist() {
        let outside = Grammar::load().unwrap().outside;
        let own = ["num", "word", "country", "element", "company", "person"];
        for pattern in outside.all("request") {
            for slot in
                pattern.text.split('{').skip(1).filter_map(|s| s.split_once('}')).map(|(slot, _)| slot)
            {
                let listed = !outside.all(&format!("list {slot}")).is_empty();
                assert!(listed || own.contains(&slot), "{{{slot}}} in {:?}", pattern.text);
            }
        }
    }
}
