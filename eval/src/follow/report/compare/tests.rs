use super::{Change, CompareError, Side, compare};
use crate::follow::{
    Category, Scorer,
    report::{FollowReport, ItemResult, Void},
    run::{
        fixtures::{group, options, suite},
        run,
    },
};
use amend_proto::testing::{Script, ScriptedModel};
use proptest::prelude::*;

/// Twelve groups of format and of content; the answer to `category/group` with so many added is what the function says.
async fn report(satisfied: impl Fn(&str, usize, usize) -> bool + Send + Sync + 'static) -> FollowReport {
    let groups = [Category::Content, Category::Format]
        .iter()
        .flat_map(|category| (1..=12).map(|name| group(*category, &name.to_string(), false)));
    let model = ScriptedModel::new(move |request| {
        let asked = request.query().unwrap();
        let number = |after: &str| -> usize {
            let rest = asked.split(after).nth(1).unwrap();
            rest.split(' ').next().unwrap().parse().unwrap()
        };
        let category = if asked.contains("format") { "format" } else { "content" };
        let (group, level) = (number("/"), number("with "));
        let answer = if satisfied(category, group, level) { format!("ok{level}") } else { "no".to_owned() };
        Script::Say(answer)
    });
    run(&model, &suite(groups.collect()), &options(), None, &()).await.unwrap()
}

#[tokio::test]
async fn format_level_4_broke() {
    let before = report(|_, group, level| !(group == 3 && level == 5)).await;
    let mut after = report(|category, group, level| match (category, level) {
        ("format", 4) => group > 9,
        ("format", 5) => true,
        ("content", 2) => group != 1,
        _ => !(group == 3 && level == 5),
    })
    .await;
    after.model.revision = "scripted-2".to_owned();
    after.items.retain(|item| item.id != "content/7#1");
    let comparison = compare(&before, &after).unwrap();
    let cell = |category, level: u8| {
        comparison.cells.iter().find(|cell| (cell.category, cell.level.get()) == (category, level)).unwrap()
    };
    let broke = cell(Category::Format, 4);
    assert_eq!((broke.change, broke.before, broke.after, broke.items), (Change::Broke, 12, 3, 12));
    let lost: Vec<&str> = broke.lost.iter().map(|item| item.id.as_str()).collect();
    assert_eq!(lost, (1..=9).map(|n| format!("format/{n}#4")).collect::<Vec<_>>());
    assert_eq!((broke.hsr_delta, broke.ssr_delta), (Some(-75.0), Some(-75.0)));
    assert_eq!(broke.lost[0].after.text, "no");
    let gained = cell(Category::Format, 5);
    assert_eq!((gained.change, gained.gained[0].id.as_str()), (Change::Unclear, "format/3#5"));
    assert_eq!(cell(Category::Content, 2).change, Change::Unclear);
    assert_eq!((cell(Category::Content, 1).change, cell(Category::Content, 1).left_out), (Change::Same, 1));
    assert_eq!((comparison.lost, comparison.gained, comparison.items, comparison.left_out), (10, 1, 119, 1));
    insta::assert_snapshot!("compared.txt", comparison);
    insta::assert_snapshot!("compared.md", comparison.markdown().unwrap());
    let back: super::Comparison = serde_json::from_str(&comparison.json().unwrap()).unwrap();
    assert_eq!(back.json().unwrap(), comparison.json().unwrap());
}

#[tokio::test]
async fn what_cannot_be_compared_is_refused() {
    let one = report(|_, _, _| true).await;
    let mut other = one.clone();
    other.suite.fingerprint = "ffff".to_owned();
    assert!(matches!(compare(&one, &other), Err(CompareError::Suite { .. })));
    let other = FollowReport { scorer: Scorer::Legacy, ..one.clone() };
    assert!(matches!(compare(&one, &other), Err(CompareError::Scorer { .. })));
    let why = Void::Revision { expected: "a".to_owned(), found: "b".to_owned() };
    let other = FollowReport { void: Some(why), ..one.clone() };
    let error = compare(&one, &other).unwrap_err();
    assert!(matches!(error, CompareError::Void { side: Side::After, .. }));
    assert_eq!(
        error.to_string(),
        "failed to compare: the second report is void: the model changed from a to b during the run"
    );
    let mut other = FollowReport { judge_version: Some("1".to_owned()), ..one.clone() };
    assert!(compare(&one, &other).is_ok(), "no item was judged");
    other.unparsed.of = 5;
    assert!(matches!(compare(&one, &other), Err(CompareError::Judges)));
    let mut other = one.clone();
    other.sampling.seed = Some(4);
    assert_eq!(compare(&one, &other).unwrap().notes.len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn counts_add_up(before in any::<u128>(), after in any::<u128>(), errors in prop::collection::vec(0_usize..120, 0..9)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let of = |bits: u128| report(move |category, group, level| {
            bits >> (usize::from(category == "format") * 60 + (group - 1) * 5 + level - 1) & 1 == 1
        });
        let (one, mut other) = (runtime.block_on(of(before)), runtime.block_on(of(after)));
        for error in &errors {
            other.items[*error].result = ItemResult::Failed { error: "down".to_owned(), calls: 1 };
        }
        let comparison = compare(&one, &other).unwrap();
        for cell in &comparison.cells {
            prop_assert_eq!(cell.before + cell.gained.len(), cell.after + cell.lost.len());
            prop_assert_eq!(cell.items + cell.left_out, 12);
            let mean = cell.hsr_delta.unwrap_or(0.0);
            prop_assert!(cell.interval[0] <= mean + 1e-9 && mean <= cell.interval[1] + 1e-9);
        }
        let distinct: std::collections::HashSet<_> = errors.iter().collect();
        prop_assert_eq!((comparison.items, comparison.left_out), (120 - distinct.len(), distinct.len()));
        prop_assert_eq!(compare(&one, &one).unwrap().changed().len(), 0);
    }
}
