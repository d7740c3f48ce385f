//! [`GivesWay`]: a model that is asked while no user is, and breaks off when one comes.

use amend_proto::{ChatEvent, ChatModel, ChatRequest, ChatStream, ModelError, ModelInfo, Priority};
use amend_trainer::bmc::Control;
use async_trait::async_trait;
use futures::{StreamExt, stream};
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;

/// How often it is looked whether a pause has ended.
const LOOK: Duration = Duration::from_millis(25);
/// An answer that was broken off so often is not again: somebody is always there.
const MOST_BREAKS: u32 = 8;

/// A model that nobody but a job asks. While the job is paused no answer is begun; one that was begun is broken off when a
/// user asks for something, and asked for again afterwards. What it says until then it says again, greedy or by its seed,
/// so whoever reads the stream sees one answer.
pub(crate) struct GivesWay {
    model: Arc<dyn ChatModel>,
    control: Control,
    /// How many users' requests wait or are answered.
    users: watch::Receiver<usize>,
}

impl GivesWay {
    pub(crate) fn new(model: Arc<dyn ChatModel>, control: Control, users: watch::Receiver<usize>) -> Self {
        Self { model, control, users }
    }
}

/// An answer that can be begun again.
struct Answer {
    model: Arc<dyn ChatModel>,
    control: Control,
    users: watch::Receiver<usize>,
    request: ChatRequest,
    /// Under way; none before the beginning, and after a break.
    inner: Option<ChatStream>,
    started: bool,
    /// Bytes of text that the reader has.
    said: usize,
    /// Bytes of text that come again.
    known: usize,
    breaks: u32,
    over: bool,
}

impl Answer {
    /// Begins, when no user is there; again when one comes meanwhile.
    async fn begin(&mut self) -> Result<ChatStream, ModelError> {
        loop {
            while self.control.is_paused() {
                tokio::time::sleep(LOOK).await;
            }
            let mut users = self.users.clone();
            let begun = tokio::select! {
                biased;
                begun = self.model.stream(self.request.clone()) => begun?,
                () = somebody(&mut users), if self.may_break() => {
                    self.breaks += 1;
                    // The job is paused a moment later.
                    nobody(&mut users).await;
                    continue;
                }
            };
            self.known = self.said;
            return Ok(begun);
        }
    }

    fn may_break(&self) -> bool {
        self.breaks < MOST_BREAKS
    }

    /// The next event that the reader does not have yet.
    async fn next(&mut self) -> Option<Result<ChatEvent, ModelError>> {
        while !self.over {
            let mut inner = match self.inner.take() {
                Some(inner) => inner,
                None => match self.begin().await {
                    Ok(inner) => inner,
                    Err(error) => {
                        self.over = true;
                        return Some(Err(error));
                    }
                },
            };
            let mut users = self.users.clone();
            let event = tokio::select! {
                biased;
                event = inner.next() => event,
                () = somebody(&mut users), if self.may_break() => {
                    self.breaks += 1;
                    // Its slot is free at once.
                    drop(inner);
                    nobody(&mut users).await;
                    continue;
                }
            };
            let event = match event {
                Some(Ok(event)) => event,
                end => {
                    self.over = true;
                    return end;
                }
            };
            self.over = matches!(event, ChatEvent::Finished(_));
            self.inner = Some(inner);
            if let Some(event) = self.unheard(event) {
                return Some(Ok(event));
            }
        }
        None
    }

    /// What of an event the reader does not have yet.
    fn unheard(&mut self, event: ChatEvent) -> Option<ChatEvent> {
        match event {
            ChatEvent::Started(_) if std::mem::replace(&mut self.started, true) => None,
            ChatEvent::Delta(mut delta) => {
                let again = self.known.min(delta.text.len());
                self.known -= again;
                // Of another text the cut could be inside of a character: then nothing of it is told again.
                delta.text = delta.text.get(again..).unwrap_or_default().to_owned();
                self.said += delta.text.len();
                (again == 0 || !delta.text.is_empty()).then_some(ChatEvent::Delta(delta))
            }
            event => Some(event),
        }
    }
}

/// Until a user asks for something.
async fn somebody(users: &mut watch::Receiver<usize>) {
    if users.wait_for(|users| *users > 0).await.is_err() {
        // Nobody can come any more.
        std::future::pending::<()>().await;
    }
}

/// Until no user is there.
async fn nobody(users: &mut watch::Receiver<usize>) {
    // When nobody can come any more, nobody is there.
    let _ = users.wait_for(|users| *users == 0).await;
}

#[async_trait]
impl ChatModel for GivesWay {
    fn info(&self) -> ModelInfo {
        self.model.info()
    }

    async fn stream(&self, mut request: ChatRequest) -> Result<ChatStream, ModelError> {
        request.priority = Priority::Background;
        let mut answer = Answer {
            model: Arc::clone(&self.model),
            control: self.control.clone(),
            users: self.users.clone(),
            request,
            inner: None,
            started: false,
            said: 0,
            known: 0,
            breaks: 0,
            over: false,
        };
        answer.inner = Some(answer.begin().await?);
        let events = stream::unfold(answer, |mut answer| async move { Some((answer.next().await?, answer)) });
        Ok(events.boxed())
    }

    fn count_tokens(&self, text: &str) -> Option<usize> {
        self.model.count_tokens(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use amend_proto::{
        Delta, Message,
        testing::{Script, ScriptedModel, conformance},
    };

    fn users() -> watch::Sender<usize> {
        watch::Sender::new(0)
    }

    fn ask() -> ChatRequest {
        ChatRequest::greedy(vec![Message::user("well then")])
    }

    #[tokio::test]
    async fn conforms_around_a_model() {
        let users = users();
        let model = GivesWay::new(Arc::new(ScriptedModel::echo()), Control::default(), users.subscribe());
        let conversations = vec![vec![Message::user("a b c")], vec![Message::user("d e")]];
        conformance::run(&model, &conformance::Questions { conversations }).await;
    }

    #[tokio::test]
    async fn nothing_is_begun_in_a_pause() {
        let (control, users) = (Control::default(), users());
        let model = GivesWay::new(Arc::new(ScriptedModel::echo()), control.clone(), users.subscribe());
        control.pause();
        assert!(tokio::time::timeout(Duration::from_millis(60), model.stream(ask())).await.is_err());
        control.resume();
        assert_eq!(model.complete(ask()).await.unwrap().text, "well then");
    }

    #[tokio::test]
    async fn an_answer_is_broken_off_for_a_user_and_told_as_one() {
        let (scripted, users) = (ScriptedModel::new(|_| Script::Hold("one two three".into())), users());
        let model = GivesWay::new(Arc::new(scripted.clone()), Control::default(), users.subscribe());
        let mut answer = model.stream(ask()).await.unwrap();
        assert!(matches!(answer.next().await, Some(Ok(ChatEvent::Started(_)))));
        // Somebody comes, and goes; the reader waits meanwhile, and the model works on nothing.
        users.send_replace(1);
        assert!(tokio::time::timeout(Duration::from_millis(60), answer.next()).await.is_err());
        assert_eq!((scripted.seen().len(), scripted.running()), (1, 0));
        users.send_replace(0);
        scripted.release(1);
        let rest: Vec<_> = answer.collect().await;
        let text: String = rest.iter().map(text_of).collect();
        assert_eq!((text.as_str(), scripted.seen().len()), ("one two three", 2));
        assert!(!rest.iter().any(|event| matches!(event, Ok(ChatEvent::Started(_)))), "{rest:?}");
        assert!(matches!(rest.last(), Some(Ok(ChatEvent::Finished(_)))), "{rest:?}");
    }

    fn text_of(event: &Result<ChatEvent, ModelError>) -> &str {
        match event {
            Ok(ChatEvent::Delta(delta)) => &delta.text,
            _ => "",
        }
    }

    #[test]
    fn what_the_reader_has_is_not_told_again_however_it_is_cut() {
        let users = users();
        let mut answer = Answer {
            model: Arc::new(ScriptedModel::echo()),
            control: Control::default(),
            users: users.subscribe(),
            request: ask(),
            inner: None,
            started: true,
            said: 5,
            known: 5,
            breaks: 1,
            over: false,
        };
        let mut told = String::new();
        for text in ["on", "e tw", "o ", "three"] {
            let delta = Delta { text: text.to_owned(), ..Delta::default() };
            if let Some(event) = answer.unheard(ChatEvent::Delta(delta)) {
                told.push_str(text_of(&Ok(event)));
            }
        }
        assert_eq!((told.as_str(), answer.said), ("wo three", 13));
    }
}
