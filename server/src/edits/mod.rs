//! Edits as the outside asks for them: HTTP and gRPC are two spellings of [`EditService`].

mod tenants;
pub(crate) mod wire;

pub use tenants::{TenantError, Tenants};

use amend_editor::{EditError, Editor, TenantEditor};
use amend_proto::{ChatModel, TenantId};
use std::{fmt, sync::Arc};

/// Names the tenant of a request: a header over HTTP, metadata over gRPC.
pub const TENANT_HEADER: &str = "x-amend-tenant";

/// The most edits that an explained preview tells of.
pub(crate) const MAX_CONSIDERED: usize = 20;

/// What asks for a state calls the entry `as_of`.
pub(crate) fn as_of(error: EditError) -> EditError {
    match error {
        EditError::InvalidEdit { param, reason } if param == "seq" => {
            EditError::InvalidEdit { param: "as_of".to_owned(), reason }
        }
        other => other,
    }
}

/// The edits of every tenant that is served.
#[derive(Clone)]
pub struct EditService {
    editor: Editor,
    model: Arc<dyn ChatModel>,
    tenants: Tenants,
}

impl fmt::Debug for EditService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EditService").field("tenants", &self.tenants).finish_non_exhaustive()
    }
}

impl EditService {
    /// The edits of `editor`, as they apply to what `model` serves.
    pub fn new(editor: Editor, model: Arc<dyn ChatModel>, tenants: Tenants) -> Self {
        Self { editor, model, tenants }
    }

    /// The tenant of the one name that a request gives; without one, the default tenant.
    ///
    /// # Errors
    /// [`TenantError`] when there are several, it cannot be a name, or is not served.
    pub fn tenant<'a>(&self, names: impl IntoIterator<Item = &'a [u8]>) -> Result<TenantId, TenantError> {
        let mut names = names.into_iter();
        let name = names.next();
        match names.next() {
            // A proxy that adds the true one behind the client's own must not be overruled.
            Some(_) => Err(TenantError::Repeated),
            None => self.tenants.find(name),
        }
    }

    /// The edits of a tenant.
    #[must_use]
    pub fn of(&self, tenant: TenantId) -> TenantEditor {
        self.editor.tenant(tenant).answered_by(Arc::clone(&self.model))
    }

    /// The edits of all tenants.
    #[must_use]
    pub fn editor(&self) -> &Editor {
        &self.editor
    }
}
