//! WARC files, plain and gzipped.

use super::*;
use proptest::prelude::*;

fn urls(pages: &[Page]) -> Vec<&str> {
    pages.iter().filter_map(|page| page.url.as_deref()).collect()
}

#[test]
fn responses_and_conversions_come_out_whatever_their_encoding() {
    let page = |n: usize| html(&sentence(n)).into_bytes();
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), Compression::default());
    zlib.write_all(&page(5)).expect("in memory");
    let records = [
        record("warcinfo", "application/warc-fields", 0, b"software: none\r\n"),
        record("request", "application/http; msgtype=request", 1, b"GET / HTTP/1.1\r\n\r\n"),
        response(1, "", &page(1)),
        response(2, "Transfer-Encoding: chunked\r\n", &chunked(&page(2), 100)),
        response(3, "Content-Encoding: gzip\r\n", &gzip(&page(3))),
        response(4, "Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", &chunked(&gzip(&page(4)), 7)),
        response(5, "Content-Encoding: deflate\r\n", &zlib.finish().expect("in memory")),
        // Kept as they were understood, under the head that was sent.
        response(6, "Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", &page(6)),
        record("conversion", "text/plain", 7, format!("A heading\n{}\n", sentence(7)).as_bytes()),
        record("response", "text/dns", 8, b"a.example 60 IN A 127.0.0.1"),
        record("metadata", "application/warc-fields", 9, b"x: y"),
    ];
    let expected: Vec<String> = (1..=7).map(|n| format!("http://a.example/{n}")).collect();
    let members: Vec<u8> = records.iter().flat_map(|record| gzip(record)).collect();
    for (name, bytes) in
        [("a.warc", records.concat()), ("a.warc.gz", members), ("b.warc.gz", gzip(&records.concat()))]
    {
        let (pages, skips) = of_file(name, &bytes);
        assert_eq!(
            (urls(&pages), skips),
            (expected.iter().map(String::as_str).collect(), Vec::new()),
            "{name}"
        );
        for (n, page) in pages.iter().enumerate() {
            assert!(page.text().contains(&sentence(n + 1)), "{name}: {page:?}");
            assert!(!page.text().contains("Home"), "{name}: {page:?}");
            assert_eq!(page.language.as_ref().map(|l| l.code.as_str()), Some("eng"));
        }
        assert_eq!(pages[6].paragraphs, ["A heading".to_owned(), sentence(7)]);
        assert_eq!(pages[0].source.record, 3, "records are counted, whatever they are");
    }
}

#[test]
fn what_is_no_page_is_said_with_its_reason() {
    let page = html(&sentence(1)).into_bytes();
    let error = b"HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\n\r\n<p>gone</p>".to_vec();
    let image = b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n\x89PNG".to_vec();
    let http = "application/http; msgtype=response";
    let records = [
        record("response", http, 1, &error),
        record("response", http, 2, &image),
        response(3, "Content-Encoding: br\r\n", b"\x1b\x05\x00"),
        response(4, "Content-Encoding: gzip\r\n", &gzip(&page)[..40]),
        response(5, "Transfer-Encoding: chunked\r\n", &chunked(&page, 50)[..80]),
        response(6, "", b"<html><body><script>render()</script><nav>Home</nav></body></html>"),
        record("response", http, 7, b"nonsense"),
        b"WARC/1.0\r\nWARC-Type: response\r\n\r\n".to_vec(),
        b"garbage between the records\r\n".to_vec(),
        response(8, "", &page),
    ];
    let (pages, skips) = of_file("a.warc", &records.concat());
    assert_eq!(urls(&pages), ["http://a.example/8"]);
    let expected = [
        SkipReason::HttpStatus,
        SkipReason::NotText,
        SkipReason::UnknownEncoding,
        SkipReason::Truncated,
        SkipReason::Truncated,
        SkipReason::NoMainText,
        SkipReason::Malformed,
        SkipReason::Malformed,
        SkipReason::Malformed,
    ];
    assert_eq!(skips, expected);
}

#[test]
fn a_truncated_file_gives_the_records_before_and_one_count() {
    let records: Vec<Vec<u8>> = (0..4).map(|n| response(n, "", html(&sentence(n)).as_bytes())).collect();
    let whole = records.concat();
    let cut = whole.len() - 60;
    let (pages, skips) = of_file("a.warc", &whole[..cut]);
    assert_eq!((pages.len(), skips), (3, vec![SkipReason::Truncated]));
    let members: Vec<u8> = records.iter().flat_map(|record| gzip(record)).collect();
    let (pages, skips) = of_file("a.warc.gz", &members[..members.len() - 60]);
    assert_eq!((pages.len(), skips), (3, vec![SkipReason::Truncated]));
    let mut damaged = members.clone();
    let second = gzip(&records[0]).len();
    damaged[second..second + 10].fill(0xaa);
    let (pages, skips) = of_file("a.warc.gz", &damaged);
    assert_eq!((pages.len(), skips), (1, vec![SkipReason::DamagedGzip]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Pages of a well-formed WARC come out, however its bytes are cut into members, chunks and reads.
    #[test]
    fn pages_come_out_whatever_the_chunking(
        lengths in proptest::collection::vec(1_usize..40, 1..6),
        chunk in 1_usize..2000,
        member in 1_usize..5000,
        zipped in any::<bool>(),
    ) {
        let texts: Vec<String> =
            lengths.iter().enumerate().map(|(n, length)| sentence(n).repeat(*length)).collect();
        let warc: Vec<u8> = texts
            .iter()
            .enumerate()
            .flat_map(|(n, text)| {
                let body = html(text).into_bytes();
                let head = if zipped { "Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n" } else { "Transfer-Encoding: chunked\r\n" };
                response(n, head, &chunked(&if zipped { gzip(&body) } else { body }, chunk))
            })
            .collect();
        // Members need not be records.
        let packed: Vec<u8> = warc.chunks(member).flat_map(gzip).collect();
        let (pages, skips) = of_file("a.warc.gz", &packed);
        prop_assert_eq!(skips, Vec::new());
        let found: Vec<String> = pages.iter().map(Page::text).collect();
        prop_assert_eq!(found, texts);
    }
}
