//! Documents: HTML, WARC and JSON lines to main texts with their provenance.
