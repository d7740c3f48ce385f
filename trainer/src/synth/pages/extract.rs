//! The main text of an HTML page.
//!
//! Mozilla's Readability (`dom_smoothie`) finds the element with the text. It is made for articles: on forums, lists and
//! short notices it takes one part for the whole, and it drops lists, tables and code that are short. So what surrounds a text on most pages is taken out first, by its
//! name. Of the blocks that are left, Readability says where the text begins and ends; where that is less than a share of
//! them, they are all the text.
//!
//! Measured by `amend bench synth --labelled` in one run on 28 labelled pages of our own writing (words of text and label as
//! multisets; 95 % bootstrap interval over pages) and on 200 made pages of 20 to 200 KB:
//!
//! | | precision | recall | F1 | MB a CPU second |
//! |---|---|---|---|---|
//! | this | 0.982 | 0.991 | 0.986 (0.973 to 0.995) | 71 |
//! | trafilatura 2.3.1 | 0.954 | 0.957 | 0.947 (0.907 to 0.977) | 12.5 |
//! | trafilatura 2.3.1 without comments | 0.964 | 0.957 | 0.953 (0.913 to 0.982) | |
//!
//! The rules were adjusted once with a look at these pages (F1 was 0.963 before), so that the figure is one of pages that
//! were seen. The crate `trafilatura`, a port, would bring a third parser and a second Readability.

use super::blocks::{Block, Kind, blocks, name};
use super::counts::{Fault, SkipReason};
use super::limits::Limits;
use super::shape::prune;
use super::strip::strip;
use dom_query::{Document, NodeRef};
use dom_smoothie::{Config, Readability};
use rustc_hash::FxHashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What Readability finds is taken when it has at least this share of the letters of all blocks, links left out.
const ENOUGH: f64 = 0.6;
/// Below so many letters, Readability's text counts for nothing when no other rule finds text: it takes what there is,
/// the navigation if need be.
const SOME: usize = 200;
/// A block with more than this share of its letters in links is navigation.
const MOSTLY_LINKS: f64 = 0.6;

/// What a page says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extracted {
    /// The title.
    pub title: Option<String>,
    /// The address that the page gives itself: its `canonical` link, or `og:url`.
    pub url: Option<String>,
    /// The main text in reading order.
    pub paragraphs: Vec<String>,
}

/// Finds the main text of a page.
///
/// # Errors
/// Why there is none, and what exactly is wrong: [`SkipReason::TooComplex`], [`SkipReason::NoMainText`], or
/// [`SkipReason::ExtractorFailed`] when the library panics, which nobody has seen it do.
pub fn extract(html: &str, limits: &Limits) -> Result<Extracted, (SkipReason, String)> {
    main_text(html, limits).map_err(|fault| (fault.reason, fault.detail))
}

pub(super) fn main_text(html: &str, limits: &Limits) -> Result<Extracted, Fault> {
    let stripped = strip(html, limits)?;
    // A page must not end a run of millions, whatever the library makes of it.
    catch_unwind(AssertUnwindSafe(|| from_stripped(stripped)))
        .unwrap_or_else(|_| Err(Fault::record(SkipReason::ExtractorFailed, "the extractor panicked")))
}

fn from_stripped(html: String) -> Result<Extracted, Fault> {
    let document = Document::from(html);
    let url = own_url(&document);
    let own_title = title(&document);
    let Some(body) = document.body() else {
        return Err(Fault::record(SkipReason::NoMainText, "the page has no body"));
    };
    let headline = headline(&body, own_title.as_deref());
    prune(&body);
    let all = without_links(blocks(body));
    let config = Config { disable_json_ld: true, ..Config::default() };
    let article = Readability::with_document(document, None, Some(config)).and_then(|mut r| r.parse());
    let article = article.map_or_else(|_| Vec::new(), |found| article_blocks(&found.content));
    let mut paragraphs: Vec<String> = choose(all, article).into_iter().map(|block| block.text).collect();
    if paragraphs.is_empty() {
        return Err(Fault::record(
            SkipReason::NoMainText,
            "no text is left without navigation, scripts and forms",
        ));
    }
    let title = own_title.or_else(|| headline.clone());
    // Readability takes the headline for the title and leaves it out.
    if let Some(headline) = headline.filter(|headline| !paragraphs.iter().take(3).any(|p| p == headline)) {
        paragraphs.insert(0, headline);
    }
    Ok(Extracted { title, url, paragraphs })
}

/// The blocks of the page from the first to the last that Readability took: what it drops in between are lists, tables
/// and code with few commas, hardly ever navigation, which is out already. All blocks when that is too little of them.
fn choose(all: Vec<Block>, article: Vec<Block>) -> Vec<Block> {
    if letters(&all) == 0 {
        return if letters(&article) < SOME { Vec::new() } else { article };
    }
    let taken: FxHashSet<&str> = article.iter().map(|block| block.text.as_str()).collect();
    let is_taken = |block: &Block| taken.contains(block.text.as_str());
    let (first, last) = (all.iter().position(is_taken), all.iter().rposition(is_taken));
    let (Some(mut first), Some(mut last)) = (first, last) else {
        let is_enough = letters(&article) as f64 >= ENOUGH * letters(&all) as f64;
        return if is_enough { article } else { all };
    };
    let belongs = |block: &Block| !matches!(block.kind, Kind::Text | Kind::Heading);
    while all.get(last + 1).is_some_and(belongs) {
        last += 1;
    }
    while first > 0 && all[first - 1].kind != Kind::Text {
        first -= 1;
    }
    let is_enough = letters(&all[first..=last]) as f64 >= ENOUGH * letters(&all) as f64;
    if is_enough { all[first..=last].to_vec() } else { all }
}

fn article_blocks(content: &str) -> Vec<Block> {
    let document = Document::fragment(content);
    without_links(blocks(document.root()))
}

fn letters(blocks: &[Block]) -> usize {
    blocks.iter().map(|block| block.letters - block.linked).sum()
}

/// Drops what is mostly links, and the headings over nothing.
fn without_links(mut blocks: Vec<Block>) -> Vec<Block> {
    blocks.retain(|block| {
        block.kind == Kind::Heading || block.linked as f64 <= MOSTLY_LINKS * block.letters as f64
    });
    while blocks.last().is_some_and(|block| block.kind == Kind::Heading) && blocks.len() > 1 {
        blocks.pop();
    }
    blocks
}

fn title(document: &Document) -> Option<String> {
    some_text(&document.head()?.descendants_it().find(|node| node.has_name("title"))?)
}

/// The only heading of the first order, or the first of the second order with which the title begins.
fn headline(body: &NodeRef<'_>, title: Option<&str>) -> Option<String> {
    let mut first = body.descendants_it().filter(|node| node.has_name("h1"));
    match (first.next(), first.next()) {
        (Some(only), None) => some_text(&only),
        (Some(_), Some(_)) => None,
        (None, _) => {
            let mut second = body.descendants_it().filter(|node| node.has_name("h2"));
            let found = second.find_map(|node| some_text(&node))?;
            title?.starts_with(&found).then_some(found)
        }
    }
}

fn some_text(node: &NodeRef<'_>) -> Option<String> {
    let text = node.text();
    let text: Vec<&str> = text.split_whitespace().collect();
    (!text.is_empty()).then(|| text.join(" "))
}

fn own_url(document: &Document) -> Option<String> {
    let head = document.head()?;
    let found = head.descendants_it().find_map(|node| {
        let is =
            |attr: &str, value: &str| node.attr(attr).is_some_and(|found| found.eq_ignore_ascii_case(value));
        match &*name(&node)? {
            "link" if is("rel", "canonical") => node.attr("href"),
            "meta" if is("property", "og:url") => node.attr("content"),
            _ => None,
        }
    })?;
    found.starts_with("http").then(|| found.trim().to_owned())
}
