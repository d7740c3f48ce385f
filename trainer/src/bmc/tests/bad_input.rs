use super::*;

#[test]
fn pairs_that_teach_nothing_are_counted_and_none_left_is_an_error() {
    let mut bench = Bench::new();
    let same = PreferencePair { rejected: pair(3).chosen, ..pair(3) };
    let empty = PreferencePair { chosen: String::new(), ..pair(4) };
    bench.pairs = vec![same.clone(), empty.clone(), pair(6)];
    let short = PreferenceRecipe { epochs: 1, ..recipe(lora(0.0)) };
    let card = finished(bench.train("one", &short, &mut Seen::default()));
    assert_eq!((card.training.kept, card.training.equal, card.training.empty), (1, 1, 1));
    assert_eq!(card.held_out.kept, 6);
    bench.pairs = vec![same, empty];
    let none = bench.train("none", &short, &mut Seen::default());
    assert!(matches!(none, Err(Error::Data(text)) if text.contains("none of 2 pairs")));
}

#[test]
fn a_folder_of_another_job_and_damaged_files_are_named() {
    let mut bench = Bench::new();
    let short = PreferenceRecipe { max_steps: Some(2), ..recipe(lora(0.0)) };
    finished(bench.train("run", &short, &mut Seen::default()));
    let refused = |trained: Result<Trained>, what: &str| match trained {
        Err(error @ Error::Checkpoint { .. }) => assert!(error.to_string().contains(what), "{error}"),
        other => panic!("{other:?}"),
    };
    let other = PreferenceRecipe { seed: 2, ..short.clone() };
    refused(bench.train("run", &other, &mut Seen::default()), "recipe.json");
    let taken = bench.pairs.pop();
    refused(bench.train("run", &short, &mut Seen::default()), "recipe.json");
    bench.pairs.extend(taken);
    let reference = bench.path("run/reference.safetensors");
    fs::write(&reference, b"half a fi").expect("writes");
    refused(bench.train("run", &short, &mut Seen::default()), "damaged");
    fs::remove_file(&reference).expect("removes");
    finished(bench.train("run", &short, &mut Seen::default()));
}

#[test]
fn over_long_pairs_are_cut_to_the_model() {
    let mut bench = Bench::new();
    let long = (0..600).map(|i| format!("town {i}")).collect::<Vec<_>>().join(" ");
    bench.pairs.truncate(2);
    bench.pairs.push(PreferencePair { prompt: vec![Message::user(long.clone())], ..pair(1) });
    bench.pairs.push(PreferencePair { chosen: long, ..pair(2) });
    let recipe = PreferenceRecipe { max_steps: Some(1), ..recipe(lora(0.0)) };
    let card = finished(bench.train("long", &recipe, &mut Seen::default()));
    assert_eq!((card.training.kept, card.training.cut_prompts, card.training.cut_responses), (4, 1, 1));
}
