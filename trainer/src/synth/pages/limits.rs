//! What a single document may cost.

use serde::{Deserialize, Serialize};

/// Bounds on what one record may take, so that memory does not depend on the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// The largest page, in bytes after unpacking. A larger one is skipped. The tree of a page takes some twenty times
    /// its size while it is read.
    pub page_bytes: usize,
    /// The longest line or element of a JSON file, in bytes: a text in JSON may be written with escapes.
    pub row_bytes: usize,
    /// How many times its own size what is compressed may unpack to. Text comes to 3 to 30; deflate can reach 1,032.
    pub expansion: u64,
    /// The most tags of a page.
    pub tags: usize,
    /// The deepest nesting of a page's elements.
    pub depth: usize,
    /// The most addresses taken from the sitemaps of one folder, each some hundred bytes of memory.
    pub sitemap_urls: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            page_bytes: 8 << 20,
            row_bytes: 32 << 20,
            expansion: 200,
            tags: 200_000,
            depth: 256,
            sitemap_urls: 500_000,
        }
    }
}
