//! What an edit says, as bytes: only what is there, each text behind its length.
//!
//! First a mask of sixteen bits, low byte first, one for each optional field, then the id, the text and the fields of the
//! mask in order. Numbers are little-endian, lengths of texts sixteen bits (no text of an edit is longer), of ids eight.

use crate::{
    edit::{Content, Edit, Target},
    time::Timestamp,
};
use amend_proto::{EditId, ModelId, RevisionId};

const VALID_FROM: u16 = 1;
const EXPIRES_AT: u16 = 1 << 1;
const MODEL: u16 = 1 << 2;
const REVISION: u16 = 1 << 3;
const SUBJECT: u16 = 1 << 4;
const RELATION: u16 = 1 << 5;
const OBJECT: u16 = 1 << 6;
const SOURCE: u16 = 1 << 7;
const AUTHOR: u16 = 1 << 8;
const REASON: u16 = 1 << 9;
const ALIASES: u16 = 1 << 10;
/// Without these it is in force whoever asks and whenever.
const BOUNDS: u16 = VALID_FROM | EXPIRES_AT | MODEL | REVISION;

/// Appends what an edit says.
pub(super) fn write(edit: &Edit, out: &mut Vec<u8>) {
    let content = &edit.content;
    let (model, revision) = match &content.target {
        Target::AllModels => (None, None),
        Target::Model(model) => (Some(model.as_str()), None),
        Target::Revision(revision) => (None, Some(revision.as_str())),
    };
    let times = [(VALID_FROM, content.valid_from), (EXPIRES_AT, content.expires_at)];
    let texts = [
        (MODEL, model),
        (REVISION, revision),
        (SUBJECT, content.subject.as_deref()),
        (RELATION, content.relation.as_deref()),
        (OBJECT, content.object.as_deref()),
        (SOURCE, content.source.as_deref()),
        (AUTHOR, content.author.as_deref()),
        (REASON, content.reason.as_deref()),
    ];
    let given = times.iter().filter(|(_, time)| time.is_some()).map(|(bit, _)| bit);
    let given = given.chain(texts.iter().filter(|(_, text)| text.is_some()).map(|(bit, _)| bit));
    let aliases = if content.aliases.is_empty() { 0 } else { ALIASES };
    let mask = given.fold(aliases, |mask, bit| mask | bit);
    out.extend(mask.to_le_bytes());
    text(out, edit.id.as_str());
    text(out, &content.text);
    for time in times.iter().filter_map(|(_, time)| *time) {
        out.extend(time.seconds().to_le_bytes());
    }
    for given in texts.iter().filter_map(|(_, text)| *text) {
        text(out, given);
    }
    if aliases != 0 {
        out.push(u8::try_from(content.aliases.len()).unwrap_or(u8::MAX));
        content.aliases.iter().take(usize::from(u8::MAX)).for_each(|alias| text(out, alias));
    }
}

fn text(out: &mut Vec<u8>, text: &str) {
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
    out.extend(length.to_le_bytes());
    out.extend(&text.as_bytes()[..usize::from(length)]);
}

/// What an edit says, where [`write`] put it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Saying<'a> {
    mask: u16,
    /// Behind the mask.
    bytes: &'a [u8],
}

impl<'a> Saying<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        let (mask, bytes) = bytes.split_first_chunk().unwrap_or((&[0; 2], bytes));
        Self { mask: u16::from_le_bytes(*mask), bytes }
    }

    pub(super) fn is_unbounded(&self) -> bool {
        self.mask & BOUNDS == 0
    }

    pub(super) fn id(&self) -> &'a str {
        Cursor(self.bytes).text()
    }

    pub(super) fn edit_id(&self) -> EditId {
        EditId::new(self.id()).expect("an id went in")
    }

    pub(super) fn content(&self) -> Content {
        let mut cursor = Cursor(self.bytes);
        cursor.text();
        let text = cursor.text().to_owned();
        let has = |bit: u16| self.mask & bit != 0;
        let valid_from = has(VALID_FROM).then(|| cursor.time());
        let expires_at = has(EXPIRES_AT).then(|| cursor.time());
        let target = if has(MODEL) {
            Target::Model(ModelId::new(cursor.text()).expect("an id went in"))
        } else if has(REVISION) {
            Target::Revision(RevisionId::new(cursor.text()).expect("an id went in"))
        } else {
            Target::AllModels
        };
        let mut given = |bit: u16| has(bit).then(|| cursor.text().to_owned());
        let (subject, relation, object) = (given(SUBJECT), given(RELATION), given(OBJECT));
        let (source, author, reason) = (given(SOURCE), given(AUTHOR), given(REASON));
        let aliases = if has(ALIASES) { cursor.byte() } else { 0 };
        let aliases = (0..aliases).map(|_| cursor.text().to_owned()).collect();
        Content {
            text,
            subject,
            relation,
            object,
            aliases,
            target,
            valid_from,
            expires_at,
            source,
            author,
            reason,
        }
    }
}

/// What is left to read. Behind the end there is nothing: empty texts and zeros.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn array<const N: usize>(&mut self) -> [u8; N] {
        let (array, rest) = self.0.split_first_chunk().unwrap_or((&[0; N], &[]));
        self.0 = rest;
        *array
    }

    fn byte(&mut self) -> u8 {
        self.array::<1>()[0]
    }

    fn time(&mut self) -> Timestamp {
        Timestamp::from_seconds(i64::from_le_bytes(self.array()))
    }

    fn text(&mut self) -> &'a str {
        let length = usize::from(u16::from_le_bytes(self.array()));
        let (text, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        // It went in as a text; checking that is quicker than an error would be worth.
        std::str::from_utf8(text).unwrap_or_default()
    }
}
