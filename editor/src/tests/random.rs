//! Any history, also over crashes, is what a simple model of the log says.

use super::{encoders::Odd, *};
use crate::{
    dense::EncoderSetup,
    edit::{Content, OnConflict, SupersedeEdit},
    operation::Change,
    time::Timestamp,
};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// The text that the encoder fails for.
const FAILS: u8 = 2;
/// The text that is not for ever, so that it covers no other.
const SHORT: u8 = 1;
const TENANTS: [&str; 2] = ["acme", "rival"];

#[derive(Debug, Clone)]
enum Step {
    Add {
        tenant: usize,
        name: u8,
        text: u8,
        rule: OnConflict,
    },
    Supersede {
        tenant: usize,
        name: u8,
        text: u8,
        rule: OnConflict,
    },
    Retire {
        tenant: usize,
        name: u8,
    },
    Restore {
        tenant: usize,
        name: u8,
    },
    /// To this share of the log, in percent.
    RollBack {
        tenant: Option<usize>,
        to: i64,
    },
    /// The process ends without notice, and the files are opened as they are, but for the embedding cache, of which this
    /// share is left, in percent.
    Crash {
        cache: u64,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (of, name, text) = (0..TENANTS.len(), 0u8..4, 0u8..3);
    let rule = prop_oneof![
        3 => Just(OnConflict::KeepBoth), 1 => Just(OnConflict::Refuse), 1 => Just(OnConflict::Supersede)
    ];
    let said = (of.clone(), name.clone(), text, rule);
    let step = prop_oneof![
        4 => said.clone().prop_map(|(tenant, name, text, rule)| Step::Add { tenant, name, text, rule }),
        2 => said.prop_map(|(tenant, name, text, rule)| Step::Supersede { tenant, name, text, rule }),
        2 => (of.clone(), name.clone()).prop_map(|(tenant, name)| Step::Retire { tenant, name }),
        2 => (of.clone(), name).prop_map(|(tenant, name)| Step::Restore { tenant, name }),
        2 => (proptest::option::of(of), 0i64..=100).prop_map(|(tenant, to)| Step::RollBack { tenant, to }),
        1 => (0u64..=100).prop_map(|cache| Step::Crash { cache }),
    ];
    proptest::collection::vec(step, 1..24)
}

/// What stands: by tenant and name, the text and the entry that wrote it.
type State = BTreeMap<(usize, u8), (u8, i64)>;

/// The log as a list of what stood after each entry.
struct Model {
    /// By entry, from 0.
    states: Vec<State>,
    /// The last version of each edit.
    last: State,
}

impl Model {
    fn now(&self) -> &State {
        self.states.last().expect("the empty state is there from the beginning")
    }

    fn end(&self) -> i64 {
        self.states.len() as i64 - 1
    }

    fn put(&mut self, at: (usize, u8), version: Option<(u8, i64)>) {
        let mut state = self.now().clone();
        match version {
            Some(version) => {
                self.last.insert(at, version);
                state.insert(at, version)
            }
            None => state.remove(&at),
        };
        self.states.push(state);
    }

    /// Writes a version, by what the rule says of the tenant's others, which all say the same or something else of the
    /// same.
    fn write(&mut self, at: (usize, u8), text: u8, rule: OnConflict) -> bool {
        let own = |other: &(usize, u8)| other.0 == at.0 && *other != at;
        let mut others: Vec<_> = self.now().iter().filter(|(other, _)| own(other)).collect();
        others.sort_by_key(|(_, (_, seq))| std::cmp::Reverse(*seq));
        let others: Vec<_> = others.into_iter().map(|(other, (text, _))| (*other, *text)).collect();
        match rule {
            OnConflict::Refuse if !others.is_empty() => return false,
            OnConflict::Refuse | OnConflict::KeepBoth => {}
            OnConflict::Supersede => {
                let covered = others.into_iter().filter(|(_, other)| text != SHORT || *other == SHORT);
                covered.for_each(|(other, _)| self.put(other, None));
            }
        }
        self.put(at, Some((text, self.end() + 1)));
        true
    }

    /// Whether the step is one that the log must take.
    fn step(&mut self, step: &Step) -> bool {
        match *step {
            Step::Crash { .. } => true,
            Step::Add { tenant, name, text, rule } => match self.now().get(&(tenant, name)) {
                Some((known, _)) if *known == text => true,
                Some(_) if rule != OnConflict::Supersede => false,
                _ => self.write((tenant, name), text, rule),
            },
            Step::Supersede { tenant, name, text, rule } => match self.now().get(&(tenant, name)) {
                Some((known, _)) if *known == text => true,
                Some(_) => self.write((tenant, name), text, rule),
                None => false,
            },
            Step::Retire { tenant, name } => {
                let stands = self.now().contains_key(&(tenant, name));
                if stands {
                    self.put((tenant, name), None);
                }
                stands
            }
            Step::Restore { tenant, name } => match self.last.get(&(tenant, name)).copied() {
                Some(version) if !self.now().contains_key(&(tenant, name)) => {
                    self.put((tenant, name), Some(version));
                    true
                }
                known => known.is_some(),
            },
            Step::RollBack { tenant, to } => {
                let then = self.states[(self.end() * to / 100) as usize].clone();
                let concerns = |at: &(usize, u8)| tenant.is_none_or(|tenant| tenant == at.0);
                let gone: Vec<_> =
                    self.now().keys().filter(|at| concerns(at) && !then.contains_key(at)).copied().collect();
                gone.into_iter().for_each(|at| self.put(at, None));
                let mut back: Vec<_> = then
                    .into_iter()
                    .filter(|(at, version)| concerns(at) && self.now().get(at) != Some(version))
                    .collect();
                back.sort_by_key(|(_, (_, seq))| *seq);
                back.into_iter().for_each(|(at, version)| self.put(at, Some(version)));
                true
            }
        }
    }
}

fn content(text: u8) -> Content {
    // Far ahead of the clock, so it is in force all the while.
    let expires_at = (text == SHORT).then(|| Timestamp::from_seconds(1_000_000));
    Content { expires_at, ..Content::new(format!("The capital of Verdania is Arvik{text}.")) }
}

fn name(number: u8) -> EditId {
    id(&format!("n{number}"))
}

async fn take(bench: &mut Bench, step: &Step, end: i64) -> bool {
    let of = |tenant: usize| bench.of(TENANTS[tenant]);
    match *step {
        Step::Add { tenant, name: n, text, rule } => {
            let edits = AddEdits::from(NewEdit::from(content(text)).named(name(n))).on_conflict(rule);
            of(tenant).add(edits).await.is_ok()
        }
        Step::Supersede { tenant, name: n, text, rule } => {
            let new = SupersedeEdit::new(name(n), content(text)).on_conflict(rule);
            of(tenant).supersede(new).await.is_ok()
        }
        Step::Retire { tenant, name: n } => {
            of(tenant).retire(RetireEdit { id: name(n), by: Attribution::default() }).await.is_ok()
        }
        Step::Restore { tenant, name: n } => {
            let by = Attribution::default();
            of(tenant).restore(RestoreEdit { id: name(n), version: None, by }).await.is_ok()
        }
        Step::RollBack { tenant, to } => match tenant {
            Some(tenant) => of(tenant).roll_back(back_to(end * to / 100)).await.is_ok(),
            None => bench.editor.roll_back_all(back_to(end * to / 100)).await.is_ok(),
        },
        Step::Crash { cache } => {
            crash(bench, cache).await;
            true
        }
    }
}

/// Copies the files while they are open, as `kill -9` would leave them, and goes on with the copy.
async fn crash(bench: &mut Bench, cache: u64) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for file in ["amend.db", "amend.db-wal"] {
        std::fs::copy(bench.folder.path().join(file), folder.path().join(file)).expect("copies");
    }
    let caches =
        ["amend.db.embeddings"].map(|name| (bench.folder.path().join(name), folder.path().join(name)));
    for (from, to) in caches.iter().filter(|(from, _)| from.exists()) {
        std::fs::create_dir(to).expect("is made");
        for file in std::fs::read_dir(from).expect("is read") {
            let file = file.expect("is read");
            let bytes = std::fs::read(file.path()).expect("is read");
            let left = bytes.len() * cache as usize / 100;
            std::fs::write(to.join(file.file_name()), &bytes[..left]).expect("is written");
        }
    }
    let editor = open(&folder.path().join("amend.db"), &bench.clock, bench.encoder.clone()).await;
    let left = std::mem::replace(&mut bench.editor, editor);
    left.close().await.expect("closes");
    bench.folder = folder;
}

async fn check(bench: &Bench, model: &Model) {
    assert_eq!(bench.editor.last_seq().get(), model.end());
    let page = crate::edit::Page { limit: 100, after: None };
    let told = |edits: &[Edit], tenant: usize| -> State {
        let number = |id: &EditId| id.as_str()[1..].parse().expect("a number");
        let text = |edit: &Edit| (0..3).find(|text| edit.content == content(*text)).expect("a known text");
        edits.iter().map(|edit| ((tenant, number(&edit.id)), (text(edit), edit.seq.get()))).collect()
    };
    let of = |state: &State, tenant: usize| -> State {
        state.iter().filter(|(at, _)| at.0 == tenant).map(|(at, version)| (*at, *version)).collect()
    };
    for (number, tenant) in TENANTS.into_iter().enumerate() {
        let tenant = bench.of(tenant);
        let listed = tenant.list(page.clone()).await.unwrap().edits;
        assert!(listed.is_sorted_by_key(|edit| edit.seq));
        assert_eq!(told(&listed, number), of(model.now(), number), "the index");
        for (at, state) in model.states.iter().enumerate() {
            let past = tenant.state_as_of(seq(at as i64), Seq::START, 100).await.unwrap();
            assert_eq!(told(&past.edits, number), of(state, number), "the log, as of {at}");
            assert!(past.edits.is_sorted_by_key(|edit| edit.seq));
        }
        // The newest of those that say something of Verdania's capital stands next to the question.
        let last = applied(&tenant, "What is the capital of Verdania?").pop();
        assert_eq!(last, listed.last().map(|edit| edit.id.to_string()), "the prompt");
        check_dense(bench, &tenant, &listed);
        let replayed = replay(&tenant).await;
        assert_eq!(replayed, listed, "the operations add up to what stands");
    }
}

/// The dense side holds what stands, but for what the encoder fails for, and finds it.
fn check_dense(bench: &Bench, tenant: &TenantEditor, listed: &[Edit]) {
    let Some(dense) = &bench.editor.dense else { return };
    let fails = |edit: &&Edit| edit.content == content(FAILS);
    let (failed, embedded): (Vec<&Edit>, Vec<&Edit>) = listed.iter().partition(fails);
    let wanted: Vec<Seq> = embedded.iter().map(|edit| edit.seq).collect();
    assert_eq!(dense.keys(tenant.id()), wanted, "the dense index");
    assert!(dense.status().missing >= failed.len(), "what has no embedding is counted");
    for edit in embedded {
        let near = dense.ask_blocking(tenant.id(), &edit.content.text);
        let same: Vec<Seq> =
            listed.iter().filter(|other| other.content == edit.content).map(|other| other.seq).collect();
        let best: Vec<Seq> = near.iter().take(same.len()).map(|near| near.seq).collect();
        assert_eq!(best, same, "the nearest to an edit's own text");
        assert!(near.len() == wanted.len() && near[0].similarity > 0.99);
    }
}

async fn replay(tenant: &TenantEditor) -> Vec<Edit> {
    let mut standing: BTreeMap<EditId, Arc<Edit>> = BTreeMap::new();
    for operation in tenant.operations(Seq::START, 1_000).await.unwrap().operations {
        match operation.change {
            Change::Add(edit) | Change::Supersede(edit) | Change::Restore(edit) => {
                standing.insert(operation.edit, edit)
            }
            Change::Retire | Change::Displace { .. } => standing.remove(&operation.edit),
        };
    }
    let mut edits: Vec<Edit> = standing.into_values().map(|edit| edit.as_ref().clone()).collect();
    edits.sort_by_key(|edit| edit.seq);
    edits
}

fn check_histories(encoder: impl Fn() -> Option<EncoderSetup>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let config = ProptestConfig { cases: 24, ..ProptestConfig::default() };
    proptest!(config, |(steps in steps())| {
        runtime.block_on(async {
            let mut bench = bench_with(encoder()).await;
            let mut model = Model { states: vec![State::new()], last: State::new() };
            for step in &steps {
                let end = model.end();
                let wanted = model.step(step);
                assert_eq!(take(&mut bench, step, end).await, wanted, "{step:?}");
            }
            check(&bench, &model).await;
            crash(&mut bench, 100).await;
            check(&bench, &model).await;
            if let Some(status) = bench.editor.dense_status() {
                assert_eq!(status.embedded + status.missing, bench.editor.count());
            }
        });
    });
}

#[test]
fn any_history_is_what_the_model_says() {
    check_histories(|| None);
}

#[test]
fn any_history_is_in_the_dense_index_as_well() {
    let fails = content(FAILS).text;
    let encoder = || Arc::new(Odd::new(32).failing_for(fails.clone()));
    check_histories(|| Some(EncoderSetup::new(encoder())));
}
