//! Input that is broken or meant to break.

use super::*;
use crate::synth::pages::gzip::{Bomb, Unpacked};
use proptest::prelude::*;
use std::io::{BufReader, Read};

#[test]
fn a_gzip_bomb_is_refused_after_little() {
    let bomb = gzip(&vec![b'a'; 64 << 20]);
    assert!(bomb.len() < 100_000);
    let mut reader = Unpacked::new(BufReader::new(&bomb[..]), 200);
    let (mut buffer, mut unpacked) = (vec![0; 64 << 10], 0);
    let error = loop {
        match reader.read(&mut buffer) {
            Ok(0) => panic!("all of it was unpacked"),
            Ok(read) => unpacked += read,
            Err(error) => break error,
        }
    };
    assert!(error.get_ref().is_some_and(|inner| inner.is::<Bomb>()));
    assert!(unpacked <= 17 << 20, "{unpacked}");
    // As a page, as rows, as a record of an archive, and as the body of a response.
    assert_eq!(of_file("a.jsonl.gz", &bomb).1, [SkipReason::GzipBomb]);
    let mut big =
        format!("WARC/1.0\r\nWARC-Type: response\r\nContent-Length: {}\r\n\r\n", 64 << 20).into_bytes();
    big.resize(64 << 20, b'a');
    let fine = gzip(&response(1, "", html(&sentence(1)).as_bytes()));
    let (pages, skips) = of_file("a.warc.gz", &[fine, gzip(&big)].concat());
    assert_eq!((pages.len(), skips), (1, vec![SkipReason::GzipBomb]));
    // Eight megabytes are the limit of a page.
    let small = gzip(&vec![b'a'; 9 << 20]);
    let inside = [
        response(1, "Content-Encoding: gzip\r\n", &small),
        response(2, "Content-Encoding: gzip\r\n", &gzip(&gzip(&bomb))),
        response(3, "", html(&sentence(3)).as_bytes()),
    ];
    let (pages, skips) = of_file("a.warc", &inside.concat());
    assert_eq!(pages.len(), 1);
    // The second is still gzip after one decoding, and no text.
    assert_eq!(skips, [SkipReason::GzipBomb, SkipReason::NotText]);
}

#[test]
fn pages_that_are_too_large_are_passed_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a.html");
    let mut written = std::fs::File::create(&file).expect("made");
    written.write_all(html(&sentence(1)).repeat(100).as_bytes()).expect("written");
    written.set_len(200 << 20).expect("no space is taken");
    let (_, skips) = split(all(&file, Limits::default()).0);
    assert_eq!(skips, [SkipReason::TooLarge]);
    let limits = Limits { page_bytes: 1000, ..Limits::default() };
    let file = folder.path().join("a.warc");
    let records = [response(1, "", &vec![b'x'; 100_000]), response(2, "", html(&sentence(2)).as_bytes())];
    std::fs::write(&file, records.concat()).expect("written");
    let (pages, skips) = split(all(&file, limits).0);
    assert_eq!((pages.len(), skips), (1, vec![SkipReason::TooLarge]));
}

#[test]
fn bytes_that_are_no_text_are_refused_and_a_few_are_repaired() {
    assert_eq!(of_file("a.html", b"\x7fELF\0\0\0\0").1, [SkipReason::UnknownKind]);
    assert_eq!(
        of_file("a.txt", &[b"\xff\xfe".to_vec(), vec![0xd8; 500]].concat()).1,
        [SkipReason::BrokenText]
    );
    assert_eq!(of_file("a.html", b"").1, [SkipReason::NoMainText]);
    let row = [b"{\"text\": \"".to_vec(), sentence(1).into_bytes(), b"\xff\"}".to_vec()].concat();
    let (pages, skips) = of_file("a.jsonl", &row);
    assert_eq!((pages.len(), skips.len()), (1, 0));
    assert!(pages[0].text().ends_with('\u{fffd}'));
}

/// Pages that would take a parser long: each ends well within a second when it is refused or bounded.
#[test]
fn pages_made_to_be_slow_end_soon() {
    let n = 100_000;
    let nested = |tag: &str, times: usize| {
        format!("{}text{}", format!("<{tag}>").repeat(times), format!("</{tag}>").repeat(times))
    };
    let pages = [
        nested("div", n),
        nested("ul><li", 250),
        nested("table><tr><td", 120),
        "<b>".repeat(200) + &"<p>word word".repeat(n),
        "<a href=x>".repeat(n),
        "<table>".repeat(n),
        "<optgroup>".repeat(n),
        format!("<p {}>text", (0..n).map(|n| format!("a{n} ")).collect::<String>()),
        format!("<p {}>text", (0..n).map(|n| format!("a{n}=\"\"")).collect::<String>()),
        "<p>text, and more, and more".repeat(n),
        "<!--".repeat(n),
        "<script".repeat(n),
        "<div class='".repeat(n),
        "&amp".repeat(n),
        format!("<select>{}", "<option>a".repeat(n)),
        format!("<div>{}</div>", "<span>a</span>".repeat(n / 2)),
    ];
    for (n, page) in pages.iter().enumerate() {
        let started = std::time::Instant::now();
        let outcome = super::super::extract(page, &Limits::default()).map(|found| found.paragraphs.len());
        let seconds = started.elapsed().as_secs_f64();
        // Generous: other work shares the cores. What is not bounded takes minutes.
        assert!(seconds < 20.0, "page {n} took {seconds} s: {outcome:?}");
        println!("page {n}: {seconds:.3} s, {outcome:?}");
    }
}

fn anything() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        3 => any::<u8>().prop_map(|byte| vec![byte]),
        1 => Just(b"WARC/1.0\r\n".to_vec()),
        1 => Just(b"WARC-Type: response\r\nContent-Length: 30\r\n\r\n".to_vec()),
        1 => Just(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n".to_vec()),
        1 => Just(b"{\"text\": \"".to_vec()),
        1 => Just(b"\"}\n".to_vec()),
        1 => Just(b"[{".to_vec()),
        1 => Just(b"<html><p>".to_vec()),
        1 => Just(b"<table><li><b></td><!--".to_vec()),
        1 => Just(vec![0x1f, 0x8b, 8, 0]),
        1 => Just("é\u{202e}\u{feff}中".as_bytes().to_vec()),
    ];
    proptest::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn no_bytes_panic_any_reader(bytes in anything(), zipped in any::<bool>()) {
        let bytes = if zipped { gzip(&bytes) } else { bytes };
        for name in ["a.html", "a.warc", "a.jsonl", "a.json", "a.txt", "a.bin"] {
            let (_, skips) = of_file(name, &bytes);
            prop_assert!(!skips.contains(&SkipReason::ExtractorFailed));
        }
    }

    /// A damaged archive gives some of its pages, and no page that was not in it.
    #[test]
    fn a_damaged_archive_ends(at in 0_usize..2000, byte in any::<u8>(), cut in 0_usize..2000, zipped in any::<bool>()) {
        let records: Vec<u8> = (0..4).flat_map(|n| {
            let record = response(n, "Transfer-Encoding: chunked\r\n", &chunked(html(&sentence(n)).as_bytes(), 50));
            if zipped { gzip(&record) } else { record }
        }).collect();
        let mut bytes = records[..records.len() - cut.min(records.len())].to_vec();
        if let Some(place) = bytes.get_mut(at) {
            *place = byte;
        }
        let (pages, skips) = of_file(if zipped { "a.warc.gz" } else { "a.warc" }, &bytes);
        prop_assert!(pages.len() <= 4 && pages.len() + skips.len() <= 9);
    }
}
