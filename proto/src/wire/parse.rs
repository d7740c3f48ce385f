//! From the bytes of a body to a wire type, with the place of whatever is wrong.

use crate::error::{ErrorKind, ModelError};
use serde::de::DeserializeOwned;
use serde_json::error::Category;

/// Most characters of a parser's message that go to the client: it may quote the value, which may be long.
const MAX_MESSAGE_CHARS: usize = 300;

/// Reads a JSON body.
///
/// # Errors
/// [`ErrorKind::InvalidRequest`] when the bytes are not UTF-8, not JSON, or not a `T`; `param` names the field.
pub fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, ModelError> {
    let text = std::str::from_utf8(body).map_err(|error| {
        whole(format!("the body is not valid UTF-8: byte {} is the first that is not", error.valid_up_to()))
    })?;
    let mut json = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let error = error.into_inner();
        let said = short(&error.to_string());
        let broken = matches!(error.classify(), Category::Syntax | Category::Eof);
        match path.as_str() {
            _ if broken => whole(format!("the body cannot be read as JSON: {said}")),
            // The parser calls the root ".", and marks a place it lost sight of with "?".
            "." | "?" => whole(format!("the body is not what this route takes: {said}")),
            _ => ModelError::invalid(path.clone(), format!("{path}: {said}")),
        }
    })?;
    json.end().map_err(|error| whole(format!("the body holds more than one JSON value: {error}")))?;
    Ok(value)
}

fn whole(message: String) -> ModelError {
    ModelError::new(ErrorKind::InvalidRequest { param: None }, message)
}

fn short(message: &str) -> String {
    match message.char_indices().nth(MAX_MESSAGE_CHARS) {
        Some((cut, _)) => format!("{}…", &message[..cut]),
        None => message.to_owned(),
    }
}
