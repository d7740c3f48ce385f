use super::*;
use crate::{
    Result,
    atlas::{Atlas, oracle::AtlasWriter, rows::atlas_pages},
    bmc::Control,
    synth::{
        ask::{Asker, Budget, Cast, Endpoint, EndpointSettings, Part, Price, Role},
        guard::{SuiteGuard, Unguarded},
        output::{Facts, PendingRows, write_set},
        pages::{Limits, PageStream},
        progress::{Silent, SynthObserver},
        prompts::Prompts,
        rows::{Ended, Made, SynthRow, WebrRole},
    },
};
use amend_proto::{
    ChatModel,
    testing::{Script, ScriptedModel},
};
use futures::{FutureExt, executor::block_on};
use std::{collections::BTreeMap, path::Path, sync::Arc};
use tempfile::{TempDir, tempdir};

/// A folder of pages about atlas.
fn pages(count: usize) -> TempDir {
    let folder = tempdir().unwrap();
    for (at, page) in atlas_pages(Atlas::built_in(), 4, count).iter().enumerate() {
        let paragraphs: String = page.paragraphs.iter().map(|text| format!("<p>{text}</p>")).collect();
        let html = format!(
            "<html><head><title>{0}</title></head><body><nav><a href=/>Home</a></nav><article><h1>{0}</h1>{paragraphs}</article>\
             </body></html>",
            page.title
        );
        std::fs::write(folder.path().join(format!("page-{at:03}.html")), html).unwrap();
    }
    folder
}

fn part(model: Arc<dyn ChatModel>, price: Price) -> Part {
    let pause = Arc::new(|_| async {}.boxed());
    let settings = EndpointSettings { price, ..EndpointSettings::default() };
    Part { endpoint: Arc::new(Endpoint::new(model, settings, pause)), sampling: webr_sampling() }
}

fn cast(price: Price) -> Cast {
    let writer = Arc::new(AtlasWriter::new(Atlas::built_in()));
    [Role::Author, Role::Teacher, Role::Refiner]
        .into_iter()
        .fold(Cast::new(), |cast, role| cast.with(role, part(Arc::clone(&writer) as _, price)))
}

const ORACLES: &[Role] = &[Role::Author, Role::Refiner];

fn settings() -> WebrSettings {
    let mut settings = WebrSettings { seed: 3, ..WebrSettings::default() };
    // The pages of atlas are shorter than those of the web.
    settings.quality.min_words = 20;
    settings
}

struct Ran {
    rows: Vec<SynthRow>,
    run: WebrRun,
    asked: usize,
}

fn run(
    (input, folder): (&Path, &Path),
    (settings, prompts): (&WebrSettings, &Prompts),
    asker: Asker,
    observer: &mut dyn SynthObserver,
) -> Result<Ran> {
    let mut stream = PageStream::open(vec![input.to_owned()], Limits::default())?;
    let seen = folder.join("seen");
    let job = WebrJob { settings, prompts, guard: &Unguarded, licence: Some("CC0-1.0"), seen: Some(&seen) };
    let mut rows = Vec::new();
    let mut sink = |row| {
        rows.push(row);
        Ok(())
    };
    let (run, _) = block_on(run_webr(&job, &mut stream, &asker, &mut sink, observer))?;
    Ok(Ran { rows, run, asked: asker.asked() })
}

fn open(folder: &Path, cast: Cast, control: Control) -> Asker {
    Asker::open(&folder.join("answers.jsonl"), cast, Budget::default(), control).unwrap()
}

fn whole(input: &Path, folder: &Path) -> Ran {
    let prompts = webr_prompts(None, ORACLES).unwrap();
    let asker = open(folder, cast(Price::default()), Control::default());
    run((input, folder), (&settings(), &prompts), asker, &mut Silent).unwrap()
}

fn role(row: &SynthRow) -> WebrRole {
    match &row.provenance().made {
        Made::Webr { role, .. } => *role,
        other => panic!("{other:?}"),
    }
}

#[test]
fn pages_become_rows_of_all_roles_and_each_knows_its_page() {
    let (input, folder) = (pages(60), tempdir().unwrap());
    let Ran { rows, run, asked } = whole(input.path(), folder.path());
    assert_eq!((run.ended, run.rows as usize), (Ended::Finished, rows.len()));
    assert!(rows.len() > 40, "{} rows; {:?}", rows.len(), run.counts);
    let mut by_role: BTreeMap<WebrRole, usize> = BTreeMap::new();
    let mut calls = 0;
    for row in &rows {
        *by_role.entry(role(row)).or_default() += 1;
        calls += if matches!(role(row), WebrRole::WiAll | WebrRole::WiPart) { 3 } else { 4 };
        let Made::Webr { page, .. } = &row.provenance().made else { unreachable!("role() has looked") };
        assert!(page.file.ends_with(".html") && page.content_hash.len() == 64);
        assert_eq!(row.provenance().licence.as_deref(), Some("CC0-1.0"));
        let [user, answer] = row.messages() else { panic!("{row:?}") };
        assert!(!answer.content.is_empty());
        match role(row) {
            WebrRole::WiAll | WebrRole::WiPart => assert!(user.content.contains("\n\n"), "page and request"),
            WebrRole::WrAll | WebrRole::WrPart => {
                assert!(!user.content.contains("\n\n"), "the request alone")
            }
        }
    }
    assert_eq!(by_role.len(), 4, "{by_role:?}");
    assert!(asked >= calls);
    let again = whole(input.path(), folder.path());
    assert_eq!((again.rows, again.run, again.asked), (rows, run, 0), "the log holds every answer");
}

/// Stops after so many pages.
struct StopsAt(usize, Control);

impl SynthObserver for StopsAt {
    fn at(&mut self, _: &str, done: usize, _: usize) {
        if done >= self.0 {
            self.1.stop();
        }
    }
    fn say(&mut self, _: &str) {}
}

#[test]
fn stopped_anywhere_it_goes_on_and_comes_to_the_same() {
    let input = pages(30);
    let all = whole(input.path(), tempdir().unwrap().path());
    for stop in [1, 7, 20] {
        let folder = tempdir().unwrap();
        let (prompts, control) = (webr_prompts(None, ORACLES).unwrap(), Control::default());
        let asker = open(folder.path(), cast(Price::default()), control.clone());
        let mut observer = StopsAt(stop, control);
        let part = run((input.path(), folder.path()), (&settings(), &prompts), asker, &mut observer).unwrap();
        assert_eq!(part.run.ended, Ended::Stopped, "at {stop}");
        assert!(all.rows.starts_with(&part.rows));
        let rest = whole(input.path(), folder.path());
        assert_eq!((&rest.rows, part.asked + rest.asked), (&all.rows, all.asked), "at {stop}");
    }
}

#[test]
fn what_fails_a_stage_is_counted_there() {
    let (input, folder) = (pages(40), tempdir().unwrap());
    let writer = AtlasWriter::new(Atlas::built_in());
    let teacher = ScriptedModel::new(|request| match request.query().unwrap_or_default().len() % 4 {
        0 => Script::Say("I'm sorry, but I can't help with that.".into()),
        1 => Script::Say("  ".into()),
        2 => Script::Say("Here is the answer:\n\"Paris\"".into()),
        _ => Script::Refuse(amend_proto::ErrorKind::ContextLength),
    });
    let cast =
        [(Role::Author, Arc::new(writer.clone()) as Arc<dyn ChatModel>), (Role::Refiner, Arc::new(writer))]
            .into_iter()
            .fold(Cast::new(), |cast, (role, model)| cast.with(role, part(model, Price::default())))
            .with(Role::Teacher, part(Arc::new(teacher), Price::default()));
    let prompts = webr_prompts(None, ORACLES).unwrap();
    let asker = open(folder.path(), cast, Control::default());
    let Ran { rows, run, .. } =
        run((input.path(), folder.path()), (&settings(), &prompts), asker, &mut Silent).unwrap();
    let of = |reason: &str| run.counts.get("response", reason) + run.counts.get("draft", reason);
    assert!(
        of("refusal") > 0 && of("empty answer") > 0 && of("refused by the endpoint") > 0,
        "{:?}",
        run.counts
    );
    let wi = rows.iter().filter(|row| matches!(role(row), WebrRole::WiAll | WebrRole::WiPart));
    for row in wi {
        assert_eq!(row.messages()[1].content, "Paris", "without what is around it");
    }
}

#[test]
fn the_mix_is_two_to_one_and_what_is_too_much_is_counted() {
    let (input, folder) = (pages(60), tempdir().unwrap());
    let Ran { rows, mut run, .. } = whole(input.path(), folder.path());
    let mut pending = PendingRows::create(folder.path()).unwrap();
    rows.iter().try_for_each(|row| pending.push(row)).unwrap();
    let mixed = pending.mixed(2.0, &mut run.counts).unwrap();
    let facts = Facts {
        method: "webr".into(),
        settings: serde_json::to_value(settings()).unwrap(),
        seed: 3,
        models: cast(Price::default()).models(),
        counts: run.counts.clone(),
        removed: run.removed.clone(),
        ended: run.ended,
    };
    let card = write_set(folder.path(), &|each| mixed.each(each), (facts, &Unguarded)).unwrap();
    let of = |role: &str| card.by_method.get(&format!("webr/{role}")).copied().unwrap_or_default();
    let (wi, wr) = (of("wi_all") + of("wi_part"), of("wr_all") + of("wr_part"));
    assert!(wr > 3 && wi.abs_diff(2 * wr) <= 1, "{wi} to {wr}");
    assert_eq!(run.counts.get("mix", "too many of their sort"), rows.len() as u64 - card.rows);
    assert_eq!(card.rows, wi + wr);
    mixed.remove().unwrap();
    let left: Vec<String> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with('.'))
        .collect();
    assert_eq!(left, Vec::<String>::new());
}

#[test]
fn requests_of_earlier_runs_are_not_made_again() {
    let (input, folder) = (pages(20), tempdir().unwrap());
    let prompts = webr_prompts(None, ORACLES).unwrap();
    let seen = folder.path().join("seen");
    let once = |answers: &str| {
        let path = folder.path().join(answers);
        let asker =
            Asker::open(&path, cast(Price::default()), Budget::default(), Control::default()).unwrap();
        let mut stream = PageStream::open(vec![input.path().to_owned()], Limits::default()).unwrap();
        let settings = settings();
        let guard: &dyn SuiteGuard = &Unguarded;
        let job = WebrJob { settings: &settings, prompts: &prompts, guard, licence: None, seen: Some(&seen) };
        let (run, mut dedup) =
            block_on(run_webr(&job, &mut stream, &asker, &mut |_| Ok(()), &mut Silent)).unwrap();
        dedup.commit().unwrap();
        run
    };
    let first = once("one.jsonl");
    assert!(first.rows > 10);
    let second = once("two.jsonl");
    assert_eq!(
        (second.rows, second.counts.get("rows", "request made before")),
        (0, first.counts.0["rows"].values().sum())
    );
}
