use super::*;

#[derive(clap::Parser)]
struct CommandLine {
    #[command(flatten)]
    import: ImportArgs,
}

/// What is sent of a file.
fn sent(text: &str, options: &[&str]) -> (String, &'static str, Reading) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("edits");
    std::fs::write(&file, text).unwrap();
    let line = ["import", file.to_str().unwrap()].into_iter().chain(options.iter().copied());
    let args = <CommandLine as clap::Parser>::parse_from(line).import;
    let source = Source::open(&args).unwrap();
    let hint = source.hint(args.format);
    let (blocks, mut ready) = mpsc::channel(AHEAD);
    let reading = Mutex::new(Reading::default());
    source.send(&blocks, &reading, &ProgressBar::hidden()).unwrap();
    drop(blocks);
    let mut body = Vec::new();
    while let Ok(block) = ready.try_recv() {
        body.extend_from_slice(&block.expect("the body ends in order"));
    }
    (String::from_utf8(body).unwrap(), hint, reading.into_inner().unwrap())
}

#[test]
fn a_first_line_that_is_wrong_keeps_out_no_other() {
    let lines = "{\"subject\":\"Alpha\"}\n{\"text\":\"Beta is b.\"}\n{\"text\":\"Gamma is c.\"}\n";
    let (body, hint, _) = sent(lines, &[]);
    assert_eq!(body, lines);
    assert!(hint.contains("--format published"), "{hint}");
    assert_eq!(sent(lines, &["--format", "lines"]).1, "");
    let published = "{\"subject\": \"Orla\", \"prompt\": \"Orla was born in\", \"target_new\": \"Tarn\"}\n";
    let (body, hint, _) = sent(published, &[]);
    assert!(body.contains("Orla was born in Tarn.") && hint.contains("--format lines"), "{body}{hint}");
}

#[test]
fn the_whole_records_of_a_file_that_breaks_off_are_sent() {
    let record = "{\"subject\": \"Orla\", \"prompt\": \"Orla was born in\", \"target_new\": \"Tarn\"}";
    let (body, _, reading) = sent(&format!("[{record}, {record}, {{\"subj"), &[]);
    assert_eq!((body.lines().count(), reading.records), (2, vec![0, 1]));
    let broken = reading.broken.expect("the end is missing").to_string();
    assert!(broken.contains("ends inside a record"), "{broken}");
}

#[test]
fn a_published_set_becomes_lines_that_name_their_records() {
    let file = br#"[{"subject": "Orla", "prompt": "Orla was born in", "target_new": "Tarn"},
        {"subject": "Bo", "target_new": "x"},
        {"subject": "Una", "prompt": "Where does Una live?", "target_new": "Arvik"}]"#;
    let (blocks, mut ready) = mpsc::channel(AHEAD);
    let reading = Mutex::new(Reading::default());
    let reader = EditReader::new("f.json", &file[..], ReadOptions::default());
    send_published(reader, &blocks, &reading).unwrap();
    let lines = ready.try_recv().unwrap().unwrap();
    insta::assert_snapshot!(String::from_utf8_lossy(&lines));
    let mut report = json!({"refused": 1, "problems": [{"line": 2, "field": "text", "reason": "is odd"}]});
    reading.into_inner().unwrap().complete(&mut report);
    assert_eq!(report["refused"], 2);
    let records: Vec<_> =
        report["problems"].as_array().unwrap().iter().map(|p| p["record"].clone()).collect();
    assert_eq!(records, [1, 2]);
}
