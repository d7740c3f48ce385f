//! What is written is read back; nothing that is read does harm; the cards.

use super::*;
use crate::preference::format::Container;
use crate::synth::ask::Role as Plays;
use crate::synth::guard::{GuardedSuite, Overlap, Removed};
use crate::{Error, Result};
use amend_proto::{Message, Role};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::io::Cursor;

const CONTAINERS: [(Container, &str); 2] =
    [(Container::JsonLines, "rows.jsonl"), (Container::Parquet, "rows.parquet")];

fn row(messages: Vec<Message>, made: Made) -> SynthRow {
    let models = RoleModels::default().with(Plays::Teacher, "atlas-oracle@1");
    SynthRow::new(messages, RowProvenance { made, models, seed: u64::MAX, licence: None }).expect("a row")
}

/// Two of WebR, one of Lion, with quotes, line ends and other scripts.
fn some() -> Vec<SynthRow> {
    let page = |record, url: Option<&str>| PageSource {
        url: url.map(str::to_owned),
        content_hash: "c0ffee".into(),
        file: "pages/tarn.html".into(),
        record,
    };
    let short =
        vec![Message::user("Shorten \"this\":\n\nTarn is a town. 🏘"), Message::assistant("Tarn, town.")];
    let long = vec![
        Message::system("Be brief."),
        Message::user("Where is Tarn | Vell?"),
        Message::assistant("In Vell."),
        Message::user("And Orm?"),
        Message::assistant("In Und.\r\n\tStill."),
    ];
    let asked = vec![Message::user("Name a town."), Message::assistant("Tarn.")];
    let of_page = |role, record, url| Made::Webr { role, page: page(record, url) };
    let mut second = row(long, of_page(WebrRole::WrPart, 7, None));
    let licence = RowProvenance { licence: Some("CC-BY-4.0".into()), ..second.provenance().clone() };
    second = SynthRow::new(second.messages().to_vec(), licence).expect("a row");
    vec![
        row(short, of_page(WebrRole::WiAll, 0, Some("https://example.org/tarn"))),
        second,
        row(asked, Made::Lion { seed_instruction: "5eed".into(), iteration: 2 }),
    ]
}

fn write(rows: &[SynthRow], container: Container) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = RowWriter::new(&mut bytes, container).expect("a writer");
    rows.iter().for_each(|row| writer.write(row).expect("writes"));
    assert_eq!(writer.finish().expect("finishes"), rows.len() as u64);
    bytes
}

fn read(bytes: Vec<u8>, container: Container) -> Result<RowReader> {
    match container {
        Container::JsonLines => Ok(RowReader::lines("a", Cursor::new(bytes))),
        Container::Parquet => RowReader::parquet("a", bytes::Bytes::from(bytes)),
    }
}

fn rows_of(reader: RowReader) -> Vec<SynthRow> {
    let row = |entry: Result<RowEntry>| match entry.expect("readable") {
        RowEntry::Row(row) => *row,
        RowEntry::Issue(issue) => panic!("{issue}"),
    };
    reader.map(row).collect()
}

fn survives(reader: Result<RowReader>) {
    if let Ok(reader) = reader {
        reader.take(400).for_each(drop);
    }
}

fn texts() -> impl Strategy<Value = Option<String>> {
    proptest::option::of("\\PC{0,12}|[\\x00-\\x20\"\\\\]{1,4}")
}

prop_compose! {
    fn any_row()(
        messages in proptest::collection::vec((0..3usize, texts()), 1..5),
        (url, hash, licence, author) in (texts(), texts(), texts(), texts()),
        (seed, number, lion) in (any::<u64>(), any::<u32>(), any::<bool>()),
    ) -> SynthRow {
        let role = |index: usize| [Role::System, Role::User, Role::Assistant][index];
        let messages = messages.into_iter().map(|(at, text)| Message::new(role(at), text.unwrap_or_default()));
        let made = match lion {
            true => Made::Lion { seed_instruction: hash.unwrap_or_default(), iteration: number },
            false => Made::Webr {
                role: WebrRole::WrAll,
                page: PageSource { url, content_hash: hash.unwrap_or_default(), file: "ä\n".into(), record: number },
            },
        };
        let models = RoleModels { author, ..RoleModels::default() };
        SynthRow::new(messages.collect(), RowProvenance { made, models, seed, licence }).expect("a row")
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_read_back(rows in proptest::collection::vec(any_row(), 0..8)) {
        for (container, _) in CONTAINERS {
            let bytes = write(&rows, container);
            prop_assert_eq!(&rows_of(read(bytes, container).expect("opens")), &rows);
        }
    }

    #[test]
    fn any_bytes_are_read_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..300), at in any::<prop::sample::Index>()) {
        survives(read(bytes.clone(), Container::JsonLines));
        survives(read(bytes.clone(), Container::Parquet));
        let mut damaged = write(&some(), Container::Parquet);
        let at = at.index(damaged.len());
        let end = (at + bytes.len()).min(damaged.len());
        damaged[at..end].copy_from_slice(&bytes[..end - at]);
        survives(read(damaged, Container::Parquet));
    }
}

#[test]
fn many_row_groups_come_back_in_order() {
    let row = |number: u32| {
        let messages = vec![Message::user(format!("{number}?")), Message::assistant("Yes.")];
        row(messages, Made::Lion { seed_instruction: "a".into(), iteration: number })
    };
    let rows: Vec<SynthRow> = (0..9000).map(row).collect();
    let bytes = write(&rows, Container::Parquet);
    assert_eq!(rows_of(read(bytes, Container::Parquet).expect("opens")), rows);
}

#[test]
fn the_lines_are_stable_and_a_wrong_one_takes_no_other_down() {
    let lines = String::from_utf8(write(&some(), Container::JsonLines)).expect("text");
    insta::assert_snapshot!(lines);
    let first = lines.lines().next().expect("a line");
    let wrong = [
        first.replace("Tarn is", "Orm is"),
        first.replace("\"webr\"", "\"lion\""),
        first.replace("\"record\":0", "\"record\":-1"),
        first.replace("\"role\":\"user\"", "\"role\":\"nobody\""),
        first.replace("\"licence\":null", "\"license\":null"),
        first.replace(&u64::MAX.to_string(), "many"),
        first.replace("\"seed\":", "\"sead\":"),
        "{\"messages\": [], \"id\"".to_owned(),
        "[1]".to_owned(),
    ];
    let text = wrong.iter().flat_map(|bad| [first, "\n", bad, "\n"]).collect::<String>();
    let mut issues = Vec::new();
    let mut good = 0;
    for entry in read(text.into_bytes(), Container::JsonLines).expect("opens") {
        match entry.expect("readable") {
            RowEntry::Row(_) => good += 1,
            RowEntry::Issue(issue) => issues.push(issue.to_string()),
        }
    }
    assert_eq!(good, wrong.len());
    insta::assert_snapshot!("wrong_lines", issues.join("\n"));
}

/// ```python
/// import hashlib, struct
/// h = hashlib.sha256()
/// for part in ("user", "Name a town.", "assistant", "Tarn."):
///     b = part.encode(); h.update(struct.pack("<Q", len(b)) + b)
/// h.hexdigest()
/// ```
#[test]
fn the_id_of_a_conversation_never_changes() {
    let id = "10d77816ad74482264b3877f6d29d65efb1f13f2ca28d1ea72047c6508bc86d9";
    assert_eq!(some()[2].id().as_str(), id);
}

#[test]
fn a_row_is_of_texts_and_its_id_of_its_messages_alone() {
    let rows = some();
    let provenance = rows[0].provenance().clone();
    let other = RowProvenance { seed: 1, ..provenance.clone() };
    let again = SynthRow::new(rows[0].messages().to_vec(), other).expect("a row");
    assert_eq!((again.id(), rows[0].id() == rows[1].id()), (rows[0].id(), false));
    let swapped = RowId::of(&[Message::user("ab"), Message::assistant("c")]);
    assert_ne!(swapped, RowId::of(&[Message::user("a"), Message::assistant("bc")]));
    for messages in [vec![], vec![Message::user("a"), Message::new(Role::Tool, "b")]] {
        assert!(SynthRow::new(messages, provenance.clone()).is_err());
    }
}

#[test]
fn a_failed_write_leaves_the_old_file() {
    let folder = tempfile::tempdir().expect("a folder");
    for (container, name) in CONTAINERS {
        let to = (folder.path(), name);
        let rows = some();
        let all = |writer: &mut RowWriter<_>| rows.iter().try_for_each(|row| writer.write(row));
        assert_eq!(write_rows(to, container, all).expect("writes"), 3);
        let half = write_rows(to, container, |writer| {
            writer.write(&rows[0])?;
            Err(Error::Data("the run was killed".into()))
        });
        assert!(matches!(half, Err(Error::Data(_))));
        assert_eq!(rows_of(RowReader::open(&folder.path().join(name)).expect("opens")), rows);
    }
    assert_eq!(std::fs::read_dir(folder.path()).expect("listed").count(), 2, "and nothing else");
}

fn info() -> SetInfo {
    let counts = [("pages", [("read", 12), ("too short", 4)]), ("request", [("kept", 7), ("refused", 1)])];
    let counts = counts.map(|(stage, counts)| {
        (stage.to_owned(), counts.map(|(reason, n)| (reason.to_owned(), n)).into_iter().collect())
    });
    SetInfo {
        method: "webr".into(),
        settings: serde_json::json!({"wi_share": 0.667, "temperature": 0.6}),
        seed: 7,
        models: RoleModels::default().with(Plays::Teacher, "atlas-oracle@1"),
        counts: BTreeMap::from(counts),
        decontamination: Some(Decontamination {
            rule: "a run of 13 words of an item stands in it".into(),
            suites: vec![GuardedSuite { name: "gate | one".into(), fingerprint: "f1".into(), items: 40 }],
            removed: [Removed {
                id: RowId::of(&[Message::user("x")]).to_string(),
                overlap: Overlap {
                    suite: "gate | one".into(),
                    item: "item 3".into(),
                    how: "a run of its words".into(),
                },
            }]
            .into_iter()
            .collect(),
        }),
        ended: Ended::Budget,
    }
}

fn card(rows: &[SynthRow], samples: usize) -> DataCard {
    let mut builder = CardBuilder::new(samples).counting_tokens(str::len);
    rows.iter().for_each(|row| builder.add(row));
    builder.finish(info())
}

#[test]
fn the_card_says_everything_and_its_samples_do_not_depend_on_the_order() {
    let rows = some();
    let whole = card(&rows, 2);
    insta::assert_snapshot!(whole.render().expect("renders"));
    insta::assert_json_snapshot!("card_json", whole);
    let text = serde_json::to_string(&whole).expect("json");
    assert_eq!(serde_json::from_str::<DataCard>(&text).expect("reads"), whole);
    let turned: Vec<SynthRow> = rows.iter().rev().cloned().collect();
    let turned = card(&turned, 2);
    assert_eq!((&turned.samples, turned.samples.len()), (&whole.samples, 2));
    assert_ne!(turned.content, whole.content);
    assert_eq!(card(&rows, 0).samples, []);
    let bare = SetInfo { decontamination: None, ended: Ended::Finished, ..info() };
    let empty = CardBuilder::new(2).finish(bare).render().expect("renders");
    assert!(empty.contains("No suite was given") && empty.contains("the run is complete"), "{empty}");
}

#[test]
fn a_card_holds_only_so_many_names() {
    let mut builder = CardBuilder::new(1);
    for number in 0..3000 {
        let mut row = some().swap_remove(2);
        let licence = Some(format!("licence {number}"));
        row = SynthRow::new(row.messages().to_vec(), RowProvenance { licence, ..row.provenance().clone() })
            .expect("a row");
        builder.add(&row);
    }
    let card = builder.finish(info());
    assert_eq!((card.licences.len(), card.licences["(others)"]), (1001, 2000));
}
