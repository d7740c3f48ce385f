//! Writes the suite `atlas-follow`: `atlas_follow trainer/src/atlas/data > eval/suites/atlas-follow/atlas.toml`.
//!
//! Reads the pattern and fact files that the built-in model's training data is made of. Questions are held out: each has a
//! part marked `!`, which no training row has, so no training row equals an item. Steps are worded in held-out and trained
//! wordings alike, as in the model's own test. Witnesses are made by applying the steps forwards; the checker peels them off
//! backwards and shares no code with this.

use rand::{
    Rng, SeedableRng,
    seq::{IndexedRandom, SliceRandom},
};
use rand_chacha::ChaCha8Rng;
use std::{collections::HashMap, env, fs, io, path::Path, process::ExitCode};

/// Everything random comes from this.
const SEED: u64 = 20_261_123;
/// Groups of each category.
const GROUPS: usize = 40;

/// Patterns by section; `true` where one is held out.
type Sections = HashMap<String, Vec<(String, bool)>>;

fn sections(path: &Path) -> io::Result<Sections> {
    let mut found = Sections::new();
    let mut heading = String::new();
    for line in fs::read_to_string(path)?.lines() {
        if line.is_empty() || line.starts_with("# ") {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            heading = name.to_owned();
            continue;
        }
        let held_out = line.starts_with('!') && line.len() > 1;
        let text = if held_out { &line[1..] } else { line.trim_start_matches(['+', '~']) };
        // "i" is a pronoun in a sentence, and a name among the tags.
        let text = if text.contains(' ') {
            text.replace(" i ", " I ").replace("i'm ", "I'm ")
        } else {
            text.to_owned()
        };
        found.entry(heading.clone()).or_default().push((text, held_out));
    }
    Ok(found)
}

/// A relation: its name in the questions, the class of its frames, and who has what.
struct Relation {
    name: &'static str,
    class: &'static str,
    facts: Vec<(String, String)>,
}

fn relations(data: &Path) -> io::Result<Vec<Relation>> {
    let columns = [
        (
            "countries.tsv",
            vec![
                ("capital", "thing", 1),
                ("continent", "thing", 2),
                ("currency", "thing", 3),
                ("language", "thing", 4),
            ],
        ),
        ("elements.tsv", vec![("symbol", "thing", 1), ("atomic number", "thing", 2)]),
        ("companies.tsv", vec![("chief executive", "person", 1), ("headquarters", "thing", 2)]),
    ];
    let mut relations = Vec::new();
    for (file, columns) in columns {
        let text = fs::read_to_string(data.join(file))?;
        let rows: Vec<Vec<&str>> = text
            .lines()
            .filter(|l| !l.starts_with('#') && !l.is_empty())
            .map(|l| l.split('\t').collect())
            .collect();
        for (name, class, column) in columns {
            let fact = |row: &Vec<&str>| Some((row.first()?.to_string(), row.get(column)?.to_string()));
            relations.push(Relation { name, class, facts: rows.iter().filter_map(fact).collect() });
        }
    }
    Ok(relations)
}

/// A step as suite files write it, with the words that ask for it and what it makes of a text.
#[derive(Clone)]
struct Step {
    toml: String,
    words: String,
    before: String,
    after: String,
    letters: Letters,
}

#[derive(Clone, Copy, PartialEq)]
enum Letters {
    Kept,
    Upper,
    Lower,
    Doubled,
}

impl Step {
    fn apply(&self, text: &str) -> String {
        match self.letters {
            Letters::Upper => text.to_uppercase(),
            Letters::Lower => text.to_lowercase(),
            Letters::Doubled => format!("{text}, {text}"),
            Letters::Kept => format!("{}{text}{}", self.before, self.after),
        }
    }
}

/// Makes steps and words of one stream of random numbers.
struct Maker {
    wordings: Sections,
    rng: ChaCha8Rng,
}

impl Maker {
    /// A pattern of a section: a held-out one half of the time.
    fn pick(&mut self, section: &str) -> String {
        let want = self.rng.random_bool(0.5);
        let of: Vec<&String> =
            self.wordings[section].iter().filter(|(_, held)| *held == want).map(|(t, _)| t).collect();
        of.choose(&mut self.rng).map_or_else(String::new, |t| (*t).clone())
    }

    fn literal(&mut self, kind: &str) -> String {
        let all = &self.wordings[&format!("{kind} literals")];
        all.choose(&mut self.rng).map_or_else(String::new, |(t, _)| t.clone())
    }

    fn step(&mut self, kind: &str) -> Step {
        let (literal, before, after, letters) = match kind {
            "upper" => (None, String::new(), String::new(), Letters::Upper),
            "lower" => (None, String::new(), String::new(), Letters::Lower),
            "twice" => (None, String::new(), String::new(), Letters::Doubled),
            "quotes" => (None, "\"".into(), "\"".into(), Letters::Kept),
            "square" => (None, "[".into(), "]".into(), Letters::Kept),
            "round" => (None, "(".into(), ")".into(), Letters::Kept),
            "tag" => {
                let x = self.literal(kind);
                (Some(x.clone()), format!("<{x}>"), format!("</{x}>"), Letters::Kept)
            }
            "prefix" => {
                let x = self.literal(kind);
                (Some(x.clone()), x, String::new(), Letters::Kept)
            }
            _ => {
                let x = self.literal("suffix");
                (Some(x.clone()), String::new(), x, Letters::Kept)
            }
        };
        let mut words = self.pick(kind);
        while words.is_empty() {
            words = self.pick(kind);
        }
        let toml = match &literal {
            Some(x) => format!("{{ {kind} = {} }}", quoted(x)),
            None => quoted(kind),
        };
        Step { toml, words: words.replace("{x}", literal.as_deref().unwrap_or("")), before, after, letters }
    }

    /// Five steps of a category: case, then repetition, then what is put around.
    fn steps(&mut self, category: &str, answer: &str) -> Vec<Step> {
        let case = if self.rng.random_bool(0.5) { "upper" } else { "lower" };
        let (front, mut around) = match category {
            // Letter case and everything that encloses.
            "format" => (vec![case], vec!["quotes", "square", "round", "tag"]),
            // What else is said: three of the five steps add words.
            "content" => (vec!["twice"], vec!["prefix", "suffix", "quotes", "square", "round", "tag"]),
            _ => {
                let twice = self.rng.random_bool(0.25);
                let front = if twice { vec![case, "twice"] } else { vec![case] };
                (front, vec!["quotes", "square", "round", "tag", "prefix", "suffix"])
            }
        };
        if category == "content" {
            let mut wraps = around.split_off(2);
            wraps.shuffle(&mut self.rng);
            around.extend(wraps.into_iter().take(2));
        }
        around.shuffle(&mut self.rng);
        let mut kinds: Vec<&str> = front;
        kinds.extend(around);
        kinds.truncate(5);
        // A case that changes nothing would be met by accident.
        let other = |kind: &str| if kind == "upper" { answer.to_uppercase() } else { answer.to_lowercase() };
        if ["upper", "lower"].contains(&kinds[0]) && other(kinds[0]) == answer {
            kinds[0] = if kinds[0] == "upper" { "lower" } else { "upper" };
        }
        kinds.into_iter().map(|kind| self.step(kind)).collect()
    }
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

fn held_out(sections: &Sections, name: &str) -> Vec<String> {
    sections.get(name).into_iter().flatten().filter(|(_, held)| *held).map(|(text, _)| text.clone()).collect()
}

/// All questions of a relation that no training row has.
fn questions(sections: &Sections, relation: &Relation) -> Vec<String> {
    let mut found = held_out(sections, &format!("{} question", relation.name));
    for phrase in sections[&format!("{} phrase", relation.name)].iter().map(|(text, _)| text) {
        let frames = [format!("frame {}", relation.class), "frame any".to_owned()];
        let frames = frames.iter().flat_map(|frame| held_out(sections, frame));
        found.extend(frames.map(|frame| frame.replace("{np}", phrase)));
    }
    found.sort();
    found.dedup();
    found
}

/// The question with the steps so far, as the model is asked.
fn request(question: &str, steps: &[Step], joins: &(String, String)) -> String {
    let words: Vec<&str> = steps.iter().map(|step| step.words.as_str()).collect();
    let numbered: Vec<String> = words.iter().enumerate().map(|(i, w)| format!("{}) {w}", i + 1)).collect();
    let join = if steps.len() == 1 { &joins.0 } else { &joins.1 };
    let tail = join.trim_start_matches("{q} ");
    let tail = tail
        .replace("{rest}", &words[1..].join(", then "))
        .replace("{commas}", &words[1..].join(", "))
        .replace("{numbered}", &numbered.join(", "))
        .replace("{1}", words[0]);
    format!("{question} {}", capital(&tail))
}

fn group(maker: &mut Maker, category: &str, name: &str, (question, answer): (&str, &str)) -> String {
    let steps = maker.steps(category, answer);
    let joins = loop {
        let joins = (maker.pick("join one"), maker.pick("join more"));
        if !joins.0.is_empty() && !joins.1.is_empty() {
            break joins;
        }
    };
    let mut out = format!("\n[[{category}]]\nname = {}\nask = {}\n", quoted(name), quoted(question));
    out.push_str(&format!("core = {}\nlevels = [\n", quoted(answer)));
    let mut witness = answer.to_owned();
    let mut witnesses = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        let ask = request(question, &steps[..=index], &joins);
        out.push_str(&format!("  {{ step = {}, ask = {} }},\n", step.toml, quoted(&ask)));
        witness = step.apply(&witness);
        witnesses.push(format!("  {},\n", quoted(&witness)));
    }
    format!("{out}]\nwitnesses = [\n{}]\n", witnesses.concat())
}

fn write(data: &Path) -> io::Result<String> {
    let asking = sections(&data.join("questions.txt"))?;
    let relations = relations(data)?;
    let wordings = sections(&data.join("constraints.txt"))?;
    let mut maker = Maker { wordings, rng: ChaCha8Rng::seed_from_u64(SEED) };
    let mut out = format!(
        "# Made by eval/examples/atlas_follow.rs, seed {SEED}. Questions about the built-in model's world, with steps.\n\
         schema = \"amend.follow-suite/1\"\nsuite = \"atlas-follow\"\n"
    );
    let mut seen = Vec::new();
    for category in ["content", "format", "mixed"] {
        // The case of a number cannot be told.
        let fit: Vec<&Relation> =
            relations.iter().filter(|r| category == "content" || r.name != "atomic number").collect();
        let mut made = 0;
        while made < GROUPS {
            let relation = fit[made % fit.len()];
            let question = questions(&asking, relation).choose(&mut maker.rng).cloned().unwrap_or_default();
            let Some((subject, answer)) = relation.facts.choose(&mut maker.rng).cloned() else { continue };
            if seen.contains(&subject) {
                continue;
            }
            made += 1;
            let possessive =
                if subject.ends_with('s') { format!("{subject}'") } else { format!("{subject}'s") };
            let question = capital(&question.replace("{s's}", &possessive).replace("{s}", &subject));
            let question =
                if question.ends_with(['?', '.', '!']) { question } else { format!("{question}?") };
            let name = format!("{}-{made:02}", relation.name.replace(' ', "-"));
            out.push_str(&group(&mut maker, category, &name, (&question, &answer)));
            seen.push(subject);
        }
    }
    Ok(out)
}

fn main() -> ExitCode {
    let Some(data) = env::args().nth(1) else {
        eprintln!("usage: atlas_follow FOLDER (trainer/src/atlas/data)");
        return ExitCode::from(2);
    };
    match write(Path::new(&data)) {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("failed to read {data}: {error}");
            ExitCode::FAILURE
        }
    }
}
