use super::*;
use crate::follow::published::testing::{Data, row, write};
use serde_json::json;

fn error(category: &str, rows: &[Value]) -> String {
    let dir = tempfile::tempdir().expect("a folder");
    write(dir.path(), category, rows);
    let error = load(dir.path()).expect_err("no suite");
    error.to_string().replace(&dir.path().display().to_string(), "DIR")
}

fn group(category: &str, id: u64) -> Vec<Value> {
    (0..=5).map(|level| row(category, "quora", id, level)).collect()
}

#[test]
fn groups_become_items_with_their_paths() {
    let data = Data::small();
    let suite = load(data.path()).expect("a suite");
    assert_eq!((suite.name.as_str(), suite.items.len()), ("followbench-en", 6 * 5));
    let ids: Vec<String> = suite.items.iter().step_by(5).map(Item::id).collect();
    // Rows keep their order; categories have that of reports.
    let expected = ["content/7#1", "content/2#1", "style/1#1", "format/22#1", "example/3#1", "mixed/4#1"];
    assert_eq!(ids, expected);
    for item in &suite.items {
        let from_zero = usize::from(item.category != Category::Example);
        assert_eq!(item.path.len(), usize::from(item.level.get()) + from_zero, "{}", item.id());
        assert_eq!(Some(item.instruction()), item.path.last().map(String::as_str));
    }
    let ruled: Vec<bool> =
        suite.items.iter().step_by(5).map(|item| matches!(item.check, Check::Rule(_))).collect();
    assert_eq!(ruled, [false, true, false, true, true, true]);
}

#[test]
fn the_fingerprint_is_of_all_that_decides() {
    let fingerprint = |change: &dyn Fn(&mut Vec<Value>)| {
        let dir = tempfile::tempdir().expect("a folder");
        let mut rows = group("content", 1);
        change(&mut rows);
        write(dir.path(), "content", &rows);
        load(dir.path()).expect("a suite").fingerprint
    };
    let same = fingerprint(&|_| {});
    assert_eq!(same.len(), 64);
    assert_eq!(same, fingerprint(&|rows| rows[2]["answer"] = json!("not read")));
    for field in ["instruction", "target", "source"] {
        assert_ne!(same, fingerprint(&|rows| rows[2][field] = json!("other")), "{field}");
    }
    assert_ne!(same, fingerprint(&|rows| rows.iter_mut().for_each(|row| row["example_id"] = json!(2))));
}

#[test]
fn the_edition_shows_in_the_instructions() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut rows = group("format", 30);
    for row in &mut rows {
        row["instruction"] = json!("写一篇演讲稿。");
    }
    write(dir.path(), "format", &rows);
    let suite = load(dir.path()).expect("a suite");
    assert_eq!(suite.name, "followbench-zh");
    // Group 30 has a rule in the English edition only.
    assert!(suite.items.iter().all(|item| item.check == Check::Judge));
}

#[test]
fn a_mixed_row_of_one_format_constraint_keeps_the_group_rule_of_the_reference() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut rows = group("mixed", 22);
    rows[1]["category"] = json!("format");
    rows[2]["category"] = json!("format, content");
    write(dir.path(), "mixed", &rows);
    let suite = load(dir.path()).expect("a suite");
    let ruled: Vec<bool> = suite.items.iter().map(|item| matches!(item.check, Check::Rule(_))).collect();
    assert_eq!(ruled, [true, false, false, false, false]);
}

#[test]
fn errors_name_file_group_and_level() {
    let rows = |change: &dyn Fn(&mut Vec<Value>)| {
        let mut rows = group("content", 1);
        rows.extend(group("content", 2));
        change(&mut rows);
        error("content", &rows)
    };
    let errors = [
        rows(&|rows| drop(rows.remove(8))),
        rows(&|rows| drop(rows.remove(5))),
        rows(&|rows| drop(rows.remove(11))),
        rows(&|rows| rows.insert(3, rows[2].clone())),
        rows(&|rows| rows.insert(6, rows[5].clone())),
        rows(&|rows| rows.extend(group("content", 1))),
        rows(&|rows| rows.swap(1, 2)),
        rows(&|rows| rows[7]["level"] = json!(6)),
        rows(&|rows| rows[7]["level"] = json!("1")),
        rows(&|rows| rows[7]["level"] = json!(1.5)),
        rows(&|rows| rows[7]["example_id"] = json!(-2)),
        rows(&|rows| rows[7]["instruction"] = json!(["a"])),
        rows(&|rows| rows[7]["instruction"] = json!(" ")),
        rows(&|rows| drop(rows[7].as_object_mut().and_then(|row| row.remove("target")))),
        rows(&|rows| rows[7]["category"] = json!("style")),
        rows(&|rows| rows[7] = json!(null)),
        rows(&|rows| rows[7]["source"] = json!("CONLL2003")),
        error("example", &group("example", 9)),
    ];
    insta::assert_snapshot!(errors.join("\n"));
}

#[test]
fn a_folder_without_files_or_json_is_an_error() {
    let dir = tempfile::tempdir().expect("a folder");
    assert!(matches!(load(dir.path()), Err(LoadError::NoFiles(_))));
    fs::write(dir.path().join("style_constraints.json"), "[{\n oops").expect("written");
    let error = load(dir.path()).expect_err("no JSON");
    let LoadError::Json { file, source } = &error else { panic!("{error}") };
    assert!(file.ends_with("style_constraints.json") && source.line() == 2, "{error}: {source}");
    fs::write(dir.path().join("style_constraints.json"), [0xff]).expect("written");
    assert!(matches!(load(dir.path()), Err(LoadError::Read { .. })));
}
