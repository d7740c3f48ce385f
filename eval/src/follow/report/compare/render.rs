//! Comparisons as text.

use super::{CellChange, Change, Comparison};
use crate::follow::report::{FollowReport, render};
use minijinja::{Error, context};
use std::fmt;

const MARKDOWN: &str = include_str!("../templates/comparison.md.jinja");
/// The most items that a cell names in the text; JSON and HTML have all.
const NAMED: usize = 12;

impl Comparison {
    /// The cells that changed, the worst first.
    #[must_use]
    pub fn changed(&self) -> Vec<&CellChange> {
        let mut cells: Vec<&CellChange> =
            self.cells.iter().filter(|cell| cell.change != Change::Same).collect();
        cells.sort_by(|a, b| a.hsr_delta.unwrap_or(0.0).total_cmp(&b.hsr_delta.unwrap_or(0.0)));
        cells
    }

    /// The comparison as JSON, indented.
    ///
    /// # Errors
    /// When serde_json fails, which texts and numbers rule out.
    pub fn json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self)
    }

    /// The comparison as Markdown.
    ///
    /// # Errors
    /// When the template fails, which its tests rule out.
    pub fn markdown(&self) -> Result<String, Error> {
        let changed = self.changed();
        render::environment(render::Form::Markdown)
            .render_str(MARKDOWN, context! { comparison => self, changed, named => NAMED })
    }

    /// The page of the second report, with this comparison in it.
    ///
    /// # Errors
    /// When `after` is of another suite.
    pub fn html(&self, after: &FollowReport) -> Result<String, Error> {
        after.html(Some(self))
    }
}

impl CellChange {
    /// "format level 4 broke".
    fn headline(&self) -> String {
        let what = match self.change {
            Change::Broke => "broke",
            Change::Improved => "improved",
            Change::Unclear => "changed, maybe by chance",
            Change::Same => "is the same",
        };
        format!("{} level {} {what}", self.category, self.level)
    }
}

impl fmt::Display for Comparison {
    /// The changed cells with their items, the worst first.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (before, after) = (&self.before, &self.after);
        writeln!(
            f,
            "{}: {} {} → {} {}",
            self.suite.name, before.id, before.revision, after.id, after.revision
        )?;
        writeln!(
            f,
            "{} items lost, {} gained, of {} that both decided ({} left out)",
            self.lost, self.gained, self.items, self.left_out
        )?;
        for note in &self.notes {
            writeln!(f, "note: {note}")?;
        }
        for cell in self.changed() {
            writeln!(
                f,
                "{}: {} of {} → {} of {}",
                cell.headline(),
                cell.before,
                cell.items,
                cell.after,
                cell.items
            )?;
            for (word, items) in [("lost", &cell.lost), ("gained", &cell.gained)] {
                for item in items.iter().take(NAMED) {
                    writeln!(f, "  {word} {}: {}", item.id, item.violated.join("; "))?;
                }
                if items.len() > NAMED {
                    writeln!(f, "  and {} more {word}", items.len() - NAMED)?;
                }
            }
        }
        Ok(())
    }
}
