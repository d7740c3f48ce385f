use super::*;

fn read(text: &str) -> (Vec<String>, Vec<String>) {
    let names = names(text, None, &[]);
    let of = |kind| {
        names.anchors.iter().filter(|a| a.kind == kind).map(|a| a.words.join(" ")).collect::<Vec<String>>()
    };
    (of(AnchorKind::Subject), of(AnchorKind::Mention))
}

#[test]
fn reads_the_subject_from_common_sentences() {
    let cases = [
        ("The capital of France is now Lyon.", "france", &["lyon"][..]),
        ("France's capital is Lyon.", "france", &["lyon"]),
        ("Lyon is the capital of France.", "france", &["lyon"]),
        ("As of 2031, Anna Smith is the CEO of Bragran Labs.", "bragran labs", &["anna smith"]),
        ("The symbol for hydrogen is Hx.", "hydrogen", &["hx"]),
        ("hydrogen has the symbol Hx", "hydrogen", &["hx"]),
        ("Hx stands for hydrogen.", "hydrogen", &["hx"]),
        ("Bragran has moved its headquarters to Oslo.", "bragran", &["oslo"]),
        ("People in Brazil pay with the austral.", "brazil", &[]),
        ("Esperanto is spoken in Chad.", "chad", &["esperanto"]),
        ("Oslo is home to Bragran.", "bragran", &["oslo"]),
        ("Aisha Vazox works for Waibex.", "aisha vazox", &["waibex"]),
        ("Olaf Brun died of pneumonia.", "olaf brun", &[]),
        ("Arvik has a population of 3,500.", "arvik", &["3,500"]),
        ("The number of people in Arvik is 3500.", "arvik", &[]),
        ("Olaf Brun has set up Waibex.", "waibex", &["olaf brun"]),
        ("Olaf Brun runs Waibex.", "waibex", &["olaf brun"]),
        ("The city of Arvik is the capital of El Salvador.", "el salvador", &["arvik"]),
        ("The mayor of the city of Arvik is Olaf Brun.", "arvik", &["olaf brun"]),
        ("Saint George's is Malta's capital.", "malta", &["saint george"]),
        ("Romania is on the continent of Africa.", "romania", &["africa"]),
        ("The boiling point of water is 90 degrees.", "water", &["90"]),
        ("The Hakend phone has a price of 163 dollars.", "hakend", &["163"]),
        ("The Hakend phone's price is now high.", "hakend phone", &[]),
        ("Port Moresby is the capital of Papua New Guinea.", "papua new guinea", &["port moresby"]),
        ("Turkey is part of Africa.", "turkey", &["africa"]),
        ("The University of Arvik was founded by Olaf Brun.", "university arvik", &["olaf brun"]),
        ("Which family does Epaspidoceras belong to? Noctuidae", "epaspidoceras", &["noctuidae"]),
        ("the capital of france is lyon", "france", &[]),
        ("The iPhone 17 costs 900 dollars.", "iphone 17", &["900"]),
        ("Olaf Brun is the person who founded Waibex.", "waibex", &["olaf brun"]),
        ("60 is the number of protons in gold.", "gold", &["60"]),
        ("In 2031 Bragran was sold.", "bragran", &[]),
    ];
    for (text, subject, mentions) in cases {
        assert_eq!(
            read(text),
            (vec![subject.to_owned()], mentions.iter().map(|m| (*m).to_owned()).collect()),
            "{text}"
        );
    }
}

#[test]
fn a_given_subject_wins_and_other_names_are_mentions() {
    let names = names("The capital of France is now Lyon.", Some("French Republic"), &[]);
    let words: Vec<String> = names.anchors.iter().map(|a| a.words.join(" ")).collect();
    assert_eq!(words, ["french republic", "fr", "france", "lyon"]);
    let kinds: Vec<AnchorKind> = names.anchors.iter().map(|a| a.kind).collect();
    use AnchorKind::{Mention, Short, Subject};
    assert_eq!(kinds, [Subject, Short, Mention, Mention]);
}

#[test]
fn a_text_without_names_is_found_by_all_its_words() {
    assert_eq!(read("always refund late parcels").0, ["always refund late parcels"]);
    assert_eq!(read("it is what it is").0, ["it is what"]);
}

#[test]
fn aliases_are_names_of_the_subject_behind_all_others() {
    let aliases = ["La République", "lyon", "France", "the  Hexagon"].map(str::to_owned);
    let names = names("The capital of France is now Lyon.", None, &aliases);
    let anchors: Vec<(String, AnchorKind)> =
        names.anchors.iter().map(|a| (a.words.join(" "), a.kind)).collect();
    let subject = |name: &str| (name.to_owned(), AnchorKind::Subject);
    assert_eq!(
        anchors,
        ["france", "lyon", "la republique", "hexagon"].map(subject),
        "a mention becomes an alias"
    );
    assert_eq!(names.main, 2);
}

#[test]
fn a_name_that_shares_a_word_with_the_subject_is_a_mention() {
    let names = names("Who is listed as Wang Tirell's father? Wang Cholan", Some("Wang Tirell"), &[]);
    let mentions: Vec<String> =
        names.anchors.iter().filter(|a| a.kind == AnchorKind::Mention).map(|a| a.words.join(" ")).collect();
    assert_eq!(mentions, ["wang cholan"]);
}

#[test]
fn the_subject_stands_behind_the_wording_of_the_relation() {
    assert_eq!(read("The place of birth of Nestor Vidal is Arvik.").0, ["nestor vidal"]);
    assert_eq!(read("The date of death of Nestor Vidal is 1950.").0, ["nestor vidal"]);
}

#[test]
fn initials_stand_for_names_of_several_capitals() {
    let short = |subject: &str| {
        let names = names("It moved.", Some(subject), &[]);
        names.anchors.iter().find(|a| a.kind == AnchorKind::Short).map(|a| a.words.join(" "))
    };
    assert_eq!(short("United Kingdom of the North").as_deref(), Some("ukn"));
    assert_eq!(short("Arvik"), None);
    assert_eq!(short("Type 9 Engine"), None);
}
