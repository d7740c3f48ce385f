use super::*;
use crate::atlas::AtlasOracle;
use crate::atlas::oracle::AtlasBridge;
use crate::preference::{CleanReport, CleanSettings, clean};
use std::collections::BTreeMap;

fn set(seed: u64, train: usize, held_out: usize) -> AtlasPreferences {
    atlas_preferences(Atlas::built_in(), AtlasPreferenceSettings { seed, train, held_out })
}

#[test]
fn the_oracle_agrees_with_every_chosen_and_bridged_answer_and_with_no_rejected_one() {
    let oracle = AtlasOracle::new(Atlas::built_in());
    let modifier = AtlasBridge::new(Atlas::built_in());
    let all = set(3, 600, 300);
    for preference in all.train.iter().chain(&all.held_out) {
        let AtlasPreference { pair, bridged, accepted, .. } = preference;
        assert_eq!(oracle.answer(&pair.prompt), accepted[0], "{preference:?}");
        assert!(preference.is_right(&pair.chosen) && preference.is_right(bridged), "{preference:?}");
        assert!(!preference.is_right(&pair.rejected), "{preference:?}");
        // The rules read the texts alone, and mend them as the generator does.
        assert_eq!(modifier.mend(&pair.prompt, &pair.rejected), *bridged, "{preference:?}");
        assert_eq!(preference.bridged_pair().check(&Limits::default()), Ok(()));
    }
}

#[test]
fn bridging_brings_the_answers_together_in_every_lesson() {
    let mut by_lesson: BTreeMap<Lesson, (usize, usize)> = BTreeMap::new();
    for preference in set(4, 500, 0).train {
        let (all, bridged) = by_lesson.entry(preference.lesson).or_default();
        *all += 1;
        let limits = Limits::default();
        *bridged +=
            usize::from(judge_text(&preference.pair, &preference.bridged, &limits) == Outcome::Bridged);
    }
    assert_eq!(by_lesson.len(), 5);
    for (lesson, (all, bridged)) in by_lesson {
        assert!((95..=105).contains(&all), "{lesson:?}: {all}");
        assert!(bridged * 10 >= all * 6, "{lesson:?}: {bridged} of {all}");
    }
}

#[test]
fn a_set_is_its_seeds_and_grows_at_its_end() {
    let (small, large) = (set(5, 40, 20), set(5, 80, 20));
    assert_eq!((&small.train[..], &small.held_out), (&large.train[..40], &large.held_out));
    assert_ne!(small.train, set(6, 40, 20).train);
}

#[test]
fn nothing_held_out_is_learnt_and_nothing_is_contradicted() {
    let all = set(7, 2_000, 500);
    let asked = |set: &[AtlasPreference]| -> HashSet<String> {
        set.iter().map(|p| p.pair.prompt[0].content.to_lowercase()).collect()
    };
    assert!(asked(&all.train).is_disjoint(&asked(&all.held_out)));
    let pairs: Vec<Pair> = all.train.into_iter().map(|p| p.pair).collect();
    let (_, report) = clean(pairs, CleanSettings::default()).expect("settings");
    let CleanReport { kept, overruled, set_aside, exact, .. } = report;
    assert!(kept > 1_950 && (overruled, set_aside, exact) == (0, 0, 0), "{report:?}");
}

#[test]
fn the_pairs_read_as_they_should() {
    let mut said = String::new();
    for AtlasPreference { lesson, pair, bridged, .. } in set(8, 15, 5).train {
        let asked = &pair.prompt[0].content;
        said +=
            &format!("{lesson:?}\n  {asked:?}\n  + {}\n  - {}\n  ~ {bridged}\n", pair.chosen, pair.rejected);
    }
    insta::assert_snapshot!(said);
}
