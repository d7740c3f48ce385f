//! Answers near a witness, some of which a constraint should reject.

use crate::follow::constraint::Constraint;
use serde_json::Value;

/// Texts that a constraint names.
fn named(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| named(item, found)),
        Value::Object(fields) => fields.values().for_each(|item| named(item, found)),
        _ => {}
    }
}

/// The answer with each of its words, or lines, left out, doubled or moved.
fn rearranged(witness: &str) -> Vec<String> {
    let mut answers = Vec::new();
    for separator in ["\n\n", "\n", ". ", " "] {
        let parts: Vec<&str> = witness.split(separator).collect();
        for at in 0..parts.len() {
            let mut less = parts.clone();
            less.remove(at);
            answers.push(less.join(separator));
            let mut more = parts.clone();
            more.insert(at, parts[at]);
            answers.push(more.join(separator));
            let mut moved = parts.clone();
            moved.swap(at, (at + 1) % parts.len());
            answers.push(moved.join(separator));
            for (from, to) in [("", "Xq "), ("", " xq"), ("", "!"), ("", "-")] {
                let mut changed: Vec<String> = parts.iter().map(|part| (*part).to_owned()).collect();
                changed[at] = if to.starts_with(' ') || to.len() == 1 {
                    format!("{from}{}{to}", parts[at])
                } else {
                    format!("{to}{}", parts[at])
                };
                answers.push(changed.join(separator));
            }
            let mut changed: Vec<String> = parts.iter().map(|part| (*part).to_owned()).collect();
            changed[at] = changed[at].to_uppercase();
            answers.push(changed.join(separator));
            changed[at] = changed[at].to_lowercase();
            answers.push(changed.join(separator));
            changed[at] = "xq".to_owned();
            answers.push(changed.join(separator));
        }
    }
    answers
}

/// Single characters replaced.
fn respelt(witness: &str) -> Vec<String> {
    let mut answers = Vec::new();
    for (at, c) in witness.char_indices() {
        let (head, tail) = (&witness[..at], &witness[at + c.len_utf8()..]);
        let others: &[char] = match c {
            '0'..='9' => &['0', '1', '2', '5', '7', '9'],
            '.' | '?' | '!' => &['.', '?', '!', ','],
            'a'..='z' => &['e', 'q'],
            _ => &['#'],
        };
        answers.extend(others.iter().map(|other| format!("{head}{other}{tail}")));
        answers.push(format!("{head}{tail}"));
    }
    answers
}

/// Answers made from a witness, all of them without an eye on whether they pass.
pub(super) fn answers(witness: &str, constraint: &Constraint) -> impl Iterator<Item = String> {
    let mut texts = Vec::new();
    named(&serde_json::to_value(constraint).unwrap_or_default(), &mut texts);
    let mut answers = vec![
        witness.to_uppercase(),
        witness.to_lowercase(),
        format!("{witness} {witness}"),
        format!("{witness}\n{witness}"),
        format!("{witness}\n\n{witness}"),
        witness.replace('\n', " "),
        witness.replace(' ', "\n"),
        "The rest of it is as you know it from the other one.".to_owned(),
    ];
    for text in &texts {
        let extra = [text.clone(), text.chars().take(1).collect()];
        for extra in extra {
            answers.push(format!("{witness} {extra}"));
            answers.push(format!("{extra} {witness}"));
            answers.push(format!("{witness}\n{extra}"));
            for (at, _) in witness.match_indices(' ') {
                answers.push(format!("{} {extra}{}", &witness[..at], &witness[at..]));
            }
        }
        answers.push(witness.replace(text.as_str(), "xq"));
    }
    for word in [
        "I",
        "you",
        "he",
        "don't",
        "because then all of it goes on for very much longer than it should go on",
    ] {
        for (at, _) in witness.match_indices(' ') {
            answers.push(format!("{} {word}{}", &witness[..at], &witness[at..]));
            answers.push(format!("{} {word}.{}", &witness[..at], &witness[at..]));
        }
    }
    answers.into_iter().chain(rearranged(witness)).chain(respelt(witness))
}
