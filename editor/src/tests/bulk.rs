//! Import and export.

use super::*;
use crate::{
    edit::{OnConflict, SupersedeEdit},
    time::Timestamp,
    transfer::{ImportOptions, MAX_LINE_BYTES},
};
use futures::TryStreamExt;

async fn exported(tenant: &TenantEditor) -> String {
    tenant.export(None).unwrap().try_collect::<Vec<String>>().await.unwrap().concat()
}

#[tokio::test]
async fn what_is_exported_is_imported_as_it_was() {
    let bench = bench().await;
    let (acme, copy) = (bench.of("acme"), bench.of("copy"));
    let full = edit("a", "The capital of \"France\" is Łódź.")
        .about("France")
        .stating("capital", "Łódź")
        .also_called(["the Hexagon"])
        .expiring(Timestamp::from_seconds(5_000))
        .from_source("a book")
        .by(Attribution::by("ann").because("read"));
    add(&acme, full).await;
    add(&acme, edit("b", "Iron is soft.")).await;
    acme.supersede(SupersedeEdit::new(id("b"), NewEdit::new("Iron is hard."))).await.unwrap();
    let lines = exported(&acme).await;
    insta::assert_snapshot!(lines, @r#"
    {"id":"a","text":"The capital of \"France\" is Łódź.","subject":"France","relation":"capital","object":"Łódź","aliases":["the Hexagon"],"expires_at":5000,"source":"a book","author":"ann","reason":"read"}
    {"id":"b","text":"Iron is hard.","subject":null}
    "#);
    let report = copy.import(lines.as_bytes(), ImportOptions::default()).await.unwrap();
    assert_eq!((report.added, report.refused, report.through), (2, 0, bench.editor.last_seq()));
    assert_eq!(exported(&copy).await, lines);
    let again = copy.import(lines.as_bytes(), ImportOptions::default()).await.unwrap();
    assert_eq!((again.added, again.unchanged, again.through), (0, 2, report.through), "nothing new");
    let past: Vec<String> = acme.export(Some(seq(2))).unwrap().try_collect().await.unwrap();
    assert!(past.concat().contains("Iron is soft."));
}

#[tokio::test]
async fn a_broken_line_does_not_keep_out_the_rest() {
    let bench = bench().await;
    let tenant = bench.of("acme");
    add(&tenant, edit("taken", "Iron is soft.")).await;
    let long = format!(r#"{{"text":"{}"}}"#, "x".repeat(MAX_LINE_BYTES));
    let lines = [
        "\u{feff}{\"text\":\"Tin is soft.\"}\r",
        "",
        "{\"text\":",
        r#"{"text":"Two\nlines."}"#,
        r#"{"text":"Old.","expires_at":999}"#,
        &long,
        r#"{"id":"taken","text":"Iron is hard."}"#,
        r#"{"text":"Tin is soft.","source":"again"}"#,
        r#"{"id":"last","text":"Lead is soft.","author":"bob"}"#,
    ];
    let options = ImportOptions { by: Attribution::by("ann"), ..ImportOptions::default() };
    let report = tenant.import(lines.join("\n").as_bytes(), options).await.unwrap();
    assert_eq!((report.added, report.unchanged, report.refused), (2, 1, 5));
    let problems: Vec<String> = report.problems.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(problems.join("\n"), @r#"
    line 3: is not JSON: EOF while parsing a value at line 1 column 8
    line 4: text must be one line without control characters; character 3 is U+000A
    line 5: expires_at must be in the future: 999 has passed, it is 1000 (Unix seconds)
    line 6: is longer than 131072 bytes
    line 7: id cannot be: an edit "taken" with another content stands; supersede or retire it, or use another id
    "#);
    assert_eq!(tenant.get(&id("last")).unwrap().content.author.as_deref(), Some("bob"));
    let listed =
        tenant.list(crate::edit::Page { limit: 9, after: Some(id("taken").into()) }).await.unwrap().edits;
    assert_eq!(listed[0].content.author.as_deref(), Some("ann"), "whoever names none gets the importer's");
}

#[tokio::test]
async fn an_import_can_replace_what_stands() {
    let bench = bench().await;
    let tenant = bench.of("acme");
    add(&tenant, edit("a", "The capital of France is Lyon.")).await;
    add(&tenant, edit("b", "The mayor of Lyon is Ann.")).await;
    let lines =
        "{\"id\":\"b\",\"text\":\"The mayor of Lyon is Bob.\"}\n{\"text\":\"France's capital is Nice.\"}";
    let options = || ImportOptions { on_conflict: OnConflict::Supersede, ..ImportOptions::default() };
    let report = tenant.import(lines.as_bytes(), options()).await.unwrap();
    assert_eq!((report.added, report.superseded, report.conflicts), (1, 1, 1));
    assert_eq!((tenant.count(), tenant.get(&id("a"))), (2, None));
    let again = tenant.import(lines.as_bytes(), options()).await.unwrap();
    assert_eq!((again.unchanged, again.through), (2, report.through), "resumed, it adds nothing");
}

#[tokio::test]
async fn many_chunks_go_in_and_come_out() {
    let bench = bench().await;
    let tenant = bench.of("acme");
    let lines: String = (0..3_500).map(|n| format!("{{\"text\":\"The price of n{n} is {n}.\"}}\n")).collect();
    let report = tenant.import(lines.as_bytes(), ImportOptions::default()).await.unwrap();
    assert_eq!((report.added, tenant.count()), (3_500, 3_500));
    assert_eq!(exported(&tenant).await.lines().count(), 3_500);
    assert_eq!(applied(&tenant, "What is the price of n3210?").len(), 1);
}

#[tokio::test]
async fn others_write_while_an_import_goes_on() {
    let bench = bench().await;
    let (importer, other) = (bench.of("acme"), bench.of("other"));
    // More than is copied out of the write-ahead log at once.
    let lines: String =
        (0..25_000).map(|n| format!("{{\"text\":\"The price of n{n} is {n}.\"}}\n")).collect();
    let mut begun = importer.watch(Seq::START).unwrap();
    let writing = async {
        begun.try_next().await.unwrap().expect("the import's first edit");
        let mut seqs = Vec::new();
        for n in 0..5 {
            seqs.push(add(&other, NewEdit::new(format!("The price of o{n} is {n}."))).await.edits[0].seq);
        }
        seqs
    };
    let (report, seqs) = tokio::join!(importer.import(lines.as_bytes(), ImportOptions::default()), writing);
    let report = report.unwrap();
    assert_eq!((report.added, report.through), (25_000, seq(25_005)));
    assert!(seqs.iter().all(|seq| *seq < report.through), "{seqs:?} lie before the import's end");
    bench.editor.close().await.unwrap();
    let editor = open(&bench.folder.path().join("amend.db"), &bench.clock, None).await;
    assert_eq!((editor.count(), editor.last_seq()), (25_005, report.through));
    let wanted = importer.id().clone();
    assert_eq!(applied(&editor.tenant(wanted), "What is the price of n24321?").len(), 1);
}

#[tokio::test]
async fn whichever_edit_won_before_a_restore_wins_after_an_import() {
    let bench = bench().await;
    let (acme, copy) = (bench.of("acme"), bench.of("copy"));
    add(&acme, edit("old", "The capital of France is Lyon.")).await;
    add(&acme, edit("new", "The capital of France is Nice.")).await;
    acme.retire(retire("old")).await.unwrap();
    acme.restore(restore("old")).await.unwrap();
    let wins = |tenant: &TenantEditor| applied(tenant, "What is the capital of France?").pop();
    assert_eq!(wins(&acme).as_deref(), Some("new"));
    let lines = exported(&acme).await;
    copy.import(lines.as_bytes(), ImportOptions::default()).await.unwrap();
    assert_eq!(wins(&copy).as_deref(), Some("new"));
    assert_eq!(exported(&copy).await, lines);
}

#[tokio::test]
async fn an_import_makes_its_edits_stand_whatever_became_of_them() {
    let bench = bench().await;
    let tenant = bench.of("acme");
    let lines = "{\"id\":\"a\",\"text\":\"Iron is soft.\"}\n{\"text\":\"Tin is soft.\"}\n";
    let import = || tenant.import(lines.as_bytes(), ImportOptions::default());
    import().await.unwrap();
    assert_eq!(import().await.unwrap().through, seq(2), "what stands is left alone");
    tenant.retire(retire("a")).await.unwrap();
    let again = import().await.unwrap();
    assert_eq!((again.added, again.unchanged, tenant.count()), (1, 1, 2));

    let mayors = "{\"id\":\"x\",\"text\":\"The mayor of Lyon is Ann.\"}\n\
                  {\"id\":\"y\",\"text\":\"The mayor of Lyon is Bob.\"}\n";
    let supersede = || ImportOptions { on_conflict: OnConflict::Supersede, ..ImportOptions::default() };
    for _ in 0..2 {
        tenant.import(mayors.as_bytes(), supersede()).await.unwrap();
        assert_eq!(applied(&tenant, "Who is the mayor of Lyon?"), ["y"], "each time it ends alike");
    }
}

#[tokio::test]
async fn problems_are_told_in_the_order_of_lines() {
    let bench = bench().await;
    let tenant = bench.of("acme");
    add(&tenant, edit("taken", "Iron is soft.")).await;
    let lines = "{\"id\":\"taken\",\"text\":\"Iron is hard.\"}\n{\"text\":\"\"}\n\
                 {\"text\":\"Tin is old.\",\"expires_at\":999}\n{}\n";
    let report = tenant.import(lines.as_bytes(), ImportOptions::default()).await.unwrap();
    let told: Vec<(u64, Option<&str>)> =
        report.problems.iter().map(|problem| (problem.line, problem.field.as_deref())).collect();
    assert_eq!(told, [(1, Some("id")), (2, Some("text")), (3, Some("expires_at")), (4, Some("text"))]);
    assert_eq!(report.refused, 4);
}

#[tokio::test]
async fn an_import_that_stops_tells_what_it_did() {
    let bench = bench().await;
    let mut options = crate::EditorOptions::new(bench.folder.path().join("small.db"));
    options.limits.max_live = 1;
    let editor = Editor::open(options).await.unwrap();
    let tenant = editor.tenant(TenantId::default());
    let lines = "{\"text\":\"Iron is soft.\"}\n{\"text\":\"Tin is soft.\"}\n";
    let full = tenant.import(lines.as_bytes(), ImportOptions::default()).await.unwrap();
    insta::assert_snapshot!(full.problems[0], @"line 2: there is room for 1 edits of all tenants together, and it is taken; remove some, or raise the limit");
    editor.close().await.unwrap();
    let stopped = tenant.import(lines.as_bytes(), ImportOptions::default()).await.unwrap_err();
    insta::assert_snapshot!(stopped, @"the import stopped after 0 edits: the edit store is shut down");
}

#[tokio::test]
async fn edits_that_somebody_else_reads_are_taken_in_as_lines_are() {
    let bench = bench().await;
    let tenant = bench.of("acme");
    let edits = || {
        let wrong = Err(crate::EditError::invalid("id", "cannot be"));
        [Ok(edit("a", "Iron is soft.")), Ok(edit("b", "")), wrong, Ok(edit("c", "Tin is soft."))]
    };
    let stream =
        |end: Option<std::io::Error>| futures::stream::iter(edits().into_iter().map(Ok).chain(end.map(Err)));
    let report = tenant.import_edits(stream(None), ImportOptions::default()).await.unwrap();
    assert_eq!((report.added, report.refused), (2, 2));
    insta::assert_snapshot!(report.problems[1], @"line 3: id cannot be");
    insta::assert_snapshot!(report.problems[0], @"line 2: text must hold at least one letter or digit");
    assert!(tenant.get(&id("c")).is_some());
    let broken = Some(std::io::ErrorKind::ConnectionReset.into());
    let again = tenant.import_edits(stream(broken), ImportOptions::default()).await.unwrap_err();
    assert_eq!((again.report.unchanged, again.report.through), (2, report.through));
    assert!(matches!(again.source, crate::EditError::Input { .. }));
}
