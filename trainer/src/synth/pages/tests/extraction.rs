//! What is taken for the text of a page.

use crate::synth::bench::score;
use crate::synth::pages::{Limits, SkipReason, extract};
use std::path::Path;

fn paragraphs(html: &str) -> Vec<String> {
    extract(html, &Limits::default()).expect("a text").paragraphs
}

#[test]
fn lists_tables_and_code_keep_their_lines() {
    let found = paragraphs(
        "<html><head><title>T</title></head><body><article><h2>A  heading</h2><p>First <b>bold</b>\n text, long enough to be the \
         text of a page, and with commas, and more, and more.</p><ul><li>one<li><p>two</p><ol><li>deep<li>deeper</ol></ul>\
         <table><tr><th>Name<th>Age<tr><td>Ann<td>7</table><pre>if x:\n    y  = 1\n</pre><p>line<br>break<br><br>after two, in a \
         paragraph of its own, which is long, too.</p></article></body></html>",
    );
    let expected = [
        "A heading",
        "First bold text, long enough to be the text of a page, and with commas, and more, and more.",
        "- one\n- two\n  1. deep\n  2. deeper",
        "Name | Age\nAnn | 7",
        "if x:\n    y  = 1",
        "line\nbreak",
        "after two, in a paragraph of its own, which is long, too.",
    ];
    assert_eq!(found, expected);
}

#[test]
fn long_runs_of_entities_come_out_whole() {
    let text = "a long text, with entities &amp; more, ".repeat(2000);
    let found = paragraphs(&format!("<html><body><article><p>{text}</p></article></body></html>"));
    assert_eq!(found, [text.replace("&amp;", "&").trim_end()]);
}

#[test]
fn a_page_inside_an_oddly_named_element_is_kept_and_a_notice_is_not() {
    let article =
        "<p>The text of the page, which is not long, but it is all there is of it, and it stays.</p>";
    let notice = "<div class=cookie-banner><p>We value your privacy, and our partners, all of them, do so too, very much.</p><p>Again: we and they value it, more than the text of this page, which is shorter.</p></div>";
    let html = format!("<html><body>{notice}<div class='search has-sidebar'>{article}</div></body></html>");
    assert_eq!(
        paragraphs(&html),
        ["The text of the page, which is not long, but it is all there is of it, and it stays."]
    );
}

#[test]
fn title_and_address_are_found() {
    let html = "<html><head><title>\n A  title </title><link rel=canonical href=https://a.example/x></head><body><p>Some text of a page.</p></body></html>";
    let found = extract(html, &Limits::default()).expect("a text");
    assert_eq!(found.title.as_deref(), Some("A title"));
    assert_eq!(found.url.as_deref(), Some("https://a.example/x"));
}

#[test]
fn a_page_that_scripts_fill_has_no_text() {
    let html = "<html><head><script>x()</script></head><body><noscript>Enable JavaScript</noscript><div id=root></div></body></html>";
    let (reason, _) = extract(html, &Limits::default()).expect_err("no text");
    assert_eq!(reason, SkipReason::NoMainText);
}

/// The labelled pages; `amend bench synth --labelled` gives the figures page by page, beside trafilatura's.
#[test]
fn the_labelled_pages_are_read_well() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/pages");
    let mut scores = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the fixtures").flatten() {
        if entry.path().extension().is_some_and(|ending| ending == "html") {
            let html = std::fs::read_to_string(entry.path()).expect("a page");
            let label = std::fs::read_to_string(entry.path().with_extension("txt")).expect("its label");
            scores.push((score(&paragraphs(&html).join("\n"), &label).f1, entry.file_name()));
        }
    }
    assert!(scores.len() >= 25, "{}", scores.len());
    let mean = scores.iter().map(|(score, _)| score).sum::<f64>() / scores.len() as f64;
    assert!(mean >= 0.93, "{mean}: {scores:?}");
    assert!(scores.iter().all(|(score, _)| *score >= 0.7), "{scores:?}");
}
