//! A set of pairs through the modifier, resumable.

use super::guard::{BridgedPair, Outcome, judge};
use super::modifier::{Modifier, Reply};
use crate::answers::Answers;
use crate::files::write_atomically;
use crate::lte::write_lines;
use crate::preference::check::Limits;
use crate::preference::pair::Pair;
use crate::sft::Flow;
use crate::{Error, Result, digest};
use amend_proto::{ErrorKind, ModelError};
use futures::StreamExt;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// The pairs with their outcomes, in their folder.
pub const BRIDGED: &str = "bridged.jsonl";
/// Settings and counts.
pub const BRIDGE_CARD: &str = "bridge.json";
/// What the modifier said.
const REPLIES: &str = "modifier.jsonl";

/// Which pairs are bridged, and by whom.
pub struct Bridging<'a> {
    /// The pairs, checked and cleaned.
    pub pairs: &'a [Pair],
    /// Who rewrites.
    pub modifier: &'a Modifier,
    /// The share of the pairs that are bridged, 0 to 1; a fifth keeps most of the gain (paper, section 5).
    pub share: f64,
    /// Decides which.
    pub seed: u64,
    /// The longest answer that is taken.
    pub limits: Limits,
}

impl<'a> Bridging<'a> {
    /// All pairs, with the default limits.
    #[must_use]
    pub fn new(pairs: &'a [Pair], modifier: &'a Modifier) -> Self {
        Self { pairs, modifier, share: 1.0, seed: 0, limits: Limits::default() }
    }

    /// Whether a pair is in the share: by hash of seed and pair, so it does not depend on the others.
    fn takes(&self, pair: &Pair) -> bool {
        let seed = self.seed.to_string();
        let name = crate::preference::content_id(
            &pair.provenance.tenant,
            &pair.prompt,
            (&pair.chosen, &pair.rejected),
        );
        digest::place(&digest::of_parts(["bridge", &seed, name.as_str()])) < self.share
    }
}

/// What is known of a bridging.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BridgeCard {
    /// The model and its revision.
    pub modifier: String,
    /// SHA-256 of the template.
    pub template: String,
    /// Tokens of an answer at most.
    pub max_tokens: u32,
    /// The share that was asked for.
    pub share: f64,
    /// Decided which pairs.
    pub seed: u64,
    /// Pairs.
    pub pairs: usize,
    /// Different requests that the share made.
    pub requests: usize,
    /// Of these, answered from the disk.
    pub cached: usize,
    /// Pairs by outcome.
    pub outcomes: BTreeMap<Outcome, usize>,
    /// Mean normalised edit distance from chosen to rejected over the bridged pairs, before; `None` without any.
    pub distance_before: Option<f64>,
    /// The same after.
    pub distance_after: Option<f64>,
    /// SHA-256 of the pairs as they were written.
    pub content: String,
    /// Of the program.
    pub version: String,
}

impl BridgeCard {
    /// Pairs whose chosen answer was replaced.
    #[must_use]
    pub fn bridged(&self) -> usize {
        self.outcomes.get(&Outcome::Bridged).copied().unwrap_or_default()
    }
}

/// Bridges pairs. `folder` then holds `bridged.jsonl` (a [`BridgedPair`] a line, in the order of the pairs), `bridge.json`
/// (the [`BridgeCard`]) and `modifier.jsonl`: every answer as it came, by content, so a run that was killed asks nothing
/// twice and a changed set asks for what is new. `asked` is told how many of how many requests have an answer and may stop
/// the run; the result is `None` then, and the same call goes on.
///
/// Comparing answers takes time: call it on a thread of its own, inside the runtime's context when model and pause need
/// one.
///
/// # Errors
/// [`Error::Settings`] for a share that is none, or a template that fails; [`Error::Modifier`] when the model cannot be
/// used or fails on too many pairs in a row; [`Error::Io`].
pub async fn bridge(
    job: &Bridging<'_>,
    folder: &Path,
    asked: &mut (dyn FnMut(usize, usize) -> Flow + Send),
) -> Result<Option<(Vec<BridgedPair>, BridgeCard)>> {
    if !(0.0..=1.0).contains(&job.share) {
        return Err(Error::Settings(format!("the share to bridge must be from 0 to 1, not {}", job.share)));
    }
    std::fs::create_dir_all(folder).map_err(Error::io("creating", folder))?;
    let name = job.modifier.name();
    let keys: Vec<Option<String>> =
        job.pairs.iter().map(|pair| job.takes(pair).then(|| job.modifier.key(&name, pair))).collect();
    let Some((replies, cached)) = ask(job, &keys, folder, asked).await? else { return Ok(None) };
    let bridged = job.pairs.iter().zip(&keys).map(|(pair, key)| match key {
        None => BridgedPair::as_it_was(pair.clone(), Outcome::NotAsked),
        Some(key) => match replies.get(key.as_str()) {
            Some(Some(reply)) => judge(pair, reply, &job.limits),
            Some(None) | None => BridgedPair::as_it_was(pair.clone(), Outcome::Failed),
        },
    });
    let bridged: Vec<BridgedPair> = bridged.collect();
    write_lines(folder, BRIDGED, &bridged)?;
    let card = card(job, &bridged, (replies.len(), cached), &folder.join(BRIDGED))?;
    let json = serde_json::to_string_pretty(&card).map_err(|e| Error::Settings(e.to_string()))? + "\n";
    write_atomically(folder, BRIDGE_CARD, json.as_bytes())?;
    Ok(Some((bridged, card)))
}

/// A reply a key, `None` where the model failed for good.
type Replies<'a> = HashMap<&'a str, Option<Reply>>;

async fn ask<'a>(
    job: &Bridging<'_>,
    keys: &'a [Option<String>],
    folder: &Path,
    asked: &mut (dyn FnMut(usize, usize) -> Flow + Send),
) -> Result<Option<(Replies<'a>, usize)>> {
    let mut answers = Answers::<Reply>::open(&folder.join(REPLIES))?;
    let mut replies = Replies::new();
    let mut open = BTreeMap::new();
    for (pair, key) in job.pairs.iter().zip(keys) {
        let Some(key) = key.as_deref() else { continue };
        if replies.contains_key(key) || open.contains_key(key) {
            continue;
        }
        match answers.take(key) {
            Some(reply) => {
                replies.insert(key, Some(reply));
            }
            None => {
                open.insert(key, pair);
            }
        }
    }
    let (cached, all) = (replies.len(), replies.len() + open.len());
    let modifier = job.modifier;
    let requests = open.into_iter().map(|(key, pair)| async move {
        let message = modifier.template.render(pair)?;
        Ok::<_, Error>((key, modifier.ask(message).await))
    });
    let mut coming = futures::stream::iter(requests).buffer_unordered(modifier.concurrency.max(1));
    let mut failures = 0;
    while let Some(answered) = coming.next().await {
        let (key, reply) = answered?;
        let reply = match reply {
            Ok(reply) => {
                answers.append(key, &reply)?;
                failures = 0;
                Some(reply)
            }
            Err(error) => {
                failures += 1;
                give_up(modifier, failures, error)?;
                None
            }
        };
        replies.insert(key, reply);
        if asked(replies.len(), all) == Flow::Stop {
            return Ok(None);
        }
    }
    Ok(Some((replies, cached)))
}

/// Ends the run when the model is down, or was never there.
fn give_up(modifier: &Modifier, failures: usize, error: ModelError) -> Result<()> {
    let absent = matches!(error.kind(), ErrorKind::UnknownModel | ErrorKind::Denied);
    match absent || failures > modifier.retries.failures_in_a_row {
        true => Err(Error::Modifier(error)),
        false => Ok(()),
    }
}

fn card(
    job: &Bridging<'_>,
    bridged: &[BridgedPair],
    (requests, cached): (usize, usize),
    written: &Path,
) -> Result<BridgeCard> {
    let mut outcomes = BTreeMap::new();
    let (mut before, mut after) = (Vec::new(), Vec::new());
    for row in bridged {
        *outcomes.entry(row.outcome).or_default() += 1;
        if let (Outcome::Bridged, Some(distances)) = (row.outcome, row.distances) {
            before.push(distances.chosen);
            after.push(distances.bridged);
        }
    }
    let mean =
        |values: &[f64]| (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64);
    Ok(BridgeCard {
        modifier: job.modifier.name(),
        template: digest::hex(&digest::of_parts([job.modifier.template.source()])),
        max_tokens: job.modifier.max_tokens,
        share: job.share,
        seed: job.seed,
        pairs: bridged.len(),
        requests,
        cached,
        outcomes,
        distance_before: mean(&before),
        distance_after: mean(&after),
        content: digest::of_file(written)?,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    })
}
