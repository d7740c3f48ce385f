use super::*;
use proptest::prelude::*;

fn texts(source: &str) -> Option<Vec<Option<String>>> {
    let text = |literal| match literal {
        Literal::Text(text) => Some(text),
        Literal::Other => None,
    };
    list(source).map(|elements| elements.into_iter().map(text).collect())
}

/// What `eval` gives, by hand from Python 3.11: strings as strings, `None` for other values.
#[test]
fn lists_are_read_as_python_reads_them() {
    let some = |words: &[&str]| Some(words.iter().map(|word| Some((*word).to_owned())).collect::<Vec<_>>());
    assert_eq!(texts("['YES', \"NO\"]"), some(&["YES", "NO"]));
    assert_eq!(texts("['YES' 'NO',]"), some(&["YESNO"]));
    assert_eq!(texts("[]"), some(&[]));
    assert_eq!(
        texts("[u'YES', r'a\\n', '\\x59ES', '\\131ES', 'a\\q']"),
        some(&["YES", "a\\n", "YES", "YES", "a\\q"])
    );
    assert_eq!(texts("['''YES''', \"\", 'it\\'s']"), some(&["YES", "", "it's"]));
    assert_eq!(texts("[3, -1.5, True, ..., b'YES']"), Some(vec![None; 5]));
    assert_eq!(texts("[\t'YES'\r,\u{c}'NO' ]"), some(&["YES", "NO"]));
}

#[test]
fn what_is_no_list_of_literals_has_no_value() {
    for source in [
        "",
        "[",
        "['YES'",
        "['YES',,'NO']",
        "[,]",
        "[YES, NO]",
        "['YES'] ['NO']",
        "['YES',\u{a0}'NO']",
        "[‘YES’]",
        "['YES' b'NO']",
        "[__import__('os').getcwd()]",
        "['YES' if 1 else 'NO']",
        "[f'{1}']",
        "[['YES']]",
        "[007]",
        "['a\nb']",
    ] {
        assert_eq!(list(source), None, "{source:?}");
    }
}

/// `[s.islower() for s in ("abc", "a1", "12", "aB", "aǅ", "ªb", "")]`
#[test]
fn lower_case_is_pythons() {
    let found = ["abc", "a1", "12", "aB", "aǅ", "ªb", ""].map(is_lower);
    assert_eq!(found, [true, true, false, false, false, true, false]);
}

/// `[c.isnumeric() for c in "5²Ⅳ一百\uf96ba在"]`; U+F96B is a compatibility form of 參.
#[test]
fn numerals_are_pythons() {
    let found: Vec<bool> = "5²Ⅳ一百\u{f96b}a在".chars().map(is_numeric).collect();
    assert_eq!(found, [true, true, true, true, true, true, false, false]);
}

/// `[bool(re.search(r"\bin\b", s)) for s in ("in", "a in b", "inn", "in_", "x\u0301in", "in\u0301", "一in", "²in",
/// "inn in", "IN")]`
#[test]
fn words_are_pythons() {
    let cases = ["in", "a in b", "inn", "in_", "x\u{301}in", "in\u{301}", "一in", "²in", "inn in", "IN"];
    let found = cases.map(|text| contains_word(text, "in"));
    assert_eq!(found, [true, true, false, false, true, true, false, false, true, false]);
}

/// `"a\x1cb\u2003c\u200bd\x85e".split()`
#[test]
fn white_space_is_pythons() {
    assert_eq!(words("a\u{1c}b\u{2003}c\u{200b}d\u{85}e").collect::<Vec<_>>(), ["a", "b", "c\u{200b}d", "e"]);
}

proptest! {
    #[test]
    fn any_text_is_a_list_or_none(text in r#"\[?([a-zA-Z0-9'"\\,.\[\]{}() -]|YES|\PC){0,40}\]?"#) {
        let _ = list(&text);
    }

    #[test]
    fn a_quoted_string_comes_back(words in prop::collection::vec("[^'\\\\\r\n]{0,12}", 0..6)) {
        let source = format!("[{}]", words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(", "));
        let expected: Vec<_> = words.into_iter().map(Some).collect();
        prop_assert_eq!(texts(&source), Some(expected));
    }
}
