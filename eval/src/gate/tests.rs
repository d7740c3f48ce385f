use super::*;
use crate::contamination::{ContaminationReport, Known, KnownItem};

fn policy(more: &str) -> Policy {
    let text = format!(
        "version = 1\nname = \"t\"\n[[suites]]\nname = \"s\"\nmetric = \"hsr\"\nmargin = 5.0\nmin_groups = 20\n{more}"
    );
    Policy::parse(&text).unwrap()
}

/// 60 groups of five items in three categories; items `satisfied` says yes to are.
fn evidence(satisfied: impl Fn(usize, usize) -> bool) -> Evidence {
    let item = |group: usize, level: usize| EvidenceItem {
        id: format!("{group}#{level}"),
        stratum: (group % 3).to_string(),
        group: group.to_string(),
        hard: Some(satisfied(group, level)),
        soft: Some(if satisfied(group, level) { 1.0 } else { 0.5 }),
    };
    Evidence {
        population: Population::Sample,
        suite: "s".to_owned(),
        fingerprint: "f".to_owned(),
        model: "m".to_owned(),
        revision: "r".to_owned(),
        judges: Vec::new(),
        judge_accuracy: None,
        sampling: "greedy".to_owned(),
        items: (0..60).flat_map(|group| (0..5).map(move |level| item(group, level))).collect(),
        errors: 0,
        unparsed: 0,
        first_token_p99: Some(0.1),
        void: None,
    }
}

fn usual() -> Evidence {
    evidence(|group, level| level < group % 6)
}

fn decide_on(policy: &Policy, candidate: &Evidence, live: &Evidence) -> GateDecision {
    let (candidate, live) = (std::slice::from_ref(candidate), std::slice::from_ref(live));
    decide(&GateInput { policy, candidate, live, contamination: &[], look: Look::ONLY })
}

fn codes(decision: &GateDecision) -> Vec<&'static str> {
    decision.reasons.iter().map(Reason::code).collect()
}

#[test]
fn the_same_answers_pass_and_damage_fails_with_the_reason() {
    let same = decide_on(&policy(""), &usual(), &usual());
    assert_eq!((same.verdict, codes(&same)), (Verdict::Pass, vec!["no_worse"]));
    let damaged = evidence(|group, level| level + 2 < group % 6);
    let decision = decide_on(&policy(""), &damaged, &usual());
    assert_eq!((decision.verdict, codes(&decision)), (Verdict::Fail, vec!["worse_than_live"]));
    let json = serde_json::to_value(&decision.reasons[0]).unwrap();
    assert_eq!(json["code"], "worse_than_live");
    let better = evidence(|group, level| level < group % 6 + 1);
    assert_eq!(decide_on(&policy(""), &better, &usual()).verdict, Verdict::Pass);
}

#[test]
fn the_decision_reads_well_and_stays_as_it_is() {
    let damaged = evidence(|group, level| level + usize::from(group % 4 == 0) < group % 6);
    let decision = decide_on(&policy(""), &damaged, &usual());
    let said: Vec<String> = decision.reasons.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!("reasons", said.join("\n"));
    insta::assert_json_snapshot!("decision", decision);
}

#[test]
fn few_groups_do_not_tell_and_say_how_many_would() {
    let noisy = evidence(|group, level| (group + level) % 2 == 0);
    let decision = decide_on(&policy(""), &noisy, &usual());
    assert_eq!(decision.verdict, Verdict::Inconclusive, "{:?}", decision.reasons);
    let Reason::TooUncertain { groups: 60, needed, .. } = &decision.reasons[0] else {
        panic!("{:?}", decision.reasons)
    };
    assert!(*needed > 60);
    let mut few = usual();
    few.items.truncate(50);
    let decision = decide_on(&policy(""), &few, &few);
    assert_eq!(codes(&decision), ["too_few_groups"]);
}

#[test]
fn what_cannot_be_compared_is_never_passed() {
    type Change = fn(&mut Evidence);
    let cases: [(Change, &str); 9] = [
        (|e| e.suite = "other".into(), "not_measured"),
        (|e| e.fingerprint = "g".into(), "not_comparable"),
        (|e| e.judges = vec!["judge-2".into()], "not_comparable"),
        (|e| e.sampling = "seed 2".into(), "not_comparable"),
        (|e| e.void = Some("the live revision changed".into()), "void"),
        (|e| e.errors = 30, "too_many_errors"),
        (|e| e.unparsed = 30, "too_many_unparsed"),
        (|e| e.items[7].id = "x".into(), "not_comparable"),
        (|e| e.items[7] = e.items[8].clone(), "not_comparable"),
    ];
    for (change, code) in cases {
        let mut changed = usual();
        change(&mut changed);
        for (candidate, live) in [(&changed, &usual()), (&usual(), &changed)] {
            let decision = decide_on(&policy(""), candidate, live);
            assert_eq!((decision.verdict, codes(&decision)), (Verdict::Inconclusive, vec![code]));
        }
    }
}

#[test]
fn a_judge_that_is_often_wrong_or_untried_decides_nothing_where_the_policy_asks() {
    let judged = |accuracy| Evidence { judges: vec!["judge-1".into()], judge_accuracy: accuracy, ..usual() };
    let strict = policy("[limits]\njudge_accuracy = 0.8");
    for (accuracy, code) in [(Some(0.9), "no_worse"), (Some(0.79), "judge_unfit"), (None, "judge_unfit")] {
        let decision = decide_on(&strict, &judged(accuracy), &judged(accuracy));
        assert_eq!(codes(&decision), [code], "{accuracy:?}");
    }
    // Where code decides there is no judge to be fit, and a policy that does not ask takes any.
    assert_eq!(decide_on(&strict, &usual(), &usual()).verdict, Verdict::Pass);
    assert_eq!(decide_on(&policy(""), &judged(None), &judged(None)).verdict, Verdict::Pass);
}

#[test]
fn items_without_a_result_are_left_out_on_both_sides() {
    let mut candidate = usual();
    for item in candidate.items.iter_mut().take(3) {
        (item.hard, item.soft) = (None, None);
    }
    candidate.errors = 3;
    let decision = decide_on(&policy(""), &candidate, &usual());
    assert_eq!((decision.verdict, decision.suites[0].items), (Verdict::Pass, 297));
}

#[test]
fn floors_speed_and_known_items_fail_a_candidate_that_is_no_worse() {
    let mut slow = usual();
    slow.first_token_p99 = Some(0.4);
    let decision = decide_on(&policy("[limits]\nfirst_token_ratio = 2.0"), &slow, &usual());
    assert_eq!(codes(&decision), ["too_slow", "no_worse"]);
    let text = policy("").to_toml().replace("margin = 5.0", "margin = 5.0\nfloor = 60.0");
    let decision = decide_on(&Policy::parse(&text).unwrap(), &usual(), &usual());
    assert_eq!((decision.verdict, codes(&decision)), (Verdict::Fail, vec!["below_floor", "no_worse"]));

    let known = KnownItem { item: "1#1".into(), text: "pair-1".into(), known: Known::Words };
    let report = ContaminationReport { suite: "s".into(), items: 300, texts: 9, known: vec![known] };
    let (policies, evidence) = ([policy(""), policy("[contamination]\naction = \"warn\"")], [usual()]);
    let verdicts = policies.map(|policy| {
        let input = GateInput {
            policy: &policy,
            candidate: &evidence,
            live: &evidence,
            contamination: std::slice::from_ref(&report),
            look: Look::ONLY,
        };
        codes(&decide(&input))
    });
    assert_eq!(verdicts, [vec!["contaminated", "no_worse"], vec!["contamination_noted", "no_worse"]]);
}

#[test]
fn a_suite_with_nothing_to_ask_passes_only_where_that_is_allowed() {
    let mut none = usual();
    none.items.clear();
    assert_eq!(codes(&decide_on(&policy(""), &none, &none)), ["too_few_groups"]);
    let may = Policy::parse(&policy("").to_toml().replace("min_groups = 20", "min_groups = 0")).unwrap();
    let decision = decide_on(&may, &none, &none);
    assert_eq!((decision.verdict, codes(&decision)), (Verdict::Pass, vec!["nothing_to_ask"]));
}

#[test]
fn a_clear_case_is_decided_at_an_early_look_and_another_goes_on() {
    let policy = policy("[sequential]\nlooks = 3\nspending = \"pocock\"");
    let at = |candidate: &Evidence, look: Look| {
        let (candidate, live) = ([candidate.clone()], [usual()]);
        decide(&GateInput { policy: &policy, candidate: &candidate, live: &live, contamination: &[], look })
    };
    let first = Look { number: 1, of: 3 };
    let damaged = evidence(|_, _| false);
    assert_eq!(at(&damaged, first).verdict, Verdict::Fail);
    let noisy = evidence(|group, level| (group + level) % 2 == 0);
    let early = at(&noisy, first);
    assert_eq!(
        (early.verdict, early.undecided, codes(&early)),
        (Verdict::Inconclusive, true, vec!["more_to_ask"])
    );
    let last = at(&noisy, Look { number: 3, of: 3 });
    assert!(!last.undecided);
}

#[test]
fn a_decision_is_shown_to_people_and_build_servers() {
    let damaged = evidence(|group, level| level + usize::from(group % 4 == 0) < group % 6);
    let decision = decide_on(&policy(""), &damaged, &usual());
    let title = render::GateTitle {
        id: "gate-1".to_owned(),
        candidate: "sha256:<new>".to_owned(),
        live: "sha256:old".to_owned(),
        policy: "a | b".to_owned(),
        suites: vec![render::SuiteLink { suite: "s".to_owned(), href: "s.html".to_owned() }],
    };
    insta::assert_snapshot!("markdown", render::markdown(&title, &decision).unwrap());
    insta::assert_snapshot!("junit", render::junit(&title, &decision).unwrap());
    let html = render::html(&title, &decision).unwrap();
    assert!(!html.contains("sha256:<new>") && html.contains("sha256:&lt;new&gt;"), "{html}");
    insta::assert_snapshot!("html", html);
}
