use super::*;
use amend_proto::EditId;

fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().expect("an id")
}

fn kept(answers: &[&str]) -> KeptCompletion {
    KeptCompletion {
        id: id("chatcmpl-1"),
        prompt: vec![Message::user("Where is Tarn?")],
        answers: answers.iter().map(|&a| a.to_owned()).collect(),
        tenant: id("acme"),
        revision: id("atlas-3"),
        edits: vec![AppliedEdit { id: id("edit-9"), score: 0.5 }],
        sampling: Sampling { seed: Some(4), ..Sampling::default() },
    }
}

fn says(opinion: Opinion, at: i64) -> Feedback {
    Feedback {
        completion: id("chatcmpl-1"),
        answer: 0,
        opinion,
        author: Some("ada".into()),
        idempotency_key: IdempotencyKey::new("k").ok(),
        created_at: UnixMillis(at),
    }
}

fn texts(pairs: &[Pair]) -> Vec<(&str, &str)> {
    pairs.iter().map(|pair| (pair.chosen.as_str(), pair.rejected.as_str())).collect()
}

fn stars(count: u8) -> Opinion {
    Opinion::Rating(Rating::new(count).expect("a rating"))
}

#[test]
fn a_correction_is_chosen_over_the_answer_and_keeps_where_it_comes_from() {
    let kept = kept(&["In Orm."]);
    let feedback = says(Opinion::Correction("In Vell.".into()), 5);
    let pairs = pairs_of(&kept, &feedback, &Limits::default()).expect("a pair");
    assert_eq!(texts(&pairs), [("In Vell.", "In Orm.")]);
    assert_eq!(pairs[0].prompt, kept.prompt);
    let expected = Provenance {
        source: PairSource::Correction,
        tenant: id("acme"),
        author: Some("ada".into()),
        completion: Some(id("chatcmpl-1")),
        revision: Some(id("atlas-3")),
        edits: kept.edits.clone(),
        sampling: Some(kept.sampling.clone()),
        scores: None,
        idempotency_key: IdempotencyKey::new("k").ok(),
        created_at: UnixMillis(5),
    };
    assert_eq!(pairs[0].provenance, expected);
}

#[test]
fn a_choice_is_chosen_over_every_other_answer_once() {
    let kept = kept(&["a", "b", "a ", "c", "b"]);
    let mut feedback = says(Opinion::Choice, 5);
    feedback.answer = 2;
    let pairs = pairs_of(&kept, &feedback, &Limits::default()).expect("pairs");
    assert_eq!(texts(&pairs), [("a ", "b"), ("a ", "c")]);
    assert_ne!(pairs[0].id, pairs[1].id);
    assert_eq!(pairs[0].provenance.source, PairSource::Choice);
}

#[test]
fn feedback_that_cannot_be_taken_says_why() {
    let limits = Limits::default();
    let say = |kept: &KeptCompletion, feedback: &Feedback| {
        pairs_of(kept, feedback, &limits).expect_err("refused").to_string()
    };
    let one = kept(&["In Orm."]);
    let mut other = says(Opinion::Choice, 5);
    assert!(say(&one, &other).contains("no choice"));
    assert_eq!(say(&kept(&["a", "a"]), &other), "chosen: it is equal to the rejected answer");
    other.answer = 1;
    assert!(say(&one, &other).contains("there is no answer 1"));
    other.completion = id("chatcmpl-2");
    assert!(say(&one, &other).contains("chatcmpl-2"));
    for (text, why) in [("", "correction: it is empty"), (" In Orm.", "equal"), ("\u{1}", "control")] {
        let error = say(&one, &says(Opinion::Correction(text.into()), 5));
        assert!(error.contains(why), "{error}");
    }
    assert!(Rating::new(0).is_none() && Rating::new(6).is_none());
    assert!(serde_json::from_str::<Rating>("6").is_err());
}

#[test]
fn a_thumb_alone_makes_no_pair_and_a_middling_rating_no_verdict() {
    let kept = kept(&["In Orm."]);
    let limits = Limits::default();
    for opinion in [Opinion::Thumb(Thumb::Up), stars(1)] {
        let feedback = says(opinion, 5);
        assert_eq!(pairs_of(&kept, &feedback, &limits), Ok(Vec::new()));
        let verdict = verdict_of(&kept, &feedback, &limits).expect("taken").expect("a verdict");
        assert_eq!(with_opposite(&verdict, &[], &limits), Ok(None));
    }
    for opinion in [stars(3), Opinion::Choice, Opinion::Correction("x".into())] {
        assert_eq!(verdict_of(&kept, &says(opinion, 5), &limits), Ok(None));
    }
}

fn verdict(answer: &str, opinion: Opinion, at: i64) -> Verdict {
    let verdict = verdict_of(&kept(&[answer]), &says(opinion, at), &Limits::default());
    verdict.expect("taken").expect("a verdict")
}

#[test]
fn the_newest_opposite_verdict_on_the_same_prompt_makes_the_pair() {
    let earlier = [
        verdict("old", Opinion::Thumb(Thumb::Down), 1),
        verdict("new", stars(2), 3),
        verdict("good", Opinion::Thumb(Thumb::Up), 4),
        // Judged both ways: the newer verdict counts, and it is not opposite.
        verdict("both", Opinion::Thumb(Thumb::Down), 5),
        verdict("both", Opinion::Thumb(Thumb::Up), 6),
    ];
    let limits = Limits::default();
    let liked = verdict("liked", Opinion::Thumb(Thumb::Up), 7);
    let pair = with_opposite(&liked, &earlier, &limits).expect("taken").expect("a pair");
    assert_eq!((pair.chosen.as_str(), pair.rejected.as_str()), ("liked", "new"));
    assert_eq!((pair.provenance.source, pair.provenance.created_at), (PairSource::Rating, UnixMillis(7)));
    let hated = verdict("hated", Opinion::Thumb(Thumb::Down), 8);
    let pair = with_opposite(&hated, &earlier, &limits).expect("taken").expect("a pair");
    assert_eq!((pair.chosen.as_str(), pair.rejected.as_str()), ("both", "hated"));
    assert_eq!(pair.provenance.source, PairSource::Thumb);
}

#[test]
fn verdicts_of_others_on_other_prompts_or_under_other_edits_make_no_pair() {
    let limits = Limits::default();
    let new = verdict("liked", Opinion::Thumb(Thumb::Up), 7);
    let mut other_tenant = verdict("bad", stars(1), 1);
    other_tenant.provenance.tenant = id("rival");
    let mut unedited = kept(&["bad"]);
    unedited.edits = vec![AppliedEdit { id: EditId::new("edit-8").expect("an id"), score: 0.5 }];
    let unedited = verdict_of(&unedited, &says(stars(1), 1), &limits).expect("taken").expect("a verdict");
    let mut elsewhere = kept(&["bad"]);
    elsewhere.prompt = vec![Message::user("Where is Orm?")];
    let elsewhere = verdict_of(&elsewhere, &says(stars(1), 1), &limits).expect("taken").expect("a verdict");
    let same_answer = verdict(" liked", stars(1), 1);
    assert_eq!(with_opposite(&new, &[other_tenant, unedited, elsewhere, same_answer], &limits), Ok(None));
}
