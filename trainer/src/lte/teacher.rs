//! Missing answers from a teacher model: a bounded number at a time, each asked once, kept on disk as it comes.

use crate::answers::Answers;
use crate::digest;
use crate::retries::refusal;
use crate::sft::Flow;
use crate::{Error, Result};
use amend_proto::{ChatModel, ChatRequest, FinishReason, Message, Priority};
use futures::StreamExt;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

/// Who is asked, and how.
#[derive(Clone)]
pub struct Teacher {
    /// The model. It is asked greedily, as a background request, with no edit in front.
    pub model: Arc<dyn ChatModel>,
    /// Questions at a time, at least one.
    pub concurrency: usize,
    /// Tokens of an answer at most.
    pub max_tokens: u32,
}

impl Teacher {
    /// Four questions at a time, answers of at most 512 tokens.
    #[must_use]
    pub fn new(model: Arc<dyn ChatModel>) -> Self {
        Self { model, concurrency: 4, max_tokens: 512 }
    }

    /// The model and its revision.
    #[must_use]
    pub fn name(&self) -> String {
        let info = self.model.info();
        format!("{}@{}", info.id, info.revision)
    }
}

/// What the teacher did with a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub(super) enum Taught {
    /// It answered.
    Answered {
        /// The answer, without white space around it.
        answer: String,
    },
    /// The answer was longer than allowed.
    CutShort,
    /// It said nothing.
    Empty,
    /// It refuses this question, and would again.
    Refused {
        /// Why.
        reason: String,
    },
}

/// How often the teacher was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TeacherCounts {
    /// Different questions that needed an answer.
    pub questions: usize,
    /// Of these, answered by the cache.
    pub cached: usize,
    /// Of these, asked of the model now.
    pub asked: usize,
}

/// What is kept under the key of teacher, settings and question.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    question: String,
    #[serde(flatten)]
    taught: Taught,
}

/// Asks every different question once.
///
/// What the cache at `path` holds is not asked again; a new answer is appended as soon as it comes, so an interrupted
/// call goes on where it stopped. `answered` is told how many of how many have an answer, and may stop the asking; the
/// result is `None` then.
///
/// # Errors
/// [`Error::Teacher`] when the model fails, which the same call may mend; [`Error::Io`] for the cache.
pub(super) async fn ask(
    teacher: &Teacher,
    questions: &BTreeSet<&str>,
    path: &Path,
    answered: &mut (dyn FnMut(usize, usize) -> Flow + Send),
) -> Result<Option<(HashMap<String, Taught>, TeacherCounts)>> {
    let mut cache = Answers::<Kept>::open(path)?;
    let name = teacher.name();
    let mut known = HashMap::new();
    let mut open = Vec::new();
    for &question in questions {
        let key = key(&name, teacher.max_tokens, question);
        match cache.take(&key) {
            Some(Kept { taught, .. }) => {
                known.insert(question.to_owned(), taught);
            }
            None => open.push((key, question)),
        }
    }
    let counts = TeacherCounts { questions: questions.len(), cached: known.len(), asked: open.len() };
    let requests =
        open.into_iter().map(|(key, question)| async move { (key, question, one(teacher, question).await) });
    let mut answers = futures::stream::iter(requests).buffer_unordered(teacher.concurrency.max(1));
    while let Some((key, question, taught)) = answers.next().await {
        let taught = taught?;
        cache.append(&key, &Kept { question: question.to_owned(), taught: taught.clone() })?;
        known.insert(question.to_owned(), taught);
        if answered(known.len(), counts.questions) == Flow::Stop {
            return Ok(None);
        }
    }
    Ok(Some((known, counts)))
}

async fn one(teacher: &Teacher, question: &str) -> Result<Taught> {
    let mut request = ChatRequest::greedy(vec![Message::user(question)]);
    request.sampling.max_tokens = Some(teacher.max_tokens);
    request.priority = Priority::Background;
    match teacher.model.complete(request).await {
        Ok(completion) if completion.finish.reason == FinishReason::Length => Ok(Taught::CutShort),
        Ok(completion) => match completion.text.trim() {
            "" => Ok(Taught::Empty),
            answer => Ok(Taught::Answered { answer: answer.to_owned() }),
        },
        Err(error) => match refusal(&error) {
            Some(reason) => Ok(Taught::Refused { reason }),
            None => Err(Error::Teacher(error)),
        },
    }
}

fn key(teacher: &str, max_tokens: u32, question: &str) -> String {
    digest::hex(&digest::of_parts([teacher, &max_tokens.to_string(), question]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use amend_proto::{
        ErrorKind,
        testing::{Script, ScriptedModel},
    };
    use futures::executor::block_on;

    fn teacher(model: &ScriptedModel) -> Teacher {
        Teacher { concurrency: 2, ..Teacher::new(Arc::new(model.clone())) }
    }

    fn model() -> ScriptedModel {
        ScriptedModel::new(|request| match request.query().unwrap_or_default() {
            "empty" => Script::Say("  ".into()),
            "refuse" => Script::Refuse(ErrorKind::ContextLength),
            "fail" => Script::FailAfter("half".into()),
            other => Script::Say(format!(" {other}! ")),
        })
    }

    fn asked(
        teacher: &Teacher,
        questions: &[&str],
        path: &Path,
    ) -> Result<(HashMap<String, Taught>, TeacherCounts)> {
        let questions = questions.iter().copied().collect();
        block_on(ask(teacher, &questions, path, &mut |_, _| Flow::Continue))
            .map(|all| all.expect("not stopped"))
    }

    #[test]
    fn every_question_is_asked_once_and_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("teacher.jsonl");
        let model = model();
        let first = asked(&teacher(&model), &["a", "empty", "refuse"], &path).expect("answers");
        assert_eq!(first.1, TeacherCounts { questions: 3, cached: 0, asked: 3 });
        assert_eq!(first.0["a"], Taught::Answered { answer: "a!".into() });
        assert_eq!(first.0["empty"], Taught::Empty);
        assert!(matches!(&first.0["refuse"], Taught::Refused { .. }));
        let second = asked(&teacher(&model), &["a", "b", "refuse"], &path).expect("answers");
        assert_eq!(second.1, TeacherCounts { questions: 3, cached: 2, asked: 1 });
        assert_eq!(model.seen().len(), 4);
        assert!(model.seen().iter().all(|r| r.priority == Priority::Background));
        let longer = Teacher { max_tokens: 9, ..teacher(&model) };
        assert_eq!(
            asked(&longer, &["a"], &path).expect("answers").1.asked,
            1,
            "other settings, another answer"
        );
    }

    #[test]
    fn a_failure_keeps_what_came_before_and_a_cut_line_is_asked_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("teacher.jsonl");
        let model = model();
        let alone = Teacher { concurrency: 1, ..teacher(&model) };
        let failed = asked(&alone, &["a", "b", "fail", "g"], &path);
        assert!(matches!(failed, Err(Error::Teacher(_))));
        assert_eq!(asked(&alone, &["a", "b"], &path).expect("answers").1.cached, 2);
        let text = std::fs::read_to_string(&path).expect("readable");
        std::fs::write(&path, &text[..text.len() - 3]).expect("writes");
        assert_eq!(
            asked(&alone, &["a", "b"], &path).expect("answers").1,
            TeacherCounts { questions: 2, cached: 1, asked: 1 }
        );
        std::fs::write(&path, "nonsense\n").expect("writes");
        assert!(matches!(asked(&alone, &["a"], &path), Err(Error::Data(text)) if text.contains("line 1")));
    }

    #[test]
    fn no_more_than_the_limit_are_asked_at_a_time() {
        use futures::FutureExt;
        let folder = tempfile::tempdir().expect("a folder");
        let held = ScriptedModel::new(|_| Script::Hold("now".into()));
        let (teacher, path) = (teacher(&held), folder.path().join("teacher.jsonl"));
        let names: Vec<String> = (0..6).map(|i| i.to_string()).collect();
        let questions = names.iter().map(String::as_str).collect();
        let mut progress = |_: usize, _: usize| Flow::Continue;
        let mut asking = Box::pin(ask(&teacher, &questions, &path, &mut progress));
        assert!((&mut asking).now_or_never().is_none());
        assert_eq!(held.running(), 2);
        held.release(6);
        assert_eq!(block_on(asking).expect("answers").expect("not stopped").0.len(), 6);
    }

    #[test]
    fn asking_can_be_stopped_and_goes_on() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("teacher.jsonl");
        let alone = Teacher { concurrency: 1, ..teacher(&model()) };
        let questions = ["a", "b", "c"].into_iter().collect();
        let mut after_two = |known: usize, of: usize| {
            assert_eq!(of, 3);
            if known == 2 { Flow::Stop } else { Flow::Continue }
        };
        assert_eq!(block_on(ask(&alone, &questions, &path, &mut after_two)).expect("no failure"), None);
        assert_eq!(asked(&alone, &["a", "b", "c"], &path).expect("answers").1.cached, 2);
    }
}
