use super::*;
use crate::engine::testing::byte_token;
use amend_proto::{
    ChatEvent, FinishReason, Logprobs,
    testing::conformance::{self, Questions},
};
use futures::StreamExt;
use mistralrs::{Constraint, NormalRequest, Request, RequestMessage, Response, SamplingParams};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conforms() {
    let served = serve(TinyModel::default()).await;
    let conversations = vec![
        vec![Message::user("one")],
        vec![Message::system("Be brief."), Message::user("a longer question?")],
    ];
    conformance::run(&served.engine, &Questions { conversations }).await;
}

#[tokio::test]
async fn the_answer_fills_the_context_and_says_length() {
    let served = serve(TinyModel::default()).await;
    let finish = complete(&served.engine, ask("hi")).await.finish;
    assert_eq!(finish.reason, FinishReason::Length);
    assert_eq!(finish.usage.total(), 128);
    assert_eq!(served.engine.info().context_length, 128);
    // More than there is room for is the same, not an error (mistralrs fails there).
    let mut greedy = ask("hi");
    greedy.sampling.max_tokens = Some(100_000);
    assert_eq!(complete(&served.engine, greedy).await.finish, finish);
}

#[tokio::test]
async fn a_smaller_context_can_be_chosen() {
    let folder = tempfile::tempdir().unwrap();
    TinyModel::default().write(folder.path());
    let config = EngineConfig { max_context: std::num::NonZeroUsize::new(64), ..config(folder.path()) };
    let engine = config.build().await.unwrap();
    assert_eq!(complete(&engine, ask("hi")).await.finish.usage.total(), 64);
}

/// mistralrs's greedy sampler gives the base-10 logarithm of the raw logit. The truth is the log-softmax of the logits
/// that the engine itself hands out.
#[tokio::test]
async fn log_probabilities_are_exact() {
    let served = serve(TinyModel::default()).await;
    let mut request = text_prompt("The sea", 3);
    request.logprobs = Logprobs::Top(5);
    request.sampling.logit_bias = vec![(byte_token(b'z'), -100.0)];
    let answer = complete(&served.engine, request).await;
    assert_eq!(answer.logprobs.len(), 3);
    let spelled: Vec<u8> = answer.logprobs.iter().flat_map(|scored| scored.bytes.clone()).collect();
    assert_eq!(String::from_utf8(spelled).unwrap(), answer.text);
    for (index, scored) in answer.logprobs.iter().enumerate() {
        let prompt = format!("The sea{}", &answer.text[..index]);
        let logits = raw_logits(&served.engine, &prompt).await;
        let sum: f64 = logits.iter().map(|logit| f64::from(*logit).exp()).sum();
        let expected = |bytes: &[u8]| f64::from(logits[byte_token(bytes[0]) as usize]) - sum.ln();
        assert!((f64::from(scored.logprob) - expected(&scored.bytes)).abs() < 1e-4, "{scored:?}");
        assert_eq!(scored.top.len(), 5);
        assert!(scored.top.is_sorted_by(|a, b| a.logprob >= b.logprob));
        for top in &scored.top {
            assert!((f64::from(top.logprob) - expected(&top.bytes)).abs() < 1e-4, "{top:?}");
        }
    }
}

/// The engine's own logits after this prompt. Alone on its engine: beside other requests this kills it.
async fn raw_logits(engine: &MistralEngine, prompt: &str) -> Vec<f32> {
    let bare = engine.bare().unwrap();
    let (response, mut responses) = tokio::sync::mpsc::channel(8);
    let request = NormalRequest {
        return_raw_logits: true,
        constraint: Constraint::None,
        ..NormalRequest::new_simple(
            RequestMessage::CompletionTokens(prompt.bytes().map(byte_token).collect()),
            SamplingParams { max_len: Some(1), ..SamplingParams::deterministic() },
            response,
            0,
            None,
            None,
        )
    };
    bare.get_sender(None).unwrap().send(Request::Normal(Box::new(request))).await.unwrap();
    match responses.recv().await {
        Some(Response::Raw { logits_chunks, .. }) => {
            let last = logits_chunks.last().unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
            let vocabulary = 259;
            last[last.len() - vocabulary..].to_vec()
        }
        _ => panic!("raw logits are expected"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_seed_fixes_the_answer_whoever_else_asks() {
    let served = serve(TinyModel::default()).await;
    let engine = &served.engine;
    let alone = complete(engine, sampled("q", 11)).await.text;
    assert_ne!(alone, complete(engine, sampled("q", 12)).await.text);
    let together =
        (0..6).map(|index| complete(engine, sampled("q", if index % 2 == 0 { 11 } else { index })));
    for answer in futures::future::join_all(together).await.iter().step_by(2) {
        assert_eq!(answer.text, alone);
    }
    let unseeded =
        || ChatRequest { sampling: Sampling { seed: None, ..sampled("q", 0).sampling }, ..ask("q") };
    assert_ne!(complete(engine, unseeded()).await.text, complete(engine, unseeded()).await.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sequences_that_step_together_answer_as_alone() {
    let served = serve(TinyModel::default()).await;
    let engine = &served.engine;
    for prompts in [["aaa", "bbb", "abc", "xyz"], ["aaaaa", "b", "abc", "xy"]] {
        let mut alone = Vec::new();
        for prompt in prompts {
            alone.push(complete(engine, text_prompt(prompt, 16)).await.text);
        }
        let together = prompts.map(|prompt| complete(engine, text_prompt(prompt, 16)));
        let together: Vec<String> =
            futures::future::join_all(together).await.into_iter().map(|a| a.text).collect();
        assert_eq!(alone, together);
    }
}

/// mistralrs has a field for it and no code.
#[tokio::test]
async fn logit_bias_and_penalties_are_honoured() {
    let served = serve(TinyModel::default()).await;
    let mut biased = text_prompt("x", 5);
    biased.sampling.logit_bias = vec![(byte_token(b'Q'), 100.0)];
    assert_eq!(complete(&served.engine, biased.clone()).await.text, "QQQQQ");
    biased.sampling.logit_bias = vec![(byte_token(b'Q'), 100.0), (byte_token(b'R'), 100.0)];
    biased.sampling.max_tokens = Some(40);
    biased.sampling.frequency_penalty = Some(2.0);
    let penalised = complete(&served.engine, biased).await.text;
    let (q, r) = (penalised.matches('Q').count(), penalised.matches('R').count());
    assert!(q + r == 40 && q.abs_diff(r) < 10, "what was said often is said less: {penalised}");
}

#[tokio::test]
async fn a_stop_text_of_several_tokens_ends_the_answer_and_never_shows() {
    let served = serve(TinyModel::default()).await;
    let whole = complete(&served.engine, ask("tell me")).await.text;
    let stop = &whole[10..14];
    let mut request = ask("tell me");
    request.sampling.stop = vec!["never comes".to_owned(), stop.to_owned()];
    request.logprobs = Logprobs::Top(0);
    let answer = complete(&served.engine, request).await;
    assert_eq!(answer.text, whole[..whole.find(stop).unwrap()]);
    assert_eq!(answer.finish.reason, FinishReason::Stop);
    let spelled: Vec<u8> = answer.logprobs.iter().flat_map(|scored| scored.bytes.clone()).collect();
    assert_eq!(String::from_utf8(spelled).unwrap(), answer.text);
}

/// An end token that the tokenizer's library does not know by name, drawn by bias.
#[tokio::test]
async fn an_end_token_ends_the_answer_and_is_counted() {
    let served = serve(TinyModel::default()).await;
    let mut request = ask("hi");
    request.sampling.logit_bias = vec![(crate::engine::testing::TURN_END, 200.0)];
    let answer = complete(&served.engine, request).await;
    assert_eq!((answer.text.as_str(), answer.finish.reason), ("", FinishReason::Stop));
    assert_eq!(answer.finish.usage.completion_tokens, 1);
}

/// Only streamed requests are cancelled by mistralrs, and only when it sends.
#[tokio::test]
async fn dropping_the_stream_ends_the_generation() {
    let served = serve(TinyModel { context: 100_000, ..TinyModel::default() }).await;
    let mut stream = served.engine.stream(ask("go on for ever")).await.unwrap();
    for _ in 0..3 {
        stream.next().await.unwrap().unwrap();
    }
    assert_eq!(served.engine.inside(), 1);
    drop(stream);
    until("the engine lets go", || served.engine.inside() == 0).await;
}

/// The engine waits for room in the channel of whoever does not read, and everybody with it.
#[tokio::test]
async fn a_client_that_does_not_read_stops_nobody() {
    let served = serve(TinyModel { context: 512, ..TinyModel::default() }).await;
    let mut slow = served.engine.stream(ask("slow")).await.unwrap();
    assert!(matches!(slow.next().await, Some(Ok(ChatEvent::Started(_)))));
    let mut request = ask("quick");
    request.sampling.max_tokens = Some(40);
    within("the other is answered", complete(&served.engine, request)).await;
    drop(slow);
}

/// On CPU the prefix cache never gives anything back.
#[tokio::test]
async fn nothing_is_remembered_of_a_prompt() {
    let served = serve(TinyModel::default()).await;
    for _ in 0..3 {
        complete(&served.engine, text_prompt("the same prompt", 2)).await;
    }
    let (hits, _) = served.engine.bare().unwrap().get_logger(None).unwrap().prefix_cache_stats();
    assert_eq!(hits, 0);
}
