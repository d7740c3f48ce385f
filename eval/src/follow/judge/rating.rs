//! How good a judge is.

use super::{
    CalibrationSet, Judge, JudgeId, JudgeOptions, JudgePanel, JudgeStop, Language, Reading, SeatRecord, kappa,
};
use crate::{
    exact::Progress,
    follow::{
        Scorer,
        run::{Cache, Keeper},
    },
    report::wilson,
};
use futures::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// How many of how many.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// How many.
    pub count: usize,
    /// Of how many.
    pub of: usize,
    /// `count / of`; nothing of nothing.
    pub rate: Option<f64>,
    /// The 95 % Wilson score interval of `rate`.
    pub interval: [f64; 2],
}

impl Share {
    pub(crate) fn new(count: usize, of: usize) -> Self {
        let rate = (of > 0).then(|| count as f64 / of as f64);
        Self { count, of, rate, interval: wilson(count, of) }
    }
}

/// What a judge said of answers with known verdicts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JudgeRating {
    /// Who.
    pub judge: JudgeId,
    /// The model that answered for it.
    pub model: String,
    /// Its revision.
    pub revision: String,
    /// SHA-256 of its template.
    pub template: String,
    /// SHA-256 of the calibration set.
    pub set: String,
    /// Answers that it was given.
    pub items: usize,
    /// Answers on which no reply could be read.
    pub unparsed: Share,
    /// Right verdicts among those that could be read.
    pub accuracy: Share,
    /// YES said of constraints that the answer violates.
    pub false_yes: Share,
    /// NO said of constraints that it meets.
    pub false_no: Share,
    /// Cohen's kappa against the truth; nothing where it is undefined.
    pub kappa: Option<f64>,
    /// Calls made.
    pub calls: u64,
    /// Tokens of their prompts.
    pub prompt_tokens: u64,
    /// Tokens of the replies.
    pub completion_tokens: u64,
}

impl JudgeRating {
    /// The share of right verdicts where answers on which no reply could be read count as wrong; nothing of nothing.
    #[must_use]
    pub fn right(&self) -> Option<f64> {
        let read = 1.0 - self.unparsed.rate?;
        Some(self.accuracy.rate.unwrap_or(0.0) * read)
    }
}

/// Asks a judge about every answer of the set, and compares.
///
/// # Errors
/// [`JudgeStop`] when the judge's revision changes, or the cache fails. A judge that fails or writes prose is rated, with
/// what it said as unparsed.
pub async fn rate(
    judge: &Judge,
    set: &CalibrationSet,
    options: &JudgeOptions,
    cache: Option<Arc<dyn Cache>>,
    progress: &dyn Progress,
) -> Result<JudgeRating, JudgeStop> {
    let panel = JudgePanel::new(vec![judge.clone()], options.clone()).expect("one judge is a panel");
    let keeper = Keeper(cache);
    let sitting = panel.sit(keeper.clone(), Scorer::Strict, Language::English);
    let total = set.asked().len();
    let mut readings = stream::iter(set.asked())
        .map(|(known, item)| sitting.judge(item, &known.answer))
        .buffered(options.concurrency.get());
    let mut found = Vec::with_capacity(total);
    while let Some(judgement) = readings.next().await {
        found.extend(judgement?.readings);
        progress.answered(found.len(), total);
    }
    drop(readings);
    keeper.flush().await?;
    let seat = sitting.finish().swap_remove(0);
    let truths: Vec<&[bool]> = set.items().map(|item| item.verdicts.as_slice()).collect();
    Ok(add_up(&found, &truths, (seat, set.fingerprint())))
}

impl JudgePanel {
    /// The same panel, with each member rated on a set of answers with known verdicts, one after the other.
    ///
    /// # Errors
    /// As [`rate`].
    pub async fn rated(
        mut self,
        set: &CalibrationSet,
        cache: Option<Arc<dyn Cache>>,
        progress: &dyn Progress,
    ) -> Result<Self, JudgeStop> {
        let options = self.options().clone();
        for judge in self.judges_mut() {
            judge.rating = Some(rate(judge, set, &options, cache.clone(), progress).await?);
        }
        Ok(self)
    }
}

fn add_up(readings: &[Reading], truths: &[&[bool]], (seat, set): (SeatRecord, &str)) -> JudgeRating {
    let read = readings.iter().zip(truths).filter_map(|(reading, truth)| Some((reading.verdicts()?, *truth)));
    let pairs: Vec<(bool, bool)> =
        read.flat_map(|(said, truth)| said.iter().copied().zip(truth.iter().copied())).collect();
    let wrong = |of: bool| {
        let of_kind = pairs.iter().filter(|(_, truth)| *truth == of);
        Share::new(of_kind.clone().filter(|(said, truth)| said != truth).count(), of_kind.count())
    };
    let unreadable = readings.iter().filter(|reading| reading.verdicts().is_none()).count();
    JudgeRating {
        judge: seat.id,
        model: seat.model,
        revision: seat.revision,
        template: seat.template,
        set: set.to_owned(),
        items: readings.len(),
        unparsed: Share::new(unreadable, readings.len()),
        accuracy: Share::new(pairs.iter().filter(|(said, truth)| said == truth).count(), pairs.len()),
        false_yes: wrong(false),
        false_no: wrong(true),
        kappa: kappa(&pairs),
        calls: readings.iter().map(|reading| u64::from(reading.calls)).sum(),
        prompt_tokens: readings.iter().map(|reading| reading.prompt_tokens).sum(),
        completion_tokens: readings.iter().map(|reading| reading.completion_tokens).sum(),
    }
}
