//! What is true before any edit: countries, elements, and the companies of an invented economy.

use super::{DataError, split::Split};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// A sort of thing that has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Thing {
    /// A country.
    Country,
    /// A city.
    City,
    /// A continent.
    Continent,
    /// A currency, lower case unless it starts with a proper adjective.
    Currency,
    /// A language.
    Language,
    /// A chemical element, lower case.
    Element,
    /// A chemical symbol.
    Symbol,
    /// A whole number, such as an atomic number.
    Number,
    /// A company.
    Company,
    /// A person, given name and surname.
    Person,
    /// A product, named with an article.
    Product,
    /// An amount of money.
    Price,
    /// A number of people.
    Count,
}

/// What a fact is about. `Price` to `Mayor` have no stored facts: the model knows them from edits alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Relation {
    /// Country to city.
    Capital,
    /// Country to continent.
    Continent,
    /// Country to currency.
    Currency,
    /// Country to principal language.
    Language,
    /// Element to symbol.
    Symbol,
    /// Element to number.
    AtomicNumber,
    /// Company to person.
    ChiefExecutive,
    /// Company to city.
    Headquarters,
    /// Person to company.
    Employer,
    /// Product to amount.
    Price,
    /// Country to person.
    President,
    /// Country to number of people.
    Population,
    /// Company to person.
    Founder,
    /// City to person.
    Mayor,
}

/// What the grammar and the generator need to know of a relation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelationInfo {
    /// The prefix of its sections in the data files.
    pub name: &'static str,
    /// What it is asked of.
    pub subject: Thing,
    /// What answers.
    pub object: Thing,
    /// The class of its question frames.
    pub frame: &'static str,
    /// How often plain rows ask it, relative to the others; 0 when the world stores no such fact.
    pub weight: u32,
    /// Whether an object names its subject, so that the inverse can be asked.
    pub inverse: Inverse,
}

/// Whether the inverse of a relation has one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inverse {
    /// One subject an object.
    Unique,
    /// Several subjects an object; never asked.
    Ambiguous,
}

impl Relation {
    /// All relations, the stored ones first.
    pub const ALL: [Self; 14] = [
        Self::Capital,
        Self::Continent,
        Self::Currency,
        Self::Language,
        Self::Symbol,
        Self::AtomicNumber,
        Self::ChiefExecutive,
        Self::Headquarters,
        Self::Employer,
        Self::Price,
        Self::President,
        Self::Population,
        Self::Founder,
        Self::Mayor,
    ];

    /// Its metadata.
    #[must_use]
    pub fn info(self) -> RelationInfo {
        use Inverse::{Ambiguous, Unique};
        let (name, subject, object, frame, weight, inverse) = match self {
            Self::Capital => ("capital", Thing::Country, Thing::City, "thing", 8, Unique),
            Self::Continent => ("continent", Thing::Country, Thing::Continent, "thing", 4, Ambiguous),
            Self::Currency => ("currency", Thing::Country, Thing::Currency, "thing", 6, Ambiguous),
            Self::Language => ("language", Thing::Country, Thing::Language, "thing", 6, Ambiguous),
            Self::Symbol => ("symbol", Thing::Element, Thing::Symbol, "thing", 5, Unique),
            Self::AtomicNumber => ("atomic number", Thing::Element, Thing::Number, "thing", 5, Unique),
            Self::ChiefExecutive => ("chief executive", Thing::Company, Thing::Person, "person", 4, Unique),
            Self::Headquarters => ("headquarters", Thing::Company, Thing::City, "place", 3, Ambiguous),
            Self::Employer => ("employer", Thing::Person, Thing::Company, "thing", 5, Ambiguous),
            Self::Price => ("price", Thing::Product, Thing::Price, "thing", 0, Ambiguous),
            Self::President => ("president", Thing::Country, Thing::Person, "person", 0, Ambiguous),
            Self::Population => ("population", Thing::Country, Thing::Count, "thing", 0, Ambiguous),
            Self::Founder => ("founder", Thing::Company, Thing::Person, "person", 0, Ambiguous),
            Self::Mayor => ("mayor", Thing::City, Thing::Person, "person", 0, Ambiguous),
        };
        RelationInfo { name, subject, object, frame, weight, inverse }
    }

    /// Whether the world stores facts of it.
    #[must_use]
    pub fn is_stored(self) -> bool {
        self.info().weight > 0
    }

    /// The relations that are asked of things of this sort.
    pub fn of(subject: Thing) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |r| r.info().subject == subject)
    }
}

/// A name and whether running text puts "the" in front of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name {
    bare: String,
    article: Article,
}

/// Whether a name takes the definite article.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Article {
    None,
    The,
}

impl Name {
    /// Reads a name; a leading `the ` becomes its article.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text.strip_prefix("the ") {
            Some(bare) => Self { bare: bare.to_owned(), article: Article::The },
            None => Self { bare: text.to_owned(), article: Article::None },
        }
    }

    /// Without its article, as answers give it.
    #[must_use]
    pub fn bare(&self) -> &str {
        &self.bare
    }

    /// As running text has it.
    #[must_use]
    pub fn shown(&self) -> String {
        match self.article {
            Article::None => self.bare.clone(),
            Article::The => format!("the {}", self.bare),
        }
    }
}

/// One stored fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// What it is about.
    pub subject: Name,
    /// What it says of it.
    pub relation: Relation,
    /// The answer.
    pub object: String,
}

impl Fact {
    /// The split in which this fact may be edited: whole subjects and single facts are kept apart for the test.
    #[must_use]
    pub fn edit_split(relation: Relation, subject: &Name) -> Split {
        let whole = Split::of(&format!("edited {}", subject.bare), 8);
        if whole == Split::Test {
            return whole;
        }
        Split::of(&format!("edited {} {}", subject.bare, relation.info().name), 8)
    }
}

/// The facts, by subject and by object.
#[derive(Debug)]
pub struct World {
    facts: HashMap<Relation, Vec<Fact>>,
    subjects: HashMap<Thing, Vec<Name>>,
    objects: HashMap<(Relation, String), String>,
    inverse: HashMap<(Relation, String), Name>,
}

impl World {
    /// Reads the embedded tables.
    ///
    /// # Errors
    /// A line with the wrong number of fields, named by file and line.
    pub fn load() -> Result<Self, DataError> {
        let mut world = Self {
            facts: HashMap::new(),
            subjects: HashMap::new(),
            objects: HashMap::new(),
            inverse: HashMap::new(),
        };
        for row in table("countries.tsv", include_str!("data/countries.tsv"), 5)? {
            let country = world.subject(Thing::Country, row[0]);
            let relations = [Relation::Capital, Relation::Continent, Relation::Currency, Relation::Language];
            for (relation, object) in relations.into_iter().zip(&row[1..]) {
                world.add(&country, relation, object);
            }
        }
        for row in table("elements.tsv", include_str!("data/elements.tsv"), 3)? {
            let element = world.subject(Thing::Element, row[0]);
            world.add(&element, Relation::Symbol, row[1]);
            world.add(&element, Relation::AtomicNumber, row[2]);
        }
        for row in table("companies.tsv", include_str!("data/companies.tsv"), 5)? {
            let company = world.subject(Thing::Company, row[0]);
            world.add(&company, Relation::ChiefExecutive, row[1]);
            world.add(&company, Relation::Headquarters, row[2]);
            for person in [row[1], row[3], row[4]] {
                let person = world.subject(Thing::Person, person);
                world.add(&person, Relation::Employer, row[0]);
            }
        }
        let capitals: Vec<Name> =
            world.facts(Relation::Capital).iter().map(|f| Name::parse(&f.object)).collect();
        world.subjects.insert(Thing::City, capitals);
        Ok(world)
    }

    fn subject(&mut self, thing: Thing, text: &str) -> Name {
        let name = Name::parse(text);
        self.subjects.entry(thing).or_default().push(name.clone());
        name
    }

    fn add(&mut self, subject: &Name, relation: Relation, object: &str) {
        let fact = Fact { subject: subject.clone(), relation, object: object.to_owned() };
        self.facts.entry(relation).or_default().push(fact);
        self.objects.insert((relation, subject.bare.to_lowercase()), object.to_owned());
        if relation.info().inverse == Inverse::Unique {
            self.inverse.insert((relation, object.to_lowercase()), subject.clone());
        }
    }

    /// All stored facts of a relation; empty for one that is known from edits alone.
    #[must_use]
    pub fn facts(&self, relation: Relation) -> &[Fact] {
        self.facts.get(&relation).map_or(&[], Vec::as_slice)
    }

    /// All known things of a sort that can be asked about.
    #[must_use]
    pub fn subjects(&self, thing: Thing) -> &[Name] {
        self.subjects.get(&thing).map_or(&[], Vec::as_slice)
    }

    /// The stored answer, if there is one. `subject` without its article, in any letter case.
    #[must_use]
    pub fn object(&self, relation: Relation, subject: &str) -> Option<&str> {
        self.objects.get(&(relation, subject.to_lowercase())).map(String::as_str)
    }

    /// The subject that `object` names, for relations with a unique inverse; in any letter case.
    #[must_use]
    pub fn inverse(&self, relation: Relation, object: &str) -> Option<&Name> {
        self.inverse.get(&(relation, object.to_lowercase()))
    }
}

fn table(file: &'static str, text: &'static str, fields: usize) -> Result<Vec<Vec<&'static str>>, DataError> {
    let mut rows = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.starts_with('#') || line.is_empty() {
            continue;
        }
        let row: Vec<&str> = line.split('\t').collect();
        if row.len() != fields || row.iter().any(|field| field.trim().is_empty()) {
            let what = "expected as many non-empty fields, parted by tabs, as the heading names";
            return Err(DataError::Line { file, line: index + 1, what });
        }
        rows.push(row);
    }
    Ok(rows)
}

#[cfg(test)]
mod tests;
