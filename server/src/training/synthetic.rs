//! Rows that models made, as a training takes them beside its pairs.

use crate::jobs::Jobs;
use amend_proto::{
    Message,
    wire::{JobKind, JobState},
};
use amend_trainer::synth::{
    output::ROWS_JSONL,
    rows::{RowEntry, RowReader},
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

/// More rows than these are not taken, however long a training is: they are held in memory.
const MOST_ROWS: usize = 20_000;
/// Jobs that are looked through, which is how many the ledger keeps.
const MOST_JOBS: usize = 1_000;

/// What a training took.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Taken {
    /// The folders of the sets, newest first.
    pub(super) sets: Vec<PathBuf>,
    /// Rows of them.
    pub(super) rows: usize,
}

/// The sets that no training has learned from yet, newest first.
pub(super) async fn fresh(jobs: &Jobs) -> anyhow::Result<Vec<PathBuf>> {
    let all = jobs.list(None, MOST_JOBS).await?;
    let done = |kinds: &'static [JobKind]| {
        all.iter()
            .filter(move |job| job.state == JobState::Done && kinds.contains(&job.kind))
            .filter_map(|job| Some((job.ended_at, job.result.as_ref()?)))
    };
    let taken = |result: &Value| Taken::deserialize(result.get("synthetic")?).ok();
    let known: HashSet<PathBuf> =
        done(&[JobKind::Bmc]).filter_map(|(_, result)| taken(result)).flat_map(|taken| taken.sets).collect();
    let mut sets: Vec<(Option<i64>, PathBuf)> = done(&[JobKind::Lion, JobKind::Webr])
        .filter_map(|(ended, result)| Some((ended, PathBuf::from(result["folder"].as_str()?))))
        .filter(|(_, set)| !known.contains(set))
        .collect();
    sets.sort_by_key(|(ended, _)| std::cmp::Reverse(*ended));
    Ok(sets.into_iter().map(|(_, set)| set).collect())
}

/// Up to `most` rows of the first sets, drawn by `seed` where a set has more. A set that cannot be read is told of and left
/// out; a line that is no row is passed over.
pub(super) fn draw(
    sets: &[PathBuf],
    (most, seed): (u64, u64),
    say: &mut dyn FnMut(String),
) -> (Vec<Vec<Message>>, Taken) {
    let most = usize::try_from(most).unwrap_or(MOST_ROWS).min(MOST_ROWS);
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let (mut rows, mut taken) = (Vec::new(), Taken::default());
    for set in sets {
        if rows.len() == most {
            break;
        }
        match drawn(&set.join(ROWS_JSONL), most - rows.len(), &mut random) {
            Ok((_, 0)) => {}
            Ok((found, _)) => {
                rows.extend(found);
                taken.sets.push(set.clone());
            }
            Err(error) => say(format!("{} is left out: {error}", set.display())),
        }
    }
    taken.rows = rows.len();
    (rows, taken)
}

/// So many rows of a file, every one as likely as every other (reservoir sampling, algorithm R), and how many there are.
fn drawn(
    file: &Path,
    most: usize,
    random: &mut ChaCha8Rng,
) -> amend_trainer::Result<(Vec<Vec<Message>>, usize)> {
    let (mut kept, mut seen): (Vec<Vec<Message>>, usize) = (Vec::new(), 0);
    for entry in RowReader::open(file)? {
        let RowEntry::Row(row) = entry? else { continue };
        seen += 1;
        let place = if kept.len() < most { kept.len() } else { random.random_range(0..seen) };
        match kept.get_mut(place) {
            Some(other) => *other = row.messages().to_vec(),
            None if place < most => kept.push(row.messages().to_vec()),
            None => {}
        }
    }
    Ok((kept, seen))
}

/// The first rows of a set as texts, each with where it is; what is no row is passed over, as it is when rows are drawn.
///
/// # Errors
/// When the set cannot be read to its end.
pub(crate) fn row_texts(set: &Path, most: usize) -> amend_trainer::Result<Vec<(String, String)>> {
    let mut texts = Vec::new();
    for (at, entry) in RowReader::open(&set.join(ROWS_JSONL))?.enumerate() {
        if texts.len() == most {
            break;
        }
        if let RowEntry::Row(row) = entry? {
            texts.push((format!("{} row {at}", set.display()), Message::joined(row.messages())));
        }
    }
    Ok(texts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        jobs::{JobError, JobsConfig},
        ledger::Ledger,
    };
    use amend_trainer::synth::rows::{Made, RoleModels, RowProvenance, SynthRow};
    use futures::FutureExt;
    use serde_json::json;
    use tokio::sync::watch;

    /// A set of so many rows.
    fn set(folder: &Path, name: &str, rows: usize) -> PathBuf {
        let set = folder.join(name);
        std::fs::create_dir_all(&set).unwrap();
        let line = |n: usize| {
            let made = Made::Lion { seed_instruction: "5eed".into(), iteration: 1 };
            let provenance = RowProvenance { made, models: RoleModels::default(), seed: 1, licence: None };
            let messages = vec![Message::user(format!("{name} asks {n}?")), Message::assistant("Yes.")];
            SynthRow::new(messages, provenance).unwrap()
        };
        amend_trainer::synth::rows::write_rows(
            (&set, ROWS_JSONL),
            amend_trainer::preference::format::Container::JsonLines,
            |to| (0..rows).try_for_each(|n| to.write(&line(n))),
        )
        .unwrap();
        set
    }

    #[test]
    fn the_newest_sets_come_first_and_a_damaged_one_is_told_of() {
        let folder = tempfile::tempdir().unwrap();
        let sets = [set(folder.path(), "new", 5), folder.path().join("gone"), set(folder.path(), "old", 50)];
        let mut told = Vec::new();
        let (rows, taken) = draw(&sets, (12, 7), &mut |line| told.push(line));
        assert_eq!((rows.len(), taken.rows), (12, 12));
        assert_eq!(taken.sets, [sets[0].clone(), sets[2].clone()]);
        assert!(told.len() == 1 && told[0].contains("gone"), "{told:?}");
        let asked: HashSet<&str> = rows.iter().map(|row| row[0].content.as_str()).collect();
        assert_eq!(asked.len(), 12, "one came twice");
        assert_eq!(asked.iter().filter(|asked| asked.starts_with("new")).count(), 5);
        assert_eq!(draw(&sets, (12, 7), &mut |_| ()).0, rows, "the seed decides");
        assert_ne!(draw(&sets, (12, 8), &mut |_| ()).0, rows);
        assert_eq!(draw(&sets, (0, 7), &mut |_| ()), (Vec::new(), Taken::default()));
        let known = row_texts(&sets[0], 3).unwrap();
        assert_eq!((known.len(), known[1].1.as_str()), (3, "new asks 1?\nYes."));
        assert!(row_texts(&sets[1], 3).is_err());
    }

    #[test]
    fn every_row_of_a_set_may_be_drawn() {
        let folder = tempfile::tempdir().unwrap();
        let sets = [set(folder.path(), "set", 20)];
        let mut seen = HashSet::new();
        for seed in 0..80 {
            seen.extend(draw(&sets, (3, seed), &mut |_| ()).0.into_iter().map(|row| row[0].content.clone()));
        }
        assert_eq!(seen.len(), 20);
    }

    #[tokio::test]
    async fn a_set_is_fresh_until_a_training_has_learned_from_it() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(folder.path().join("learning.db")).await.unwrap();
        let busy = watch::Sender::new(0).subscribe();
        let config =
            JobsConfig { ledger: ledger.clone(), folder: folder.path().join("jobs"), busy, quiet: None };
        let jobs = Jobs::open(config).await.unwrap();
        let ended = async |kind: JobKind, (at, state): (i64, &'static str), result: Value| {
            let id = jobs.submit(kind, json!({})).await.unwrap().id;
            let sql = "UPDATE jobs SET state = ?2, ended_at = ?3, result = ?4 WHERE id = ?1";
            let write = ledger.write(move |connection| {
                async move {
                    let query = sqlx::query(sql).bind(id.as_str()).bind(state).bind(at);
                    query.bind(result.to_string()).execute(connection).await?;
                    Ok::<_, JobError>(())
                }
                .boxed()
            });
            write.await.unwrap();
        };
        let set = |name: &str| json!({"folder": name});
        let learned = |names: &[&str]| json!({"synthetic": {"sets": names, "rows": 1}});
        let paths = |names: &[&str]| names.iter().map(PathBuf::from).collect::<Vec<_>>();
        assert!(fresh(&jobs).await.unwrap().is_empty());
        ended(JobKind::Lion, (20, "done"), set("first")).await;
        ended(JobKind::Webr, (22, "failed"), set("failed")).await;
        ended(JobKind::Bmc, (30, "failed"), learned(&["first"])).await;
        // Of before there was a share.
        ended(JobKind::Bmc, (40, "done"), json!({"revision": "r"})).await;
        assert_eq!(fresh(&jobs).await.unwrap(), paths(&["first"]), "nothing was learned of it");
        ended(JobKind::Bmc, (90, "done"), learned(&["first"])).await;
        // One that was done while that training went on, and one afterwards.
        ended(JobKind::Webr, (70, "done"), set("second")).await;
        ended(JobKind::Lion, (99, "done"), set("third")).await;
        assert_eq!(fresh(&jobs).await.unwrap(), paths(&["third", "second"]));
    }
}
