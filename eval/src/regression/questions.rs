//! The questions' wording.

use super::items::Aspect;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, context};

const NAME: &str = "questions";
const DEFAULT: &str = include_str!("../../templates/regression.jinja");

/// Why a template of questions cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum QuestionsError {
    /// It does not parse, or fails.
    #[error(
        "failed to use the template of the edit questions: {0}; it may use aspect, subject, relation and beginning"
    )]
    Template(#[from] minijinja::Error),
    /// It has nothing to ask.
    #[error("the template of the edit questions has none for the aspect `{0}`")]
    Empty(&'static str),
}

/// A Jinja template that makes questions: it is given `aspect` (`itself`, `rephrased`, `neighbour` or `completion`), and
/// `subject` and `relation`, for a completion `beginning`. Each line that it prints is a question.
#[derive(Debug, Clone)]
pub struct Questions(Environment<'static>);

impl Default for Questions {
    /// `eval/templates/regression.jinja`.
    fn default() -> Self {
        Self::parse(DEFAULT).expect("the template in the source tree is tested")
    }
}

impl Questions {
    /// Reads a template and tries it on every aspect.
    ///
    /// # Errors
    /// [`QuestionsError`] when it does not parse or render, or prints nothing.
    pub fn parse(source: &str) -> Result<Self, QuestionsError> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Lenient);
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.add_template_owned(NAME, source.to_owned())?;
        let questions = Self(environment);
        for aspect in [Aspect::Itself, Aspect::Rephrased, Aspect::Neighbour] {
            if questions.about(aspect, ("S", "R"))?.is_empty() {
                return Err(QuestionsError::Empty(aspect.as_str()));
            }
        }
        match questions.completing("B")?.is_empty() {
            true => Err(QuestionsError::Empty("completion")),
            false => Ok(questions),
        }
    }

    /// What to ask about a subject's relation.
    pub(super) fn about(
        &self,
        aspect: Aspect,
        (subject, relation): (&str, &str),
    ) -> Result<Vec<String>, QuestionsError> {
        self.lines(context! { aspect => aspect.as_str(), subject, relation })
    }

    /// What to ask for the end of a text.
    pub(super) fn completing(&self, beginning: &str) -> Result<Vec<String>, QuestionsError> {
        self.lines(context! { aspect => "completion", beginning })
    }

    fn lines(&self, of: minijinja::Value) -> Result<Vec<String>, QuestionsError> {
        let text = self.0.get_template(NAME)?.render(of)?;
        Ok(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect())
    }
}
