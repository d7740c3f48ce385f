use super::{svg::number, *};
use crate::{
    data::{LocalityKind as L, PortabilityKind as P},
    edit::{
        metrics::{AnswerScore, Micros},
        protocol::{ForcedScore, LookupScore, ProbeKind as K, ProbeOutcome, Protocol, Reading, Seed},
    },
};
use amend_proto::{ChatModel, testing::ScriptedModel};
use serde_json::Value;

fn probe(kind: K, item: usize, forced: [f64; 2], exact: bool, rank: Option<u32>) -> ProbeOutcome {
    let [first, best] = forced;
    let took = Micros(100 + 10 * item as u64);
    ProbeOutcome {
        kind,
        item,
        forced: Some(Reading::Scored(ForcedScore { first, best })),
        answer: Some(Reading::Scored(AnswerScore { exact, contains: best > 0.5 })),
        lookup: Some(Reading::Scored(LookupScore {
            rank,
            kept: rank == Some(1),
            injected: rank.is_some(),
            took,
        })),
    }
}

fn outcomes() -> Vec<Outcome> {
    let first = |stage| Outcome {
        stage,
        record: 0,
        rejected: None,
        probes: vec![
            probe(K::Prompt, 0, [1.0, 1.0], true, Some(1)),
            probe(K::Rephrasing, 0, [0.5, 0.75], false, Some(2)),
            probe(K::Portability(P::Reasoning), 0, [0.25, 0.5], false, Some(4)),
            probe(K::Portability(P::Reasoning), 1, [0.0, 1.0], true, None),
            probe(K::Portability(P::Aliasing), 0, [1.0, 1.0], true, Some(1)),
            probe(K::Locality(L::OtherSubjects), 0, [0.8, 0.8], true, None),
        ],
        fluency: Some(Reading::Scored(500.0)),
    };
    let second = |stage| {
        let mut lost = probe(K::Prompt, 0, [0.0, 0.0], false, None);
        lost.forced = Some(Reading::Failed("the model failed to answer | `this`".to_owned()));
        lost.answer = Some(Reading::Failed("too slow".to_owned()));
        let kept = probe(K::Locality(L::OtherSubjects), 0, [0.4, 0.4], false, Some(3));
        let specific = probe(K::Locality(L::RelationSpecificity), 0, [1.0, 1.0], true, Some(1));
        Outcome {
            stage,
            record: 1,
            rejected: Some("the text is too long".to_owned()),
            probes: vec![lost, kept, specific],
            fluency: Some(Reading::Failed("too slow".to_owned())),
        }
    };
    vec![second(1_000), first(1), first(10), first(1_000)]
}

fn report(outcomes: Vec<Outcome>) -> EditReport {
    let info = ScriptedModel::echo().info();
    let header = Header {
        data: "a|b".to_owned(),
        records: 1_200,
        fingerprint: Fingerprint("a|b scripted 0123".to_owned()),
        plan: Plan::new(Protocol::Sequential, Seed(9)),
        options: MeasureOptions::default(),
        store: StoreInfo {
            encoder: Some("org/mini|lm@5a3".to_owned()),
            scope: "top 3".to_owned(),
            template: "0123456789abcdef0123".to_owned(),
        },
        edited: info.clone(),
        base: info,
    };
    EditReport::new(header, outcomes)
}

// Golden numbers by hand, and in Python: mean over records of the mean over questions; a failure is 0.
//   success full, legacy: (1 + 0) / 2; reasoning legacy: 0.25, full: (0.5 + 1) / 2; portability: mean of the sub-scores;
//   other subjects: (0.8 + 0.4) / 2; locality: mean(0.6, 1.0)
#[test]
fn outcomes_add_up() {
    let report = report(outcomes());
    assert_eq!(report.stages.iter().map(|stage| stage.edits).collect::<Vec<_>>(), [1, 10, 1_000]);
    let last = &report.stages[2];
    let ForcedScores { legacy, full } = last.forced.as_ref().unwrap();
    let mean = |score: Option<Score>| score.map(|score| (score.mean, score.count));
    assert_eq!((mean(legacy.success), mean(full.success)), (Some((0.5, 2)), Some((0.5, 2))));
    assert_eq!((mean(legacy.generalisation), mean(full.generalisation)), (Some((0.5, 1)), Some((0.75, 1))));
    assert_eq!((mean(legacy.reasoning), mean(full.reasoning)), (Some((0.25, 1)), Some((0.75, 1))));
    assert_eq!((legacy.portability, full.portability), (Some(0.625), Some(0.875)));
    assert_eq!((mean(full.logical), mean(full.forgetfulness)), (None, None));
    assert!((full.locality.unwrap() - 0.8).abs() < 1e-12);
    assert_eq!((mean(last.exact.reasoning), mean(last.contains.reasoning)), (Some((0.5, 1)), Some((0.5, 1))));
    assert_eq!(last.fluency, Some(Mean { mean: 250.0, count: 2 }));
    let recall = |queries: &str| {
        let found = last.retrieval.recall.iter().find(|recall| recall.queries == queries).unwrap();
        (found.at_1.mean, found.at_3.mean, found.kept.mean, found.at_1.count)
    };
    assert_eq!(recall("prompt"), (0.5, 0.5, 0.5, 2));
    assert_eq!(recall("rephrasing"), (0.0, 1.0, 0.0, 1));
    assert_eq!(recall("reasoning"), (0.0, 0.0, 0.0, 2));
    let injected: Vec<_> =
        last.retrieval.false_injection.iter().map(|one| (one.queries.as_str(), one.rate.mean)).collect();
    assert_eq!(injected, [("relation_specificity", 1.0), ("other_subjects", 0.5)]);
    assert_eq!(last.failed, 4);
    let doing: Vec<_> = last.failures.iter().map(|failure| failure.doing.as_str()).collect();
    assert_eq!(doing, ["store", "generate", "force", "fluency"]);
}

#[test]
fn the_order_of_outcomes_does_not_matter() {
    let mut turned = outcomes();
    turned.reverse();
    assert_eq!(report(turned), report(outcomes()));
}

#[test]
fn json_is_kept() {
    let report = report(outcomes());
    insta::assert_json_snapshot!(report);
    let json = serde_json::to_value(&report).unwrap();
    let read: EditReport = serde_json::from_str(&json.to_string()).unwrap();
    same_json(&serde_json::to_value(&read).unwrap(), &json);
}

/// Compares as values; serde_json may read a number's last bit differently than it was written.
pub(crate) fn same_json(a: &Value, b: &Value) {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            assert!((a - b).abs() <= 1e-14 * b.abs(), "{a} is not {b}");
        }
        (Value::Array(a), Value::Array(b)) => {
            assert_eq!(a.len(), b.len());
            a.iter().zip(b).for_each(|(a, b)| same_json(a, b));
        }
        (Value::Object(a), Value::Object(b)) => {
            assert!(a.keys().eq(b.keys()), "{a:?} has other fields than {b:?}");
            a.values().zip(b.values()).for_each(|(a, b)| same_json(a, b));
        }
        (a, b) => assert_eq!(a, b),
    }
}

#[test]
fn reads_as_tables() {
    insta::assert_snapshot!(report(outcomes()).markdown().unwrap());
}

#[test]
fn draws_growth() {
    let chart = report(outcomes()).growth_chart().unwrap();
    assert!(
        !chart.contains("http") || chart.matches("http").count() == 1,
        "only the name space is an address"
    );
    insta::assert_snapshot!(chart);
    // For looking at them: AMEND_EVAL_CHARTS=FOLDER cargo test -p amend-eval draws
    if let Some(folder) = std::env::var_os("AMEND_EVAL_CHARTS") {
        std::fs::write(std::path::PathBuf::from(folder).join("growth.svg"), chart).unwrap();
    }
}

#[test]
fn one_stage_and_texts_with_markup_are_drawn() {
    let mut report = report(outcomes());
    report.stages.truncate(1);
    report.data = "<b>&\"".to_owned();
    let chart = report.growth_chart().unwrap();
    assert!(chart.contains("&lt;b&gt;&amp;&quot;") && !chart.contains("NaN"), "{chart}");
    report.data = "é".repeat(500);
    let long = report.growth_chart().unwrap();
    assert!(!long.contains(&"é".repeat(110)) && long.contains("é…"), "what does not fit is cut");
    let empty = reliability_chart(&[]).unwrap();
    assert!(empty.ends_with("</svg>") && !empty.contains("NaN"));
    assert!(threshold_chart(&[], 0, None).is_ok() && trade_off_chart(&[], 0, 0.1).is_ok());
}

#[test]
fn numbers_have_no_digits_too_many() {
    let told = [0.0, 0.2, 0.25, 1.0, 12.5, 100.0, 1_000.0, 1_234_567.0, -4_000.0, 0.000_12];
    let texts = told.map(number);
    assert_eq!(texts, ["0", "0.2", "0.25", "1", "12.5", "100", "1,000", "1,234,567", "-4,000", "1.2e-4"]);
}
