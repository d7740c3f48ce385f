use super::{ANSWER_KEPT, Answered, FollowReport, ItemReport, ItemResult, compare};
use crate::edit::report::same_json;
use crate::follow::{
    Category, FollowSuite,
    judge::{CalibrationSet, Judge, JudgeOptions, JudgePanel, Language, rate},
    run::{
        RunOptions,
        fixtures::{Timed, asked_about, group, list, options, suite},
        run,
    },
};
use amend_proto::{
    ErrorKind,
    testing::{Script, ScriptedModel},
};
use proptest::prelude::*;
use std::sync::Arc;

/// What an answer must not do to a page.
const EVIL: &str = "<script>alert(1)</script> ]]> & \"quoted\" 'ok4' | a \u{1b}[31m \u{0} b";

fn six() -> Arc<FollowSuite> {
    let groups = Category::ALL.iter().flat_map(|category| {
        ["1", "2"].map(|name| group(*category, name, matches!(category, Category::Style | Category::Mixed)))
    });
    suite(groups.collect())
}

/// `worse` breaks format level 4.
async fn report(worse: bool) -> FollowReport {
    let model = Timed::new((0, 0), move |request| {
        let asked = request.query().unwrap();
        match asked {
            _ if asked.contains("content/2") && asked.contains("with 5") => EVIL.to_owned(),
            _ if asked.contains("format") && asked.contains("with 4") && worse => "ok3".to_owned(),
            _ if asked.contains("situation/1") && asked.contains("with 2") => "ok1".to_owned(),
            _ => "ok1 ok2 ok3 ok4 ok5".to_owned(),
        }
    });
    let strict =
        Timed::new((0, 0), |request| list(&(0..asked_about(request)).map(|n| n < 4).collect::<Vec<_>>()));
    let vague =
        ScriptedModel::new(|request| match request.query().unwrap().contains("Task mixed/2 with 5") {
            true => Script::Say("All is <b>well</b>.".to_owned()),
            false => Script::Say(list(&vec![true; asked_about(request)])),
        });
    let mut first = Judge::new("strict", Arc::new(strict), Language::English);
    let set = CalibrationSet::shipped();
    first.rating = Some(rate(&first, &set, &JudgeOptions::default(), None, &()).await.unwrap());
    let second = Judge::new("vague", Arc::new(vague), Language::English);
    let panel = JudgePanel::new(vec![first, second], JudgeOptions::default()).unwrap();
    timeless(run(&model, &six(), &options(), Some(&panel), &()).await.unwrap())
}

/// The same with times that are the same at every run.
fn timeless(mut report: FollowReport) -> FollowReport {
    for item in &mut report.items {
        if let ItemResult::Answered(answered) = &mut item.result {
            (answered.first_token_ms, answered.whole_ms) = (Some(120.0), 500.0);
        }
    }
    report.latency = super::Latency::of(&report.items);
    report
}

/// A checker of XML's well-formedness, for what the templates use: elements, attributes, texts, references, a declaration.
fn well_formed(xml: &str) -> Result<usize, String> {
    let allowed = |c: char| matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    if let Some(c) = xml.chars().find(|c| !allowed(*c)) {
        return Err(format!("the character {c:?}"));
    }
    let text = |text: &str| -> Result<(), String> {
        for part in text.split('&').skip(1) {
            let name = part.split_once(';').ok_or("an & without an end")?.0;
            let known = ["lt", "gt", "amp", "quot", "apos"].contains(&name);
            let number = name.strip_prefix("#x").is_some_and(|hex| u32::from_str_radix(hex, 16).is_ok());
            if !known && !number {
                return Err(format!("the reference {name}"));
            }
        }
        if text.contains("]]>") { Err("]]> in a text".to_owned()) } else { Ok(()) }
    };
    let body = xml.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>").ok_or("no declaration")?;
    let (mut open, mut elements, mut parts) = (Vec::new(), 0, body.split('<'));
    text(parts.next().unwrap_or_default())?;
    for part in parts {
        let (tag, after) = part.split_once('>').ok_or("a tag without an end")?;
        text(after)?;
        if let Some(name) = tag.strip_prefix('/') {
            if open.pop() != Some(name) {
                return Err(format!("</{name}> closes nothing"));
            }
            continue;
        }
        let (tag, empty) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        let quotes = attributes.matches('"').count();
        if !name.chars().all(|c| c.is_ascii_lowercase()) || name.is_empty() || quotes % 2 == 1 {
            return Err(format!("the tag {tag:?}"));
        }
        text(attributes)?;
        elements += 1;
        if !empty {
            open.push(name);
        }
    }
    if open.is_empty() { Ok(elements) } else { Err(format!("{open:?} are not closed")) }
}

#[tokio::test]
async fn a_report_reads_well_in_every_form() {
    let report = report(false).await;
    insta::assert_snapshot!("report.md", report.markdown().unwrap());
    let junit = report.junit().unwrap();
    insta::assert_snapshot!("report.junit", junit);
    // The root, a suite for each of six categories, a case for each of 60 items, and what went wrong with 8 of them.
    let wrong = report.items.iter().filter(|item| item.hard() != Some(true)).count();
    assert_eq!(well_formed(&junit), Ok(1 + 6 + 60 + wrong));
    assert!(!junit.contains("<script>"));
    let html = report.html(None).unwrap();
    assert!(!html.contains("<script") && html.contains("&lt;script&gt;alert(1)"));
    assert!(!html.contains(|c: char| c.is_control() && c != '\n'));
    insta::assert_snapshot!("report.html", html);
}

#[tokio::test]
async fn a_report_survives_json() {
    let report = report(false).await;
    let json = report.json().unwrap();
    let back: FollowReport = serde_json::from_str(&json).unwrap();
    same_json(&serde_json::to_value(&back).unwrap(), &serde_json::to_value(&report).unwrap());
    assert_eq!(back.items.len(), 60);
    let mut one = report;
    one.items.retain(|item| ["mixed/2#5", "content/2#5"].contains(&item.id.as_str()));
    insta::assert_snapshot!("report.json", one.json().unwrap());
}

#[tokio::test]
async fn evidence_has_a_line_for_each_item() {
    let mut report = report(false).await;
    let error = ItemResult::Failed { error: "down".to_owned(), calls: 1 };
    report.items[0] = ItemReport { result: error, ..report.items[0].clone() };
    let lines = report.evidence_items();
    let line = |id: &str| lines.iter().find(|line| line.0 == id).unwrap().clone();
    assert_eq!(lines.len(), 60);
    assert_eq!(lines[0], ("content/1#1".to_owned(), "content/1".to_owned(), None, None));
    assert_eq!(
        line("situation/1#2"),
        ("situation/1#2".to_owned(), "situation/1".to_owned(), Some(false), Some(0.0))
    );
    assert_eq!(line("style/1#4").2, Some(true));
    assert_eq!((line("style/1#5").2, line("style/1#5").3), (None, None), "the judges disagree");
}

#[tokio::test]
async fn a_void_or_failed_run_never_looks_like_a_pass() {
    let model = Timed::new((0, 0), |_| "ok1 ok2 ok3 ok4 ok5".to_owned()).changing_at(3);
    let one = RunOptions { concurrency: std::num::NonZeroUsize::MIN, ..options() };
    let suite = suite(vec![group(Category::Format, "1", false)]);
    let void = run(&model, &suite, &one, None, &()).await.unwrap();
    let junit = void.junit().unwrap();
    assert!(
        junit.contains("errors=\"1\"") && junit.contains("changed from scripted-1 to scripted-2"),
        "{junit}"
    );
    well_formed(&junit).unwrap();
    assert!(
        void.markdown().unwrap().contains("**Void:**")
            && void.html(None).unwrap().contains("class=\"banner\"")
    );
    let down = ScriptedModel::new(|_| Script::Refuse(ErrorKind::ContextLength));
    let failed = run(&down, &suite, &options(), None, &()).await.unwrap();
    assert!(failed.junit().unwrap().contains("failures=\"0\" errors=\"5\""));
    assert!(failed.html(None).unwrap().contains("no answer") && failed.markdown().is_ok());
    assert!(failed.scores.categories.is_empty() && failed.latency.whole_ms.is_none());
}

#[tokio::test]
async fn the_page_shows_what_changed() {
    let (before, after) = (report(false).await, report(true).await);
    let comparison = compare(&before, &after).unwrap();
    insta::assert_snapshot!("compared.html", after.html(Some(&comparison)).unwrap());
    let mut other = comparison;
    other.suite.fingerprint = "another".to_owned();
    assert!(after.html(Some(&other)).is_err());
}

#[test]
fn long_texts_are_cut_with_a_count() {
    let kept = super::KeptText::new(&"é".repeat(ANSWER_KEPT + 7));
    assert_eq!((kept.text.chars().count(), kept.cut), (ANSWER_KEPT, 7));
    assert_eq!(super::KeptText::new(&"é".repeat(ANSWER_KEPT)).cut, 0);
}

fn answered(text: &str) -> FollowReport {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let suite = suite(vec![group(Category::Format, "1", false)]);
    let model = ScriptedModel::new(|_| Script::Say(String::new()));
    let mut report = runtime.block_on(run(&model, &suite, &options(), None, &())).unwrap();
    for item in &mut report.items {
        if let ItemResult::Answered(one) = &mut item.result {
            let answer = super::KeptText::new(text);
            let mut outcome = one.outcome.clone();
            outcome.constraints[0].reason = Some(text.to_owned());
            **one = Answered { answer, outcome, ..(**one).clone() };
        }
    }
    report
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn no_answer_breaks_out_of_a_report(text in "([<>&\"']|\\]\\]>|</pre>|-->|.|\\PC|\u{1}|\u{7f}|\n){0,40}") {
        let report = answered(&text);
        let well = well_formed(&report.junit().unwrap());
        prop_assert!(well.is_ok(), "{well:?}");
        let (html, plain) = (report.html(None).unwrap(), answered("").html(None).unwrap());
        prop_assert_eq!(html.matches("</pre>").count(), plain.matches("</pre>").count());
        prop_assert_eq!(html.matches("</details>").count(), plain.matches("</details>").count());
        prop_assert!(report.markdown().is_ok());
    }
}
