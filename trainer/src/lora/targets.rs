//! Which linears an adapter is for, by name.

use crate::{Error, Result};
use regex::Regex;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;

/// The last names of a block's linears in a model folder.
pub(super) const LINEARS: [&str; 7] =
    ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"];

/// The linears that get an adapter, said as PEFT's `target_modules` says it. Names are those of the model folder, as
/// `model.layers.0.self_attn.q_proj`. The output matrix is not a linear of a block and gets none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Targets {
    /// Every linear of every block.
    AllLinear,
    /// Those with one of these names, or whose name ends in a dot and one of them: `q_proj`, `layers.3.mlp.up_proj`.
    Modules(Vec<String>),
    /// Those whose whole name the regular expression matches: `.*\.[0-3]\.mlp\..*`.
    Pattern(String),
}

impl Targets {
    /// Compiled.
    ///
    /// # Errors
    /// [`Error::Settings`] when the pattern is no regular expression, or a list is empty.
    pub(super) fn matcher(&self) -> Result<Matcher<'_>> {
        Ok(match self {
            Self::AllLinear => Matcher::All,
            Self::Modules(names) if names.is_empty() || names.iter().any(|name| name.trim().is_empty()) => {
                return Err(Error::Settings(
                    "an adapter's list of linears has no names, or an empty one".into(),
                ));
            }
            Self::Modules(names) => Matcher::Names(names),
            Self::Pattern(pattern) => {
                let whole = Regex::new(&format!("^(?:{pattern})$"));
                Matcher::Pattern(whole.map_err(|e| {
                    Error::Settings(format!("{pattern:?} is no regular expression for linears: {e}"))
                })?)
            }
        })
    }

    /// As `adapter_config.json` has it. PEFT takes `all-linear` for an argument; in a file it lists the names.
    pub(super) fn to_json(&self) -> Value {
        match self {
            Self::AllLinear => LINEARS.into(),
            Self::Modules(names) => names.as_slice().into(),
            Self::Pattern(pattern) => pattern.as_str().into(),
        }
    }

    /// Reads what [`to_json`](Self::to_json) or PEFT wrote.
    pub(super) fn from_json(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) if text == "all-linear" => Some(Self::AllLinear),
            Value::String(pattern) => Some(Self::Pattern(pattern.clone())),
            Value::Array(names) => {
                let names: Option<Vec<String>> =
                    names.iter().map(|name| name.as_str().map(str::to_owned)).collect();
                let names = names?;
                let all =
                    names.len() == LINEARS.len() && LINEARS.iter().all(|l| names.iter().any(|n| n == l));
                Some(if all { Self::AllLinear } else { Self::Modules(names) })
            }
            _ => None,
        }
    }
}

impl fmt::Display for Targets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AllLinear => f.write_str("any name"),
            Self::Modules(names) => write!(f, "any of {}", names.join(", ")),
            Self::Pattern(pattern) => write!(f, "the pattern {pattern}"),
        }
    }
}

/// Compiled [`Targets`].
pub(super) enum Matcher<'a> {
    All,
    Names(&'a [String]),
    Pattern(Regex),
}

impl Matcher<'_> {
    pub(super) fn matches(&self, module: &str) -> bool {
        match self {
            Self::All => true,
            Self::Names(names) => names.iter().any(|name| {
                let before = module.strip_suffix(name.as_str());
                before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
            }),
            Self::Pattern(pattern) => pattern.is_match(module),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(targets: &Targets, module: &str) -> bool {
        targets.matcher().expect("valid").matches(module)
    }

    #[test]
    fn names_match_whole_parts_and_patterns_whole_names() {
        let (q, up) = ("model.layers.0.self_attn.q_proj", "model.layers.13.mlp.up_proj");
        let names = Targets::Modules(vec!["q_proj".into(), "layers.13.mlp.up_proj".into()]);
        assert!(matches(&names, q) && matches(&names, up) && matches(&Targets::AllLinear, q));
        assert!(
            !matches(&names, "model.layers.3.mlp.up_proj") && !matches(&names, "model.layers.0.seq_proj")
        );
        let pattern = Targets::Pattern(r".*\.(0|1)\.self_attn\.[qv]_proj".into());
        assert!(matches(&pattern, q) && !matches(&pattern, up));
        assert!(!matches(&Targets::Pattern("q_proj".into()), q), "the whole name is matched, as PEFT does");
    }

    #[test]
    fn json_is_pefts_and_nonsense_is_refused() {
        for targets in
            [Targets::AllLinear, Targets::Modules(vec!["q_proj".into()]), Targets::Pattern(".*mlp.*".into())]
        {
            assert_eq!(Targets::from_json(&targets.to_json()), Some(targets));
        }
        assert_eq!(Targets::from_json(&Value::from("all-linear")), Some(Targets::AllLinear));
        assert_eq!(Targets::from_json(&serde_json::json!([1])), None);
        assert!(matches!(Targets::Pattern("(".into()).matcher(), Err(Error::Settings(_))));
        assert!(matches!(Targets::Modules(vec![]).matcher(), Err(Error::Settings(_))));
    }
}
