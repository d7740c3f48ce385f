use super::report::{Growth, Lengths, Report, Row};
use super::*;
use crate::bmc::Sharing;
use crate::decoder::Activations;
use crate::tokenizer::{ChatTokenizer, Supervision};
use amend_proto::Message;

fn tiny() -> Workload {
    let shape = Shape { vocabulary: 1_400, width: 32, layers: 1 };
    let prompts = Prompts { prompt_words: 24, answer_words: 8 };
    Workload { pairs: 2, steps: 3, rank: 2, ..Workload::new(shape, prompts, 1) }
}

/// What TRL is given as text is, token for token, what our side trains.
#[test]
fn the_folder_says_the_same_to_both_sides() {
    let folder = tempfile::tempdir().expect("a folder");
    let workload = tiny();
    workload.write(folder.path()).expect("written");
    assert_eq!(Workload::read(folder.path()).expect("read"), workload);
    let tokenizer = ChatTokenizer::load(&folder.path().join("model")).expect("a tokenizer");
    let lines = std::fs::read_to_string(folder.path().join("pairs.jsonl")).expect("pairs");
    let lines: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).expect("json")).collect();
    let pairs = workload.preference_pairs();
    assert_eq!((lines.len(), pairs.len()), (2, 2));
    for (line, pair) in lines.iter().zip(&pairs) {
        for (field, answer) in [("chosen", &pair.chosen), ("rejected", &pair.rejected)] {
            let [prompt, answered] = ["prompt", field].map(|name| line[name].as_str().expect("text"));
            let conversation = [pair.prompt.as_slice(), &[Message::assistant(answer)]].concat();
            let ours = tokenizer.example(&conversation, Supervision::LastAnswer).expect("an example");
            let theirs = tokenizer.encode(&format!("{prompt}{answered}")).expect("tokens");
            assert_eq!(ours.ids, theirs);
        }
    }
}

#[test]
#[cfg(target_os = "linux")]
fn both_of_our_sides_measure_the_same_training() {
    let folder = tempfile::tempdir().expect("a folder");
    tiny().write(folder.path()).expect("written");
    let [apart, shared] =
        [Side::Apart, Side::Shared].map(|side| measure(folder.path(), side).expect("measured"));
    assert_eq!((apart.tokens, apart.timed_steps, apart.losses.len()), (shared.tokens, 2, 3));
    assert!(apart.losses[2] < apart.losses[0], "{:?}", apart.losses);
    for (a, b) in apart.losses.iter().zip(&shared.losses) {
        assert!((a - b).abs() <= 1e-5 * b, "{a} {b}");
    }
    assert!(apart.seconds > 0.0 && apart.peak_mib >= apart.before_mib);
}

fn row(lengths: Lengths, side: &str, (speed, peak, loss): (f64, f64, f64)) -> Row {
    let measured = Measured {
        tokens: 1_000,
        timed_steps: 3,
        seconds: 3_000.0 / speed,
        cpu_seconds: 3_000.0 / speed,
        losses: vec![0.7, loss],
        before_mib: 50.0,
        peak_mib: peak,
        adds_mib: peak - 50.0,
        version: format!("{side} 1.0"),
    };
    Row::new(lengths, side.to_owned(), &measured)
}

fn report(growth: Vec<Growth>) -> Report {
    let rows = [Lengths::Short, Lengths::Long].into_iter().flat_map(|lengths| {
        [
            row(lengths, "apart", (2_000.0, 400.0, 0.65)),
            row(lengths, "shared", (3_000.0, 300.0, 0.650_000_1)),
            row(lengths, "TRL", (1_600.0, 1_000.0, 0.650_01)),
        ]
    });
    Report::new(tiny(), (1, vec!["ours".into(), "theirs".into()]), (rows.collect(), growth), Some(1.5))
}

#[test]
fn the_report_says_what_is_kept_and_what_is_missed() {
    let flat = |vocabulary, apart_mib| Growth { vocabulary, tokens: 500, apart_mib, shared_mib: 30.0 };
    let kept = report(vec![flat(8_192, 40.0), flat(131_072, 41.0)]);
    assert!(kept.holds(), "{kept}");
    insta::assert_snapshot!(kept);
    assert!(!report(vec![flat(8_192, 40.0), flat(131_072, 60.0)]).holds(), "memory grew");
    let mut slow = kept.rows.clone();
    slow[4].tokens_per_second.best = 1_700.0;
    let slow = Report::new(tiny(), (1, vec![]), (slow, vec![]), None);
    let missed: Vec<_> = slow.figures.iter().filter(|f| !f.holds).map(|f| f.name).collect();
    assert_eq!(missed, ["speed against TRL, long prompts, shared"]);
}

/// Rounds of which each is best at something.
#[test]
fn the_best_of_every_round_counts() {
    let mut best = row(Lengths::Long, "apart", (100.0, 500.0, 0.6));
    let other = Measured {
        tokens: 1_000,
        timed_steps: 3,
        seconds: 10.0,
        cpu_seconds: 4.0,
        losses: vec![0.7, 0.6],
        before_mib: 50.0,
        peak_mib: 450.0,
        adds_mib: 400.0,
        version: String::new(),
    };
    best.add(&other);
    assert_eq!((best.tokens_per_second.best, best.tokens_per_second.worst), (300.0, 100.0));
    assert_eq!(best.peak_mib, 450.0);
    assert!(best.cpu_microseconds_per_token.best < best.cpu_microseconds_per_token.worst);
}

#[test]
fn our_side_is_set_up_as_trl_is() {
    let recipe = Workload { activations: Activations::Recomputed, ..tiny() }.recipe(Sharing::Apart);
    recipe.validate().expect("valid");
    assert_eq!(recipe.schedule(2).total_steps, 3);
    assert_eq!(recipe.schedule(2).warmup_steps, 0);
    assert_eq!(recipe.activations, Activations::Recomputed);
}

#[test]
fn a_vocabulary_without_room_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let shape = Shape { vocabulary: 300, ..tiny().shape };
    let error = Workload { shape, ..tiny() }.write(folder.path()).expect_err("refused");
    assert!(error.to_string().contains("too small"), "{error}");
}
