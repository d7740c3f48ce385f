//! Names that the world does not have: invented from syllables, or real ones of people and cities.
//!
//! Each belongs to one split by its hash, so that a name met in a test was never trained on.

use super::{
    DataError,
    phrasing::Sections,
    split::Split,
    world::{Name, Thing, World},
};
use rand::{Rng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;

/// How much of all names is kept for the test split.
const TEST_PERCENT: u64 = 15;

/// The building blocks.
#[derive(Debug)]
pub struct Names {
    parts: Sections,
}

impl Names {
    /// Reads the embedded lists.
    ///
    /// # Errors
    /// A section that is missing.
    pub fn load() -> Result<Self, DataError> {
        let parts = Sections::parse("names.txt", include_str!("data/names.txt"))?;
        let needed = [
            "given",
            "surname",
            "city",
            "onset",
            "nucleus",
            "coda",
            "country end",
            "city end",
            "company end",
            "language end",
            "element end",
            "product thing",
        ];
        for section in needed {
            parts.require(section)?;
        }
        Ok(Self { parts })
    }

    /// The split that a name belongs to. Of a person the surname decides, so that no test surname is ever trained on.
    #[must_use]
    pub fn split_of(thing: Thing, name: &str) -> Split {
        let key = match thing {
            Thing::Person => name.rsplit(' ').next().unwrap_or(name),
            _ => name,
        };
        Split::of(&format!("name {key}"), TEST_PERCENT)
    }

    /// A name of this split that the world does not know.
    ///
    /// Symbols, numbers, prices and counts have too few values to be kept apart: those are drawn from all.
    pub fn fresh(&self, thing: Thing, world: &World, split: Split, rng: &mut ChaCha8Rng) -> Name {
        let free = matches!(thing, Thing::Symbol | Thing::Number | Thing::Price | Thing::Count);
        loop {
            let text = self.draw(thing, rng);
            let name = Name::parse(&text);
            let known = world.subjects(thing).iter().any(|n| n.bare().eq_ignore_ascii_case(name.bare()));
            if !known && (free || Self::split_of(thing, name.bare()) == split) {
                return name;
            }
        }
    }

    fn draw(&self, thing: Thing, rng: &mut ChaCha8Rng) -> String {
        match thing {
            Thing::Country => self.country(rng),
            Thing::City => self.city(rng),
            Thing::Continent => capital(&self.word(2, rng)) + pick(&["ia", "a", "ica", "is"], rng),
            Thing::Currency => self.currency(rng),
            Thing::Language => capital(&self.open(rng)) + self.part("language end", rng),
            Thing::Element => self.open(rng) + self.part("element end", rng),
            Thing::Symbol => symbol(rng),
            Thing::Number => rng.random_range(1..=400).to_string(),
            Thing::Company => self.company(rng),
            Thing::Person => self.person(rng),
            Thing::Product => self.product(rng),
            Thing::Price => price(rng),
            Thing::Count => count(rng),
        }
    }

    fn part(&self, section: &str, rng: &mut ChaCha8Rng) -> &str {
        self.parts.pick(section, rng)
    }

    /// An open syllable and a consonant: what an ending is put behind.
    fn open(&self, rng: &mut ChaCha8Rng) -> String {
        let head = if rng.random_bool(0.5) { self.syllable(rng) } else { String::new() };
        let onset = self.part("onset", rng);
        let nucleus = self.part("nucleus", rng);
        let link = pick(&["n", "l", "r", "s", "m", "t", "d", "v", "k", "b"], rng);
        format!("{head}{onset}{nucleus}{link}")
    }

    fn syllable(&self, rng: &mut ChaCha8Rng) -> String {
        let onset = self.part("onset", rng);
        format!("{onset}{}", self.part("nucleus", rng))
    }

    fn word(&self, syllables: usize, rng: &mut ChaCha8Rng) -> String {
        let mut word: String = (0..syllables).map(|_| self.syllable(rng)).collect();
        word.push_str(self.part("coda", rng));
        word
    }

    fn any_word(&self, rng: &mut ChaCha8Rng) -> String {
        let syllables = *[1, 1, 2, 2, 2, 2, 2, 3].choose(rng).unwrap_or(&2);
        self.word(syllables, rng)
    }

    fn country(&self, rng: &mut ChaCha8Rng) -> String {
        let stem = capital(&self.open(rng)) + self.part("country end", rng);
        match rng.random_range(0..12) {
            0 => format!("the Republic of {stem}"),
            1 => format!("{} {stem}", pick(&["North", "South", "East", "West", "New", "Upper"], rng)),
            2 => format!("the {stem} Islands"),
            3 => capital(&self.any_word(rng)),
            _ => stem,
        }
    }

    fn city(&self, rng: &mut ChaCha8Rng) -> String {
        match rng.random_range(0..10) {
            0..=2 => self.part("city", rng).to_owned(),
            3..=5 => capital(&self.any_word(rng)),
            6 => format!(
                "{} {}",
                pick(&["Port", "San", "New", "Fort", "Saint", "Lake"], rng),
                capital(&self.any_word(rng))
            ),
            _ => capital(&self.open(rng)) + self.part("city end", rng),
        }
    }

    fn currency(&self, rng: &mut ChaCha8Rng) -> String {
        let word = self.any_word(rng);
        match rng.random_range(0..4) {
            0 => format!(
                "{}ian {}",
                capital(&self.open(rng)),
                pick(&["dollar", "pound", "franc", "mark", "crown"], rng)
            ),
            _ => word,
        }
    }

    fn company(&self, rng: &mut ChaCha8Rng) -> String {
        let stem = capital(&self.any_word(rng));
        match rng.random_range(0..10) {
            0..=3 => format!("{stem} {}", self.part("company end", rng)),
            4 => format!("{} & {stem}", capital(&self.any_word(rng))),
            5 => format!("{}{}", stem, pick(&["Soft", "Net", "Tech", "Corp", "Co"], rng)),
            _ => stem,
        }
    }

    fn person(&self, rng: &mut ChaCha8Rng) -> String {
        let given = if rng.random_bool(0.85) {
            self.part("given", rng).to_owned()
        } else {
            capital(&self.word(1, rng))
        };
        let surname = if rng.random_bool(0.35) {
            self.part("surname", rng).to_owned()
        } else {
            capital(&self.any_word(rng))
        };
        format!("{given} {surname}")
    }

    fn product(&self, rng: &mut ChaCha8Rng) -> String {
        let stem = capital(&self.any_word(rng));
        match rng.random_range(0..3) {
            0 => format!("the {stem} {}", rng.random_range(1..=99) * 10),
            _ => format!("the {stem} {}", self.part("product thing", rng)),
        }
    }
}

fn pick<'a>(choices: &[&'a str], rng: &mut ChaCha8Rng) -> &'a str {
    choices.choose(rng).copied().unwrap_or_default()
}

/// The word with its first letter in upper case.
pub(crate) fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

fn symbol(rng: &mut ChaCha8Rng) -> String {
    let first = char::from(rng.random_range(b'A'..=b'Z'));
    let second = char::from(rng.random_range(b'a'..=b'z'));
    if rng.random_bool(0.1) { first.to_string() } else { format!("{first}{second}") }
}

fn price(rng: &mut ChaCha8Rng) -> String {
    let amount = match rng.random_range(0..3) {
        0 => rng.random_range(1..=99),
        1 => rng.random_range(10..=99) * 10,
        _ => rng.random_range(100..=2999),
    };
    match rng.random_range(0..4) {
        0 => amount.to_string(),
        1 => format!("{amount} euros"),
        2 => format!("${amount}"),
        _ => format!("{amount} dollars"),
    }
}

fn count(rng: &mut ChaCha8Rng) -> String {
    match rng.random_range(0..3) {
        0 => format!("{} million", rng.random_range(2..=250)),
        1 => format!("{},{:03}", rng.random_range(10..=999), rng.random_range(0..1000)),
        _ => (rng.random_range(1..=9999) * 100).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use std::collections::HashSet;

    const NAMED: [Thing; 9] = [
        Thing::Country,
        Thing::City,
        Thing::Continent,
        Thing::Currency,
        Thing::Language,
        Thing::Element,
        Thing::Company,
        Thing::Person,
        Thing::Product,
    ];

    fn draw(thing: Thing, split: Split, count: usize) -> HashSet<String> {
        let (names, world) = (Names::load().unwrap(), World::load().unwrap());
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        (0..count).map(|_| names.fresh(thing, &world, split, &mut rng).shown()).collect()
    }

    #[test]
    fn the_splits_share_no_name() {
        for thing in NAMED {
            let (train, test) = (draw(thing, Split::Train, 3000), draw(thing, Split::Test, 1000));
            assert!(train.is_disjoint(&test), "{thing:?}: {:?}", train.intersection(&test).next());
        }
    }

    #[test]
    fn the_splits_share_no_surname() {
        let surnames = |split| -> HashSet<String> {
            draw(Thing::Person, split, 3000)
                .iter()
                .filter_map(|n| n.rsplit(' ').next().map(str::to_owned))
                .collect()
        };
        assert!(surnames(Split::Train).is_disjoint(&surnames(Split::Test)));
    }

    #[test]
    fn there_are_many_names() {
        for thing in NAMED {
            assert!(draw(thing, Split::Train, 10_000).len() > 4000, "{thing:?}");
        }
    }

    #[test]
    fn no_invented_name_is_known_to_the_world() {
        let world = World::load().unwrap();
        for thing in [Thing::Country, Thing::City, Thing::Element, Thing::Company, Thing::Person] {
            let known: HashSet<String> = world.subjects(thing).iter().map(Name::shown).collect();
            assert!(draw(thing, Split::Train, 3000).is_disjoint(&known), "{thing:?}");
        }
    }
}
