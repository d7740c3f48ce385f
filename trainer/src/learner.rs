//! What learns, and how it becomes folders: the whole model, or an adapter beside it.

use crate::decoder::Decoder;
use crate::files::{sync, write_atomically};
use crate::lora::Lora;
use crate::lte::{Method, inherit};
use crate::{Error, Result};
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// The decoder as it is trained, and the adapter in it if there is one.
pub(crate) struct Learner {
    pub(crate) decoder: Decoder,
    pub(crate) lora: Option<Arc<Lora>>,
}

/// What a new model folder takes from where.
pub(crate) struct Heir<'a> {
    /// The model folder it comes from.
    pub(crate) parent: &'a Path,
    /// What an adapter names as its base model.
    pub(crate) name: &'a str,
    /// Further files.
    pub(crate) extra: &'a [(&'a str, &'a [u8])],
}

impl Learner {
    /// A learner that has learned nothing. With [`Method::Full`] it shares the parameters of `base`.
    ///
    /// # Errors
    /// As [`Lora::fresh`].
    pub(crate) fn new(base: &Decoder, method: &Method, seed: u64) -> Result<Self> {
        Ok(match method {
            Method::Full => Self { decoder: base.shared(), lora: None },
            Method::Lora(config) => {
                let lora = Arc::new(Lora::fresh(base, config, seed)?);
                Self { decoder: base.adapted(lora.clone()), lora: Some(lora) }
            }
        })
    }

    /// Writes `out/adapter` (PEFT) when there is one, and the whole model as `out/model`, with what an heir takes from its
    /// parent. `model` is put together under another name: it is whole or not there.
    ///
    /// # Errors
    /// [`Error::Io`] naming the file.
    pub(crate) fn write(&self, base: &Decoder, heir: &Heir<'_>, out: &Path) -> Result<()> {
        let (partial, done) = (out.join(".model.partial"), out.join("model"));
        for old in [&partial, &done] {
            if old.exists() {
                fs::remove_dir_all(old).map_err(Error::io("removing", old))?;
            }
        }
        match &self.lora {
            Some(lora) => {
                lora.save(&out.join("adapter"), Some(heir.name))?;
                lora.merge(base)?.save(&partial)?;
            }
            None => self.decoder.save(&partial)?,
        }
        inherit(heir.parent, &partial)?;
        for (name, bytes) in heir.extra {
            write_atomically(&partial, name, bytes)?;
        }
        fs::rename(&partial, &done).map_err(Error::io("renaming", &partial))?;
        sync(out)
    }
}
