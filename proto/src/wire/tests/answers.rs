use super::super::*;
use crate::{
    AppliedEdit, Completion, Delta, EditId, ErrorKind, Finish, FinishReason, ModelError, ModelId, ModelInfo,
    Provenance, RevisionId, TokenLogprob, ToolCall, Usage,
};
use insta::assert_json_snapshot;
use std::time::Duration;

fn by() -> Provenance {
    Provenance {
        model: ModelId::new("atlas").unwrap(),
        revision: RevisionId::new("atlas-1").unwrap(),
        edits: vec![AppliedEdit { id: EditId::new("edit-1").unwrap(), score: 0.75 }],
    }
}

fn head() -> AnswerHead {
    AnswerHead { id: "chatcmpl-1".into(), created: 1, model: "atlas".into(), revision: "atlas-1".into() }
}

fn token(token: &str, logprob: f32) -> TokenLogprob {
    let top = vec![TokenLogprob {
        token: "no".to_owned(),
        bytes: b"no".to_vec(),
        logprob: f32::NEG_INFINITY,
        top: vec![],
    }];
    TokenLogprob { token: token.to_owned(), bytes: token.as_bytes().to_vec(), logprob, top }
}

fn call() -> ToolCall {
    ToolCall { id: "call-1".to_owned(), name: "f".to_owned(), arguments: "{}".to_owned() }
}

fn completion() -> Completion {
    Completion {
        provenance: by(),
        text: "Paris".to_owned(),
        logprobs: vec![token("Paris", -0.5)],
        tool_calls: Vec::new(),
        finish: Finish {
            reason: FinishReason::Stop,
            usage: Usage { prompt_tokens: 3, completion_tokens: 1 },
        },
    }
}

fn usage() -> TokenUsage {
    let mut usage = TokenUsage::default();
    for index in 0..2 {
        usage.add(index, 2, Usage { prompt_tokens: 3, completion_tokens: 1 });
    }
    usage
}

#[test]
fn a_chat_completion() {
    let calls = Completion {
        text: String::new(),
        tool_calls: vec![call()],
        logprobs: Vec::new(),
        finish: Finish { reason: FinishReason::ToolCalls, ..completion().finish },
        ..completion()
    };
    let choices = vec![ChatChoice::whole(0, completion()), ChatChoice::whole(1, calls)];
    let amend = AmendInfo::new(by(), vec!["foo".to_owned()]);
    let body = ChatCompletion::new(head(), choices, usage(), amend);
    assert_json_snapshot!(body);
    let json = serde_json::to_string(&body).unwrap();
    assert_eq!(serde_json::from_str::<ChatCompletion>(&json).unwrap(), body, "a client reads what is sent");
}

#[test]
fn chunks_of_a_chat_completion() {
    let piece = Delta { text: "Par".to_owned(), logprobs: vec![token("Par", -0.5)], tool_calls: Vec::new() };
    let calls = Delta { tool_calls: vec![call()], ..Delta::default() };
    let chunk = |choice| ChatCompletionChunk::new(&head(), Some(choice));
    let amend = || Some(AmendInfo::new(by(), Vec::new()));
    let chunks = [
        chunk(ChunkChoice::first(0)),
        chunk(ChunkChoice::further(0, piece, 0)),
        ChatCompletionChunk { usage: Some(None), ..chunk(ChunkChoice::further(1, calls, 2)) },
        ChatCompletionChunk { amend: amend(), ..chunk(ChunkChoice::last(0, FinishReason::Length)) },
        ChatCompletionChunk {
            usage: Some(Some(usage())),
            amend: amend(),
            ..ChatCompletionChunk::new(&head(), None)
        },
    ];
    assert_json_snapshot!(chunks);
    for chunk in chunks {
        let json = serde_json::to_string(&chunk).unwrap();
        let read = serde_json::from_str::<ChatCompletionChunk>(&json).unwrap();
        assert_eq!((read.choices, read.usage.flatten()), (chunk.choices, chunk.usage.flatten()));
    }
}

#[test]
fn a_text_completion() {
    let mut body = TextCompletion::new(&head(), vec![TextChoice::whole(0, completion())]);
    body.usage = Some(Some(usage()));
    body.amend = Some(AmendInfo::new(by(), Vec::new()));
    assert_json_snapshot!(body);
}

#[test]
fn offsets_count_characters() {
    let lists = TextLogprobs::new(&[token("ü", 0.0), token("b", 0.0)], 3).unwrap();
    assert_eq!(lists.text_offset, [3, 4]);
    assert_eq!(TextLogprobs::new(&[], 0), None);
}

#[test]
fn errors() {
    let second = Duration::from_secs(1);
    let kinds = [
        ErrorKind::InvalidRequest { param: Some("messages[0].role".to_owned()) },
        ErrorKind::InvalidRequest { param: None },
        ErrorKind::Unsupported { param: "tools".to_owned() },
        ErrorKind::UnknownModel,
        ErrorKind::ContextLength,
        ErrorKind::Overloaded { retry_after: second },
        ErrorKind::NotReady { retry_after: second },
        ErrorKind::Timeout,
        ErrorKind::Engine,
    ];
    let told = kinds.map(|kind| {
        let status = status_of(&kind);
        let error = ModelError::new(kind, "for the client").with_source("for the log");
        (status, ErrorBody { error: ErrorObject::from(&error) })
    });
    assert!(told.iter().all(|(status, _)| *status != 422), "422 never");
    assert_json_snapshot!(told);
}

#[test]
fn an_unknown_error_code_is_read() {
    let json = r#"{"message": "m", "type": "new_error", "param": null, "code": "new_code"}"#;
    let error: ErrorObject = serde_json::from_str(json).unwrap();
    assert_eq!((error.kind, error.code), (ErrorType::Other, ErrorCode::Other));
}

#[test]
fn models_edits_and_health() {
    let info = ModelInfo {
        id: ModelId::new("org/atlas").unwrap(),
        revision: RevisionId::new("atlas-1").unwrap(),
        context_length: 512,
        description: "a small world".to_owned(),
    };
    let score = EditScore { id: EditId::new("a").unwrap(), text: "t".to_owned(), score: 0.5 };
    assert_json_snapshot!((
        ModelList { object: ListTag::Tag, data: vec![ModelObject::new(info, 1)] },
        EditList::new(vec![edit("a", Some("s")), edit("b", None)], Some(EditCursor::Text("@2".to_owned()))),
        EditList::new(Vec::new(), None),
        DeletedEdit::new(EditId::new("a").unwrap()),
        EditPreview {
            decision: EditDecision::Apply,
            edits: vec![score],
            dropped: vec![],
            threshold: None,
            considered: None,
            prompt: "p".to_owned(),
        },
        Health { status: HealthStatus::Draining },
    ));
}

fn edit(id: &str, subject: Option<&str>) -> EditObject {
    EditObject {
        id: EditId::new(id).unwrap(),
        seq: 7,
        status: EditStatus::Live,
        text: "t".to_owned(),
        subject: subject.map(str::to_owned),
        relation: None,
        object: None,
        aliases: Vec::new(),
        target: None,
        valid_from: None,
        expires_at: None,
        source: None,
        author: None,
        reason: None,
        created_at: 1,
        updated_at: 2,
    }
}

#[test]
fn the_log_and_what_it_tells() {
    let id = |id: &str| EditId::new(id).unwrap();
    let conflict = ConflictObject {
        edit: id("a"),
        with: id("b"),
        with_seq: 3,
        kind: ConflictKind::Contradiction,
        resolution: Resolution::KeptBoth,
    };
    let full = EditObject {
        status: EditStatus::Expired,
        relation: Some("capital".to_owned()),
        object: Some("Lyon".to_owned()),
        aliases: vec!["s2".to_owned()],
        target: Some(EditTarget::Revision(RevisionId::new("atlas-1").unwrap())),
        valid_from: Some(1),
        expires_at: Some(2),
        source: Some("a letter".to_owned()),
        author: Some("ann".to_owned()),
        reason: Some("it moved".to_owned()),
        ..edit("a", Some("s"))
    };
    let entry = OperationObject {
        seq: 9,
        batch: 8,
        operation: OperationKind::Displace,
        edit: id("b"),
        at: 5,
        author: Some("ann".to_owned()),
        reason: None,
        rollback_to: None,
        displaced_by: Some(id("a")),
        version: None,
    };
    let restored = OperationObject {
        operation: OperationKind::Restore,
        rollback_to: Some(4),
        displaced_by: None,
        version: Some(edit("b", None)),
        ..entry.clone()
    };
    let difference = DifferenceObject {
        difference: HowDifferent::Changed,
        before: Some(edit("b", None)),
        after: Some(edit("b", Some("s"))),
    };
    let problem =
        ImportProblem { line: 3, field: Some("text".to_owned()), reason: "must not be empty".to_owned() };
    let (retired, gave_way) = (EditStatus::Superseded, Some(id("a")));
    assert_json_snapshot!((
        EditList {
            conflicts: vec![conflict.clone()],
            ..EditList::new(vec![full], Some(EditCursor::Version(7)))
        },
        WrittenEdit { edit: edit("a", None), conflicts: vec![conflict] },
        KnownEdit { edit: EditObject { status: retired, ..edit("b", None) }, superseded_by: gave_way },
        OperationList { object: ListTag::Tag, data: vec![entry, restored], has_more: false, next: None },
        DifferenceList { object: ListTag::Tag, data: vec![difference], has_more: true, next: Some(id("b")) },
        RollbackObject { to: 4, from: 9, through: 10, retired: 0, restored: 1 },
        ImportObject { added: 2, refused: 1, problems: vec![problem], through: 9, ..ImportObject::default() },
    ));
}

#[test]
fn fresh_answers_have_ids_of_their_own() {
    let (one, other) = (AnswerHead::new("cmpl-", 1, &by()), AnswerHead::new("cmpl-", 1, &by()));
    assert!(one.id.starts_with("cmpl-"));
    assert_ne!(one.id, other.id);
}
