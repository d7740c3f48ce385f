//! Where a synthetic row comes from.

use crate::records::{Cell, Kind};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What WebR used a page for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WebrRole {
    /// The instruction transforms the whole page.
    WiAll,
    /// The instruction transforms a part of it.
    WiPart,
    /// The whole page is the material of the response.
    WrAll,
    /// A part of it is.
    WrPart,
}

/// As it is written in files.
impl fmt::Display for WebrRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// The page that a row was made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageSource {
    /// Where it was found, when the input says so.
    pub url: Option<String>,
    /// The hash of its main text.
    pub content_hash: String,
    /// The file it was read from.
    pub file: String,
    /// Its place in that file, from 0.
    pub record: u32,
}

/// How a row was made, and from what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Made {
    /// By Lion, from an instruction.
    Lion {
        /// The id of the instruction that the row's was generated from; of the first pool its own.
        seed_instruction: String,
        /// The iteration it was made in, 0 for the first pool.
        iteration: u32,
    },
    /// By WebR, from a page.
    Webr {
        /// What the page was used for.
        role: WebrRole,
        /// The page.
        page: PageSource,
    },
}

impl Made {
    /// The method and, of WebR, the role: `lion`, `webr/wi_all`.
    #[must_use]
    pub fn label(&self) -> String {
        match self {
            Self::Lion { .. } => "lion".to_owned(),
            Self::Webr { role, .. } => format!("webr/{role}"),
        }
    }
}

/// What a model did for a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelRole {
    /// Answered; of WebR, wrote requests and responses.
    Teacher,
    /// Learned, and showed where it is weak.
    Student,
    /// Compared answers.
    Referee,
    /// Wrote new instructions.
    Generator,
    /// Described the author of a page.
    Author,
    /// Refined a draft.
    Refiner,
}

/// The models by their roles, each as `name@revision`; none where the role was not filled.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RoleModels {
    /// [`ModelRole::Teacher`].
    pub teacher: Option<String>,
    /// [`ModelRole::Student`].
    pub student: Option<String>,
    /// [`ModelRole::Referee`].
    pub referee: Option<String>,
    /// [`ModelRole::Generator`].
    pub generator: Option<String>,
    /// [`ModelRole::Author`].
    pub author: Option<String>,
    /// [`ModelRole::Refiner`].
    pub refiner: Option<String>,
}

impl RoleModels {
    /// With a model in a role.
    #[must_use]
    pub fn with(mut self, role: ModelRole, model: impl Into<String>) -> Self {
        let place = match role {
            ModelRole::Teacher => &mut self.teacher,
            ModelRole::Student => &mut self.student,
            ModelRole::Referee => &mut self.referee,
            ModelRole::Generator => &mut self.generator,
            ModelRole::Author => &mut self.author,
            ModelRole::Refiner => &mut self.refiner,
        };
        *place = Some(model.into());
        self
    }

    fn all(&self) -> [&Option<String>; 6] {
        [&self.teacher, &self.student, &self.referee, &self.generator, &self.author, &self.refiner]
    }
}

/// Where a row comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Flat", into = "Flat")]
pub struct RowProvenance {
    /// How it was made, and from what.
    pub made: Made,
    /// By which models.
    pub models: RoleModels,
    /// The random stream that drew its choices.
    pub seed: u64,
    /// The licence of the source, as the source or the operator states it.
    pub licence: Option<String>,
}

/// Which method a row says made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Method {
    Lion,
    Webr,
}

/// As it is written: one level of texts and numbers beside the models.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Flat {
    method: Method,
    #[serde(default)]
    role: Option<WebrRole>,
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    content_hash: Option<String>,
    #[serde(default)]
    file: Option<String>,
    #[serde(default)]
    record: Option<u32>,
    #[serde(default)]
    seed_instruction: Option<String>,
    #[serde(default)]
    iteration: Option<u32>,
    #[serde(default)]
    models: RoleModels,
    seed: String,
    #[serde(default)]
    licence: Option<String>,
}

impl From<RowProvenance> for Flat {
    fn from(provenance: RowProvenance) -> Self {
        let RowProvenance { made, models, seed, licence } = provenance;
        let empty = Self {
            method: Method::Lion,
            role: None,
            url: None,
            content_hash: None,
            file: None,
            record: None,
            seed_instruction: None,
            iteration: None,
            models,
            seed: seed.to_string(),
            licence,
        };
        match made {
            Made::Lion { seed_instruction, iteration } => {
                Self { seed_instruction: Some(seed_instruction), iteration: Some(iteration), ..empty }
            }
            Made::Webr { role, page: PageSource { url, content_hash, file, record } } => Self {
                method: Method::Webr,
                role: Some(role),
                url,
                content_hash: Some(content_hash),
                file: Some(file),
                record: Some(record),
                ..empty
            },
        }
    }
}

impl TryFrom<Flat> for RowProvenance {
    type Error = String;

    fn try_from(flat: Flat) -> Result<Self, String> {
        let Flat { method, role, url, content_hash, file, record, seed_instruction, iteration, .. } = flat;
        let made = match (method, role, content_hash, file, record, seed_instruction, iteration) {
            (Method::Lion, None, None, None, None, Some(seed_instruction), Some(iteration))
                if url.is_none() =>
            {
                Made::Lion { seed_instruction, iteration }
            }
            (Method::Webr, Some(role), Some(content_hash), Some(file), Some(record), None, None) => {
                Made::Webr { role, page: PageSource { url, content_hash, file, record } }
            }
            (Method::Lion, ..) => return Err("lion has seed_instruction and iteration, and no page".into()),
            (Method::Webr, ..) => {
                return Err("webr has role, content_hash, file and record, and no seed_instruction".into());
            }
        };
        let seed = flat.seed.parse().map_err(|_| format!("the seed {:?} is no number", flat.seed))?;
        Ok(Self { made, models: flat.models, seed, licence: flat.licence })
    }
}

const MODELS: [(&str, Kind); 6] = [
    ("teacher", Kind::OptionalText),
    ("student", Kind::OptionalText),
    ("referee", Kind::OptionalText),
    ("generator", Kind::OptionalText),
    ("author", Kind::OptionalText),
    ("refiner", Kind::OptionalText),
];

/// The fields of [`Flat`].
pub(super) const PROVENANCE: [(&str, Kind); 11] = [
    ("method", Kind::Text),
    ("role", Kind::OptionalText),
    ("url", Kind::OptionalText),
    ("content_hash", Kind::OptionalText),
    ("file", Kind::OptionalText),
    ("record", Kind::Integer),
    ("seed_instruction", Kind::OptionalText),
    ("iteration", Kind::Integer),
    ("models", Kind::Group(&MODELS)),
    ("seed", Kind::Text),
    ("licence", Kind::OptionalText),
];

impl RowProvenance {
    /// The cells of [`PROVENANCE`].
    pub(super) fn cell(&self) -> Cell {
        let flat = Flat::from(self.clone());
        let text = Cell::OptionalText;
        let method = match flat.method {
            Method::Lion => "lion",
            Method::Webr => "webr",
        };
        Cell::Group(vec![
            Cell::Text(method.to_owned()),
            text(flat.role.map(|role| role.to_string())),
            text(flat.url),
            text(flat.content_hash),
            text(flat.file),
            Cell::Integer(flat.record.map(i64::from)),
            text(flat.seed_instruction),
            Cell::Integer(flat.iteration.map(i64::from)),
            Cell::Group(self.models.all().map(|model| text(model.clone())).into()),
            Cell::Text(flat.seed),
            text(flat.licence),
        ])
    }
}
