//! A live edit as it is kept: what it says and what was read from it, in one piece of memory.
//!
//! A million edits as the structures that requests are made of would be a dozen allocations each. Here each is one slice
//! of 64-bit words:
//!
//! | words | hold |
//! |---|---|
//! | 0 to 2 | version, when it was first added, when this version was written |
//! | 3, 4 | the relations that it may be about, low half first |
//! | 5 | from the lowest: anchors (8 bits), relation keys (8), wording keys (8), object words (16), telling words (16) |
//! | then | relation keys, wording key, object words; anchors and telling words of 32 bits; the [text form](super::saying) |

use super::saying::{Saying, write};
use crate::{
    conflict::FactsView,
    edit::{Edit, Moment, Seq},
    text::Groups,
    time::Timestamp,
};
use amend_proto::TenantId;

const HEAD: usize = 6;

/// The words of one edit.
pub(super) type Words = Box<[u64]>;

/// How many of each kind of thing there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Counts {
    anchors: usize,
    relations: usize,
    wording: usize,
    objects: usize,
    content: usize,
}

impl Counts {
    fn word(self) -> u64 {
        let Self { anchors, relations, wording, objects, content } = self;
        let fields = [(anchors, 0), (relations, 8), (wording, 16), (objects, 24), (content, 40)];
        fields.into_iter().fold(0, |word, (count, shift)| word | (count as u64) << shift)
    }

    fn of(word: u64) -> Self {
        let field = |shift: u32, bits: u32| (word >> shift & ((1 << bits) - 1)) as usize;
        let (anchors, relations, wording) = (field(0, 8), field(8, 8), field(16, 8));
        Self { anchors, relations, wording, objects: field(24, 16), content: field(40, 16) }
    }

    fn keys(self) -> usize {
        self.relations + self.wording + self.objects
    }

    /// Words of 64 bits for anchors and telling words.
    fn halves(self) -> usize {
        (self.anchors + self.content).div_ceil(2)
    }
}

/// What of an edit was read; anchors are put in when they have numbers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Read<'a> {
    pub(super) anchors: usize,
    pub(super) content: &'a [u32],
    pub(super) groups: Groups,
    pub(super) facts: FactsView<'a>,
}

/// An edit in words, its anchors still zero.
pub(super) fn pack(edit: &Edit, read: Read<'_>) -> Words {
    let Read { anchors, content, groups, facts } = read;
    // Longer ones than an edit can have; what lies behind would only not be searched.
    let most = |slice: usize| slice.min(usize::from(u16::MAX));
    let counts = Counts {
        anchors,
        relations: facts.relations().len().min(usize::from(u8::MAX)),
        wording: usize::from(facts.wording().is_some()),
        objects: most(facts.object().len()),
        content: most(content.len()),
    };
    let mut said = Vec::with_capacity(edit.content.text.len() + 128);
    write(edit, &mut said);
    let first = HEAD + counts.keys();
    let mut words = vec![0; first + counts.halves() + said.len().div_ceil(8)];
    words[0] = edit.seq.get().cast_unsigned();
    words[1] = edit.created_at.seconds().cast_unsigned();
    words[2] = edit.updated_at.seconds().cast_unsigned();
    (words[3], words[4]) = (groups as u64, (groups >> 64) as u64);
    words[5] = counts.word();
    let keys = facts.relations()[..counts.relations].iter().copied().chain(facts.wording());
    let keys = keys.chain(facts.object()[..counts.objects].iter().copied());
    for (word, key) in words[HEAD..].iter_mut().zip(keys) {
        *word = key;
    }
    let (halves, text) = words[first..].split_at_mut(counts.halves());
    let halves: &mut [u32] = bytemuck::cast_slice_mut(halves);
    halves[anchors..anchors + counts.content].copy_from_slice(&content[..counts.content]);
    bytemuck::cast_slice_mut::<u64, u8>(text)[..said.len()].copy_from_slice(&said);
    words.into()
}

/// Where the anchors of a packed edit stand.
pub(super) fn anchors_mut(words: &mut Words) -> &mut [u32] {
    let counts = Counts::of(words[5]);
    let first = HEAD + counts.keys();
    &mut bytemuck::cast_slice_mut(&mut words[first..first + counts.halves()])[..counts.anchors]
}

/// A live edit with what the scope decision needs to know of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Document<'a> {
    pub(crate) edit: StoredEdit<'a>,
    /// Numbers of its names.
    pub(super) anchors: &'a [u32],
    /// Hashed stems of its other telling words, ascending.
    pub(crate) content: &'a [u32],
    /// The relations that it may be about.
    pub(crate) groups: Groups,
    /// What it states.
    pub(crate) facts: FactsView<'a>,
}

impl<'a> Document<'a> {
    pub(super) fn of(words: &'a [u64]) -> Self {
        let counts = Counts::of(words[5]);
        let (head, rest) = words.split_at(HEAD);
        let (keys, rest) = rest.split_at(counts.keys());
        let (halves, said) = rest.split_at(counts.halves());
        let (relations, keys) = keys.split_at(counts.relations);
        let (wording, object) = keys.split_at(counts.wording);
        let halves: &[u32] = bytemuck::cast_slice(halves);
        let (anchors, content) = halves.split_at(counts.anchors);
        let seq = Seq::new(head[0].cast_signed());
        Self {
            edit: StoredEdit { seq, head, said: Saying::of(bytemuck::cast_slice(said)) },
            anchors,
            content: &content[..counts.content],
            groups: Groups::from(head[3]) | Groups::from(head[4]) << 64,
            facts: FactsView::new(relations, wording.first().copied(), object),
        }
    }
}

/// An edit where it is kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StoredEdit<'a> {
    /// Its version.
    pub(crate) seq: Seq,
    head: &'a [u64],
    said: Saying<'a>,
}

impl StoredEdit<'_> {
    /// Whether it has this id.
    pub(crate) fn is(&self, id: &str) -> bool {
        self.said.id() == id
    }

    /// Whether its time is now and the model that answers is meant.
    pub(crate) fn in_force(&self, moment: Moment<'_>) -> bool {
        self.said.is_unbounded() || self.said.content().in_force(moment)
    }

    /// All of it.
    pub(crate) fn edit(&self, tenant: &TenantId) -> Edit {
        let time = |at: usize| Timestamp::from_seconds(self.head[at].cast_signed());
        Edit {
            id: self.said.edit_id(),
            tenant: tenant.clone(),
            seq: self.seq,
            created_at: time(1),
            updated_at: time(2),
            content: self.said.content(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        edit::{NewEdit, Target},
        index::Reading,
    };
    use amend_proto::{EditId, ModelId, RevisionId};
    use proptest::prelude::*;

    fn target() -> impl Strategy<Value = Target> {
        prop_oneof![
            Just(Target::AllModels),
            Just(Target::Model(ModelId::new("org/atlas").expect("a valid id"))),
            Just(Target::Revision(RevisionId::new("r1").expect("a valid id"))),
        ]
    }

    proptest! {
        #[test]
        fn what_is_packed_comes_out(
            (text, id) in ("\\PC{0,60}", prop_oneof!["[a-z0-9]{1,8}", "import-[0-9a-f]{32}", "edit-[0-9a-f]{32}", "edit-[0-9a-f]{31}G"]),
            given in proptest::collection::vec(proptest::option::of("\\PC{0,20}"), 6),
            aliases in proptest::collection::vec("\\PC{0,12}", 0..9), target in target(),
            times in any::<(i64, i64, Option<i64>, Option<i64>)>(), seq in 0..i64::MAX,
        ) {
            let mut content = crate::edit::Content::new(text);
            [content.subject, content.relation, content.object, content.source, content.author, content.reason] =
                given.try_into().expect("six");
            (content.aliases, content.target) = (aliases, target);
            content.valid_from = times.2.map(Timestamp::from_seconds);
            content.expires_at = times.3.map(Timestamp::from_seconds);
            let edit = Edit {
                id: EditId::new(id).expect("a valid id"), tenant: TenantId::default(), seq: Seq::new(seq),
                created_at: Timestamp::from_seconds(times.0), updated_at: Timestamp::from_seconds(times.1), content,
            };
            let reading = Reading::new(&edit.content);
            let read = Read { anchors: 3, content: &[7, 9], groups: 1 << 77 | 5, facts: reading.facts() };
            let mut words = pack(&edit, read);
            anchors_mut(&mut words).copy_from_slice(&[1, 2, 3]);
            let document = Document::of(&words);
            prop_assert_eq!(document.edit.edit(&edit.tenant), edit);
            prop_assert_eq!((document.anchors, document.content, document.groups), (&[1, 2, 3][..], &[7, 9][..], 1 << 77 | 5));
            prop_assert_eq!(document.facts, reading.facts());
        }
    }

    #[test]
    fn a_short_statement_takes_little_more_than_itself() {
        let new = NewEdit::new("The capital of France is Lyon.");
        let id = EditId::new("import-c001010cb3549735ce7713f30def67d7").unwrap();
        let at = Timestamp::from_seconds(1);
        let edit = Edit {
            id,
            tenant: TenantId::default(),
            seq: Seq::new(1),
            created_at: at,
            updated_at: at,
            content: new.content,
        };
        let reading = Reading::new(&edit.content);
        let read = Read { anchors: 2, content: &[], groups: 1, facts: reading.facts() };
        assert!(pack(&edit, read).len() * 8 <= edit.content.text.len() + 136);
    }
}
