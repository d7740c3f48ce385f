use super::*;
use serde_json::json;
use std::ops::ControlFlow;

fn edits(record: serde_json::Value) -> Vec<String> {
    let edit = |edit: crate::edit::NewEdit| {
        let c = edit.content;
        let part = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        format!("{} | {} | {} | {}", part(c.subject), part(c.relation), part(c.object), c.text)
    };
    Record::read(&record).expect("a record").edits().into_iter().map(edit).collect()
}

#[test]
fn facts_in_their_variants() {
    let newer = json!({
        "subject": "Epaspidoceras", "target_new": "Noctuidae", "prompt": "Which family does Epaspidoceras belong to?",
        "ground_truth": ["Aspidoceratidae"], "rephrase_prompt": "What family are Epaspidoceras?", "cond": "…",
        "locality": {"Relation_Specificity": [{"prompt": "The taxon rank is", "ground_truth": [["genus", "kind"]]}]},
        "portability": {"Reasoning": [{"prompt": "What is it called?", "ground_truth": "Owlet moths"}]}
    });
    let older = json!({
        "subject": "Epaspidoceras", "alt": "Noctuidae", "src": "Which family does Epaspidoceras belong to?",
        "answers": ["Aspidoceratidae"], "rephrase": "What family are Epaspidoceras?",
        "loc": "nq question: who", "loc_ans": "Ann"
    });
    let said = "Epaspidoceras | - | Noctuidae | Which family does Epaspidoceras belong to? Noctuidae";
    assert_eq!((edits(newer.clone()), edits(older.clone())), (vec![said.to_owned()], vec![said.to_owned()]));
    let (Ok(Record::Fact(newer)), Ok(Record::Fact(older))) = (Record::read(&newer), Record::read(&older))
    else {
        panic!("both are facts")
    };
    assert_eq!((&newer.former, &newer.rephrased), (&older.former, &older.rephrased));
    let probe = |prompt: &str, answers: &[&str]| Probe {
        prompt: prompt.to_owned(),
        answers: answers.iter().map(|answer| (*answer).to_owned()).collect(),
    };
    assert_eq!(newer.locality[0].probes, [probe("The taxon rank is", &["genus", "kind"])]);
    assert_eq!((newer.portability[0].name.as_str(), newer.portability[0].probes.len()), ("Reasoning", 1));
    assert_eq!(older.locality[0].probes, [probe("nq question: who", &["Ann"])]);
}

#[test]
fn biographies_rewrites_and_hops() {
    let bio =
        json!({"concept": "john reynolds", "text": "He was born.", "labels": "He died.", "locality": {}});
    assert_eq!(edits(bio), ["john reynolds | - | - | He was born. He died."]);
    let rewrite = |subject: &str, object: &str| {
        json!({"prompt": "The capital of {} is", "relation_id": "P36", "subject": subject,
               "target_new": {"str": object, "id": "Q1"}, "target_true": {"str": "Paris"}, "question": "Which?"})
    };
    let counterfact = json!({"case_id": 0, "requested_rewrite": rewrite("France", "Lyon"),
        "paraphrase_prompts": ["France's capital,"], "neighborhood_prompts": ["Spain's capital is"]});
    assert_eq!(edits(counterfact), ["France | P36 | Lyon | The capital of France is Lyon."]);
    let hops = json!({"requested_rewrite": [rewrite("France", "Lyon"), rewrite("Spain", "Seville")],
        "questions": ["q1", "q2"], "answer": "a", "answer_alias": ["b"], "new_answer": "c",
        "new_single_hops": [{"question": "q", "answer": "x", "answer_alias": ["y"]}]});
    let Ok(Record::MultiHop(read)) = Record::read(&hops) else { panic!("a multi-hop record") };
    assert_eq!((read.former.concat(), read.hops[0].answers.concat()), ("ab".to_owned(), "xy".to_owned()));
    assert_eq!(edits(hops).len(), 2);
}

#[test]
fn a_broken_record_names_the_field() {
    let misfit = |record: serde_json::Value| {
        let misfit = Record::read(&record).unwrap_err();
        format!("{} {}", misfit.field, misfit.reason)
    };
    insta::assert_snapshot!(misfit(json!([])), @" must be a JSON object");
    insta::assert_snapshot!(misfit(json!({"subject": "a", "target_new": "b"})), @"prompt is missing (also called src, question)");
    insta::assert_snapshot!(misfit(json!({"subject": " ", "prompt": "p", "alt": "b"})), @"subject is empty");
    insta::assert_snapshot!(misfit(json!({"subject": "a", "prompt": "p", "alt": {"text": "b"}})), @"alt.str is missing");
    insta::assert_snapshot!(misfit(json!({"subject": "a", "prompt": true, "alt": "b"})), @"prompt must be a text or an array of texts, not true or false");
    insta::assert_snapshot!(misfit(json!({"subject": "a", "prompt": "p", "alt": "b", "locality": {"F": [{"ground_truth": "x"}]}})), @"locality.F[0].prompt is missing (also called question, New Question)");
    insta::assert_snapshot!(misfit(json!({"requested_rewrite": [{"subject": "a"}]})), @"requested_rewrite[0].prompt is missing");
}

#[test]
fn an_array_is_read_record_by_record() {
    let fact = r#"{"subject":"a","prompt":"A is","target_new":"b"}"#;
    let read = |json: &str, most: usize| {
        let mut seen = Vec::new();
        let end = read_array(json.as_bytes(), |index, record| {
            seen.push((index, record.is_ok()));
            if seen.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        (seen, end.map_err(|error| error.to_string()))
    };
    assert_eq!(read(&format!("[{fact}, 7, {fact}]"), 9), (vec![(0, true), (1, false), (2, true)], Ok(())));
    assert_eq!(read(&format!("[{fact}, {fact}"), 1), (vec![(0, true)], Ok(())), "the rest is not looked at");
    let (seen, broken) = read(&format!("[{fact}, {fact}"), 9);
    assert_eq!((seen.len(), broken), (2, Err("EOF while parsing a list at line 1 column 99".to_owned())));
    assert!(read("{}", 9).1.is_err_and(|error| error.contains("an array of records")));
    assert!(read("[] x", 9).1.is_err_and(|error| error.contains("trailing")));
}
