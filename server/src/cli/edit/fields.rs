//! What can be said of an edit on the command line.

use chrono::DateTime;
use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

/// What an edit says besides its text.
#[derive(Debug, Args)]
pub(super) struct FieldArgs {
    /// What the fact is about, as questions name it; without one it is read from the text
    #[arg(long)]
    subject: Option<String>,
    /// What of the subject it states: "capital"
    #[arg(long)]
    relation: Option<String>,
    /// The value that it states: "Lyon"
    #[arg(long)]
    object: Option<String>,
    /// Another name of the subject; may be given several times
    #[arg(long = "alias", value_name = "NAME")]
    aliases: Vec<String>,
    /// For this model only
    #[arg(long, value_name = "MODEL", conflicts_with = "for_revision")]
    for_model: Option<String>,
    /// For this revision of the model only
    #[arg(long, value_name = "REVISION")]
    for_revision: Option<String>,
    /// In force from then on only (RFC 3339, or Unix seconds)
    #[arg(long, value_name = "TIME", value_parser = time)]
    valid_from: Option<i64>,
    /// In force until then only (RFC 3339, or Unix seconds)
    #[arg(long, value_name = "TIME", value_parser = time)]
    expires_at: Option<i64>,
    /// Where the fact comes from
    #[arg(long)]
    source: Option<String>,
    #[command(flatten)]
    by: ByArgs,
}

/// Who does something, and why: kept in the log.
#[derive(Debug, Args)]
pub(super) struct ByArgs {
    /// Who does it; kept in the log
    #[arg(long)]
    author: Option<String>,
    /// Why; kept in the log
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// What happens when the fact conflicts with one that stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(super) enum OnConflict {
    /// Both stand, and the newer one wins in the prompt
    KeepBoth,
    /// The new one is refused
    Refuse,
    /// The older one gives way, if the new one is for all its models and times; otherwise both stand
    Supersede,
}

impl OnConflict {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::KeepBoth => "keep_both",
            Self::Refuse => "refuse",
            Self::Supersede => "supersede",
        }
    }
}

impl FieldArgs {
    /// The body's fields.
    pub(super) fn put(self, text: String) -> Map<String, Value> {
        let mut body = Map::new();
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                body.insert(name.to_owned(), value);
            }
        };
        put("text", Some(text.into()));
        put("subject", self.subject.map(Value::from));
        put("relation", self.relation.map(Value::from));
        put("object", self.object.map(Value::from));
        put("aliases", (!self.aliases.is_empty()).then(|| self.aliases.into()));
        let model = self.for_model.map(|model| json!({"model": model}));
        put("target", model.or(self.for_revision.map(|revision| json!({"revision": revision}))));
        put("valid_from", self.valid_from.map(Value::from));
        put("expires_at", self.expires_at.map(Value::from));
        put("source", self.source.map(Value::from));
        self.by.put(&mut body);
        body
    }
}

impl ByArgs {
    pub(super) fn put(self, body: &mut Map<String, Value>) {
        for (name, value) in self.query() {
            body.insert(name.to_owned(), value.into());
        }
    }

    pub(super) fn query(self) -> Vec<(&'static str, String)> {
        let named = |name, value: Option<String>| value.map(|value| (name, value));
        [named("author", self.author), named("reason", self.reason)].into_iter().flatten().collect()
    }
}

fn time(text: &str) -> Result<i64, String> {
    if let Ok(seconds) = text.parse() {
        return Ok(seconds);
    }
    DateTime::parse_from_rfc3339(text)
        .map(|time| time.timestamp())
        .map_err(|error| format!("{error}; give a time like 2027-01-31T12:00:00Z, or Unix seconds"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_or_written_out() {
        assert_eq!(time("1800000000"), Ok(1_800_000_000));
        assert_eq!(time("2027-01-15T08:00:00Z"), Ok(1_800_000_000));
        assert_eq!(time("2027-01-15T09:00:00+01:00"), Ok(1_800_000_000));
        assert!(time("tomorrow").unwrap_err().contains("give a time like"));
    }
}
