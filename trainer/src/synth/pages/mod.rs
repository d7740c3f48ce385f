//! Documents: HTML, WARC and JSON lines to main texts with their provenance.

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
