//! The table, the promises and the form of the JSON, from made-up measurements.

use super::*;
use crate::bench::{
    latency::Latency,
    scale::report::{Concurrent, Generated, Hybrid, Import, Imported, Nearest, Opening, SCHEMA, Served},
};

fn latency(p99_ms: f64) -> Latency {
    Latency { count: 100, p50_ms: p99_ms / 2.0, p99_ms, max_ms: p99_ms * 3.0 }
}

fn lookups(p99_ms: f64) -> BTreeMap<Asks, Lookups> {
    let of = |p99_ms| Lookups { latency: latency(p99_ms), cpu_ms: 0.1, as_wanted: 0.97, given_edits: 0.0 };
    BTreeMap::from([(Asks::InScope, of(p99_ms / 4.0)), (Asks::Generic, of(p99_ms))])
}

fn adds(p99_ms: f64) -> Adds {
    let (visible, disk_sync, besides_sync) = (latency(p99_ms), latency(1.5), latency(p99_ms - 1.5));
    Adds { visible, seen: 1.0, disk_sync, besides_sync }
}

fn size(edits: usize) -> SizeReport {
    let (bytes, seconds) = (edits as u64 * 50, edits as f64 / 25_000.0);
    let import = |edits: u64| Import {
        edits,
        seconds,
        cpu_seconds: seconds * 1.5,
        edits_a_second: 25_000.0,
        writes_beside: (edits < 1_000).then(|| latency(14.0)),
    };
    let open = Opening { edits, seconds: 0.5, cpu_seconds: 0.9, memory_bytes: bytes * 10 };
    let concurrent = Concurrent {
        clients: 8,
        lookups: latency(3.0),
        lookups_a_second: 9_000.0,
        writes: latency(4.0),
        seen: 1.0,
    };
    SizeReport {
        edits,
        generated: Generated { text_bytes: bytes, all_bytes: bytes * 2, questions: 500 },
        imported: Imported {
            alone: import(edits as u64),
            beside: import(edits as u64 / 20),
            memory_bytes: bytes * 11,
            load: 1.25,
        },
        served: Served {
            open,
            lookups: lookups(1.2),
            concurrent,
            adds: adds(6.0),
            rolled_back: edits / 20,
            roll_back_seconds: 0.3,
            load: 2.5,
        },
        adds_in_memory: Some(adds(3.0)),
        dense: None,
    }
}

fn dense(edits: usize) -> SizeReport {
    let lexical = size(edits);
    let open = Opening { memory_bytes: edits as u64 * 1_400, ..lexical.served.open };
    let hybrid = Hybrid { open, lookups: lookups(4.5), concurrent: lexical.served.concurrent, load: 2.0 };
    let nearest = Nearest {
        dim: 384,
        top: 3,
        questions: 240,
        index: latency(2.0),
        exhaustive: latency(180.0),
        recall: 0.997,
        recall_without_sketches: 0.998,
        recall_by_kind: BTreeMap::from([(Asks::InScope, 0.999)]),
        exhaustive_gives_generic: 1.0,
    };
    SizeReport { dense: Some(Dense { hybrid, nearest }), ..lexical }
}

fn report(sizes: Vec<SizeReport>) -> ScaleReport {
    ScaleReport { schema: SCHEMA, seed: 1, processors: 2, figures: Figure::all(&sizes), sizes }
}

#[test]
fn the_table_is_kept() {
    insta::assert_snapshot!(report(vec![size(10_000), dense(1_000_000)]).to_string());
}

#[test]
fn the_json_is_kept() {
    insta::assert_json_snapshot!(report(vec![dense(10_000)]));
}

#[test]
fn only_the_largest_size_must_keep_the_promises() {
    let mut slow = size(1_000);
    slow.served.open.seconds = 60.0;
    assert!(report(vec![slow.clone(), size(10_000)]).holds());
    let missed = report(vec![size(1_000), slow]);
    assert!(!missed.holds());
    let names: Vec<&str> = missed
        .figures
        .iter()
        .filter(|figure| figure.holds == Some(false))
        .map(|figure| figure.name)
        .collect();
    assert_eq!(names, ["open, s"]);
    assert!(missed.to_string().contains("≤ 10  MISSED"));
}

#[test]
fn without_a_place_in_memory_the_disk_counts() {
    let mut on_disk = size(1_000);
    on_disk.adds_in_memory = None;
    assert!(report(vec![on_disk.clone()]).holds());
    on_disk.served.adds.besides_sync = latency(7.0);
    assert!(!report(vec![on_disk]).holds());
}

#[test]
fn every_dense_promise_can_be_missed() {
    let spoil: [fn(&mut Dense); 4] = [
        |dense| dense.hybrid.lookups = lookups(5.5),
        |dense| dense.nearest.recall = 0.98,
        |dense| dense.hybrid.open.memory_bytes *= 2,
        |dense| {
            dense.hybrid.lookups.values_mut().for_each(|lookups| lookups.given_edits = 0.01);
        },
    ];
    assert!(report(vec![dense(1_000)]).holds());
    for spoil in spoil {
        let mut spoilt = dense(1_000);
        spoilt.dense.as_mut().into_iter().for_each(spoil);
        assert!(!report(vec![spoilt]).holds());
    }
}
