//! Constraints for people.

use super::{Around, Bound, Case, Constraint, Countable, Layered, Mood, Person, Unit, Which};

fn quoted(terms: &[String]) -> String {
    terms.iter().map(|term| format!("{term:?}")).collect::<Vec<_>>().join(", ")
}

impl Constraint {
    /// The constraint for people: "at most 40 words".
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Count { unit, count } => match unit {
                Countable::Paragraph | Countable::Line => format!("{} with text", count.of(unit.noun())),
                _ => count.of(unit.noun()),
            },
            Self::Within { unit, which, check } => format!("{}: {}", which.describe(*unit), check.describe()),
            Self::Word { number, is } => match number {
                1 => format!("the first word is {is:?}"),
                -1 => format!("the last word is {is:?}"),
                n if *n < 0 => format!("word {} from the end is {is:?}", n.unsigned_abs()),
                n => format!("word {n} is {is:?}"),
            },
            Self::Acrostic { unit, letters } => {
                format!("the first letters of the {}s spell {letters:?}", unit.noun())
            }
            Self::Lengths { unit, direction } => {
                format!("{} length of {}s in words", direction.word(), unit.noun())
            }
            Self::Sorted { unit } => format!("{}s in alphabetical order", unit.noun()),
            Self::NumberCount { count } => count.of("number"),
            Self::NumberOrder { direction } => format!("numbers {}", direction.word()),
            Self::NumberSum { total } => format!("numbers add up to {total}"),
            Self::NumberRange { from, to } => format!("every number from {from} to {to}"),
            Self::Language { language } => format!("in {}", language.name()),
            Self::Json { shape } => format!("JSON: {}", shape.describe()),
            Self::Template { form } => format!("of the form {form:?}"),
            Self::Choice { answers } => format!("one of {}", quoted(answers)),
            Self::StartsWith { text } => format!("starts with {text:?}"),
            Self::EndsWith { text } => format!("ends with {text:?}"),
            Self::Step(layered) => layered.describe(),
            _ => self.describe_layout(),
        }
    }

    fn describe_layout(&self) -> String {
        match self {
            Self::List { marker, items, around } => {
                let around = match around {
                    Around::Anything => "",
                    Around::Nothing => " and nothing else",
                    Around::Lead => " under one line",
                };
                format!("a list of {} marked {:?}{around}", items.of("item"), marker.sign())
            }
            Self::Headings { level, titles } => {
                format!("the headings {} marked {:?}", quoted(titles), "#".repeat(*level))
            }
            Self::Table { header, columns, rows } => {
                let columns =
                    header.as_ref().map_or_else(|| Bound::Exactly(*columns).of("column"), |h| quoted(h));
                format!("a Markdown table: {columns}; {}", rows.of("row"))
            }
            Self::Fence { language } => format!("one fenced block ```{}", language.as_deref().unwrap_or("")),
            Self::Wrapped { open, close } => format!("between {open:?} and {close:?}"),
            Self::Title { open, close } => {
                format!("a title between {open:?} and {close:?} on the first line")
            }
            Self::Fields { keys } => format!("lines \"key: value\" for {}", quoted(keys)),
            Self::Parts { separator, count } => format!("{} parted by {separator:?}", count.of("part")),
            Self::Emphasis { mark, count } => {
                format!("{} in {}", count.of("stretch"), mark.example()).replace("stretchs", "stretches")
            }
            _ => self.describe_lexical(),
        }
    }

    fn describe_lexical(&self) -> String {
        match self {
            Self::Casing { case } => match case {
                Case::Upper => "in upper case",
                Case::Lower => "in lower case",
                Case::Title => "every word begins with a capital letter",
                Case::Sentence => "every sentence begins with a capital letter, no word in capitals",
            }
            .to_owned(),
            Self::Include { terms, count } if *count == Bound::AtLeast(1) => {
                format!("mentions {}", quoted(terms))
            }
            Self::Include { terms, count } => format!("mentions {} {}", quoted(terms), count.of("time")),
            Self::IncludeSome { terms, count } => format!("mentions {count} of {}", quoted(terms)),
            Self::Exclude { terms } => format!("does not mention {}", quoted(terms)),
            Self::Order { terms } => format!("mentions in this order {}", quoted(terms)),
            Self::WithoutCharacters { characters } => format!("without the characters {characters:?}"),
            Self::CharacterCount { character, count } => format!("{character:?} {}", count.of("time")),
            Self::SameEnds {} => "the first word is also the last".to_owned(),
            Self::WordLength { letters } => format!("every word has {}", letters.of("letter")),
            Self::Initial { letter, count } => format!("{} beginning with {letter:?}", count.of("word")),
            Self::NoRepeats { shortest } => format!("no word of {shortest} or more letters twice"),
            Self::NoEnding { ending } => format!("no word ends in {ending:?}"),
            Self::NoContractions {} => "no contractions".to_owned(),
            Self::NoPronouns { persons } => {
                let names = persons.iter().map(|p| p.name()).collect::<Vec<_>>().join(", ");
                format!("no pronoun of the {names} person")
            }
            Self::Sentences { mood } => match mood {
                Mood::Question => "every sentence is a question".to_owned(),
                Mood::Exclamation => "every sentence ends with \"!\"".to_owned(),
                Mood::Statement => "every sentence ends with a full stop".to_owned(),
            },
            // The other kinds are above; a new one shows by its name.
            other => other.kind(),
        }
    }
}

impl Person {
    fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Second => "second",
            Self::Third => "third",
        }
    }
}

impl Which {
    fn describe(self, unit: Unit) -> String {
        let noun = unit.noun();
        match self {
            Self::Every => format!("every {noun}"),
            Self::First => format!("the first {noun}"),
            Self::Last => format!("the last {noun}"),
            Self::Number(n) => format!("{noun} {n}"),
            Self::Later => format!("every {noun} after the first"),
        }
    }
}

impl Layered {
    fn describe(&self) -> String {
        let step = self.step().map_or_else(|| "no step".to_owned(), super::Step::describe);
        if self.at == 0 { format!("{:?} {step}", self.core) } else { step }
    }
}
