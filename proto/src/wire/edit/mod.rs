//! `/v1/edits` and `/v1/edit-log`: edits, what is asked of them, and the log of what was done.

mod input;
mod log;
mod object;
mod preview;
mod transfer;

pub use input::{
    ConflictRule, EditChange, EditInput, EditReplacement, EditsBody, EditsForm, EditsInput, RollbackRequest,
    WantedStatus,
};
pub use log::{
    ConflictList, DifferenceList, DifferenceObject, HowDifferent, OperationKind, OperationList,
    OperationObject, RollbackObject,
};
pub use object::{
    ConflictKind, ConflictObject, DeletedEdit, EditCursor, EditList, EditObject, EditStatus, EditTag,
    EditTarget, KnownEdit, Resolution, WrittenEdit,
};
pub use preview::{
    EditConsidered, EditDecision, EditPreview, EditPreviewRequest, EditScore, EditVerdict, PreviewDetail,
};
pub use transfer::{ImportObject, ImportProblem};
