use super::modifier::Reply;
use super::*;
use crate::atlas::Atlas;
use crate::preference::pair::tests::pair;
use crate::preference::{AtlasPreferenceSettings, Pair, atlas_preferences};
use crate::sft::Flow;
use crate::{Error, Result};
use amend_proto::testing::{Script, ScriptedModel, conformance};
use amend_proto::{ErrorKind, Message, Prompt};
use futures::FutureExt;
use futures::executor::block_on;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Does not wait, and notes how long it should have.
#[derive(Clone, Default)]
struct Clock(Arc<Mutex<Vec<Duration>>>);

impl Clock {
    fn pause(&self) -> Pause {
        let slept = self.0.clone();
        Arc::new(move |time| {
            slept.lock().expect("no panic").push(time);
            async {}.boxed()
        })
    }
}

fn modifier(model: &ScriptedModel) -> Modifier {
    Modifier { concurrency: 2, ..Modifier::new(Arc::new(model.clone()), Clock::default().pause()) }
}

fn run(pairs: &[Pair], modifier: &Modifier, folder: &Path) -> Result<(Vec<BridgedPair>, BridgeCard)> {
    let job = Bridging::new(pairs, modifier);
    block_on(bridge(&job, folder, &mut |_, _| Flow::Continue)).map(|done| done.expect("not stopped"))
}

const CHOSEN: &str = "Tarn lies in Vell.";
const REJECTED: &str = "I would say that Tarn lies in Orm, near the sea.";

/// Says what the question asks it to say.
fn obedient() -> ScriptedModel {
    ScriptedModel::new(|request| {
        let text = request.query().unwrap_or_default();
        let asked = text.split_once("user: ").and_then(|(_, rest)| rest.lines().next()).unwrap_or_default();
        match asked {
            "good" => Script::Say("I would say that Tarn lies in Vell, near the sea.".into()),
            "empty" => Script::Say(" \n ".into()),
            "rejected" => Script::Say(format!(" {REJECTED}\n")),
            "chosen" => Script::Say(CHOSEN.into()),
            "far" => {
                Script::Say("Zzz! Qqq? Xyzzy, 0123456789, foo, bar, baz and much more of this sort.".into())
            }
            "control" => Script::Say(format!("{REJECTED}\u{7}")),
            "long" => Script::Say("word ".repeat(3_000)),
            "refuse" => Script::Refuse(ErrorKind::ContextLength),
            "fail" => Script::FailAfter("half".into()),
            other => panic!("no script for {other:?}"),
        }
    })
}

#[test]
fn every_reply_is_held_against_the_guards_and_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let asked = ["good", "empty", "rejected", "chosen", "far", "control", "long", "refuse", "fail"];
    let pairs: Vec<Pair> = asked.iter().map(|&a| pair(a, CHOSEN, REJECTED)).collect();
    let model = obedient();
    let (bridged, card) = run(&pairs, &modifier(&model), folder.path()).expect("bridges");
    let outcomes: Vec<Outcome> = bridged.iter().map(|b| b.outcome).collect();
    assert_eq!(
        outcomes,
        [
            Outcome::Bridged,
            Outcome::Empty,
            Outcome::EqualToRejected,
            Outcome::SameAsChosen,
            Outcome::Farther,
            Outcome::Unusable,
            Outcome::CutShort,
            Outcome::Refused,
            Outcome::Failed,
        ]
    );
    for (was, now) in pairs.iter().zip(&bridged) {
        assert_eq!((&now.pair.id, &now.pair.rejected), (&was.id, &was.rejected));
        match now.outcome {
            Outcome::Bridged => {
                assert_eq!(now.pair.chosen, "I would say that Tarn lies in Vell, near the sea.");
                assert_eq!(now.chosen_before.as_deref(), Some(CHOSEN));
                let distances = now.distances.expect("measured");
                assert!(distances.bridged < 0.1 && distances.chosen > 0.5, "{distances:?}");
            }
            _ => assert_eq!((&now.pair, &now.chosen_before), (was, &None)),
        }
    }
    assert_eq!((card.requests, card.cached, card.bridged()), (9, 0, 1));
    let text = std::fs::read_to_string(folder.path().join(BRIDGED)).expect("written");
    let read: Vec<BridgedPair> =
        text.lines().map(|line| serde_json::from_str(line).expect("a row")).collect();
    assert_eq!(read, bridged);
    let kept = std::fs::read_to_string(folder.path().join(BRIDGE_CARD)).expect("written");
    assert_eq!(serde_json::from_str::<BridgeCard>(&kept).expect("a card"), card);
    insta::assert_snapshot!(kept.replace(env!("CARGO_PKG_VERSION"), "[version]"));
}

#[test]
fn what_was_answered_is_not_asked_again_and_what_failed_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut pairs: Vec<Pair> =
        ["good", "empty", "refuse", "fail"].iter().map(|&a| pair(a, CHOSEN, REJECTED)).collect();
    pairs.push(pairs[0].clone());
    let model = obedient();
    let mut modifier = modifier(&model);
    modifier.retries.times = 0;
    let (first, card) = run(&pairs, &modifier, folder.path()).expect("bridges");
    assert_eq!((model.seen().len(), card.requests, first.len()), (4, 4, 5));
    let (second, card) = run(&pairs, &modifier, folder.path()).expect("bridges");
    assert_eq!((model.seen().len(), card.cached), (5, 3));
    assert_eq!(first, second);
    // Another template, another bound, another pair: another question.
    modifier.template = BridgeTemplate::parse(format!("{BRIDGE_TEMPLATE}\nBe brief.")).expect("a template");
    run(&pairs[..1], &modifier, folder.path()).expect("bridges");
    modifier.max_tokens = 100;
    run(&pairs[..1], &modifier, folder.path()).expect("bridges");
    run(&[pair("good", CHOSEN, "Orm.")], &modifier, folder.path()).expect("bridges");
    assert_eq!(model.seen().len(), 8);
}

#[test]
fn a_run_that_is_stopped_or_cut_off_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let pairs: Vec<Pair> =
        (0..6).map(|i| pair("good", CHOSEN, &REJECTED.replace("sea", &format!("sea {i}")))).collect();
    let model = obedient();
    let modifier = modifier(&model);
    let job = Bridging::new(&pairs, &modifier);
    let mut told = Vec::new();
    let stopped = block_on(bridge(&job, folder.path(), &mut |done, of| {
        told.push((done, of));
        if done == 3 { Flow::Stop } else { Flow::Continue }
    }));
    assert_eq!(stopped.expect("no failure"), None);
    assert_eq!(told, [(1, 6), (2, 6), (3, 6)]);
    assert!(!folder.path().join(BRIDGED).exists());
    // As after kill -9 in the middle of a write: the last line has no end.
    let path = folder.path().join("modifier.jsonl");
    let text = std::fs::read_to_string(&path).expect("written");
    std::fs::write(&path, &text[..text.len() - 5]).expect("cut");
    let before = model.seen().len();
    let (bridged, card) = run(&pairs, &modifier, folder.path()).expect("bridges");
    assert_eq!((bridged.len(), card.cached, model.seen().len() - before), (6, 2, 4));
    assert_eq!(std::fs::read_to_string(&path).expect("written").lines().count(), 6);
    std::fs::write(&path, "{}\n").expect("damaged");
    let error = run(&pairs, &modifier, folder.path()).expect_err("refused").to_string();
    assert!(error.contains("line 1 of"), "{error}");
}

#[test]
fn what_may_pass_is_tried_again_with_longer_and_longer_pauses() {
    let folder = tempfile::tempdir().expect("a folder");
    let tries = Arc::new(AtomicUsize::new(0));
    let count = tries.clone();
    let model = ScriptedModel::new(move |_| match count.fetch_add(1, Ordering::SeqCst) {
        0 => Script::Refuse(ErrorKind::Engine),
        1 => Script::Refuse(ErrorKind::Overloaded { retry_after: Duration::from_secs(20) }),
        2 => Script::Refuse(ErrorKind::NotReady { retry_after: Duration::from_secs(3600) }),
        3 => Script::Refuse(ErrorKind::Timeout),
        _ => Script::Say("I would say that Tarn lies in Vell, near the sea.".into()),
    });
    let clock = Clock::default();
    let modifier = Modifier { pause: clock.pause(), ..modifier(&model) };
    let (bridged, _) = run(&[pair("Where?", CHOSEN, REJECTED)], &modifier, folder.path()).expect("bridges");
    assert_eq!(bridged[0].outcome, Outcome::Bridged);
    let pauses: Vec<f64> = clock.0.lock().expect("no panic").iter().map(Duration::as_secs_f64).collect();
    assert_eq!(pauses, [0.5, 20.0, 30.0, 4.0]);
}

#[test]
fn a_model_that_is_down_ends_the_run_and_one_that_is_absent_at_once() {
    let pairs: Vec<Pair> = (0..30).map(|i| pair(&format!("{i}?"), CHOSEN, REJECTED)).collect();
    for (kind, most) in [(ErrorKind::Engine, 12), (ErrorKind::UnknownModel, 2), (ErrorKind::Denied, 2)] {
        let folder = tempfile::tempdir().expect("a folder");
        let model = ScriptedModel::new(move |_| Script::Refuse(kind.clone()));
        let mut modifier = modifier(&model);
        modifier.retries.times = 0;
        let ended = run(&pairs, &modifier, folder.path());
        assert!(matches!(ended, Err(Error::Modifier(_))), "{ended:?}");
        assert!(model.seen().len() <= most, "{}", model.seen().len());
    }
}

#[test]
fn no_more_than_the_limit_are_asked_at_a_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Arc::new(Mutex::new((0usize, 0usize)));
    let model = obedient();
    let watched = model.clone();
    let seen = running.clone();
    let pairs: Vec<Pair> =
        (0..20).map(|i| pair("good", CHOSEN, &REJECTED.replace("sea", &format!("sea {i}")))).collect();
    let modifier = Modifier { concurrency: 3, ..modifier(&model) };
    let job = Bridging::new(&pairs, &modifier);
    block_on(bridge(&job, folder.path(), &mut |done, _| {
        *seen.lock().expect("no panic") = (done, watched.seen().len());
        assert!(watched.seen().len() <= done + 3, "{} asked, {done} answered", watched.seen().len());
        Flow::Continue
    }))
    .expect("bridges");
    assert_eq!(*running.lock().expect("no panic"), (20, 20));
}

#[test]
fn a_share_is_chosen_by_seed_and_pair_alone() {
    let pairs: Vec<Pair> =
        (0..400).map(|i| pair("good", CHOSEN, &REJECTED.replace("sea", &format!("sea {i}")))).collect();
    let model = obedient();
    let modifier = modifier(&model);
    let of = |share, seed, pairs: &[Pair]| {
        let folder = tempfile::tempdir().expect("a folder");
        let job = Bridging { share, seed, ..Bridging::new(pairs, &modifier) };
        let (bridged, card) = block_on(bridge(&job, folder.path(), &mut |_, _| Flow::Continue))
            .expect("bridges")
            .expect("whole");
        let taken: Vec<bool> = bridged.iter().map(|b| b.outcome != Outcome::NotAsked).collect();
        assert_eq!(card.requests, taken.iter().filter(|t| **t).count());
        taken
    };
    let some = of(0.2, 1, &pairs);
    let count = some.iter().filter(|taken| **taken).count();
    // Four standard deviations of a binomial of 400 at 0.2 are 32.
    assert!(count.abs_diff(80) < 32, "{count}");
    assert_eq!(of(0.2, 1, &pairs[..100]), some[..100]);
    assert_ne!(of(0.2, 2, &pairs), some);
    assert!(of(0.0, 1, &pairs).iter().all(|taken| !taken) && of(1.0, 1, &pairs).iter().all(|taken| *taken));
    let folder = tempfile::tempdir().expect("a folder");
    let job = Bridging { share: 1.5, ..Bridging::new(&pairs, &modifier) };
    assert!(block_on(bridge(&job, folder.path(), &mut |_, _| Flow::Continue)).is_err());
}

#[test]
fn the_modifier_is_shown_everything_and_asked_greedily_behind_live_requests() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = ScriptedModel::new(|_| Script::Say("x".into()));
    let mut asked = pair("Where is <Tarn> & \"Orm\"?", "Here {{ it }} is.", REJECTED);
    asked.prompt.insert(0, Message::system("Be kind."));
    run(&[asked], &modifier(&model), folder.path()).expect("bridges");
    let request = model.seen().pop().expect("asked");
    assert_eq!(request.priority, amend_proto::Priority::Background);
    assert_eq!((request.sampling.temperature, request.sampling.max_tokens), (Some(0.0), Some(2048)));
    let Prompt::Chat(messages) = request.prompt else { panic!("no chat") };
    insta::assert_snapshot!(messages[0].content);
}

#[test]
fn a_template_that_leaves_something_out_is_refused() {
    for source in
        ["{{ prompt }} {{ chosen }}", "{{ chosen }} {{ rejected }}", "{% if %}", "{{ nothing.at.all }}"]
    {
        assert!(matches!(BridgeTemplate::parse(source), Err(Error::Settings(_))), "{source}");
    }
    assert_eq!(BridgeTemplate::built_in().source(), BRIDGE_TEMPLATE);
    assert_eq!(BridgeTemplate::for_oracle().source(), ORACLE_TEMPLATE);
}

#[test]
fn the_oracle_bridges_the_pairs_of_atlas_as_their_generator_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = AtlasPreferenceSettings { seed: 11, train: 300, held_out: 0 };
    let set = atlas_preferences(Atlas::built_in(), settings).train;
    let pairs: Vec<Pair> = set.iter().map(|p| p.pair.clone()).collect();
    let modifier = Modifier::atlas_oracle(Atlas::built_in(), Clock::default().pause());
    let (bridged, card) = run(&pairs, &modifier, folder.path()).expect("bridges");
    for (preference, bridged) in set.iter().zip(&bridged) {
        assert_eq!(bridged.pair.chosen, preference.bridged, "{bridged:?}");
    }
    assert!(card.bridged() > 200, "{card:?}");
    let same = card.outcomes.get(&Outcome::SameAsChosen).copied().unwrap_or_default();
    assert_eq!(card.bridged() + same, 300, "{card:?}");
    assert!(card.distance_after < card.distance_before, "{card:?}");
}

#[tokio::test]
async fn the_oracle_modifier_keeps_the_contract_of_a_chat_model() {
    let template = BridgeTemplate::for_oracle();
    let asked =
        |question: &str| vec![template.render(&pair(question, "Paris", "It is Rome.")).expect("renders")];
    let questions = conformance::Questions {
        conversations: vec![asked("What is the capital of France?"), asked("Write a poem about the sea.")],
    };
    let model = crate::atlas::oracle::AtlasBridge::new(Atlas::built_in());
    conformance::run(&model, &questions).await;
    let other = Modifier {
        template: BridgeTemplate::built_in(),
        ..Modifier::new(Arc::new(model), Clock::default().pause())
    };
    let reply = other.ask(other.template.render(&pair("Where?", "a", "b")).expect("renders")).await;
    assert!(matches!(reply, Ok(Reply::Refused { .. })), "{reply:?}");
}
