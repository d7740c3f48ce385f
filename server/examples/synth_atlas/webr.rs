//! WebR on pages that state facts of atlas with new answers.

use super::measure::{Item, Nobody, accuracy, shown};
use amend_proto::Message;
use amend_server::synth::{SynthConfig, WebrRequest, webr};
use amend_trainer::{
    atlas::{Atlas, Name, Relation, Split, builtin, phrasing::Asked},
    bmc::Control,
    instruct::{InstructJob, InstructObserver, InstructRecipe, Trained, train},
    preference::HeldOutShare,
    sft::StepMetrics,
    synth::progress::Silent,
};
use rand::{SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;
use serde_json::json;
use std::{fs, path::Path};

/// Facts with new answers, pages, and facts of one page.
const FACTS: usize = 120;
const PAGES: usize = 480;
const ON_A_PAGE: usize = 3;
/// How often either model learns its rows: at four, a hundred steps, neither learned a new name.
const EPOCHS: u32 = 16;
/// Ways in which a fact is asked for.
const PHRASINGS: usize = 3;

struct Fact {
    subject: Name,
    relation: Relation,
    object: String,
}

fn facts(rng: &mut ChaCha8Rng) -> Vec<Fact> {
    let atlas = Atlas::built_in();
    let stored: Vec<(Relation, Name)> = [Relation::Capital, Relation::Currency, Relation::Headquarters]
        .into_iter()
        .flat_map(|relation| {
            atlas.world.facts(relation).iter().map(move |fact| (relation, fact.subject.clone()))
        })
        .collect();
    let chosen: Vec<(Relation, Name)> = stored.choose_multiple(rng, FACTS).cloned().collect();
    let fact = |(relation, subject): (Relation, Name)| {
        let object =
            atlas.names.fresh(relation.info().object, &atlas.world, Split::Train, rng).bare().to_owned();
        Fact { subject, relation, object }
    };
    chosen.into_iter().map(fact).collect()
}

/// Pages in a folder, and the same as rows.
fn write_pages(facts: &[Fact], rng: &mut ChaCha8Rng, (folder, raw): (&Path, &Path)) -> anyhow::Result<()> {
    fs::create_dir_all(folder)?;
    let mut rows = String::new();
    for at in 0..PAGES {
        let of_page: Vec<&Fact> = facts.choose_multiple(rng, ON_A_PAGE).collect();
        let title = of_page.iter().map(|fact| fact.subject.bare()).collect::<Vec<_>>().join(", ");
        let sentences: Vec<String> = of_page
            .iter()
            .map(|fact| {
                let place = (Split::Train, &mut *rng);
                Atlas::built_in().grammar.state(&fact.subject, fact.relation, fact.object.clone(), place).text
            })
            .collect();
        let body: String = sentences.iter().map(|sentence| format!("<p>{sentence}</p>")).collect();
        let html = format!(
            "<html><head><title>{title}</title></head><body><article><h1>{title}</h1>{body}</article></body></html>"
        );
        fs::write(folder.join(format!("page-{at:04}.html")), html)?;
        let messages = json!([{"role": "user", "content": title}, {"role": "assistant", "content": sentences.join("\n\n")}]);
        rows += &format!("{}\n", json!({"messages": messages}));
    }
    fs::write(raw, rows)?;
    Ok(())
}

struct Quiet;

impl InstructObserver for Quiet {
    fn on_step(&mut self, _: &StepMetrics, _: u64) {}
}

/// The built-in model after learning these rows.
fn learned(base: &Path, data: &Path, (out, seed): (&Path, u64)) -> anyhow::Result<std::path::PathBuf> {
    let recipe = InstructRecipe {
        seed,
        epochs: EPOCHS,
        rows_per_step: 16,
        learning_rate: 3e-4,
        held_out: HeldOutShare::NONE,
        patience: None,
        ..InstructRecipe::full()
    };
    let job = InstructJob {
        model: base,
        name: "atlas",
        data: &[data.to_owned()],
        recipe,
        budget: None,
        control: Control::default(),
        out,
    };
    match train(&job, &mut Quiet)? {
        Trained::Finished(_) => Ok(out.join("model")),
        other => anyhow::bail!("the training ended as {other:?}"),
    }
}

pub(crate) async fn run(folder: &Path, seeds: u64) -> anyhow::Result<()> {
    fs::create_dir_all(folder)?;
    let base = builtin::unpack(folder)?;
    let (mut of_rows, mut of_pages, mut of_base) = (Vec::new(), Vec::new(), Vec::new());
    for seed in 1..=seeds {
        let home = folder.join(format!("webr-{seed}"));
        fs::create_dir_all(&home)?;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let facts = facts(&mut rng);
        let (pages, raw) = (home.join("pages"), home.join("raw.jsonl"));
        write_pages(&facts, &mut rng, (&pages, &raw))?;
        let items: Vec<Item> = facts
            .iter()
            .flat_map(|fact| {
                let asked = Asked::Object(fact.relation, &fact.subject);
                let ask = |_| Atlas::built_in().grammar.ask(&asked, Split::Test, &mut rng);
                let questions: Vec<String> = (0..PHRASINGS).map(ask).collect();
                questions.into_iter().map(|question| (vec![Message::user(question)], fact.object.clone()))
            })
            .collect();
        let mut config = SynthConfig::default();
        config.webr.seed = seed;
        // A few sentences are a page here.
        config.webr.quality.min_words = 10;
        config.webr.quality.min_stop_words = 1;
        let out = home.join("rows");
        let request = WebrRequest {
            config: &config,
            input: vec![pages],
            out: &out,
            seen: None,
            control: Control::default(),
        };
        let made = webr(request, &Nobody, &mut Silent).await?;
        let rows = learned(&base, &out.join("rows.jsonl"), (&home.join("of-rows"), seed))?;
        let raw = learned(&base, &raw, (&home.join("of-pages"), seed))?;
        of_rows.push(accuracy(&rows, &items).await?);
        of_pages.push(accuracy(&raw, &items).await?);
        of_base.push(accuracy(&base, &items).await?);
        println!(
            "seed {seed}: {} rows of {PAGES} pages; {:?}; rows {:.3}, pages {:.3}, before {:.3}",
            made.card.rows,
            made.card.by_method,
            of_rows[of_rows.len() - 1],
            of_pages[of_pages.len() - 1],
            of_base[of_base.len() - 1]
        );
    }
    println!("| learned | new answers |\n|---|---|");
    println!("| nothing | {} |", shown(&of_base));
    println!("| the pages | {} |", shown(&of_pages));
    println!("| WebR's rows of them | {} |", shown(&of_rows));
    Ok(())
}
