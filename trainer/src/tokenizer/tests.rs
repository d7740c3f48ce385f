//! Round trips, what is supervised, and that training a tokenizer is repeatable.

use super::*;
use std::fs;

fn texts() -> impl Iterator<Item = String> + Send {
    (0..200)
        .map(|i| format!("The capital of country {} is Town{}.\nWho asks? Nobody, 'tis so!", i % 17, i % 23))
}

fn chat() -> ChatTokenizer {
    ChatTokenizer::chatml(train_bpe(texts(), 320, &CHATML_TOKENS).expect("trains")).expect("fits")
}

fn dialogue() -> Vec<Message> {
    vec![
        Message::system("Be brief."),
        Message::user("The capital of country 3?"),
        Message::assistant("Town5."),
        Message::user("Who asks?"),
        Message::assistant(" Nobody — 誰も"),
    ]
}

#[test]
fn training_is_repeatable_and_every_text_survives() {
    let json = |t: &Tokenizer| t.to_string(false).expect("writable");
    let (a, b) = (train_bpe(texts(), 320, &CHATML_TOKENS), train_bpe(texts(), 320, &CHATML_TOKENS));
    assert_eq!(json(&a.expect("trains")), json(&b.expect("trains")));
    let chat = chat();
    assert_eq!((chat.id(END_OF_TEXT), chat.id(TURN_START), chat.id(TURN_END)), (Some(0), Some(1), Some(2)));
    assert!((260..=320).contains(&chat.vocab_size()), "as many pieces as the texts are good for");
    assert_eq!(train_bpe(texts(), 280, &CHATML_TOKENS).expect("trains").get_vocab_size(true), 280);
    for text in ["The capital of", "  naïve 誰も \t\n\n x", "\u{1F600}", ""] {
        let ids = chat.encode(text).expect("encodes");
        assert_eq!(chat.decode(&ids).expect("decodes"), text);
    }
    assert!(chat.encode("The capital of country").expect("encodes").len() <= 7, "merges are used");
    assert!(matches!(train_bpe(texts(), 258, &CHATML_TOKENS), Err(Error::Tokenizer(_))));
}

#[test]
fn the_template_is_chatml() {
    let text = chat().template().render(&dialogue()[..2], Ending::OpenTurn).expect("renders");
    let want = "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nThe capital of country 3?<|im_end|>\n\
                <|im_start|>assistant\n";
    assert_eq!(text, want);
}

#[test]
fn the_last_answer_is_supervised_with_the_end_of_its_turn() {
    let chat = chat();
    let example = chat.example(&dialogue(), Supervision::LastAnswer).expect("an example");
    let prompt = chat.prompt(&dialogue()[..4]).expect("a prompt");
    let split = example.weights.iter().position(|w| *w > 0.0).expect("something is supervised");
    assert_eq!(example.ids[..split], prompt);
    assert!(example.weights[split..].iter().all(|w| *w == 1.0));
    assert_eq!(example.ids[split..].last(), Some(&2));
    assert_eq!(chat.decode(&example.ids[split..]).expect("decodes"), " Nobody — 誰も");
}

#[test]
fn every_answer_is_supervised_on_request() {
    let chat = chat();
    let example = chat.example(&dialogue(), Supervision::EveryAnswer).expect("an example");
    let supervised: Vec<u32> =
        example.ids.iter().zip(&example.weights).filter(|(_, w)| **w > 0.0).map(|(id, _)| *id).collect();
    assert_eq!(supervised.iter().filter(|id| **id == 2).count(), 2);
    assert_eq!(chat.decode(&supervised).expect("decodes"), "Town5. Nobody — 誰も");
    let whole = chat.template().render(&dialogue(), Ending::Closed).expect("renders");
    let with_specials = chat.tokenizer().decode(&example.ids, false).expect("decodes");
    assert_eq!(with_specials, whole.trim_end());
}

#[test]
fn conversations_without_an_answer_are_refused() {
    let chat = chat();
    for (messages, supervision) in [
        (vec![], Supervision::LastAnswer),
        (vec![Message::user("hi")], Supervision::LastAnswer),
        (vec![Message::user("hi")], Supervision::EveryAnswer),
    ] {
        assert!(matches!(chat.example(&messages, supervision), Err(Error::Tokenizer(_))));
    }
}

#[test]
fn a_folder_gives_back_what_was_saved() {
    let folder = tempfile::tempdir().expect("a folder");
    let chat = chat();
    chat.save(folder.path()).expect("saves");
    let loaded = ChatTokenizer::load(folder.path()).expect("loads");
    assert_eq!(loaded.special(), chat.special());
    let of = |c: &ChatTokenizer| c.example(&dialogue(), Supervision::EveryAnswer).expect("an example");
    assert_eq!(of(&loaded), of(&chat));
    fs::write(folder.path().join("chat_template.jinja"), "{{ bos_token }}{{ messages[0].content.upper() }}")
        .expect("writes");
    let other = ChatTokenizer::load(folder.path()).expect("loads");
    let text = other.template().render(&dialogue(), Ending::Closed).expect("renders");
    assert_eq!(text, "<|endoftext|>BE BRIEF.");
}

#[test]
fn broken_templates_and_unknown_tokens_are_named() {
    let tokenizer = || train_bpe(texts(), 300, &CHATML_TOKENS).expect("trains");
    let special = |eos: &str| SpecialTokens { bos: None, eos: eos.into(), pad: None };
    assert!(matches!(
        ChatTokenizer::new(tokenizer(), "{% if %}", special(TURN_END)),
        Err(Error::Tokenizer(_))
    ));
    let unknown = ChatTokenizer::new(tokenizer(), CHATML, special("<eos>"));
    assert!(matches!(unknown, Err(Error::Tokenizer(text)) if text.contains("<eos>")));
    let strict = "{{ raise_exception('no system messages') }}";
    let strict = ChatTokenizer::new(tokenizer(), strict, special(TURN_END)).expect("compiles");
    let refused = strict.prompt(&dialogue());
    assert!(matches!(refused, Err(Error::Tokenizer(text)) if text.contains("no system messages")));
}
