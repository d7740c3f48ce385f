//! Gates that begin by themselves, and live traffic as a suite.

use super::{
    Again, GateError, GateSettings,
    traffic::{Check, Replay, TrafficSuite, replay},
};
use crate::{learning::Learning, preferences::Kept};
use amend_proto::{
    AppliedEdit, CompletionId, EditId, ErrorKind, FinishReason, Message, Priority, RevisionId, Sampling,
    TenantId,
    testing::{Script, ScriptedModel},
    wire::{GateAction, GateOrigin, GateRequest, TokenUsage},
};
use amend_trainer::preference::{KeptCompletion, UnixMillis};
use futures::FutureExt;
use std::{collections::HashMap, num::NonZeroUsize, time::Duration};

async fn learning(again: Option<Again>) -> (Learning, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let settings = GateSettings { again, ..GateSettings::default() };
    (Learning::scripted_with(folder.path(), ScriptedModel::echo(), settings).await, folder)
}

/// Makes every gate an hour older, and the jobs that would do them end.
async fn an_hour_later(learning: &Learning) {
    let write = learning.ledger.write(|connection| {
        async move {
            sqlx::query("UPDATE gates SET created_at = created_at - 3600").execute(&mut *connection).await?;
            sqlx::query("UPDATE jobs SET state = 'failed'").execute(&mut *connection).await?;
            Ok::<_, GateError>(())
        }
        .boxed()
    });
    write.await.unwrap();
}

#[tokio::test]
async fn the_live_revision_is_gated_again_when_it_is_time_and_not_before() {
    let (never, _folder) = learning(None).await;
    assert_eq!(never.gates.begin_scheduled().await.unwrap(), None);

    let again = Again { every: Duration::from_secs(2 * 3600), on_verdict: GateAction::RollBack };
    let (learning, _folder) = learning(Some(again)).await;
    let first = learning.gates.begin_scheduled().await.unwrap().expect("there was none before");
    assert_eq!((first.origin, first.on_verdict), (GateOrigin::Schedule, GateAction::RollBack));
    assert_eq!(first.candidate.as_str(), "scripted-1");
    assert_eq!(learning.gates.begin_scheduled().await.unwrap(), None, "it has just begun");
    an_hour_later(&learning).await;
    assert_eq!(learning.gates.begin_scheduled().await.unwrap(), None, "half of the time is over");
    an_hour_later(&learning).await;
    let second = learning.gates.begin_scheduled().await.unwrap().expect("it is time");
    assert_ne!(second.id, first.id);
}

#[tokio::test]
async fn one_that_is_under_way_already_is_not_begun_again() {
    let again = Again { every: Duration::from_secs(1), on_verdict: GateAction::Record };
    let (learning, _folder) = learning(Some(again)).await;
    learning.gates.begin(GateRequest::of("live")).await.unwrap();
    assert_eq!(learning.gates.begin_scheduled().await.unwrap(), None);
    assert_eq!(learning.gates.list(None, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn whatever_follows_a_verdict_can_be_put_on_the_record() {
    let (learning, _folder) = learning(None).await;
    for action in [GateAction::Record, GateAction::Promote, GateAction::Canary, GateAction::RollBack] {
        let asked = GateRequest { on_verdict: action, ..GateRequest::of("live") };
        let gate = learning.gates.begin(asked).await.unwrap().into_gate();
        assert_eq!(learning.gates.get(&gate.id).await.unwrap().on_verdict, action);
        an_hour_later(&learning).await;
    }
}

fn kept(number: u32, answer: &str, finish: FinishReason) -> Kept {
    Kept {
        completion: KeptCompletion {
            id: CompletionId::new(format!("chatcmpl-{number}")).unwrap(),
            prompt: vec![Message::user(format!("question {number}"))],
            answers: vec![answer.to_owned()],
            tenant: TenantId::default(),
            revision: RevisionId::new("scripted-1").unwrap(),
            edits: Vec::new(),
            sampling: Sampling::greedy(),
        },
        model: "scripted".parse().unwrap(),
        finish: vec![finish],
        usage: TokenUsage::default(),
        user: (number < 2).then(|| "ann".to_owned()),
        at: UnixMillis(0),
    }
}

async fn replayed(model: &ScriptedModel, suite: &TrafficSuite) -> super::TrafficReport {
    let objects = HashMap::from([(EditId::new("lyon").unwrap(), "Lyon".to_owned())]);
    let settings = Replay {
        objects: &objects,
        concurrency: NonZeroUsize::MIN,
        max_tokens: 4,
        priority: Priority::Background,
        seed: 7,
    };
    replay(model, suite, &settings, &()).await
}

#[tokio::test]
async fn kept_answers_are_held_to_what_code_can_tell() {
    let suite = || {
        TrafficSuite::of(vec![
            kept(0, "whole", FinishReason::Stop),
            kept(1, "{\"a\": 1}", FinishReason::Stop),
            kept(2, "another", FinishReason::Stop),
            // Nothing is known of these.
            kept(3, "cut off", FinishReason::Length),
            kept(4, " ", FinishReason::Stop),
        ])
    };
    let good = ScriptedModel::new(|request| {
        Script::Say(match request.query() {
            Some("question 1") => "[2]".to_owned(),
            _ => "short enough".to_owned(),
        })
    });
    let report = replayed(&good, &suite()).await;
    assert_eq!((report.outcomes.len(), report.errors), (3, 0));
    assert!(report.outcomes.iter().all(|one| one.held.as_ref().unwrap().values().all(|held| *held)));
    let checks: Vec<Check> = report.outcomes[1].held.as_ref().unwrap().keys().copied().collect();
    assert_eq!(checks, [Check::Ends, Check::Json]);
    // What one user asked stands or falls together, and the report does not say who.
    assert_eq!(report.outcomes[0].group, report.outcomes[1].group);
    assert_eq!(report.outcomes[2].group, "chatcmpl-2");
    assert!(!serde_json::to_string(&report).unwrap().contains("ann"));
    assert!(good.seen().iter().all(|request| request.priority == Priority::Background));

    let bad = ScriptedModel::new(|request| match request.query() {
        Some("question 0") => Script::Say("far too long to come to an end".to_owned()),
        Some("question 1") => Script::Say("no JSON".to_owned()),
        _ => Script::Refuse(ErrorKind::Engine),
    });
    let report = replayed(&bad, &suite()).await;
    let held: Vec<Option<Vec<bool>>> =
        report.outcomes.iter().map(|one| Some(one.held.as_ref()?.values().copied().collect())).collect();
    assert_eq!(held, [Some(vec![false]), Some(vec![true, false]), None]);
    assert_eq!((report.errors, report.fingerprint), (1, replayed(&good, &suite()).await.fingerprint));
}

#[tokio::test]
async fn an_answer_must_say_what_the_edit_in_front_of_it_says() {
    let mut asked = kept(0, "Lyon", FinishReason::Stop);
    asked.completion.edits = vec![AppliedEdit { id: EditId::new("lyon").unwrap(), score: 1.0 }];
    let suite = TrafficSuite::of(vec![asked]);
    for (answer, holds) in [("It is Lyon.", true), ("Paris", false)] {
        let edits = vec![AppliedEdit { id: EditId::new("lyon").unwrap(), score: 1.0 }];
        let model = ScriptedModel::new(move |_| Script::Say(answer.to_owned())).with_edits(edits);
        let report = replayed(&model, &suite).await;
        assert_eq!(report.outcomes[0].held.as_ref().unwrap()[&Check::Edits], holds, "{answer}");
    }
}
