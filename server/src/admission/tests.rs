use super::*;
use amend_proto::{
    ChatEvent, Message, Prompt,
    testing::{
        Script, ScriptedModel,
        conformance::{self, Questions},
    },
};
use futures::StreamExt;
use std::{pin::pin, task::Poll};

fn admission(model: &ScriptedModel, slots: usize, capacity: usize) -> Arc<Admission> {
    let slots = NonZeroUsize::new(slots).unwrap();
    let config = AdmissionConfig { capacity, ..AdmissionConfig::new(slots) };
    Arc::new(config.build(Arc::new(model.clone())))
}

fn request(text: &str, priority: Priority) -> ChatRequest {
    ChatRequest { priority, ..ChatRequest::new(Prompt::Chat(vec![Message::user(text)])) }
}

fn hold() -> ScriptedModel {
    ScriptedModel::new(|request| Script::Hold(request.query().unwrap_or_default().to_owned()))
}

/// Starts a request and polls it until it has its slot, or stands in the queue.
async fn begin<F: Future>(future: F) -> Result<F::Output, std::pin::Pin<Box<F>>> {
    let mut future = Box::pin(future);
    match futures::poll!(future.as_mut()) {
        Poll::Ready(output) => Ok(output),
        Poll::Pending => Err(future),
    }
}

/// Lets the tasks of dropped answers end.
async fn settle() {
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
}

fn order(model: &ScriptedModel) -> Vec<String> {
    model.seen().iter().filter_map(|request| request.query().map(str::to_owned)).collect()
}

#[tokio::test]
async fn conforms() {
    let ask = |text: &str| vec![Message::user(text)];
    let questions = Questions { conversations: vec![ask("one two three"), ask("four"), ask("five six")] };
    conformance::run(&*admission(&ScriptedModel::echo(), 1, 4), &questions).await;
}

#[tokio::test]
async fn slots_then_the_queue_then_refusal_with_a_time() {
    let admission = admission(&hold(), 2, 1);
    let first = admission.stream(request("a", Priority::Live)).await.unwrap();
    let second = admission.stream(request("b", Priority::Live)).await.unwrap();
    let third = begin(admission.stream(request("c", Priority::Live))).await;
    let Err(third) = third else { panic!("the third must wait") };
    assert_eq!((admission.running(), admission.waiting()), (2, 1));
    let Err(refused) = admission.stream(request("d", Priority::Live)).await else {
        panic!("the fourth is refused")
    };
    assert!(
        matches!(refused.kind(), ErrorKind::Overloaded { retry_after } if *retry_after >= Duration::from_secs(1))
    );
    drop(first);
    let third = third.await.unwrap();
    assert_eq!((admission.running(), admission.waiting()), (2, 0));
    drop((second, third));
    settle().await;
    assert_eq!((admission.running(), admission.waiting()), (0, 0));
}

#[tokio::test]
async fn users_before_jobs_and_each_in_order() {
    let model = hold();
    let admission = admission(&model, 1, 10);
    let holder = admission.stream(request("first", Priority::Live)).await.unwrap();
    let mut waiting = Vec::new();
    for (text, priority) in [
        ("job 1", Priority::Background),
        ("user 1", Priority::Live),
        ("job 2", Priority::Background),
        ("user 2", Priority::Live),
    ] {
        let admission = Arc::clone(&admission);
        let Err(future) = begin(async move { admission.stream(request(text, priority)).await }).await else {
            panic!("must wait")
        };
        waiting.push(tokio::spawn(async move { drop(future.await.unwrap()) }));
    }
    drop(holder);
    for task in waiting {
        task.await.unwrap();
    }
    assert_eq!(order(&model), ["first", "user 1", "user 2", "job 1", "job 2"]);
}

#[expect(
    clippy::async_yields_async,
    reason = "the future that is still waiting is what the test drops or awaits"
)]
#[tokio::test]
async fn who_goes_away_leaves_the_queue_and_passes_on_a_granted_slot() {
    let model = hold();
    let admission = admission(&model, 1, 2);
    let holder = admission.stream(request("first", Priority::Live)).await.unwrap();
    let begin_waiting = async |text: &str| {
        let Err(future) = begin(admission.stream(request(text, Priority::Live))).await else {
            panic!("must wait")
        };
        future
    };
    let leaves = begin_waiting("leaves").await;
    let granted_then_leaves = begin_waiting("granted").await;
    drop(leaves);
    assert_eq!(admission.waiting(), 1);
    let stays = begin_waiting("stays").await;
    drop(holder);
    // The slot is on its way to a future that is dropped before it looks.
    settle().await;
    assert_eq!(admission.waiting(), 1);
    drop(granted_then_leaves);
    drop(stays.await.unwrap());
    assert_eq!(order(&model), ["first", "stays"]);
    settle().await;
    assert_eq!((admission.running(), admission.waiting()), (0, 0));
}

#[tokio::test]
async fn a_slot_comes_back_from_every_end() {
    let scripted = ScriptedModel::new(|request| match request.query() {
        Some("fails") => Script::FailAfter("well ".to_owned()),
        Some("refused") => Script::Refuse(ErrorKind::Engine),
        other => Script::Say(other.unwrap_or_default().to_owned()),
    });
    let admission = admission(&scripted, 1, 0);
    assert!(admission.complete(request("refused", Priority::Live)).await.is_err());
    assert!(admission.complete(request("fails", Priority::Live)).await.is_err());
    // The last event is out and the stream not yet dropped: the slot is free all the same.
    let mut stream = admission.stream(request("said", Priority::Live)).await.unwrap();
    while let Some(event) = stream.next().await {
        if matches!(event, Ok(ChatEvent::Finished(_))) {
            break;
        }
    }
    assert_eq!(admission.running(), 0);
    assert_eq!(admission.complete(request("next", Priority::Live)).await.unwrap().text, "next");
}

#[tokio::test]
async fn five_hundred_clients_on_a_queue_of_sixty_four() {
    let admission = admission(&ScriptedModel::echo(), 2, 64);
    let ask = |index: usize| {
        let admission = Arc::clone(&admission);
        async move { admission.complete(request(&format!("question {index}"), Priority::Live)).await }
    };
    let mut all = pin!(futures::future::join_all((0..500).map(ask)));
    let answers = all.as_mut().await;
    let refused = answers.iter().filter(|answer| answer.is_err()).count();
    for (index, answer) in answers.iter().enumerate() {
        match answer {
            Ok(completion) => assert_eq!(completion.text, format!("question {index}")),
            Err(error) => assert!(matches!(error.kind(), ErrorKind::Overloaded { .. })),
        }
    }
    assert!(refused <= 500 - 64);
    assert_eq!((admission.running(), admission.waiting()), (0, 0));
}

#[tokio::test]
async fn an_answer_that_nobody_reads_does_not_keep_its_slot() {
    let admission = admission(&ScriptedModel::echo(), 1, 4);
    let unread = admission.stream(request("well met again", Priority::Live)).await.unwrap();
    let second = admission.stream(request("me too", Priority::Live)).await.unwrap();
    let count = |stream: ChatStream| stream.filter(|event| futures::future::ready(event.is_ok())).count();
    assert_eq!((count(second).await, count(unread).await), (4, 5));
}
