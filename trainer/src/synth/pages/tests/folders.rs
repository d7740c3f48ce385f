//! Folders, sitemaps, and going on where a run has stopped.

use super::*;
use std::path::PathBuf;

/// A folder with some of everything.
fn mixed() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, bytes: &[u8]| {
        let file = folder.path().join(name);
        std::fs::create_dir_all(file.parent().expect("a parent")).expect("made");
        std::fs::write(file, bytes).expect("written");
    };
    write("b.html", html(&sentence(1)).as_bytes());
    write("a/index.html", html(&sentence(2)).as_bytes());
    write("a/z.HTM.gz", &gzip(html(&sentence(3)).as_bytes()));
    write(
        "c.warc.gz",
        &(4..8).flat_map(|n| gzip(&response(n, "", html(&sentence(n)).as_bytes()))).collect::<Vec<u8>>(),
    );
    let rows = format!(
        "{{\"text\": \"{}\", \"url\": \"http://r\"}}\n\nbroken\n{{\"content\": \"{}\"}}\n",
        sentence(8),
        sentence(9)
    );
    write("d.jsonl", rows.as_bytes());
    write(
        "e.json",
        format!("[{{\"webpage\": \"{}\"}},\n{{\"webpage\": \"{}\"}}]", sentence(10), sentence(11)).as_bytes(),
    );
    write("f.png", b"\x89PNG\r\n\x1a\n\0\0");
    write("g.html", b"<html><script>only()</script></html>");
    write("h.warc", &response(12, "", html(&sentence(12)).as_bytes())[..300]);
    write("i.txt", sentence(13).as_bytes());
    write(".hidden.html", html("never read").as_bytes());
    let sitemap = "<urlset><url><loc>https://s.example/a/</loc></url><url><loc>https://s.example/b.html</loc></url></urlset>";
    write("sitemap.xml", sitemap.as_bytes());
    folder
}

#[test]
fn a_folder_is_read_in_order_and_addresses_come_from_its_sitemap() {
    let folder = mixed();
    let (outcomes, counts) = all(folder.path(), Limits::default());
    let (pages, skips) = split(outcomes.clone());
    let expected: Vec<usize> = vec![2, 3, 1, 4, 5, 6, 7, 8, 9, 10, 11, 13];
    assert_eq!(pages.len(), expected.len());
    for (page, n) in pages.iter().zip(expected) {
        assert_eq!(page.text(), sentence(n));
    }
    let reasons =
        [SkipReason::Malformed, SkipReason::UnknownKind, SkipReason::NoMainText, SkipReason::Truncated];
    assert_eq!(skips, reasons);
    let url = |n: usize| pages[n].url.as_deref();
    assert_eq!(
        (url(0), url(1), url(2)),
        (Some("https://s.example/a/"), None, Some("https://s.example/b.html"))
    );
    assert_eq!((url(7), pages[7].source.record, pages[8].source.record), (Some("http://r"), 1, 4));
    assert_eq!((counts.sitemaps, counts.files, counts.records), (1, 10, 15));
    assert_eq!(all(folder.path(), Limits::default()).0, outcomes, "the same again");
    let ids: std::collections::BTreeSet<String> =
        pages.iter().map(|page| page.id().as_str().to_owned()).collect();
    assert_eq!(ids.len(), pages.len());
}

#[test]
fn a_run_goes_on_behind_any_record() {
    let folder = mixed();
    let inputs = || vec![folder.path().to_owned()];
    let (whole, counts) = all(folder.path(), Limits::default());
    for taken in 1..=whole.len() {
        let mut first = PageStream::open(inputs(), Limits::default()).expect("opens");
        let mut outcomes: Vec<Outcome> = first.by_ref().take(taken).collect();
        let position = first.position().expect("something was read").clone();
        let text = serde_json::to_string(&position).expect("serialises");
        let position = serde_json::from_str(&text).expect("as it was");
        let mut second = PageStream::after(inputs(), Limits::default(), position).expect("goes on");
        outcomes.extend(second.by_ref());
        assert_eq!(outcomes, whole, "after {taken}");
        assert_eq!(first.counts().pages + second.counts().pages, counts.pages, "after {taken}");
        assert_eq!(first.counts().records + second.counts().records, counts.records, "after {taken}");
    }
    let mut stream = PageStream::open(inputs(), Limits::default()).expect("opens");
    let last = stream.by_ref().last();
    assert!(last.is_some());
    let position = stream.position().expect("read").clone();
    std::fs::remove_file(folder.path().join("b.html")).expect("removed");
    assert!(PageStream::after(inputs(), Limits::default(), position).is_err(), "the files have moved up");
}

#[test]
fn batches_give_what_single_steps_give() {
    let folder = mixed();
    let (whole, counts) = all(folder.path(), Limits::default());
    let mut stream = PageStream::open(vec![folder.path().to_owned()], Limits::default()).expect("opens");
    let mut outcomes = Vec::new();
    loop {
        let batch = stream.batch(4);
        assert!(batch.len() <= 4);
        if batch.is_empty() {
            break;
        }
        outcomes.extend(batch);
    }
    assert_eq!((outcomes, stream.counts().clone()), (whole, counts));
}

#[cfg(unix)]
#[test]
fn a_loop_of_links_is_said_once_and_ends() {
    let folder = mixed();
    std::os::unix::fs::symlink(folder.path(), folder.path().join("a/up")).expect("linked");
    let (pages, skips) = split(all(folder.path(), Limits::default()).0);
    assert_eq!((pages.len(), skips.iter().filter(|r| **r == SkipReason::LinkLoop).count()), (12, 1));
}

#[test]
fn an_input_that_is_not_there_is_an_error() {
    assert!(PageStream::open(vec![PathBuf::from("/nowhere/at/all")], Limits::default()).is_err());
}
