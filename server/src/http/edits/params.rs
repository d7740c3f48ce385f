//! Query parameters: each known, each once.

use crate::http::{error::ApiError, ids::read_id};
use amend_editor::{ListAfter, Seq};
use amend_proto::InvalidId;
use axum::extract::Query;
use http::Uri;
use std::str::FromStr;

/// Items on a page, unless the client says otherwise.
const DEFAULT_PAGE: usize = 20;
/// Most items on a page.
const MAX_PAGE: usize = 100;

/// The parameters of one request.
#[derive(Debug)]
pub(in crate::http) struct Params(Vec<(String, String)>);

impl Params {
    /// The query of `uri`, which may hold `known` only.
    pub(in crate::http) fn read(uri: &Uri, known: &[&str]) -> Result<Self, ApiError> {
        let may = || format!("the query may hold {} only, each once", known.join(", "));
        let Ok(Query(pairs)) = Query::<Vec<(String, String)>>::try_from_uri(uri) else {
            return Err(ApiError::invalid("query", format!("the query cannot be read; {}", may())));
        };
        for (at, (name, _)) in pairs.iter().enumerate() {
            if !known.contains(&name.as_str()) || pairs[..at].iter().any(|(other, _)| other == name) {
                return Err(ApiError::invalid("query", may()));
            }
        }
        Ok(Self(pairs))
    }

    pub(in crate::http) fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The same, to be kept.
    pub(in crate::http) fn owned(&self, name: &str) -> Option<String> {
        self.text(name).map(str::to_owned)
    }

    pub(in crate::http) fn limit(&self) -> Result<usize, ApiError> {
        match self.text("limit").map(str::parse) {
            None => Ok(DEFAULT_PAGE),
            Some(Ok(limit)) if (1..=MAX_PAGE).contains(&limit) => Ok(limit),
            Some(_) => Err(ApiError::invalid("limit", format!("limit must be from 1 to {MAX_PAGE}"))),
        }
    }

    /// An entry of the log.
    pub(in crate::http) fn seq(&self, name: &str) -> Result<Option<Seq>, ApiError> {
        match self.text(name).map(i64::from_str) {
            None => Ok(None),
            Some(Ok(number @ 0..)) => Ok(Some(Seq::new(number))),
            Some(_) => Err(ApiError::invalid(
                name,
                format!("{name} must be the number of an entry of the log, or 0"),
            )),
        }
    }

    /// The same, which must be there.
    pub(in crate::http) fn required_seq(&self, name: &str) -> Result<Seq, ApiError> {
        self.seq(name)?.ok_or_else(|| {
            ApiError::invalid(name, format!("{name} is missing: the number of an entry of the log"))
        })
    }

    /// Where a page of edits begins.
    pub(in crate::http) fn list_after(&self) -> Result<Option<ListAfter>, ApiError> {
        self.text("after").map(|text| read_id("after", text)).transpose()
    }

    pub(in crate::http) fn id<Id: FromStr<Err = InvalidId>>(
        &self,
        name: &str,
    ) -> Result<Option<Id>, ApiError> {
        self.text(name).map(|id| read_id(name, id)).transpose()
    }
}
