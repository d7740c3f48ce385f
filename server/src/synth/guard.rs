//! What the gates ask, so that no run teaches it.

use crate::gates::find_suite;
use amend_eval::{
    contamination::{ContaminationSettings, Guard, Known},
    follow::own::Builtin,
};
use amend_trainer::synth::guard::{GuardedSuite, Overlap, SuiteGuard};

/// As the shipped gate policy has it.
const SETTINGS: ContaminationSettings = ContaminationSettings { similarity: 0.8, words: 13 };

/// The shipped suites, and further ones by name or path.
pub struct ShippedSuites {
    guards: Vec<(GuardedSuite, Guard)>,
}

impl ShippedSuites {
    /// Reads the suites.
    ///
    /// # Errors
    /// When there is none of a name, or it cannot be read.
    pub fn with(further: &[String]) -> anyhow::Result<Self> {
        let names = Builtin::ALL.iter().map(|suite| suite.name()).chain(further.iter().map(String::as_str));
        let guard = |name: &str| -> anyhow::Result<(GuardedSuite, Guard)> {
            let suite = find_suite(name)?;
            let items = suite.items.iter().map(|item| (item.id(), item.instruction()));
            let guard = Guard::new(suite.name.clone(), items, SETTINGS);
            let guarded = GuardedSuite {
                name: suite.name.clone(),
                fingerprint: suite.fingerprint.clone(),
                items: guard.items(),
            };
            Ok((guarded, guard))
        };
        Ok(Self { guards: names.map(guard).collect::<anyhow::Result<_>>()? })
    }
}

impl SuiteGuard for ShippedSuites {
    fn suites(&self) -> Vec<GuardedSuite> {
        self.guards.iter().map(|(suite, _)| suite.clone()).collect()
    }

    fn rule(&self) -> String {
        let ContaminationSettings { similarity, words } = SETTINGS;
        format!(
            "a run of {words} words of an item, or all of a shorter one, stands in the text; or the two have a Jaccard \
             similarity of {similarity} or more by 5-word shingles (MinHash)"
        )
    }

    fn overlap(&self, text: &str) -> Option<Overlap> {
        self.guards.iter().find_map(|(suite, guard)| {
            let (item, known) = guard.known_in(text)?;
            let how = match known {
                Known::Words => "a run of its words".to_owned(),
                Known::Similar { similarity } => format!("similarity {similarity:.2}"),
            };
            Some(Overlap { suite: suite.name.clone(), item: item.to_owned(), how })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_shipped_suites_ask_is_known_and_other_things_are_not() {
        let guard = ShippedSuites::with(&[]).unwrap();
        assert_eq!(guard.suites().len(), Builtin::ALL.len());
        for suite in guard.suites() {
            assert!(suite.items > 100, "{suite:?}");
            let suite = find_suite(&suite.name).unwrap();
            for item in suite.items.iter().step_by(37) {
                let text = format!("Please: {} Thank you.", item.instruction());
                assert!(guard.overlap(&text).is_some(), "{}", item.id());
            }
        }
        assert_eq!(guard.overlap("How do I prune an old pear tree in a small garden?"), None);
        assert!(ShippedSuites::with(&["no such suite".to_owned()]).is_err());
    }
}
