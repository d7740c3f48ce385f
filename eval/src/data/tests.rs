use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::num::NonZeroUsize;

macro_rules! fixture {
    ($name:literal) => {
        ($name, include_str!(concat!("../../fixtures/", $name)))
    };
}

fn entries((name, text): (&str, &str)) -> Vec<Entry> {
    EditReader::new(name, text.as_bytes(), ReadOptions::default()).collect::<Result<_, _>>().unwrap()
}

fn records(fixture: (&str, &str)) -> Vec<EditRecord> {
    let record = |entry| match entry {
        Entry::Record(record) => *record,
        Entry::Issue(issue) => panic!("{issue}"),
    };
    entries(fixture).into_iter().map(record).collect()
}

#[test]
fn reads_knowedit() {
    insta::assert_json_snapshot!(records(fixture!("knowedit.json")));
}

#[test]
fn reads_zsre_in_both_spellings() {
    insta::assert_json_snapshot!(records(fixture!("zsre.jsonl")));
}

#[test]
fn reads_wikibio() {
    insta::assert_json_snapshot!(records(fixture!("wikibio.json")));
}

#[test]
fn reads_counterfact() {
    insta::assert_json_snapshot!(records(fixture!("counterfact.json")));
}

#[test]
fn reads_mquake() {
    insta::assert_json_snapshot!(records(fixture!("mquake.json")));
}

#[test]
fn a_bad_record_is_named_and_the_rest_is_read() {
    let told = entries(fixture!("broken.jsonl")).into_iter().map(|entry| match entry {
        Entry::Record(record) => format!("record {}: {}", record.index, record.fact.statement),
        Entry::Issue(issue) => issue.to_string(),
    });
    insta::assert_snapshot!(told.collect::<Vec<_>>().join("\n"));
}

#[test]
fn a_given_format_is_not_guessed() {
    let options = ReadOptions { format: FormatChoice::Given(Format::WikiBio), ..ReadOptions::default() };
    let text = br#"[{"subject": "Tarn", "prompt": "The mayor of Tarn is", "target_new": "Ana Rell"}]"#;
    let entry = EditReader::new("f", &text[..], options).next().unwrap().unwrap();
    let Entry::Issue(issue) = entry else { panic!("{entry:?}") };
    assert_eq!(issue.to_string(), "f: record 0: concept: it is missing; the record is left out");
}

#[test]
fn the_statement_is_what_the_template_says() {
    let statement = StatementTemplate::parse("({{ form }}) {{ subject }} / {{ target }}").unwrap();
    let (name, text) = fixture!("counterfact.json");
    let options = ReadOptions { statement, ..ReadOptions::default() };
    let entry = EditReader::new(name, text.as_bytes(), options).next().unwrap().unwrap();
    let Entry::Record(record) = entry else { panic!("{entry:?}") };
    assert_eq!(record.fact.statement, "(cloze) Ida Krone / Oskish.");
}

#[test]
fn a_file_is_loaded_up_to_the_limit_with_its_issues() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("broken.jsonl");
    std::fs::write(&path, fixture!("broken.jsonl").1).unwrap();
    let some = |limit| load(&path, ReadOptions::default(), NonZeroUsize::new(limit).unwrap()).unwrap();
    let two = some(2);
    assert_eq!(two.records.iter().map(|record| record.index).collect::<Vec<_>>(), [0, 8]);
    assert_eq!(two.issues_seen, 8, "seven records, and a field of the second one that is kept");
    let all = some(100);
    assert_eq!(all.records.iter().map(|record| record.index).collect::<Vec<_>>(), [0, 8, 10, 11]);
    assert_eq!((all.issues.len(), all.issues_seen), (14, 14));
    let gone = load(&folder.path().join("gone"), ReadOptions::default(), NonZeroUsize::MIN).unwrap_err();
    assert!(matches!(gone, DataError::Io { .. }) && gone.to_string().starts_with("failed to read "));
    let cause = std::error::Error::source(&gone).expect("the disk's own error").to_string();
    assert!(!gone.to_string().contains(&cause), "who prints the causes says it once: {gone}");
}

/// A text that stays itself when it is trimmed.
fn word() -> impl Strategy<Value = String> {
    "[a-zäß日\"\\\\{}\\[\\],]{1,12}"
}

fn spelled(fields: &[(&[&'static str], Value)], spelling: &[prop::sample::Index]) -> Value {
    let fields = fields.iter().zip(spelling);
    fields.map(|((names, value), pick)| ((*pick.get(names)).to_owned(), value.clone())).collect()
}

proptest! {
    #[test]
    fn every_spelling_reads_the_same(
        words in prop::collection::vec(word(), 6),
        spelling in prop::collection::vec(any::<prop::sample::Index>(), 9),
        shape in 0..4,
    ) {
        let [subject, prompt, target, old, other, answer] = <[String; 6]>::try_from(words).unwrap();
        let gold = match shape {
            0 => json!(answer),
            1 => json!([answer]),
            2 => json!([[answer]]),
            _ => json!([[answer, ""], [" "]]),
        };
        let probes = json!([{ "prompt": other, "ground_truth": gold }]);
        let record = spelled(
            &[
                (&["subject", "Subject"], json!(subject)),
                (&["prompt", "src"], json!(prompt)),
                (&["target_new", "alt"], json!(target)),
                (&["ground_truth", "answers"], json!([old])),
                (&["rephrase", "rephrase_prompt"], json!(other)),
            ],
            &spelling,
        );
        let lists = spelled(&[(&["Subject_Aliasing", "subject aliasing"], probes.clone())], &spelling[5..]);
        let kept = spelled(&[(&["Relation_Specificity", "Relation Specificity"], probes)], &spelling[6..]);
        let mut record = record;
        record["portability"] = lists;
        record["locality"] = kept;
        let text = format!("[{record}]");
        let read = records(("f", &text));
        let one = |text: &String| Gold::new(vec![vec![text.clone()]]).unwrap();
        let probe = Probe { prompt: other.clone(), gold: one(&answer) };
        prop_assert_eq!(read.len(), 1);
        let fact = &read[0].fact;
        prop_assert_eq!((&fact.subject, &fact.prompt), (&subject, &prompt));
        prop_assert_eq!((&fact.target, &fact.before), (&one(&target), &Some(one(&old))));
        prop_assert_eq!(&fact.rephrasings, &vec![other]);
        prop_assert_eq!(&read[0].portability.aliasing, &vec![probe.clone()]);
        prop_assert_eq!(&read[0].locality.relation_specificity, &vec![probe]);
        prop_assert!(fact.statement.contains(&target) && !fact.statement.contains('\n'));
    }

    #[test]
    fn any_json_is_a_record_or_an_issue(text in "[\\[{]?[ -~]{0,80}", keys in prop::collection::vec(0usize..14, 0..6)) {
        let names = [
            "subject", "prompt", "target_new", "ground_truth", "portability", "locality", "loc", "concept", "text",
            "labels", "requested_rewrite", "questions", "new_answer", "new_single_hops",
        ];
        let value: Value = serde_json::from_str(&text).unwrap_or(Value::String(text.clone()));
        let nested = [json!(text), json!([value]), json!({ "Reasoning": [value] }), json!([{ "prompt": "{}", "subject": value }])];
        let record: Value =
            keys.iter().enumerate().map(|(i, key)| (names[*key].to_owned(), nested[i % 4].clone())).collect();
        let lines = format!("{record}\n{record}\n{text}\n");
        let read: Vec<_> = EditReader::new("f", lines.as_bytes(), ReadOptions::default()).collect();
        // Each record is told once, as a record or as lost.
        let told = |index: usize| read.iter().filter(|entry| match entry {
            Ok(Entry::Record(record)) => record.index == index,
            Ok(Entry::Issue(issue)) => issue.index == index && issue.lost == Lost::Record,
            Err(_) => false,
        }).count();
        prop_assert_eq!((told(0), told(1)), (1, 1));
    }

    #[test]
    fn a_broken_line_costs_no_other_line(at in 0usize..6, broken in "[^\\n]{0,40}") {
        let good = json!({ "subject": "Tarn", "prompt": "The mayor of Tarn is", "target_new": "Ana Rell" }).to_string();
        let mut lines = vec![good; 6];
        lines[at] = format!("{{{broken}");
        let text = lines.join("\n");
        let kept = entries(("f", &text)).into_iter().filter(|entry| matches!(entry, Entry::Record(_))).count();
        prop_assert_eq!(kept, 5 + usize::from(serde_json::from_str::<Value>(&lines[at]).is_ok_and(|v| v.get("prompt").is_some())));
    }
}
