use super::*;
use proptest::prelude::*;

const BETA: f64 = 0.3;

fn all() -> Vec<PreferenceLoss> {
    let bmc = |reference_weighting| Objective::DpoBmc { beta: BETA, delta: 1.7, reference_weighting };
    let objectives = [
        Objective::Dpo { beta: BETA },
        bmc(ReferenceWeighting::Policy),
        bmc(ReferenceWeighting::Reference),
        Objective::SimPo { beta: BETA, gamma: 0.4 },
        Objective::SimPoBmc { beta: BETA, gamma: 0.4, delta: 1.7 },
        Objective::Ipo { beta: BETA, length: IpoLength::Mean },
        Objective::Ipo { beta: BETA, length: IpoLength::Sum },
    ];
    let plain = objectives.map(PreferenceLoss::from);
    let smooth = |loss: PreferenceLoss| PreferenceLoss { label_smoothing: 0.1, ..loss };
    let anchored = |loss: PreferenceLoss| PreferenceLoss { sft_weight: 0.5, ..loss };
    let smoothed = plain[..5].iter().map(|loss| smooth(*loss));
    plain.into_iter().chain(smoothed).chain(plain.map(anchored)).collect()
}

/// A pair of responses: log-probabilities of both models and the mask.
type Sides = [(Vec<f64>, Vec<f64>, Vec<bool>); 2];

fn sides() -> impl Strategy<Value = Sides> {
    let side = prop::collection::vec((-6.0..-0.01f64, -6.0..-0.01f64, any::<bool>()), 1..9);
    [side.clone(), side].prop_map(|sides| {
        sides.map(|tokens| {
            let (log_probs, masks): (Vec<_>, Vec<_>) =
                tokens.into_iter().map(|(p, r, m)| ((p, r), m)).unzip();
            let (policy, reference) = log_probs.into_iter().unzip();
            (policy, reference, masks)
        })
    })
}

fn responses(sides: &Sides) -> [Response<'_>; 2] {
    sides.each_ref().map(|(policy, reference, differs)| Response { policy, reference, differs })
}

/// The loss with the weights of `at` held fixed: what the gradient is the gradient of. Written anew from the formulas.
fn with_weights_of(loss: &PreferenceLoss, at: &Sides, sides: &Sides) -> f64 {
    let lambda = |log_prob: f64, differs: bool, delta: f64| match differs {
        true => 1.0 + (1.0 / log_prob.exp()).min(delta),
        false => 1.0,
    };
    let score = |i: usize| -> f64 {
        let (fixed, (policy, reference, differs)) = (&at[i].0, &sides[i]);
        let length = policy.len() as f64;
        let terms = (0..policy.len()).map(|t| match loss.objective {
            Objective::Dpo { beta } => beta * (policy[t] - reference[t]),
            Objective::DpoBmc { beta, delta, reference_weighting } => {
                let own = lambda(fixed[t], differs[t], delta);
                let theirs = match reference_weighting {
                    ReferenceWeighting::Policy => own,
                    ReferenceWeighting::Reference => lambda(reference[t], differs[t], delta),
                };
                beta * (own * policy[t] - theirs * reference[t])
            }
            Objective::SimPo { beta, .. } => beta * policy[t] / length,
            Objective::SimPoBmc { beta, delta, .. } => {
                beta * lambda(fixed[t], differs[t], delta) * policy[t] / length
            }
            Objective::Ipo { length: IpoLength::Mean, .. } => (policy[t] - reference[t]) / length,
            Objective::Ipo { length: IpoLength::Sum, .. } => policy[t] - reference[t],
        });
        terms.sum()
    };
    let margin = score(0) - score(1) - loss.objective.gamma();
    let mean = sides[0].0.iter().sum::<f64>() / sides[0].0.len() as f64;
    loss.of_margin_for_tests(margin) - loss.sft_weight * mean
}

impl PreferenceLoss {
    /// Without care for large numbers.
    fn of_margin_for_tests(&self, z: f64) -> f64 {
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        match self.objective {
            Objective::Ipo { beta, .. } => (z - 1.0 / (2.0 * beta)).powi(2),
            _ => {
                let e = self.label_smoothing;
                -(1.0 - e) * sigmoid(z).ln() - e * sigmoid(-z).ln()
            }
        }
    }
}

proptest! {
    #[test]
    fn gradients_are_those_of_differences_with_fixed_weights(sides in sides()) {
        const STEP: f64 = 1e-5;
        for loss in all() {
            let [chosen, rejected] = responses(&sides);
            let got = loss.of(chosen, rejected);
            prop_assert!((got.loss - with_weights_of(&loss, &sides, &sides)).abs() < 1e-9);
            for (side, gradient) in [&got.d_chosen, &got.d_rejected].into_iter().enumerate() {
                prop_assert_eq!(gradient.len(), sides[side].0.len());
                for (token, got) in gradient.iter().enumerate() {
                    let at = |delta: f64| {
                        let mut moved = sides.clone();
                        moved[side].0[token] += delta;
                        with_weights_of(&loss, &sides, &moved)
                    };
                    let want = (at(STEP) - at(-STEP)) / (2.0 * STEP);
                    prop_assert!((got - want).abs() <= 1e-6 * (1.0 + want.abs()), "{:?} {} {}", loss, got, want);
                }
            }
        }
    }

    #[test]
    fn without_differences_the_weights_are_one(mut sides in sides()) {
        for side in &mut sides {
            side.2.fill(false);
        }
        let [chosen, rejected] = responses(&sides);
        for weighting in [ReferenceWeighting::Policy, ReferenceWeighting::Reference] {
            let bmc = Objective::DpoBmc { beta: BETA, delta: 2.0, reference_weighting: weighting };
            let plain = PreferenceLoss::from(Objective::Dpo { beta: BETA });
            prop_assert_eq!(PreferenceLoss::from(bmc).of(chosen, rejected), plain.of(chosen, rejected));
        }
        let bmc = PreferenceLoss::from(Objective::SimPoBmc { beta: BETA, gamma: 0.1, delta: 2.0 });
        let plain = PreferenceLoss::from(Objective::SimPo { beta: BETA, gamma: 0.1 });
        prop_assert_eq!(bmc.of(chosen, rejected), plain.of(chosen, rejected));
    }

    #[test]
    fn a_policy_that_is_the_reference_has_no_reward_and_no_divergence(mut sides in sides()) {
        for side in &mut sides {
            side.1 = side.0.clone();
        }
        let [chosen, rejected] = responses(&sides);
        for loss in all().into_iter().filter(|loss| loss.objective.has_reference()) {
            let got = loss.of(chosen, rejected);
            prop_assert_eq!((got.chosen.reward, got.rejected.reward, got.divergence), (0.0, 0.0, 0.0));
        }
        let dpo = PreferenceLoss::from(Objective::Dpo { beta: BETA }).of(chosen, rejected);
        prop_assert!((dpo.loss - 2f64.ln()).abs() < 1e-12);
    }
}

/// By hand: `λ = 1 + min(2, 1.5) = 2.5` and `1 + min(4, 1.5) = 2.5`; `z = 0.3·(2.5·(−ln 2 + 1) − 2.5·(−ln 4 + 1))`.
#[test]
fn a_pair_worked_out_by_hand() {
    let (chosen, rejected) = ([-(2f64.ln())], [-(4f64.ln())]);
    let side = |policy| Response { policy, reference: &[-1.0], differs: &[true] };
    let objective =
        Objective::DpoBmc { beta: BETA, delta: 1.5, reference_weighting: ReferenceWeighting::Policy };
    let got = PreferenceLoss::from(objective).of(side(&chosen), side(&rejected));
    let z = BETA * 2.5 * 2f64.ln();
    assert!((got.loss - (1.0 + (-z).exp()).ln()).abs() < 1e-12);
    assert!((got.d_chosen[0] + BETA * 2.5 / (1.0 + z.exp())).abs() < 1e-12);
    assert!((got.chosen.reward - BETA * (1.0 - 2f64.ln())).abs() < 1e-12);
    // π·log(π/π_ref) − π + π_ref of one half and one quarter, with π_ref = 1/e.
    let divergence = (1.0 - 2f64.ln()) / 2.0 - 0.5 + (1.0 - 4f64.ln()) / 4.0 - 0.25 + 2.0 * (-1f64).exp();
    assert!((got.divergence - divergence).abs() < 1e-12 && divergence > 0.0);
    assert!((got.displacement - (2f64.ln() - 1.0)).abs() < 1e-12);
    // 1/π_ref = e > δ: the same here; below δ the two weightings part.
    let near = |policy| Response { policy, reference: &[-0.1], differs: &[true] };
    let of = |reference_weighting| {
        let objective = Objective::DpoBmc { beta: BETA, delta: 1.5, reference_weighting };
        PreferenceLoss::from(objective).of(near(&chosen), near(&[-0.2])).loss
    };
    assert!((of(ReferenceWeighting::Policy) - of(ReferenceWeighting::Reference)).abs() > 1e-3);
}

#[test]
fn large_margins_stay_numbers() {
    for (policy, want) in [(-1e4, 1e4), (-1e-9, 0.0)] {
        let chosen = Response { policy: &[policy], reference: &[-1e-9], differs: &[false] };
        let rejected = Response { policy: &[-1e-9], reference: &[-1e-9], differs: &[false] };
        let got = PreferenceLoss::from(Objective::Dpo { beta: 1.0 }).of(chosen, rejected);
        assert!(got.loss.is_finite() && (got.loss - want).abs() < 1.0, "{}", got.loss);
        assert!(got.d_chosen[0].is_finite() && got.d_chosen[0] <= 0.0);
    }
}

#[test]
fn nonsense_is_refused_and_settings_survive_json() {
    for loss in all() {
        loss.validate().expect("valid");
        let json = serde_json::to_string(&loss).expect("json");
        assert_eq!(serde_json::from_str::<PreferenceLoss>(&json).expect("reads"), loss);
    }
    let dpo = PreferenceLoss::from(Objective::Dpo { beta: 0.1 });
    for wrong in [
        Objective::Dpo { beta: 0.0 }.into(),
        Objective::Dpo { beta: f64::NAN }.into(),
        Objective::SimPoBmc { beta: 1.0, gamma: f64::INFINITY, delta: 1.0 }.into(),
        Objective::SimPoBmc { beta: 1.0, gamma: 0.0, delta: -1.0 }.into(),
        PreferenceLoss { label_smoothing: 0.5, ..dpo },
        PreferenceLoss { sft_weight: -1.0, ..dpo },
        PreferenceLoss {
            label_smoothing: 0.1,
            ..Objective::Ipo { beta: 1.0, length: IpoLength::Sum }.into()
        },
    ] {
        assert!(matches!(wrong.validate(), Err(Error::Settings(_))), "{wrong:?}");
    }
    let unknown = r#"{"objective":{"objective":"dpo","beta":0.1,"delta":2.0}}"#;
    assert!(serde_json::from_str::<PreferenceLoss>(unknown).is_err(), "dpo has no delta");
}
