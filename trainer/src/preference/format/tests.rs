//! `fixtures/` holds two files that pyarrow and datasets wrote, and `make.py`, which made them.

use super::parse::Format;
use super::*;
use crate::preference::pair::tests::pair;
use crate::preference::{Pair, Provenance, Scores, UnixMillis};
use crate::{Error, Result};
use amend_proto::{Message, TenantId, ToolCall};
use proptest::prelude::*;
use std::io::Cursor;
use std::path::{Path, PathBuf};

fn options() -> ImportOptions {
    ImportOptions::new(TenantId::default(), UnixMillis(7))
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/preference/format/fixtures").join(name)
}

/// The pairs and the issues of a text.
fn read(text: impl Into<Vec<u8>>) -> (Vec<Pair>, Vec<String>) {
    collect(PairReader::lines("pairs.jsonl", Cursor::new(text.into()), options()))
}

fn collect(reader: PairReader) -> (Vec<Pair>, Vec<String>) {
    let (mut pairs, mut issues) = (Vec::new(), Vec::new());
    for entry in reader {
        match entry.expect("a readable stream") {
            Entry::Pair(pair) => pairs.push(*pair),
            Entry::Issue(issue) => issues.push(issue.to_string()),
        }
    }
    (pairs, issues)
}

fn shown(pairs: &[Pair]) -> Vec<String> {
    let say = |pair: &Pair| {
        let prompt: Vec<String> =
            pair.prompt.iter().map(|m| format!("{}: {:?}", m.role.as_str(), m.content)).collect();
        let scores = pair.provenance.scores.map(|s| format!(" {} > {}", s.chosen, s.rejected));
        format!(
            "{} | {:?} > {:?}{}",
            prompt.join(", "),
            pair.chosen,
            pair.rejected,
            scores.unwrap_or_default()
        )
    };
    pairs.iter().map(say).collect()
}

const GOOD: &str = r#"
{"prompt":"Where?","chosen":"Here.","rejected":"There."}
{"prompt":[{"role":"system","content":"Be kind."},{"role":"user","content":"Where?"}],"chosen":[{"role":"assistant","content":"Here."}],"rejected":[{"role":"assistant","content":"There."}]}
{"prompt":"Where?","chosen":[{"role":"assistant","content":"Here."}],"rejected":[{"role":"assistant","content":"There."}]}
{"chosen":[{"role":"user","content":"Where?"},{"role":"assistant","content":"Here."}],"rejected":[{"role":"user","content":"Where?"},{"role":"assistant","content":"There."}]}

{"chosen":"The sky is blue today.","rejected":"The sky is black."}
{"prompt":"Where?","chosen":[{"role":"system","content":"Be kind."},{"role":"user","content":"Where?"},{"role":"assistant","content":"Here."}],"rejected":[{"role":"system","content":"Be kind."},{"role":"user","content":"Where?"},{"role":"assistant","content":"There."}],"score_chosen":"8.5","score_rejected":3}
{"instruction":"Where?","completions":[{"response":"There.","overall_score":2},{"response":"Here.","overall_score":9},{"response":"unscored"},{"response":"Anywhere.","overall_score":null,"fine-grained_score":2.0}]}
{"prompt":[{"role":"user","content":[{"type":"text","text":"Where"},{"type":"text","text":"?"}],"tool_calls":[]}],"chosen":"Here.","rejected":"There.","margin":0.5}
"#;

#[test]
fn every_format_is_told_by_its_fields() {
    let (pairs, issues) = read(GOOD);
    assert_eq!(issues, Vec::<String>::new());
    insta::assert_snapshot!(shown(&pairs).join("\n"));
    assert!(pairs.iter().all(|p| p.provenance.created_at == UnixMillis(7)));
}

const BAD: &str = r#"{"prompt":"Where?","chosen":"Here.","rejected":"There."}
{"prompt":"Where?","chosen":"Here."
["Where?"]
{"question":"Where?"}
{"prompt":"Where?","chosen":"Here."}
{"prompt":"Where?","chosen":7,"rejected":"There."}
{"prompt":"Where?","chosen":"Here.","rejected":[]}
{"chosen":"Here.","rejected":"There."}
{"prompt":7,"chosen":"Here.","rejected":"There."}
{"prompt":"Where?","chosen":"Here.","rejected":"Here. "}
{"prompt":"Where?","chosen":"Here.","rejected":"\u0000"}
{"prompt":[{"role":"user"}],"chosen":"Here.","rejected":"There."}
{"prompt":[{"role":"bot","content":"Hm"}],"chosen":"Here.","rejected":"There."}
{"prompt":[{"role":"user","content":[{"type":"image"}]}],"chosen":"Here.","rejected":"There."}
{"prompt":"When?","chosen":[{"role":"user","content":"Where?"},{"role":"assistant","content":"Here."}],"rejected":[{"role":"user","content":"Where?"},{"role":"assistant","content":"There."}]}
{"chosen":[{"role":"user","content":"Where?"},{"role":"assistant","content":"Here."}],"rejected":[{"role":"user","content":"When?"},{"role":"assistant","content":"There."}]}
{"prompt":"Where?","chosen":[{"role":"user","content":"Here."}],"rejected":[{"role":"assistant","content":"There."}]}
{"prompt":"Where?","chosen":"Here.","rejected":"There.","score_chosen":1,"score_rejected":2}
{"prompt":"Where?","chosen":"Here.","rejected":"There.","score_chosen":2,"score_rejected":2}
{"prompt":"Where?","chosen":"Here.","rejected":"There.","score_chosen":2}
{"instruction":"Where?","completions":[{"response":"Here.","overall_score":3}]}
{"instruction":"Where?","completions":[{"response":"Here.","overall_score":3},{"response":"There.","overall_score":"x"}]}
{"prompt":"Where?","chosen":"Here.","rejected":"There.","provenance":{"source":"rumour"}}
{"prompt":[{"role":"assistant","content":"x","tool_calls":[{}]}],"chosen":"Here.","rejected":"There."}
{"prompt":"When?","chosen":"Now.","rejected":"Then."}"#;

#[test]
fn a_bad_line_is_named_and_takes_no_other_down() {
    let (pairs, issues) = read(BAD);
    assert_eq!(shown(&pairs).len(), 2);
    assert_eq!(issues.len(), BAD.lines().count() - 2);
    insta::assert_snapshot!(issues.join("\n"));
}

#[test]
fn a_line_without_end_is_skipped_without_being_held() {
    let good = r#"{"prompt":"Where?","chosen":"Here.","rejected":"There."}"#;
    let long = format!("{good}\n{{\"prompt\":\"{}\n{good}", "x".repeat(3 * MAX_RECORD_BYTES));
    let (pairs, issues) = read(long);
    assert_eq!(pairs.len(), 2);
    assert!(issues.len() == 1 && issues[0].contains("line 2: it has 4194305 bytes"), "{issues:?}");
    let (pairs, issues) = read([b"\xef\xbb\xbf", good.as_bytes(), b"\r\n\xff\xfe\n"].concat());
    assert_eq!((pairs.len(), issues.len()), (1, 1));
}

#[test]
fn a_report_counts_all_and_keeps_some() {
    let text = BAD.repeat(6).replace("}{", "}\n{");
    let reader = PairReader::lines("pairs.jsonl", Cursor::new(text.into_bytes()), options());
    let mut taken = 0;
    let report = import(reader, &mut |_| {
        taken += 1;
        Ok(())
    })
    .expect("reads");
    assert_eq!((report.pairs, taken, report.issues.len()), (12, 12, MAX_ISSUES_KEPT));
    assert_eq!(report.records, report.pairs + report.issues_seen);
    let reader = PairReader::lines("pairs.jsonl", Cursor::new(GOOD), options());
    let stopped = import(reader, &mut |_| Err(Error::Data("the disk is full".into())));
    assert!(stopped.is_err());
}

#[test]
fn what_pyarrow_wrote_is_read() {
    let (pairs, issues) = collect(PairReader::open(&fixture("binarized.parquet"), options()).expect("opens"));
    let (raw, more) = collect(PairReader::open(&fixture("raw.parquet"), options()).expect("opens"));
    let strip = |issue: &String| issue.rsplit_once('/').map_or(issue.clone(), |(_, end)| end.to_owned());
    let said: Vec<String> = shown(&pairs)
        .into_iter()
        .chain(issues.iter().map(strip))
        .chain(shown(&raw))
        .chain(more.iter().map(strip))
        .collect();
    insta::assert_snapshot!(said.join("\n"));
}

fn samples() -> Vec<Pair> {
    let mut system = pair("Where?", "Here \"☂\".\nIndeed.", "There.");
    system.prompt.insert(0, Message::system("Be kind."));
    let mut turns = pair("And why?", "Because.", "No reason.");
    turns.prompt.splice(0..0, [Message::user("Where?"), Message::assistant("Here.")]);
    turns.provenance.scores = Some(Scores { chosen: 8.5, rejected: 2.0 });
    let mut tools = pair("Add.", "3", "4");
    let call = ToolCall { id: "c".into(), name: "add".into(), arguments: "{}".into() };
    tools.prompt.push(Message { tool_calls: vec![call], ..Message::assistant("") });
    tools
        .prompt
        .push(Message { tool_call_id: Some("c".into()), ..Message::new(amend_proto::Role::Tool, "3") });
    let all = [pair("Where?", "Here.", "There."), system, turns, tools];
    all.map(|p| Pair::by_content(p.prompt, (p.chosen, p.rejected), p.provenance)).to_vec()
}

const LAYOUTS: [Layout; 5] =
    [Layout::TrlConversational, Layout::TrlImplicit, Layout::TrlPlain, Layout::UltraFeedback, Layout::Amend];

fn written(pairs: &[Pair], layout: Layout, container: Container) -> Result<(Vec<u8>, ExportReport)> {
    let mut bytes = Vec::new();
    let mut writer = PairWriter::new(&mut bytes, layout, container)?;
    for pair in pairs {
        writer.write(pair)?;
    }
    let report = writer.finish()?;
    Ok((bytes, report))
}

#[test]
fn exported_lines_are_kept() {
    let mut said = String::new();
    for layout in LAYOUTS {
        let (bytes, report) = written(&samples(), layout, Container::JsonLines).expect("writes");
        said += &format!("{layout:?} {report:?}\n{}", String::from_utf8(bytes).expect("text"));
    }
    insta::assert_snapshot!(said);
}

#[test]
fn what_is_exported_is_imported_again() {
    for layout in LAYOUTS {
        for container in [Container::JsonLines, Container::Parquet] {
            if (layout, container) == (Layout::Amend, Container::Parquet) {
                assert!(matches!(written(&[], layout, container), Err(Error::Settings(_))));
                continue;
            }
            let (bytes, report) = written(&samples(), layout, container).expect("writes");
            let reader = match container {
                Container::JsonLines => PairReader::lines("a", Cursor::new(bytes), options()),
                Container::Parquet => {
                    PairReader::parquet("a", bytes::Bytes::from(bytes), options()).expect("parquet")
                }
            };
            let (pairs, issues) = collect(reader);
            // Scores are what makes an UltraFeedback record: those of samples without any are `null`, so it is TRL's.
            assert_eq!((pairs.len() as u64, issues), (report.pairs, vec![]), "{layout:?} {container:?}");
            let fitting = samples().into_iter().filter(|p| layout.json(p).is_ok());
            for (read, wrote) in pairs.iter().zip(fitting) {
                assert_eq!(
                    (&read.prompt, &read.chosen, &read.rejected),
                    (&wrote.prompt, &wrote.chosen, &wrote.rejected)
                );
                match layout {
                    Layout::Amend => assert_eq!(*read, wrote),
                    _ => assert_eq!(read.id, wrote.id),
                }
            }
        }
    }
}

#[test]
fn a_large_parquet_file_has_several_row_groups_and_all_rows() {
    let long = "word ".repeat(2_000);
    let pairs: Vec<Pair> = (0..1_500).map(|i| pair(&format!("{i}?"), &long, "no")).collect();
    let (bytes, _) = written(&pairs, Layout::TrlImplicit, Container::Parquet).expect("writes");
    let (read, issues) =
        collect(PairReader::parquet("a", bytes::Bytes::from(bytes), options()).expect("opens"));
    assert_eq!(issues, Vec::<String>::new());
    assert!(read.len() == 1_500 && read.iter().zip(&pairs).all(|(a, b)| a.id == b.id));
}

#[test]
fn a_file_belongs_to_who_sent_it() {
    let mut theirs = pair("Where?", "Here.", "There.");
    theirs.provenance.tenant = TenantId::new("rival").expect("an id");
    theirs = Pair::by_content(theirs.prompt, (theirs.chosen, theirs.rejected), theirs.provenance);
    let (bytes, _) = written(&[theirs.clone()], Layout::Amend, Container::JsonLines).expect("writes");
    let (ours, _) = read(bytes.clone());
    assert_eq!(ours[0].provenance.tenant, TenantId::default());
    assert_ne!(ours[0].id, theirs.id);
    let restored = ImportOptions { tenancy: Tenancy::AsWritten(TenantId::default()), ..options() };
    let (restored, _) = collect(PairReader::lines("a", Cursor::new(bytes), restored));
    assert_eq!(restored, [theirs]);
}

#[test]
fn an_export_is_complete_or_not_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let pairs = samples().into_iter().map(Ok);
    let broken = pairs.clone().chain([Err(Error::Data("gone".into()))]);
    let at = (folder.path(), "pairs.parquet");
    assert!(export(broken, at, Layout::TrlImplicit, Container::Parquet).is_err());
    assert_eq!(std::fs::read_dir(folder.path()).expect("listed").count(), 0);
    let report = export(pairs, at, Layout::TrlImplicit, Container::Parquet).expect("writes");
    assert_eq!((report.pairs, report.unfit.get(&Unfit::Tools)), (3, Some(&1)));
    let (read, _) =
        collect(PairReader::open(&folder.path().join("pairs.parquet"), options()).expect("opens"));
    assert_eq!(read.len(), 3);
}

/// Reads to the end or to the first error.
fn survives(reader: Result<PairReader>) {
    for entry in reader.into_iter().flatten() {
        if entry.is_err() {
            break;
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        survives(Ok(PairReader::lines("a", Cursor::new(bytes.clone()), options())));
        survives(PairReader::parquet("a", bytes::Bytes::from(bytes), options()));
    }

    #[test]
    fn any_values_in_the_fields_are_read_without_harm(
        format in prop_oneof![Just(Format::Trl), Just(Format::UltraFeedback), Just(Format::UltraFeedbackRaw), Just(Format::Amend)],
        values in proptest::collection::vec(
            prop_oneof![
                "\\PC{0,8}".prop_map(|t| serde_json::json!(t)),
                any::<f64>().prop_map(|n| serde_json::json!(n)),
                "\\PC{0,8}".prop_map(|t| serde_json::json!([{"role": "user", "content": t}])),
                "\\PC{0,8}".prop_map(|t| serde_json::json!([{"response": t, "overall_score": 1}, {"response": "b", "overall_score": 2}])),
                Just(serde_json::Value::Null),
            ],
            7..8,
        ),
    ) {
        let record: serde_json::Map<_, _> =
            super::parse::COLUMNS.iter().map(|c| (*c).to_owned()).zip(values).collect();
        let given = ImportOptions { format: FormatChoice::Given(format), ..options() };
        let line = serde_json::Value::Object(record).to_string();
        let all: Vec<_> = PairReader::lines("a", Cursor::new(line.into_bytes()), given).collect();
        prop_assert_eq!(all.len(), 1);
    }

    #[test]
    fn a_bad_line_anywhere_costs_itself_alone(at in 0usize..5, bad in "[^\n]{1,40}") {
        let mut lines: Vec<String> =
            (0..5).map(|i| format!(r#"{{"prompt":"{i}?","chosen":"yes","rejected":"no"}}"#)).collect();
        prop_assume!(serde_json::from_str::<serde_json::Value>(&bad).is_err() && !bad.trim().is_empty());
        prop_assume!(!bad.bytes().all(|b| b.is_ascii_whitespace()));
        lines.insert(at, bad);
        let (pairs, issues) = read(lines.join("\n"));
        prop_assert_eq!((pairs.len(), issues.len()), (5, 1));
        let place = format!("line {}:", at + 1);
        prop_assert!(issues[0].contains(&place));
    }

    #[test]
    fn any_pair_survives_both_containers(
        question in "\\PC*[a-z]\\PC*", chosen in "(\\PC|\n)*[a-z](\\PC|\n)*", rejected in "(\\PC|\n)*[a-z](\\PC|\n)*",
    ) {
        let pair = pair(&question, &chosen, &rejected);
        prop_assume!(pair.check(&crate::preference::Limits::default()).is_ok());
        for container in [Container::JsonLines, Container::Parquet] {
            let (bytes, _) = written(std::slice::from_ref(&pair), Layout::TrlConversational, container).expect("writes");
            let reader = match container {
                Container::JsonLines => PairReader::lines("a", Cursor::new(bytes), options()),
                Container::Parquet => PairReader::parquet("a", bytes::Bytes::from(bytes), options()).expect("opens"),
            };
            let (pairs, issues) = collect(reader);
            prop_assert_eq!(&issues, &Vec::<String>::new());
            prop_assert_eq!((&pairs[0].chosen, &pairs[0].rejected), (&pair.chosen, &pair.rejected));
        }
    }

    #[test]
    fn a_damaged_parquet_file_is_an_error_or_other_pairs(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()) {
        let mut bytes = std::fs::read(fixture("binarized.parquet")).expect("the fixture");
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] = byte }
        survives(PairReader::parquet("a", bytes::Bytes::from(bytes), options()));
    }
}

#[test]
fn provenance_that_a_format_does_not_have_is_not_made_up() {
    let (pairs, _) = read(r#"{"prompt":"Where?","chosen":"Here.","rejected":"There."}"#);
    let expected = Provenance::new(crate::preference::PairSource::Import, TenantId::default(), UnixMillis(7));
    assert_eq!(pairs[0].provenance, expected);
}
