//! What is asked of edits.
//!
//! Unlike in the completion routes an unknown field is an error: an edit that is stored without something that was
//! asked of it would be wrong for as long as it lives.

use super::object::EditTarget;
use crate::{
    error::ModelError,
    wire::fields::{Extra, join},
};
use serde::{Deserialize, Serialize};

/// What happens when a new statement conflicts with one that stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum ConflictRule {
    /// Both stand, and the newer one wins in the prompt.
    #[default]
    KeepBoth,
    /// The new one is refused with 409.
    Refuse,
    /// The older one gives way, if the new one is in force for every model and at every time for which the older one is
    /// from now on; otherwise both stand, and the conflict says so. An edit that stands under the new one's own id gets
    /// a new version in any case.
    Supersede,
}

/// Declares a body that holds an edit's fields: flat, because serde cannot tell the place of a mistake in a flattened
/// struct.
macro_rules! with_edit_fields {
    ($(#[$doc:meta])* $name:ident { $($(#[$own_doc:meta])* $own:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
        #[serde(default, expecting = "an object")]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        pub struct $name {
            /// The statement, as a sentence: "The chief executive of Quellin Dynamics is Mara Voss."
            #[serde(skip_serializing_if = "Option::is_none")]
            pub text: Option<String>,
            /// What it is about, in the words that questions use.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub subject: Option<String>,
            /// What of the subject it states: `chief executive`.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub relation: Option<String>,
            /// The value that it states: `Mara Voss`.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub object: Option<String>,
            /// Other names of the subject.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub aliases: Option<Vec<String>>,
            /// Which models it corrects; all, unless given.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub target: Option<EditTarget>,
            /// In force from then on only, Unix seconds.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub valid_from: Option<i64>,
            /// In force until then only, Unix seconds.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub expires_at: Option<i64>,
            /// Where the statement comes from.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub source: Option<String>,
            /// Who writes it.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub author: Option<String>,
            /// Why.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub reason: Option<String>,
            $(
                $(#[$own_doc])*
                #[serde(skip_serializing_if = "Option::is_none")]
                pub $own: Option<$type>,
            )*
            /// Everything else; an error when read.
            #[serde(flatten)]
            #[cfg_attr(feature = "openapi", schema(ignore))]
            pub extra: Extra,
        }
    };
}

/// Takes the edit's fields out of such a body.
macro_rules! take_fields {
    ($body:ident) => {
        EditInput {
            text: $body.text.take(),
            subject: $body.subject.take(),
            relation: $body.relation.take(),
            object: $body.object.take(),
            aliases: $body.aliases.take(),
            target: $body.target.take(),
            valid_from: $body.valid_from.take(),
            expires_at: $body.expires_at.take(),
            source: $body.source.take(),
            author: $body.author.take(),
            reason: $body.reason.take(),
            id: None,
            extra: Extra::new(),
        }
    };
}

with_edit_fields! {
    /// An edit to store.
    EditInput {
        /// A name of one's own choice.
        id: String,
    }
}

with_edit_fields! {
    /// The body of `POST /v1/edits`: one edit by its fields, or several (`edits`).
    EditsInput {
        /// A name of one's own choice for a single edit.
        id: String,
        /// Several edits, stored all or none.
        edits: Vec<EditInput>,
        /// What happens when one conflicts with what stands.
        on_conflict: ConflictRule,
    }
}

with_edit_fields! {
    /// The body of `PUT /v1/edits/{id}`: what the edit says from now on, whole.
    EditReplacement {
        /// The version that was seen: if it is no longer the newest, the request is refused with 409.
        seen: i64,
        /// What happens when the new version conflicts with other edits.
        on_conflict: ConflictRule,
    }
}

/// How a body spells its edits; the places of errors follow from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EditsForm {
    /// One, by its fields: `text`.
    Single,
    /// A list: `edits[3].text`.
    List,
}

/// What `POST /v1/edits` asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct EditsBody {
    /// How the body spelled it.
    pub form: EditsForm,
    /// At least one; each has a `text`.
    pub edits: Vec<EditInput>,
    /// What happens when one conflicts with what stands.
    pub on_conflict: ConflictRule,
}

impl EditsInput {
    /// The edits, and how the body spells them.
    ///
    /// # Errors
    /// [`InvalidRequest`](crate::ErrorKind::InvalidRequest) when there is neither `text` nor `edits`, both, none, more
    /// than `max`, or an unknown field.
    pub fn read(mut self, max: usize) -> Result<EditsBody, ModelError> {
        refuse(&self.extra, "")?;
        let (edits, on_conflict) = (self.edits.take(), self.on_conflict.take().unwrap_or_default());
        let id = self.id.take();
        let single = EditInput { id, ..take_fields!(self) };
        let Some(edits) = edits else {
            stated(&single, "")?;
            return Ok(EditsBody { form: EditsForm::Single, edits: vec![single], on_conflict });
        };
        if single != EditInput::default() {
            return Err(ModelError::invalid(
                "edits",
                "give either edits or one edit by its fields, not both",
            ));
        }
        if edits.is_empty() {
            return Err(ModelError::invalid("edits", "edits must hold at least one edit"));
        }
        if edits.len() > max {
            let message = format!("edits may hold {max} edits, not {}", edits.len());
            return Err(ModelError::invalid("edits", message));
        }
        for (index, edit) in edits.iter().enumerate() {
            let place = format!("edits[{index}]");
            refuse(&edit.extra, &place)?;
            stated(edit, &place)?;
        }
        Ok(EditsBody { form: EditsForm::List, edits, on_conflict })
    }
}

impl EditReplacement {
    /// The new version's fields, the version that was seen, and the rule for conflicts.
    ///
    /// # Errors
    /// [`InvalidRequest`](crate::ErrorKind::InvalidRequest) for an unknown field or a missing `text`.
    pub fn read(mut self) -> Result<(EditInput, Option<i64>, ConflictRule), ModelError> {
        refuse(&self.extra, "")?;
        let edit = take_fields!(self);
        stated(&edit, "")?;
        Ok((edit, self.seen, self.on_conflict.unwrap_or_default()))
    }
}

/// What an edit's status is to become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum WantedStatus {
    /// It stands again, as it was.
    Live,
    /// It is taken back.
    Retired,
}

/// The body of `PATCH /v1/edits/{id}`: takes an edit back, or makes it stand again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(expecting = "an object")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EditChange {
    /// What becomes of the edit.
    pub status: WantedStatus,
    /// With `live`: the version to restore; the last one, unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
    /// Who asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Everything else; an error when read.
    #[serde(flatten)]
    #[cfg_attr(feature = "openapi", schema(ignore))]
    pub extra: Extra,
}

impl EditChange {
    /// The same, checked.
    ///
    /// # Errors
    /// [`InvalidRequest`](crate::ErrorKind::InvalidRequest) for an unknown field, and for `version` without `live`.
    pub fn read(self) -> Result<Self, ModelError> {
        refuse(&self.extra, "")?;
        match (self.status, self.version) {
            (WantedStatus::Retired, Some(_)) => {
                Err(ModelError::invalid("version", "version goes with the status `live` only"))
            }
            _ => Ok(self),
        }
    }
}

/// The body of `POST /v1/edit-log/rollback`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(expecting = "an object")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RollbackRequest {
    /// The entry of the log whose state is to stand again; 0 is the empty state.
    pub to: i64,
    /// Who asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Everything else; an error when read.
    #[serde(flatten)]
    #[cfg_attr(feature = "openapi", schema(ignore))]
    pub extra: Extra,
}

impl RollbackRequest {
    /// The same, checked.
    ///
    /// # Errors
    /// [`InvalidRequest`](crate::ErrorKind::InvalidRequest) for an unknown field, and for a negative entry.
    pub fn read(self) -> Result<Self, ModelError> {
        refuse(&self.extra, "")?;
        match self.to {
            0.. => Ok(self),
            _ => Err(ModelError::invalid("to", "to must be an entry of the log, or 0 for the empty state")),
        }
    }
}

fn stated(edit: &EditInput, path: &str) -> Result<(), ModelError> {
    match edit.text {
        Some(_) => Ok(()),
        None => {
            let place = join(path, "text");
            Err(ModelError::invalid(&place, format!("{place} is missing: the statement to store")))
        }
    }
}

fn refuse(extra: &Extra, path: &str) -> Result<(), ModelError> {
    match extra.keys().next() {
        None => Ok(()),
        Some(name) => {
            let place: String = join(path, name).chars().take(100).collect();
            Err(ModelError::invalid(&place, format!("{place}: this server knows no such field of an edit")))
        }
    }
}
