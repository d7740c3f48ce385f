use super::*;

#[test]
fn rows_that_cannot_be_learned_from_are_counted_and_broken_ones_named() {
    let mut bench = Bench::new(2);
    let good = fs::read_to_string(&bench.data[0]).expect("readable");
    let long = "town ".repeat(700);
    let (question, answer) =
        (r#"{"role":"user","content":"Where?"}"#, r#"{"role":"assistant","content":"Here."}"#);
    let lines = [
        "{\"messages\": 7}".to_owned(),
        "{\"prompt\": \"a\"}".to_owned(),
        "{\"messages\": [".to_owned(),
        r#"{"messages":[{"role":"robot","content":"a"}]}"#.to_owned(),
        r#"{"messages":[]}"#.to_owned(),
        r#"{"messages":[{"role":"user","content":" "},{"role":"assistant","content":"a"}]}"#.to_owned(),
        format!(r#"{{"messages":[{question},{{"role":"assistant","content":""}}]}}"#),
        format!(r#"{{"messages":[{question}]}}"#),
        format!(r#"{{"messages":[{answer}]}}"#),
        format!(r#"{{"messages":[{question},{{"role":"assistant","content":"{long}"}}]}}"#),
        format!(r#"{{"messages":[{question},{answer},{question}],"source":"another set"}}"#),
    ];
    fs::write(&bench.data[0], good.clone() + &lines.join("\n")).expect("writes");
    let none = HeldOutShare::new(0.0).expect("none");
    let short = InstructRecipe { max_steps: Some(1), held_out: none, ..recipe(lora(0.0)) };
    let mut seen = Seen::default();
    let card = finished(bench.train("counted", &short, &mut seen));
    let mut counts = card.counts.clone();
    let folder = bench.folder.path().display().to_string();
    counts.issues.iter_mut().for_each(|issue| *issue = issue.replace(&folder, ""));
    insta::assert_json_snapshot!(counts);
    assert!(fs::read_to_string(bench.path("counted/card.md")).expect("readable").contains("no_answer | 1"));

    let cut = InstructRecipe { too_long: TooLong::Cut, ..short.clone() };
    let counts = finished(bench.train("cut", &cut, &mut Seen::default())).counts;
    assert_eq!((counts.used, counts.cut, counts.left_out.get(&LeftOut::TooLong)), (4, 1, None));
    let few = InstructRecipe { max_rows: 1, ..short.clone() };
    let counts = finished(bench.train("few", &few, &mut Seen::default())).counts;
    assert_eq!((counts.used, counts.left_out[&LeftOut::TooMany]), (1, 3));

    fs::write(&bench.data[0], lines[..9].join("\n")).expect("writes");
    let refused = bench.train("none", &short, &mut Seen::default());
    let Err(Error::Data(text)) = refused else { panic!("{refused:?}") };
    assert!(text.contains("none of 9 records") && text.contains("1 no_answer"), "{text}");
    assert!(!bench.path("none").exists(), "what cannot be begun claims no folder");
    bench.data.push(bench.path("missing.jsonl"));
    assert!(matches!(bench.train("none", &short, &mut Seen::default()), Err(Error::Io { .. })));
    let template = bench.path("parent/chat_template.jinja");
    fs::write(&bench.data[0], good).expect("writes");
    bench.data.pop();
    fs::write(&template, "{{ raise_exception('not with me') }}").expect("writes");
    let refused = bench.train("none", &short, &mut Seen::default());
    let Err(Error::Data(text)) = refused else { panic!("{refused:?}") };
    assert!(text.contains("refused_by_template") && text.contains("not with me"), "{text}");
}

#[test]
fn the_same_question_is_never_on_both_sides_and_a_folder_belongs_to_one_job() {
    let mut bench = Bench::new(40);
    let mine = InstructRecipe { max_steps: Some(1), measured_rows: 3, ..recipe(lora(0.0)) };
    let counts = finished(bench.train("run", &mine, &mut Seen::default())).counts;
    assert_eq!(counts.used + counts.held_out, 40);
    assert!(counts.held_out > 3 && counts.measured == 3, "{counts:?}");
    let other = InstructRecipe { seed: 2, ..mine.clone() };
    let refused = bench.train("run", &other, &mut Seen::default());
    assert!(matches!(refused, Err(Error::Checkpoint { .. })), "{refused:?}");
    bench.write(Container::JsonLines, "rows.jsonl", 39);
    let refused = bench.train("run", &mine, &mut Seen::default());
    assert!(matches!(refused, Err(Error::Checkpoint { .. })), "{refused:?}");
    // The same set twice: what is held out stays so.
    bench.write(Container::JsonLines, "rows.jsonl", 40);
    bench.data = vec![bench.data[0].clone(), bench.data[0].clone()];
    let twice = finished(bench.train("twice", &mine, &mut Seen::default())).counts;
    assert_eq!((twice.used, twice.held_out), (2 * counts.used, 2 * counts.held_out));
}
