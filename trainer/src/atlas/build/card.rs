//! The model card of the built-in model: `README.md` in its folder, from the template `model_card.md.jinja`.

use super::{Content, KindScore, Origin, Recipe};
use crate::{Error, Result};
use minijinja::{Environment, context};

const TEMPLATE: &str = include_str!("model_card.md.jinja");

/// What the card tells.
#[derive(Debug, Clone, PartialEq)]
pub struct Card<'a> {
    /// How the model was made.
    pub recipe: Recipe,
    /// What it was trained on.
    pub origin: &'a Origin,
    /// Numbers in its weights.
    pub parameters: usize,
    /// What it scores on held-out items.
    pub scores: &'a [KindScore],
}

impl Card<'_> {
    /// The card as Markdown.
    ///
    /// # Errors
    /// [`Error::Settings`] when the template does not render.
    pub fn render(&self) -> Result<String> {
        let wrong =
            |error: minijinja::Error| Error::Settings(format!("the model card's template is wrong: {error}"));
        let mut environment = Environment::new();
        environment.set_keep_trailing_newline(true);
        environment.set_trim_blocks(true);
        environment.add_template("card", TEMPLATE).map_err(wrong)?;
        let scores: Vec<_> = self
            .scores
            .iter()
            .map(|s| context! { kind => s.kind, items => s.items, exact => s.exact, rate => format!("{:.3}", s.rate()) })
            .collect();
        let template = environment.get_template("card").map_err(wrong)?;
        template
            .render(context! {
                recipe => self.recipe,
                edits => self.origin.content == Content::Everything,
                from => self.origin.from,
                context_weight => format!("{:.2}", self.recipe.context_weight),
                parameters => self.parameters,
                rows => self.recipe.steps * self.recipe.rows_per_step as u64,
                version => env!("CARGO_PKG_VERSION"),
                scores,
            })
            .map_err(wrong)
    }
}
