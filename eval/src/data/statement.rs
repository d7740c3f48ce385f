//! The text of an edit, made of a record's fields by a template.

use super::record::PromptForm;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, context};

const NAME: &str = "statement";
const DEFAULT: &str = include_str!("../../templates/statement.jinja");

/// Why a statement template cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StatementError {
    /// It does not parse, or fails on a record's fields.
    #[error("failed to use the statement template: {0}; it may use subject, prompt, target and form")]
    Template(#[from] minijinja::Error),
    /// It leaves out what the edit says.
    #[error("failed to use the statement template: it does not print `target` for the form {form:?}")]
    NoTarget {
        /// The form that it leaves the target out of.
        form: &'static str,
    },
}

/// A Jinja template that makes the text of an edit.
///
/// It is given `subject`, `prompt` (placeholders filled), `target` and `form` (`cloze`, `question` or `passage`). The
/// default, `eval/templates/statement.jinja`, prints prompt and target, the form in which the method's own training
/// data state an edit; before a passage's continuation, which often begins with a pronoun, it prints the subject and a
/// colon. What it prints is put on one line, and a full stop is added unless it ends in one of `.!?。！？…` or in one
/// of these and a closing quote or bracket.
#[derive(Debug, Clone)]
pub struct StatementTemplate {
    environment: Environment<'static>,
}

/// What a statement is made of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parts<'a> {
    pub(crate) subject: &'a str,
    pub(crate) prompt: &'a str,
    pub(crate) target: &'a str,
    pub(crate) form: PromptForm,
}

impl Default for StatementTemplate {
    fn default() -> Self {
        Self::parse(DEFAULT).expect("the template in the source tree is tested")
    }
}

impl StatementTemplate {
    /// Reads a template and tries it on every form.
    ///
    /// # Errors
    /// [`StatementError`] when it does not parse or render, or leaves out the target.
    pub fn parse(source: &str) -> Result<Self, StatementError> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.add_template_owned(NAME, source.to_owned())?;
        let template = Self { environment };
        for form in [PromptForm::Cloze, PromptForm::Question, PromptForm::Passage] {
            let parts =
                Parts { subject: "subject probe", prompt: "prompt probe", target: "target probe", form };
            if !template.render(parts)?.contains(parts.target) {
                return Err(StatementError::NoTarget { form: name(form) });
            }
        }
        Ok(template)
    }

    pub(crate) fn render(&self, parts: Parts<'_>) -> Result<String, minijinja::Error> {
        let Parts { subject, prompt, target, form } = parts;
        let form = name(form);
        let text = self.environment.get_template(NAME)?.render(context! { subject, prompt, target, form })?;
        let mut line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let body = line.trim_end_matches(['"', '\'', '”', '’', '»', ')', ']', '」']);
        if !body.ends_with(['.', '!', '?', '。', '！', '？', '…']) {
            line.push('.');
        }
        Ok(line)
    }
}

fn name(form: PromptForm) -> &'static str {
    match form {
        PromptForm::Cloze => "cloze",
        PromptForm::Question => "question",
        PromptForm::Passage => "passage",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn say(prompt: &str, target: &str, form: PromptForm) -> String {
        let parts = Parts { subject: "Orla Brandt", prompt, target, form };
        StatementTemplate::default().render(parts).unwrap()
    }

    #[test]
    fn every_form_becomes_one_line_that_ends() {
        assert_eq!(
            say("Orla Brandt was born in", "Tarn", PromptForm::Cloze),
            "Orla Brandt was born in Tarn."
        );
        assert_eq!(
            say("Where was Orla Brandt born?", "St.\nTarn", PromptForm::Question),
            "Where was Orla Brandt born? St. Tarn."
        );
        assert_eq!(
            say("Orla Brandt was a painter.", "She moved to Tarn.", PromptForm::Passage),
            "Orla Brandt: She moved to Tarn."
        );
        assert_eq!(say("Her motto is", "\"Go on!\"", PromptForm::Cloze), "Her motto is \"Go on!\"");
    }

    #[test]
    fn a_template_that_leaves_the_edit_out_is_refused() {
        assert!(matches!(StatementTemplate::parse("{{ prompt }}"), Err(StatementError::NoTarget { .. })));
        let one_form = "{% if form == 'question' %}{{ prompt }}{% else %}{{ target }}{% endif %}";
        assert!(matches!(
            StatementTemplate::parse(one_form),
            Err(StatementError::NoTarget { form: "question" })
        ));
        assert!(matches!(StatementTemplate::parse("{{ object }}"), Err(StatementError::Template(_))));
        assert!(StatementTemplate::parse("{{ target }} ({{ subject }})").is_ok());
    }
}
