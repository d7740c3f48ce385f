use super::*;
use crate::edit::{protocol::Seed, report::same_json};
use proptest::prelude::*;

/// A linear congruential generator with the constants of ANSI C's example, so that Python can draw the same numbers.
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> f64 {
        self.0 = (1_103_515_245 * self.0 + 12_345) % (1 << 31);
        self.0 as f64 / f64::from(1_u32 << 31)
    }
}

fn set(count: usize) -> PairSet {
    let mut draws = Draws(1);
    let pair = |place: usize| {
        let [cover, dense, noise, luck] = std::array::from_fn(|_| draws.next());
        let scope = if cover + 0.6 * dense + 0.5 * luck > 1.2 { Scope::In } else { Scope::Out };
        LabelledPair {
            group: format!("edit-{}", place / 2),
            tenant: Some(if place.is_multiple_of(3) { "osk" } else { "tarn" }.to_owned()),
            features: vec![cover, 10.0 * dense, noise, 3.0],
            scope,
        }
    };
    let names = ["cover", "dense", "noise", "constant"].map(str::to_owned).to_vec();
    PairSet::new(names, (0..count).map(pair).collect()).unwrap()
}

fn options() -> CalibrateOptions {
    CalibrateOptions {
        split: Split { held_out: 0.3, seed: Seed(5) },
        penalty: 2.0,
        max_injection: 0.05,
        threshold: None,
        baseline: Baseline { feature: "cover".to_owned(), threshold: FixedThreshold::Chosen },
    }
}

fn near(got: f64, golden: f64) {
    assert!((got - golden).abs() < 1e-8, "{got} is not {golden}");
}

// Golden numbers in Python with numpy 2.4 and scikit-learn 1.9:
//   def data(n):
//       x, rows = 1, []
//       def draw():
//           nonlocal x; x = (1103515245 * x + 12345) % 2**31; return x / 2**31
//       for i in range(n):
//           cover, dense, noise, luck = draw(), draw(), draw(), draw()
//           rows.append((f"edit-{i // 2}", [cover, 10 * dense, noise, 3.0], int(cover + 0.6 * dense + 0.5 * luck > 1.2)))
//       return rows
//   def held(group):
//       d = hashlib.sha256((5).to_bytes(8, "little") + group.encode()).digest()
//       return (int.from_bytes(d[:8], "little") >> 11) / 2**53 < 0.3
//   rows = data(400); X = np.array([r[1] for r in rows]); y = np.array([r[2] for r in rows])
//   h = np.array([held(r[0]) for r in rows])
//   m, s = X[~h].mean(0), X[~h].std(0); s[s == 0] = 1
//   f = LogisticRegression(C=1 / 2.0, solver="newton-cholesky", tol=1e-14, max_iter=1000).fit((X[~h] - m) / s, y[~h])
//   p = f.predict_proba((X - m) / s)[:, 1]
//   f.coef_, f.intercept_, m, s, roc_auc_score(y[h], p[h]), roc_auc_score(y[h], X[h, 0])
//   def choose(v, y):
//       cuts = sorted(set(v), reverse=True)
//       ok = [i for i, c in enumerate(cuts) if ((v >= c) & (y == 0)).sum() / (y == 0).sum() <= 0.05]
//       return (cuts[ok[-1]] + cuts[ok[-1] + 1]) / 2
//   for v in (p, X[:, 0]):
//       t = choose(v[~h], y[~h]); t, (v[h & (y == 1)] >= t).sum(), (v[h & (y == 0)] >= t).sum()
//   b = np.minimum((p[h] * 10).astype(int), 9)
//   sum((b == k).sum() * abs(p[h][b == k].mean() - y[h][b == k].mean()) for k in set(b)) / h.sum()
#[test]
fn matches_scikit_learn() {
    let Calibrated { report, .. } = calibrate(&set(400), options()).unwrap();
    assert_eq!((report.learned_from, report.held_out), (298, 102));
    let model = &report.calibration.model;
    let weights = [2.553_475_594_533_336, 1.798_332_578_934_762_4, 0.332_416_751_006_542_83, 0.0];
    model.weights.iter().zip(weights).for_each(|(got, golden)| near(*got, golden));
    near(model.intercept, -2.009_466_033_061_57);
    near(model.means[1], 4.921_716_410_672_954);
    near(model.scales[0], 0.279_384_064_629_618_1);
    near(model.scales[3], 1.0);
    near(report.calibrated.threshold.0, 0.545_610_989_122_789_3);
    near(report.fixed.threshold.0, 0.792_478_346_265_852_5);
    let counts = |quality: &Quality| {
        (quality.kept.pairs, quality.kept.of, quality.injected.pairs, quality.injected.of)
    };
    assert_eq!(counts(&report.calibrated), (30, 39, 4, 63));
    assert_eq!(counts(&report.fixed), (21, 39, 3, 63));
    near(report.calibrated.auc.unwrap(), 0.962_148_962_148_962_3);
    near(report.fixed.auc.unwrap(), 0.903_540_903_540_903_4);
    near(report.calibration_error, 0.066_361_817_399_524_35);
    assert!(model.steps < 20, "Newton's method takes few steps, not {}", model.steps);
}

#[test]
fn tenants_add_up_and_json_survives() {
    let Calibrated { report, .. } = calibrate(&set(400), options()).unwrap();
    let kept: usize = report.tenants.iter().map(|tenant| tenant.quality.kept.pairs).sum();
    let injected: usize = report.tenants.iter().map(|tenant| tenant.quality.injected.of).sum();
    assert_eq!((kept, injected), (report.calibrated.kept.pairs, report.calibrated.injected.of));
    assert_eq!(report.tenants[0].tenant, "tarn", "the tenant with most pairs comes first");
    let json = serde_json::to_value(&report).unwrap();
    let read: CalibrationReport = serde_json::from_str(&json.to_string()).unwrap();
    same_json(&serde_json::to_value(&read).unwrap(), &json);
}

#[test]
fn a_server_computes_the_same_probabilities() {
    let pairs = set(400);
    let Calibrated { report, scores, .. } = calibrate(&pairs, options()).unwrap();
    let file = report.scope_model("draws of a generator", &pairs);
    let (_, held) = pairs.split(options().split);
    for (pair, score) in held.pairs().iter().zip(&scores) {
        let logit = file.bias + pair.features.iter().zip(&file.weights).map(|(x, w)| x * w).sum::<f64>();
        near(1.0 / (1.0 + (-logit).exp()), score.score);
    }
    assert_eq!(file.trained_on.pairs + file.trained_on.held_out, 400);
    // `amend-editor` reads exactly this form: see its test of `ScopeModel`.
    let rounded = |x: f64| (x * 1e6).round() / 1e6;
    let weights = file.weights.iter().copied().map(rounded).collect();
    let (bias, threshold) = (rounded(file.bias), rounded(file.threshold));
    insta::assert_json_snapshot!("scope_model", ScopeModelFile { weights, bias, threshold, ..file });
}

#[test]
fn reads_as_a_table() {
    let Calibrated { report, .. } = calibrate(&set(400), options()).unwrap();
    insta::assert_snapshot!(report.markdown().unwrap());
}

#[test]
fn draws_both_curves() {
    let charts = calibrate(&set(400), options()).unwrap().charts().unwrap();
    insta::assert_snapshot!("reliability", charts.reliability);
    for (chart, wanted) in [(&charts.thresholds, "threshold 0.546"), (&charts.trade_off, "cover alone")] {
        assert!(chart.starts_with("<svg ") && chart.trim_end().ends_with("</svg>") && chart.contains(wanted));
    }
    // For looking at them: AMEND_EVAL_CHARTS=FOLDER cargo test -p amend-eval draws
    if let Some(folder) = std::env::var_os("AMEND_EVAL_CHARTS") {
        let folder = std::path::PathBuf::from(folder);
        for (name, chart) in [
            ("reliability", &charts.reliability),
            ("thresholds", &charts.thresholds),
            ("trade_off", &charts.trade_off),
        ] {
            std::fs::write(folder.join(format!("{name}.svg")), chart).unwrap();
        }
    }
}

#[test]
fn a_fixed_threshold_can_be_given() {
    let mut given = options();
    given.baseline.threshold = FixedThreshold::At(Threshold(0.6));
    let Calibrated { report, .. } = calibrate(&set(400), given).unwrap();
    assert_eq!(report.fixed.threshold, Threshold(0.6));
    assert!(report.fixed.injected.mean > report.calibrated.injected.mean);
}

#[test]
fn held_out_pairs_are_measured_at_the_threshold_that_is_given() {
    let given = CalibrateOptions { threshold: Some(Threshold(0.9)), ..options() };
    let pairs = set(400);
    let Calibrated { report, scores, .. } = calibrate(&pairs, given).unwrap();
    let at = |scope| super::curve::applied(&scores, scope, Threshold(0.9));
    let (kept, injected) = (report.calibrated.kept.pairs, report.calibrated.injected.pairs);
    assert_eq!(
        (report.calibrated.threshold, kept, injected),
        (Threshold(0.9), at(Scope::In), at(Scope::Out))
    );
    assert!(kept < 30, "fewer than at the learned threshold");
    assert_eq!(report.scope_model("draws", &pairs).threshold, 0.9, "what is written is what was measured");
    assert!(report.markdown().unwrap().contains("the threshold was given"));
    assert_eq!(report.fixed.threshold, calibrate(&pairs, options()).unwrap().report.fixed.threshold);
}

#[test]
fn a_question_that_retrieval_loses_is_not_kept() {
    let plain = calibrate(&set(400), options()).unwrap();
    let missed = |group: usize| Missed { group: format!("edit-{group}"), tenant: Some("tarn".to_owned()) };
    let lost = set(400).with_missed((0..200).map(missed).collect());
    let (learn, held) = lost.split(options().split);
    assert_eq!((learn.missed().len() + held.missed().len(), held.missed().len()), (200, 51));
    assert!(held.missed().iter().all(|one| learn.pairs().iter().all(|pair| pair.group != one.group)));
    let Calibrated { report, .. } = calibrate(&lost, options()).unwrap();
    let (before, after) = (&plain.report.calibrated, &report.calibrated);
    assert_eq!((before.kept.pairs, before.kept.of, plain.report.missed), (30, 39, 0));
    assert_eq!((after.kept.pairs, after.kept.of, report.missed), (30, 39 + 51, 51));
    near(after.kept.mean, 30.0 / 90.0);
    assert_eq!((&after.injected, after.auc), (&before.injected, before.auc));
    assert_eq!(report.fixed.kept.of, 90, "the other side is measured by the same questions");
    let of = |report: &CalibrationReport| report.tenants.iter().map(|one| one.quality.kept.of).sum::<usize>();
    assert_eq!(of(&report), 90);
    assert!(
        report
            .markdown()
            .unwrap()
            .contains("| not even considered, of those in scope | 51 of 90 | 51 of 90 |")
    );
}

#[test]
fn what_cannot_be_learned_from_says_why() {
    let fails = |change: fn(&mut CalibrateOptions), set: &PairSet| {
        let mut options = options();
        change(&mut options);
        calibrate(set, options).unwrap_err()
    };
    let pairs = set(400);
    assert!(matches!(fails(|o| o.penalty = 0.0, &pairs), CalibrateError::Option { name: "penalty", .. }));
    assert!(matches!(
        fails(|o| o.split.held_out = 1.0, &pairs),
        CalibrateError::Option { name: "held_out", .. }
    ));
    assert!(matches!(fails(|o| o.max_injection = f64::NAN, &pairs), CalibrateError::Option { .. }));
    for threshold in [0.0, 1.1, f64::NAN] {
        let mut options = options();
        options.threshold = Some(Threshold(threshold));
        let refused = calibrate(&pairs, options).unwrap_err();
        assert!(
            matches!(refused, CalibrateError::Option { name: "threshold", .. }),
            "{threshold}: {refused}"
        );
    }
    let unknown = fails(|o| o.baseline.feature = "score".to_owned(), &pairs).to_string();
    assert!(unknown.ends_with("there are: cover, dense, noise, constant"), "{unknown}");
    let few = PairSet::new(vec!["a".to_owned()], Vec::new()).unwrap();
    assert!(matches!(fails(|o| o.baseline.feature = "a".to_owned(), &few), CalibrateError::OneLabel { .. }));
    let pair = |features: &[f64]| LabelledPair {
        group: "g".to_owned(),
        tenant: None,
        features: features.to_vec(),
        scope: Scope::In,
    };
    let new = |pair| PairSet::new(vec!["a".to_owned()], vec![pair]).unwrap_err();
    assert_eq!(new(pair(&[])), CalibrateError::Features { index: 0, found: 0, wanted: 1 });
    assert_eq!(new(pair(&[f64::NAN])), CalibrateError::NotFinite { index: 0, feature: "a".to_owned() });
    assert_eq!(PairSet::new(Vec::new(), Vec::new()).unwrap_err(), CalibrateError::NoFeatures);
}

#[test]
fn separable_and_repeated_features_are_fitted() {
    let pair = |place: usize| {
        let x = place as f64;
        let scope = if place >= 50 { Scope::In } else { Scope::Out };
        LabelledPair { group: place.to_string(), tenant: None, features: vec![x, x, -x], scope }
    };
    let names = ["a", "b", "c"].map(str::to_owned).to_vec();
    let pairs = PairSet::new(names, (0..100).map(pair).collect()).unwrap();
    let mut options = options();
    options.baseline.feature = "a".to_owned();
    options.max_injection = 0.0;
    let Calibrated { report, .. } = calibrate(&pairs, options).unwrap();
    assert_eq!((report.calibrated.kept.mean, report.calibrated.injected.mean), (1.0, 0.0));
    let weights = &report.calibration.model.weights;
    near(weights[0], weights[1]);
    near(weights[0], -weights[2]);
}

proptest! {
    #[test]
    fn the_bound_holds_and_no_threshold_keeps_more(
        raw in prop::collection::vec((0u8..12, any::<bool>()), 1..60), bound in 0.0f64..1.0,
    ) {
        let scope = |inside| if inside { Scope::In } else { Scope::Out };
        let pairs: Vec<_> =
            raw.iter().map(|&(score, inside)| LabelledScore { score: f64::from(score), scope: scope(inside) }).collect();
        let outside = super::curve::count(&pairs, Scope::Out).max(1) as f64;
        let rate = |at: f64| super::curve::applied(&pairs, Scope::Out, Threshold(at)) as f64 / outside;
        let kept = |at: f64| super::curve::applied(&pairs, Scope::In, Threshold(at));
        match choose(&pairs, bound) {
            Some(threshold) => {
                prop_assert!(rate(threshold.0) <= bound);
                for other in pairs.iter().filter(|pair| rate(pair.score) <= bound) {
                    prop_assert!(kept(other.score) <= kept(threshold.0));
                }
            }
            None => prop_assert!(pairs.iter().all(|pair| rate(pair.score) > bound)),
        }
    }

    #[test]
    fn the_area_is_the_share_of_ordered_pairs(raw in prop::collection::vec((0u8..6, any::<bool>()), 1..40)) {
        let scope = |inside| if inside { Scope::In } else { Scope::Out };
        let pairs: Vec<_> =
            raw.iter().map(|&(score, inside)| LabelledScore { score: f64::from(score), scope: scope(inside) }).collect();
        let (mut wins, mut all) = (0.0, 0.0);
        for (a, _) in raw.iter().filter(|(_, inside)| *inside) {
            for (b, _) in raw.iter().filter(|(_, inside)| !*inside) {
                all += 1.0;
                wins += f64::from(u8::from(a > b)) + f64::from(u8::from(a == b)) / 2.0;
            }
        }
        match auc(&pairs) {
            Some(area) => prop_assert!((area - wins / all).abs() < 1e-12),
            None => prop_assert!(all == 0.0),
        }
    }

    #[test]
    fn a_group_is_on_one_side(seed in any::<u64>(), held_out in 0.1f64..0.9) {
        let (learn, held) = set(60).split(Split { held_out, seed: Seed(seed) });
        prop_assert_eq!(learn.pairs().len() + held.pairs().len(), 60);
        prop_assert!(learn.pairs().iter().all(|a| held.pairs().iter().all(|b| a.group != b.group)));
    }
}
