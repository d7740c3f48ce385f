//! Constraints that code decides.
//!
//! A [`Constraint`] is plain data: it is read from a [suite file](super::own), [describes](Constraint::describe) itself
//! for reports and [checks](Constraint::check) an answer, saying what the answer has instead. Checks depend on nothing but
//! the answer. How answers are divided into words and sentences is in `text.rs` beside this file; it is part of what the
//! constraints mean.

mod bound;
mod describe;
mod language;
mod layout;
mod lexical;
mod numbers;
mod pair;
mod parts;
mod shape;
mod steps;
mod template;
mod text;

pub use bound::Bound;
pub use language::Language;
pub use layout::{Around, Emphasis, Marker};
pub use lexical::{Case, Mood, Person};
pub use numbers::Direction;
pub use pair::Clash;
pub use parts::{Unit, Which};
pub use shape::{Further, JsonKind, Shape};
pub use steps::{Layered, Step};

use serde::{Deserialize, Serialize};

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Countable {
    /// Words.
    Word,
    /// Sentences.
    Sentence,
    /// Lines that hold something.
    Line,
    /// Runs of lines between empty ones.
    Paragraph,
    /// Characters, white space included.
    Character,
    /// Questions: sentences that end with a question mark.
    Question,
}

fn once() -> Bound {
    Bound::AtLeast(1)
}

/// One constraint. In files: `{ kind = "count", unit = "word", count = { at_most = 40 } }`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Constraint {
    /// So many words, sentences, lines ….
    Count {
        /// Of what.
        unit: Countable,
        /// How many.
        count: Bound,
    },
    /// Another constraint, of a part of the answer only.
    Within {
        /// Parts of this sort.
        unit: Unit,
        /// Which of them.
        which: Which,
        /// What they must meet.
        check: Box<Constraint>,
    },
    /// Letter case.
    Casing {
        /// Which.
        case: Case,
    },
    /// Every one of these words or phrases, in any case.
    Include {
        /// The words or phrases.
        terms: Vec<String>,
        /// How often each; at least once when left out.
        #[serde(default = "once")]
        count: Bound,
    },
    /// So many different ones of these words or phrases, in any case.
    IncludeSome {
        /// The words or phrases.
        terms: Vec<String>,
        /// How many of them.
        count: Bound,
    },
    /// None of these words or phrases, in any case.
    Exclude {
        /// The words or phrases.
        terms: Vec<String>,
    },
    /// The first mentions of these words or phrases come in this order, in any case.
    Order {
        /// The words or phrases.
        terms: Vec<String>,
    },
    /// None of these characters; letters in neither case.
    WithoutCharacters {
        /// The characters.
        characters: String,
    },
    /// So many of this character; of a letter in both cases.
    CharacterCount {
        /// The character.
        character: char,
        /// How many.
        count: Bound,
    },
    /// The first characters, exactly.
    StartsWith {
        /// They.
        text: String,
    },
    /// The last characters, exactly.
    EndsWith {
        /// They.
        text: String,
    },
    /// One word by its place, in any case.
    Word {
        /// 1 is the first, −1 the last.
        number: isize,
        /// The word.
        is: String,
    },
    /// The first letters of the parts, in any case, spell this.
    Acrostic {
        /// Of which parts.
        unit: Unit,
        /// What they spell.
        letters: String,
    },
    /// The first and the last word are the same, in any case.
    SameEnds {},
    /// Letters and digits of every word.
    WordLength {
        /// How many.
        letters: Bound,
    },
    /// So many words begin with this letter, in any case.
    Initial {
        /// The letter.
        letter: char,
        /// How many words.
        count: Bound,
    },
    /// No word, in any case, more than once; shorter ones may be repeated.
    NoRepeats {
        /// Letters that a word needs for this to concern it.
        shortest: usize,
    },
    /// No word ends so, in any case.
    NoEnding {
        /// The ending.
        ending: String,
    },
    /// No contraction ("don't", "it's").
    NoContractions {},
    /// None of the pronouns of these persons.
    NoPronouns {
        /// The persons.
        persons: Vec<Person>,
    },
    /// How every sentence ends.
    Sentences {
        /// With a question mark, an exclamation mark or a full stop.
        mood: Mood,
    },
    /// Which language.
    Language {
        /// It.
        language: Language,
    },
    /// So many numbers in digits.
    NumberCount {
        /// How many.
        count: Bound,
    },
    /// Every number in digits is greater (less) than the one before; there are at least two.
    NumberOrder {
        /// Up or down.
        direction: Direction,
    },
    /// The numbers in digits add up to this; there are at least two.
    NumberSum {
        /// The sum.
        total: f64,
    },
    /// Every number in digits lies between these, ends included; there is at least one.
    NumberRange {
        /// The least.
        from: f64,
        /// The greatest.
        to: f64,
    },
    /// A list.
    List {
        /// How its items are marked.
        marker: Marker,
        /// How many items.
        items: Bound,
        /// What else the answer may have.
        around: Around,
    },
    /// Markdown headings of one level, exactly these and in this order, in any case.
    Headings {
        /// 1 for `#`, to 6.
        level: usize,
        /// Their texts.
        titles: Vec<String>,
    },
    /// A Markdown table with a header row and a line of dashes, and nothing else.
    Table {
        /// Its column names, in any case; any where this is left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        header: Option<Vec<String>>,
        /// How many columns.
        columns: usize,
        /// How many rows below the header.
        rows: Bound,
    },
    /// The whole answer is one fenced code block.
    Fence {
        /// The language behind the opening fence; none where this is left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        language: Option<String>,
    },
    /// The whole answer stands between these.
    Wrapped {
        /// In front.
        open: String,
        /// Behind.
        close: String,
    },
    /// The first line is a title between these, and more follows.
    Title {
        /// In front of the title.
        open: String,
        /// Behind it.
        close: String,
    },
    /// Every line is `key: value`, with exactly these keys in this order.
    Fields {
        /// The keys, exactly.
        keys: Vec<String>,
    },
    /// So many parts between separators, none of them empty.
    Parts {
        /// What parts them.
        separator: String,
        /// How many parts.
        count: Bound,
    },
    /// So many stretches in Markdown emphasis.
    Emphasis {
        /// Of which sort.
        mark: Emphasis,
        /// How many.
        count: Bound,
    },
    /// The whole answer is JSON of this shape.
    Json {
        /// The shape.
        shape: Shape,
    },
    /// The whole answer has this form; see `template.rs` for the slots.
    Template {
        /// Literal text with slots.
        form: String,
    },
    /// The whole answer is one of these, exactly.
    Choice {
        /// They.
        answers: Vec<String>,
    },
    /// Every part has more (fewer) words than the one before; there are at least two.
    Lengths {
        /// Parts of which sort.
        unit: Unit,
        /// More or fewer.
        direction: Direction,
    },
    /// The parts are in alphabetical order, in any case; there are at least two.
    Sorted {
        /// Parts of which sort.
        unit: Unit,
    },
    /// One step of several that an answer goes through. Suites state `step`; the loader makes this of it.
    Step(Layered),
}

impl Constraint {
    /// Whether the answer meets the constraint. Never panics, whatever the answer.
    ///
    /// # Errors
    /// What the answer has instead: "52 words".
    pub fn check(&self, answer: &str) -> Result<(), String> {
        self.check_prepared(&text::prepare(answer))
    }

    /// The sort of constraint, for counts of failures by kind: `count`, `casing`; of a constraint of a part, that one's.
    #[must_use]
    pub fn kind(&self) -> String {
        if let Self::Within { check, .. } = self {
            return format!("within {}", check.kind());
        }
        let value = serde_json::to_value(self).unwrap_or_default();
        value.get("kind").and_then(serde_json::Value::as_str).unwrap_or("unknown").to_owned()
    }

    fn check_prepared(&self, answer: &str) -> Result<(), String> {
        if answer.is_empty() {
            return Err("the answer is empty".to_owned());
        }
        match self {
            Self::Within { unit, which, check } => which.check(*unit, check, answer),
            Self::Count { .. }
            | Self::Word { .. }
            | Self::Acrostic { .. }
            | Self::Lengths { .. }
            | Self::Sorted { .. } => self.check_parts(answer),
            Self::NumberCount { count } => count.check(numbers::of(answer).len(), "number"),
            Self::NumberOrder { direction } => numbers::ordered(answer, *direction),
            Self::NumberSum { total } => numbers::sum(answer, *total),
            Self::NumberRange { from, to } => numbers::range(answer, *from, *to),
            Self::Language { language } => language.check(answer),
            Self::Json { shape } => shape.check(answer),
            Self::Template { form } => template::check(form, answer),
            Self::Step(layered) => layered.check(answer),
            Self::List { .. }
            | Self::Headings { .. }
            | Self::Table { .. }
            | Self::Fence { .. }
            | Self::Wrapped { .. }
            | Self::Title { .. }
            | Self::Fields { .. }
            | Self::Parts { .. }
            | Self::Emphasis { .. } => self.check_layout(answer),
            Self::StartsWith { .. } | Self::EndsWith { .. } | Self::Choice { .. } => {
                self.check_literal(answer)
            }
            _ => self.check_lexical(answer),
        }
    }
}

#[cfg(test)]
mod tests;
