use super::*;
use crate::follow::published::{load, testing::Data};
use serde_json::{Value, json};
use std::fs;
use tempfile::TempDir;

/// Data, answers and verdicts, all in one folder.
struct Files {
    data: Data,
    dir: TempDir,
}

fn line(key: &str, prompt: &str, content: Value) -> Value {
    json!({ key: prompt, "choices": [{ "message": { "content": content } }] })
}

impl Files {
    /// Answers that satisfy most rules, and a judge that says yes but for the last constraint of level 3.
    fn new() -> Self {
        let files = Self { data: Data::small(), dir: tempfile::tempdir().expect("a folder") };
        for kind in ["answers", "verdicts"] {
            fs::create_dir(files.dir.path().join(kind)).expect("a folder");
        }
        let suite = load(files.data.path()).expect("a suite");
        for category in Category::ALL {
            let items: Vec<&Item> = suite.items.iter().filter(|item| item.category == category).collect();
            if items.is_empty() {
                continue;
            }
            let answers: Vec<Value> =
                items.iter().map(|item| line("prompt", item.instruction(), json!(answer(item)))).collect();
            files.write("answers", category, &answers);
            let judged = items.iter().filter(|item| item.check == Check::Judge);
            let verdicts: Vec<Value> =
                judged.map(|item| line("prompt_new", "judge this", json!(verdict(item)))).collect();
            if !verdicts.is_empty() {
                files.write("verdicts", category, &verdicts);
            }
        }
        files
    }

    fn file(&self, kind: &str, category: Category) -> PathBuf {
        self.dir.path().join(kind).join(format!("{category}_constraint.jsonl"))
    }

    fn write(&self, kind: &str, category: Category, lines: &[Value]) {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        fs::write(self.file(kind, category), text).expect("written");
    }

    fn lines(&self, kind: &str, category: Category) -> Vec<Value> {
        let text = fs::read_to_string(self.file(kind, category)).expect("a file");
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    /// Changes the lines of a file.
    fn edit(&self, kind: &str, category: Category, change: impl FnOnce(&mut Vec<Value>)) {
        let mut lines = self.lines(kind, category);
        change(&mut lines);
        self.write(kind, category, &lines);
    }

    fn request(&self, scorer: Scorer) -> ScoreRequest {
        ScoreRequest {
            data: self.data.path().to_owned(),
            generations: self.dir.path().join("answers"),
            judgements: Some(self.dir.path().join("verdicts")),
            scorer,
        }
    }

    fn score(&self, scorer: Scorer) -> FileScores {
        score_files(&self.request(scorer)).expect("scores")
    }

    fn error(&self) -> String {
        let error = score_files(&self.request(Scorer::Strict)).expect_err("an error");
        error.to_string().replace(&self.dir.path().display().to_string(), "DIR")
    }
}

fn answer(item: &Item) -> String {
    match item.category {
        Category::Content => "name[Leaf]".to_owned(),
        Category::Format => "one.\n\ntwo.\n\nthree.".to_owned(),
        Category::Example if item.level.get() == 4 => "Tea: green\nor black".to_owned(),
        Category::Example => "Tea: green".to_owned(),
        _ => "a cup of tea in eight small words".to_owned(),
    }
}

fn verdict(item: &Item) -> String {
    let level = item.level.get();
    let words: Vec<&str> = (1..=level).map(|n| if (level, n) == (3, 3) { "'NO'" } else { "'YES'" }).collect();
    format!("The wishes are met, mostly.\n[{}]", words.join(", "))
}

const CONTENT: Category = Category::Content;

#[test]
fn the_scores_as_json() {
    let files = Files::new();
    files.edit("verdicts", Category::Style, |lines| {
        lines[1]["choices"][0]["message"]["content"] = json!("I would say [yes, no].");
        lines[4]["choices"][0]["message"]["content"] = Value::Null;
    });
    for (scorer, name) in [(Scorer::Legacy, "legacy"), (Scorer::Strict, "strict")] {
        let scores = files.score(scorer);
        assert_eq!(scores.outcomes.len(), 30);
        insta::assert_json_snapshot!(name, scores);
    }
}

#[test]
fn the_order_of_verdicts_is_that_of_the_data_or_told_by_the_lines() {
    let files = Files::new();
    let before = files.score(Scorer::Legacy);
    files.edit("verdicts", CONTENT, |lines| {
        for (level, line) in (1..).zip(lines.iter_mut()) {
            line["example_id"] = json!(7);
            line["level"] = json!(level);
        }
        lines.reverse();
    });
    assert_eq!(files.score(Scorer::Legacy), before);
    files.edit("verdicts", CONTENT, |lines| lines[2]["level"] = json!(2));
    assert_eq!(
        files.error(),
        "DIR/verdicts/content_constraint.jsonl, line 4: a second judge output for content/7#2"
    );
    files.edit("verdicts", CONTENT, |lines| drop(lines.remove(2)));
    assert_eq!(files.error(), "DIR/verdicts/content_constraint.jsonl has no judge output for content/7#3");
    files.edit("verdicts", CONTENT, |lines| lines[0]["example_id"] = json!(2));
    assert!(files.error().contains("line 1: content/2#5 is no item of the data that a judge decides"));
    files.edit("verdicts", CONTENT, |lines| {
        lines[1].as_object_mut().map(|line| line.remove("level"));
    });
    assert!(files.error().contains("line 2: example_id and level have to come together"));
    files.edit("verdicts", CONTENT, |lines| {
        lines[1].as_object_mut().map(|line| line.remove("example_id"));
    });
    assert!(files.error().contains("line 2: example_id and level are missing, and other lines have them"));
}

#[test]
fn too_few_and_too_many_verdicts() {
    let files = Files::new();
    files.edit("verdicts", CONTENT, |lines| lines.extend_from_within(..1));
    assert!(
        files
            .error()
            .contains("content_constraint.jsonl, line 6: 6 judge outputs for 5 judged items of content")
    );
    files.edit("verdicts", CONTENT, |lines| lines.truncate(3));
    assert!(
        files
            .error()
            .contains("content_constraint.jsonl, line 3: 3 judge outputs for 5 judged items of content")
    );
    files.edit("verdicts", CONTENT, Vec::clear);
    assert!(files.error().contains("line 1: 0 judge outputs"));
}

#[test]
fn lines_that_cannot_be_used() {
    let files = Files::new();
    let file = files.file("verdicts", CONTENT);
    let good = fs::read_to_string(&file).expect("a file");
    let broken = [
        ("{\"choices\": [", "no JSON"),
        ("{}", "choices[0].message.content is missing"),
        (r#"{"choices": [{"message": {"content": 3}}]}"#, "choices[0].message.content has to be a text"),
        ("", "no JSON"),
    ];
    for (text, what) in broken {
        let lines: Vec<&str> =
            good.lines().enumerate().map(|(at, line)| if at == 1 { text } else { line }).collect();
        fs::write(&file, lines.join("\n")).expect("written");
        let error = files.error();
        assert!(
            error.contains("verdicts/content_constraint.jsonl, line 2: ") && error.contains(what),
            "{error}"
        );
    }
    // Blank lines at the end are none.
    fs::write(&file, format!("{good}\n\n")).expect("written");
    assert_eq!(files.score(Scorer::Strict), Files::new().score(Scorer::Strict));
}

#[test]
fn answers_belong_to_prompts() {
    let files = Files::new();
    let before = files.score(Scorer::Legacy);
    files.edit("answers", CONTENT, |lines| {
        lines.reverse();
        // The first of two counts; a prompt of another data set does not matter.
        let second = line("prompt", lines[0]["prompt"].as_str().unwrap_or_default(), json!("other"));
        lines.push(second);
        lines.push(line("prompt_new", "Another question", json!("other")));
    });
    let after = files.score(Scorer::Legacy);
    assert_eq!((&after.categories, after.unused_generations), (&before.categories, 2));
    files.edit("answers", CONTENT, |lines| lines[3]["choices"][0]["message"]["content"] = Value::Null);
    assert!(files.error().contains("line 4: the answer is null, not a text"));
    files.edit("answers", CONTENT, |lines| drop(lines.remove(3)));
    assert!(
        files
            .error()
            .contains("answers/content_constraint.jsonl has no answer for content/2#2: no line's prompt is")
    );
    files.edit("answers", CONTENT, |lines| {
        lines[0].as_object_mut().map(|line| line.remove("prompt"));
    });
    assert!(files.error().contains("line 1: field \"prompt\" is missing"));
}

#[test]
fn files_are_found_by_their_names() {
    let files = Files::new();
    let before = files.score(Scorer::Strict);
    let answers = files.dir.path().join("answers");
    let rename = |from: &str, to: &str| {
        let to = answers.join(to);
        fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
        fs::rename(answers.join(from), to).expect("renamed");
    };
    rename("content_constraint.jsonl", "an-example_content_constraint.jsonl");
    rename("style_constraint.jsonl", "org/model/style_constraint.jsonl");
    rename("format_constraint.jsonl", "run.format.v2.jsonl");
    assert_eq!(files.score(Scorer::Strict), before);
    fs::copy(answers.join("run.format.v2.jsonl"), answers.join("run.format.v3.jsonl")).expect("copied");
    assert!(
        files
            .error()
            .starts_with("several files for format in DIR/answers: DIR/answers/run.format.v2.jsonl, ")
    );
    fs::remove_file(answers.join("run.format.v3.jsonl")).expect("removed");
    rename("mixed_constraint.jsonl", "a/b/c/mixed_constraint.jsonl");
    assert!(
        files
            .error()
            .starts_with("no file for mixed in DIR/answers: expected one like mixed_constraint.jsonl")
    );
}

#[test]
fn verdicts_are_needed_where_a_judge_decides() {
    let files = Files::new();
    let request = ScoreRequest { judgements: None, ..files.request(Scorer::Strict) };
    let error = score_files(&request).expect_err("judged items");
    assert_eq!(
        error.to_string(),
        "5 items of content are decided by a judge: name the folder of its outputs"
    );
    for category in ["content", "style"] {
        fs::remove_file(files.data.path().join(format!("{category}_constraints.json"))).expect("removed");
    }
    let scores = score_files(&request).expect("only rules are left");
    assert_eq!(scores.categories.len(), 3);
    fs::remove_dir_all(files.dir.path().join("verdicts")).expect("removed");
    assert_eq!(score_files(&files.request(Scorer::Strict)).expect("not looked at"), scores);
}

#[test]
fn a_folder_that_is_not_there() {
    let files = Files::new();
    fs::remove_dir_all(files.dir.path().join("verdicts")).expect("removed");
    assert_eq!(files.error(), "cannot read DIR/verdicts");
}
