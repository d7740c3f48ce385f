use super::*;
use crate::{
    engine::{
        EngineError,
        running::{Job, Running},
    },
    telemetry::names,
};
use metrics_exporter_prometheus::PrometheusBuilder;
use mistralrs::Tensor;
use std::{path::Path, sync::Arc};

/// Makes the engine's thread panic, as a bug in it would.
async fn kill(running: &Arc<Running>) {
    let bomb = |_: &Tensor, _: &[u32]| -> mistralrs::Result<Tensor> { panic!("a test kills the engine") };
    let job = Job { tokens: vec![5], max_tokens: 4, processors: vec![Arc::new(bomb)] };
    let Ok(mut responses) = running.submit(job).await else { panic!("the engine lives") };
    assert!(within("the engine dies", responses.recv()).await.is_none());
    until("its channel closes", || running.is_dead()).await;
}

#[tokio::test]
async fn a_dead_engine_fails_what_it_was_doing_is_counted_and_comes_back() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let served = serve(TinyModel { context: 100_000, ..TinyModel::default() }).await;
    let before = complete(&served.engine, text_prompt("hello", 8)).await.text;
    let in_flight = served.engine.stream(ask("go on for ever")).await.unwrap();
    kill(&served.engine.running().unwrap()).await;
    let ended = within("the answer in flight ends", amend_proto::collect(in_flight)).await;
    assert_eq!(*ended.unwrap_err().kind(), ErrorKind::Engine);
    assert_eq!(complete(&served.engine, text_prompt("hello", 8)).await.text, before);
    // The end of an answer is told before its place is given back.
    until("nobody is inside", || served.engine.inside() == 0).await;
    let page = recorder.handle().render();
    assert!(page.contains(&format!("{} 1", names::ENGINE_FAILURES)), "{page}");
    assert!(page.contains(&format!("{}{{how=\"reboot\"}} 1", names::ENGINE_RESTARTS)), "{page}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_requests_find_a_dead_engine_and_all_are_answered() {
    let served = serve(TinyModel::default()).await;
    kill(&served.engine.running().unwrap()).await;
    let asks = (0..8).map(|index| complete(&served.engine, text_prompt(&format!("question {index}"), 4)));
    within("all are answered", futures::future::join_all(asks)).await;
}

/// When the engine does not come up on the weights in memory, they are read again; not if the files have changed.
#[tokio::test]
async fn weights_are_read_again_unless_they_are_others() {
    let served = serve(TinyModel::default()).await;
    let before = complete(&served.engine, text_prompt("hello", 8)).await.text;
    kill(&served.engine.running().unwrap()).await;
    served.engine.forget_weights();
    assert_eq!(complete(&served.engine, text_prompt("hello", 8)).await.text, before);

    served.engine.forget_weights();
    TinyModel { seed: 2, ..TinyModel::default() }.write(served.folder.path());
    let error = refused(&served.engine, text_prompt("hello", 8)).await;
    assert_eq!(*error.kind(), ErrorKind::Engine);
    TinyModel::default().write(served.folder.path());
    assert_eq!(complete(&served.engine, text_prompt("hello", 8)).await.text, before);
}

#[tokio::test]
async fn a_panic_while_preparing_fails_that_request_only() {
    let served = serve(TinyModel::default()).await;
    let engine = served.engine.clone_with_encode(Box::new(|text, _| {
        assert!(!text.contains("boom"), "a test makes the tokenizer panic");
        Ok(vec![5; text.len()])
    }));
    for text in ["boom".to_owned(), "boom ".repeat(10_000)] {
        let error =
            refused(&engine, ChatRequest { sampling: Sampling::greedy(), ..text_prompt(&text, 1) }).await;
        assert_eq!(*error.kind(), ErrorKind::Engine);
        assert!(
            !error.message().contains("boom"),
            "the client's message tells nothing of the inside: {error}"
        );
    }
    complete(&engine, text_prompt("ok", 1)).await;
}

async fn load_error(folder: &Path) -> EngineError {
    let Err(error) = config(folder).build().await else { panic!("this folder cannot be loaded") };
    error
}

#[tokio::test]
async fn what_cannot_be_loaded_is_named_with_a_remedy() {
    for missing in ["tokenizer.json", "config.json", "tokenizer_config.json", "model.safetensors"] {
        let folder = tempfile::tempdir().unwrap();
        TinyModel::default().write(folder.path());
        std::fs::remove_file(folder.path().join(missing)).unwrap();
        let error = load_error(folder.path()).await;
        assert!(
            matches!(&error, EngineError::MissingFile { path, .. } if path.ends_with(missing)),
            "{error}"
        );
    }
    for (broken, content) in [
        ("model.safetensors", "not tensors"),
        ("config.json", r#"{"architectures": ["NoSuchModel"]}"#),
        ("tokenizer.json", "{}"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        TinyModel::default().write(folder.path());
        std::fs::write(folder.path().join(broken), content).unwrap();
        let error = load_error(folder.path()).await;
        assert!(matches!(error, EngineError::Load { .. }), "{broken}: {error:?}");
        assert!(error.to_string().contains(&*folder.path().to_string_lossy()), "{error}");
    }
    let broken_template = tempfile::tempdir().unwrap();
    TinyModel { template: "{% for %}", ..TinyModel::default() }.write(broken_template.path());
    let error = load_error(broken_template.path()).await;
    assert!(error.to_string().contains("chat template"), "{error}");
}

#[tokio::test]
async fn a_small_model_is_served_in_the_checkpoints_own_precision() {
    let served = serve(TinyModel::default()).await;
    assert!(served.engine.info().description.contains("f32"), "{}", served.engine.info().description);
    assert!(served.engine.info().revision.as_str().starts_with("sha256:"));
}
