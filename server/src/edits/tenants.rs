//! Which tenants are served.

use super::TENANT_HEADER;
use amend_proto::{InvalidId, TenantId};
use std::collections::BTreeSet;

/// Which tenants are served.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Tenants {
    /// Whoever is named: a tenant is there from its first edit on.
    #[default]
    Any,
    /// These and no other.
    Named(BTreeSet<TenantId>),
}

/// Why a request's tenant is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TenantError {
    /// It cannot be a name.
    #[error("{TENANT_HEADER}: {0}")]
    Invalid(#[from] InvalidId),
    /// More than one is named.
    #[error("{TENANT_HEADER}: give it once")]
    Repeated,
    /// It is not served here.
    #[error("{TENANT_HEADER}: the tenant `{0}` is not served here")]
    Unknown(TenantId),
}

impl Tenants {
    /// The tenant of this name; without one, the default tenant.
    ///
    /// # Errors
    /// When it cannot be a name, or is not served.
    pub fn find(&self, name: Option<&[u8]>) -> Result<TenantId, TenantError> {
        let tenant = match name {
            None => TenantId::default(),
            // What is not UTF-8 has a character that no name may have.
            Some(name) => TenantId::new(String::from_utf8_lossy(name))?,
        };
        match self {
            Self::Named(served) if !served.contains(&tenant) => Err(TenantError::Unknown(tenant)),
            Self::Any | Self::Named(_) => Ok(tenant),
        }
    }
}

impl From<Vec<TenantId>> for Tenants {
    /// None named is any.
    fn from(names: Vec<TenantId>) -> Self {
        if names.is_empty() { Self::Any } else { Self::Named(names.into_iter().collect()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_is_named_valid_and_served() {
        let name = |name: &str| TenantId::new(name).unwrap();
        assert_eq!(Tenants::Any.find(None), Ok(TenantId::default()));
        assert_eq!(Tenants::Any.find(Some(b"acme")), Ok(name("acme")));
        assert!(matches!(Tenants::Any.find(Some(b"")), Err(TenantError::Invalid(InvalidId::Empty))));
        assert!(matches!(Tenants::Any.find(Some(b"\xff")), Err(TenantError::Invalid(_))));
        let served = Tenants::from(vec![name("acme")]);
        assert_eq!(served.find(Some(b"acme")), Ok(name("acme")));
        assert_eq!(served.find(Some(b"other")), Err(TenantError::Unknown(name("other"))));
        assert_eq!(served.find(None), Err(TenantError::Unknown(TenantId::default())));
        assert_eq!(Tenants::from(Vec::new()), Tenants::Any);
    }
}
