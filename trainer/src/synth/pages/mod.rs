//! Documents: HTML, WARC and JSON lines to main texts with their provenance.
//!
//! ```text
//! files ─ open ─┬─ one page ──────────┐
//!               ├─ WARC ─ HTTP ───────┼─ charset ─ strip ─ parse ─ prune ─ Readability ─ blocks ─ Page
//!               └─ rows ─ (text) ─────┴──────────────────────────────────────────────────────────┘
//!                                             Page ─ quality ─ section
//! ```
//!
//! - [`PageStream`]: pages one at a time or a batch at a time, in memory that the [`Limits`] bound, in the same order in
//!   every run; a run goes on behind any [`Position`];
//! - [`Outcome`] and [`PageCounts`]: every record gives a [`Page`] or a [`Skip`] with file, record and reason;
//! - [`extract`]: the main text of one HTML page;
//! - [`QualitySettings`]: which pages are worth a call to a model; [`language_of`] is part of it;
//! - [`section`]: which part of a page the model is shown.
//!
//! # What is read
//!
//! | what | how it is known | records |
//! |---|---|---|
//! | HTML | `.html`, `.htm`, `.xhtml`, `.shtml`, or by its first tag | the file |
//! | plain text | `.txt`, `.text`, `.md` | the file |
//! | WARC and WET | `.warc`, `.wet`, or by `WARC/1.` | `response` (HTTP 2xx with HTML or text; chunked, gzip, deflate), `conversion`, `resource` |
//! | JSON lines | `.jsonl`, `.ndjson`, or by `{"` | a line: the first of `webpage`, `text`, `raw_content`, `content`, `html` that is a string; `url`; `title` |
//! | JSON | `.json`, or by `[{` | an element of the array, as WebR publishes its pages, or one value after the other |
//! | sitemaps | `sitemap*.xml` directly in an input folder | none; they give files their addresses |
//!
//! Each may be gzipped, in one member or many, which is seen by the first two bytes.

mod blocks;
mod charset;
mod counts;
mod extract;
mod files;
mod finish;
mod gzip;
mod head;
mod http;
mod language;
mod limits;
mod lines;
mod open;
mod page;
mod quality;
mod raw;
mod rows;
mod section;
mod shape;
mod sitemap;
mod stream;
mod strip;
#[cfg(test)]
mod tests;
mod warc;
mod words;

pub use counts::{PageCounts, Skip, SkipReason};
pub use extract::{Extracted, extract};
pub use language::language_of;
pub use limits::Limits;
pub use page::{ContentHash, Language, Page, PageId, Position, Source};
pub use quality::{QualityFlaw, QualitySettings};
pub use section::{Extent, Section, section};
pub use stream::{Outcome, PageStream};
