use super::*;

/// What `amend-eval` writes: the snapshot of its test `a_server_computes_the_same_probabilities`, with features of ours.
const FILE: &str = r#"{
  "schema": "amend.scope/1",
  "features": ["cover", "shared", "similarity"],
  "weights": [2.0, 1.5, -0.5],
  "bias": -2.5,
  "threshold": 0.4,
  "seed": 5,
  "trained_on": { "data": "our own", "sha256": "00ff", "pairs": 298, "in_scope": 120, "held_out": 102 }
}"#;

fn changed(from: &str, to: &str) -> String {
    assert!(FILE.contains(from));
    FILE.replace(from, to).parse::<ScopeModel>().unwrap_err().to_string()
}

#[test]
fn reads_what_calibration_writes() {
    let model: ScopeModel = FILE.parse().unwrap();
    assert_eq!((model.threshold(), model.seed(), model.trained_on().pairs), (0.4, 5, 298));
    let features =
        ScopeFeatures { cover: 1.0, shared: 0.5, foreign: 1.0, similarity: 0.5, ..ScopeFeatures::default() };
    // 1 / (1 + exp(−(−2.5 + 2 + 0.75 − 0.25)))
    assert!((model.probability(&features) - 0.5).abs() < 1e-12);
    let again: ScopeModel = serde_json::to_string(&model).unwrap().parse().unwrap();
    assert_eq!(again, model);
}

#[test]
fn refuses_what_it_cannot_compute() {
    let message = changed("amend.scope/1", "amend.scope/2");
    assert!(message.contains("amend.scope/2") && message.contains("calibrate again"), "{message}");
    let message = changed("\"shared\"", "\"mood\"");
    assert!(message.contains("\"mood\"") && message.contains("cover, whole"), "{message}");
    assert!(changed("\"shared\"", "\"cover\"").contains("twice"));
    assert!(changed("[2.0, 1.5, -0.5]", "[2.0, 1.5]").contains("2 weights for 3 features"));
    assert!(changed("1.5", "1e9").contains("the weight of \"shared\""));
    assert!(changed("\"threshold\": 0.4", "\"threshold\": 0").contains("threshold is 0"));
    assert!(changed("\"seed\"", "\"sede\"").contains("sede"));
}

#[test]
fn the_shipped_models_are_readable_and_use_what_they_are_for() {
    let dense = ["similarity", "lead"].map(str::to_owned);
    for model in [ScopeModel::lexical(), ScopeModel::hybrid()] {
        assert!(model.trained_on().pairs > 1_000 && model.trained_on().sha256.len() == 64);
    }
    let uses = |model: ScopeModel| File::from(model).features.iter().any(|name| dense.contains(name));
    assert_eq!((uses(ScopeModel::lexical()), uses(ScopeModel::hybrid())), (false, true));
}
