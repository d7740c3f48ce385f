//! Values that are a text or a list: a message's content, stop texts, prompts.

use super::fields::{Extra, UnknownFields, sort_out};
use crate::error::ModelError;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, SeqAccess, Visitor, value::SeqAccessDeserializer},
};
use std::{fmt, marker::PhantomData};

/// What a text or a list of `Item` on the wire becomes.
trait TextOrList: Sized {
    type Item: for<'de> Deserialize<'de>;
    const EXPECTS: &'static str;
    fn text(text: String) -> Self;
    fn list(items: Vec<Self::Item>) -> Self;
}

/// Keeps the path of an error inside a list, which an untagged enum would lose.
struct TextOrListVisitor<T>(PhantomData<T>);

impl<'de, T: TextOrList> Visitor<'de> for TextOrListVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTS)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        Ok(T::text(text.to_owned()))
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<T, E> {
        Ok(T::text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<T, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(items)).map(T::list)
    }
}

macro_rules! text_or_list {
    ($name:ident, $item:ty, $expects:literal, $text:expr, $list:expr) => {
        impl TextOrList for $name {
            type Item = $item;
            const EXPECTS: &'static str = $expects;
            fn text(text: String) -> Self {
                $text(text)
            }
            fn list(items: Vec<$item>) -> Self {
                $list(items)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(TextOrListVisitor(PhantomData))
            }
        }
    };
}

/// What a message says.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// As one text.
    Text(String),
    /// In parts.
    Parts(Vec<ContentPart>),
}
text_or_list!(Content, ContentPart, "a text or an array of content parts", Content::Text, Content::Parts);

impl Serialize for Content {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Parts(parts) => parts.serialize(serializer),
        }
    }
}

impl Content {
    /// The text; parts are joined by a line break. `path` is this content's place in the body.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) for a part that is not text, and
    /// [`InvalidRequest`](crate::ErrorKind::InvalidRequest) for a text part without a text; both name the part.
    pub fn read(self, path: &str, unknown: &mut UnknownFields) -> Result<String, ModelError> {
        let parts = match self {
            Self::Text(text) => return Ok(text),
            Self::Parts(parts) => parts,
        };
        let mut texts = Vec::with_capacity(parts.len());
        for (index, part) in parts.into_iter().enumerate() {
            texts.push(part.read(&format!("{path}[{index}]"), unknown)?);
        }
        Ok(texts.join("\n"))
    }
}

/// What sort of part it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum PartType {
    /// A text, the only sort that is read.
    Text,
    /// An image.
    ImageUrl,
    /// A sound.
    InputAudio,
    /// A file.
    File,
    /// A refusal of the model, given back to it.
    Refusal,
}

/// One part of a message's content.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(expecting = "an object")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ContentPart {
    /// What sort of part.
    #[serde(rename = "type")]
    pub kind: PartType,
    /// The text of a text part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Everything else.
    #[serde(flatten)]
    #[cfg_attr(feature = "openapi", schema(ignore))]
    pub extra: Extra,
}

impl ContentPart {
    fn read(self, path: &str, unknown: &mut UnknownFields) -> Result<String, ModelError> {
        let Self { kind, text, extra } = self;
        let what = match kind {
            PartType::Text => {
                sort_out(&extra, path, &[], unknown)?;
                return text.ok_or_else(|| {
                    ModelError::invalid(
                        format!("{path}.text"),
                        format!("{path}.text is missing: a text part needs one"),
                    )
                });
            }
            PartType::ImageUrl => "images",
            PartType::InputAudio => "sounds",
            PartType::File => "files",
            PartType::Refusal => "refusals",
        };
        Err(ModelError::unsupported(
            path,
            format!("{path}: this server reads text only, it cannot take {what}"),
        ))
    }
}

/// A text or a list of texts, such as `stop`; always written as a list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct TextList(pub Vec<String>);
text_or_list!(TextList, String, "a text or an array of texts", |text| TextList(vec![text]), TextList);

/// What `/v1/completions` continues: a text, texts, or what it refuses, token ids.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct PromptParam(pub Vec<PromptItem>);
text_or_list!(
    PromptParam,
    PromptItem,
    "a text or an array of texts",
    |text| PromptParam(vec![PromptItem::Text(text)]),
    PromptParam
);

/// One element of a prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PromptItem {
    /// A text to continue.
    Text(String),
    /// A token id, or a list of them: the client's tokenizer need not be this model's.
    Tokens,
}

impl Serialize for PromptItem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Tokens => serializer.collect_seq(std::iter::empty::<u32>()),
        }
    }
}

impl<'de> Deserialize<'de> for PromptItem {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PromptItemVisitor)
    }
}

struct PromptItemVisitor;

impl<'de> Visitor<'de> for PromptItemVisitor {
    type Value = PromptItem;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<PromptItem, E> {
        Ok(PromptItem::Text(text.to_owned()))
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<PromptItem, E> {
        Ok(PromptItem::Tokens)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<PromptItem, A::Error> {
        while items.next_element::<u32>()?.is_some() {}
        Ok(PromptItem::Tokens)
    }
}

/// The schemas of what is a text or a list.
#[cfg(feature = "openapi")]
mod schemas {
    use super::{Content, ContentPart, PromptParam, TextList};
    use std::borrow::Cow;
    use utoipa::{
        PartialSchema, ToSchema,
        openapi::{RefOr, Schema, schema::ArrayBuilder, schema::OneOfBuilder},
    };

    fn text_or(list_of: RefOr<Schema>) -> RefOr<Schema> {
        OneOfBuilder::new().item(String::schema()).item(ArrayBuilder::new().items(list_of)).into()
    }

    macro_rules! schema {
        ($name:ident, $item:ty) => {
            impl PartialSchema for $name {
                fn schema() -> RefOr<Schema> {
                    text_or(<$item>::schema())
                }
            }
            impl ToSchema for $name {
                fn name() -> Cow<'static, str> {
                    Cow::Borrowed(stringify!($name))
                }
                fn schemas(named: &mut Vec<(String, RefOr<Schema>)>) {
                    <$item as ToSchema>::schemas(named);
                }
            }
        };
    }
    schema!(Content, ContentPart);
    schema!(TextList, String);
    schema!(PromptParam, String);
}
