//! What rules and code find of an answer.

use crate::follow::{Check, ConstraintOutcome, Item, Scorer, Verdict};

fn verdict(satisfied: bool) -> Verdict {
    if satisfied { Verdict::Satisfied } else { Verdict::Violated }
}

/// What the rule or the code finds; nothing where a judge is needed.
pub(super) fn decide(item: &Item, answer: &str, scorer: Scorer) -> Option<Vec<ConstraintOutcome>> {
    match &item.check {
        Check::Judge => None,
        Check::Rule(rule) => Some(vec![ConstraintOutcome {
            constraint: rule.to_string(),
            verdict: verdict(rule.satisfied(answer, scorer)),
            reason: None,
        }]),
        Check::Code(constraints) => {
            let outcome = |constraint: &crate::follow::constraint::Constraint| {
                let found = constraint.check(answer);
                let verdict = verdict(found.is_ok());
                ConstraintOutcome { constraint: constraint.describe(), verdict, reason: found.err() }
            };
            Some(constraints.iter().map(outcome).collect())
        }
    }
}

/// What a panel found, one for each constraint that the levels added.
pub(super) fn judged(verdicts: &[Verdict]) -> Vec<ConstraintOutcome> {
    let outcome = |(index, verdict): (usize, &Verdict)| ConstraintOutcome {
        constraint: format!("constraint {}", index + 1),
        verdict: *verdict,
        reason: None,
    };
    verdicts.iter().enumerate().map(outcome).collect()
}
