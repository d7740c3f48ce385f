//! The suites that a policy names.

use amend_eval::{
    follow::{
        FollowSuite, GroupId,
        own::{Builtin, OwnSuite},
        published,
    },
    gate::{Policy, SuitePolicy},
};
use sha2::{Digest, Sha256};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};

/// The live edits, as policies name them.
pub(super) const EDITS: &str = "edits";
/// Kept completions, likewise.
pub(super) const TRAFFIC: &str = "traffic";

/// The suites that need no files.
pub(super) fn shipped() -> Vec<&'static str> {
    Builtin::ALL.map(Builtin::name).into_iter().chain([EDITS, TRAFFIC]).collect()
}

/// Whether a suite needs no file.
pub(super) fn is_shipped(name: &str) -> bool {
    shipped().contains(&name)
}

/// One suite of a policy.
#[derive(Debug, Clone)]
pub(super) enum Suite {
    /// Constraints.
    Follow(Arc<FollowSuite>),
    /// Live edits.
    Edits,
    /// Kept completions.
    Traffic,
}

/// The suite that a policy names.
pub(super) fn find(policy: &SuitePolicy) -> anyhow::Result<Suite> {
    match policy.name.as_str() {
        EDITS => Ok(Suite::Edits),
        TRAFFIC => Ok(Suite::Traffic),
        name => find_suite(name).map(Suite::Follow),
    }
}

/// A suite of constraints by its name: one of ours, a file of that form, or a folder of such files or of the published ones.
///
/// # Errors
/// When there is none, or it cannot be read; the text says which there are.
pub fn find_suite(name: &str) -> anyhow::Result<Arc<FollowSuite>> {
    let path = Path::new(name);
    let mut suite = match Builtin::named(name) {
        Some(builtin) => builtin.load()?.suite(),
        None if path.is_file() => OwnSuite::read(path)?.suite(),
        None if path.is_dir() => from_folder(path)?,
        None => {
            let ours = Builtin::ALL.map(Builtin::name).join(", ");
            anyhow::bail!(
                "there is no suite `{name}`: it is one of {ours}, {EDITS} or {TRAFFIC}, a suite file, a folder of such files, or a \
                 folder of FollowBench's"
            )
        }
    };
    suite.name = name.to_owned();
    Ok(Arc::new(suite))
}

/// FollowBench's files, or ours.
fn from_folder(folder: &Path) -> anyhow::Result<FollowSuite> {
    match published::load(folder) {
        Ok(suite) => Ok(suite),
        Err(of_theirs) => match OwnSuite::read(folder) {
            Ok(ours) => Ok(ours.suite()),
            Err(of_ours) => anyhow::bail!(
                "{} is no suite: as a folder of FollowBench's files: {of_theirs}; as one of suite files: {of_ours}",
                folder.display()
            ),
        },
    }
}

/// The first groups of a suite: so many of each category as make its share of `groups`, in an order that the policy's seed
/// decides. The same seed takes more of the same as `groups` grows.
pub(super) fn part(suite: &Arc<FollowSuite>, groups: usize, policy: &Policy) -> Arc<FollowSuite> {
    let mut categories: BTreeMap<_, BTreeSet<&GroupId>> = BTreeMap::new();
    for item in &suite.items {
        categories.entry(item.category).or_default().insert(&item.group);
    }
    let all: usize = categories.values().map(BTreeSet::len).sum();
    if groups >= all {
        return Arc::clone(suite);
    }
    let mut taken: BTreeSet<&GroupId> = BTreeSet::new();
    for members in categories.values() {
        let mut members: Vec<&GroupId> = members.iter().copied().collect();
        members.sort_by_key(|group| Sha256::digest(format!("{}:{group}", policy.seed)).to_vec());
        members.truncate((members.len() * groups).div_ceil(all));
        taken.extend(members);
    }
    let items = suite.items.iter().filter(|item| taken.contains(&item.group)).cloned().collect();
    Arc::new(FollowSuite { items, ..suite.as_ref().clone() })
}

/// Groups of a suite.
pub(super) fn groups(suite: &FollowSuite) -> usize {
    suite.items.iter().map(|item| &item.group).collect::<BTreeSet<_>>().len()
}
