//! Checkpoints of a training run: everything needed to go on as if it had never stopped.
//!
//! A checkpoint is a folder `step-00000100` with `tensors.safetensors` (weights and both moments) and `state.json`. It
//! is written under another name and renamed when it is complete and on disk, so a crash leaves the old ones intact.

use crate::decoder::Decoder;
use crate::files::sync;
use crate::optim::AdamW;
use crate::{Error, Result};
use candle_core::{Device, Tensor};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

const TENSORS: &str = "tensors.safetensors";
const STATE: &str = "state.json";
const FORMAT: u32 = 1;

/// What a checkpoint knows besides tensors. `S` are the settings of the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunState<S> {
    /// The version of this format.
    format: u32,
    /// Steps done.
    pub step: u64,
    /// The first row that has not been trained on.
    pub next_row: u64,
    /// The settings of the run.
    pub settings: S,
}

impl<S> RunState<S> {
    /// The state after `step` steps.
    pub fn new(step: u64, next_row: u64, settings: S) -> Self {
        Self { format: FORMAT, step, next_row, settings }
    }
}

/// The folder that holds the checkpoints of one run.
#[derive(Clone, Debug)]
pub struct Checkpoints {
    folder: PathBuf,
    keep: usize,
}

impl Checkpoints {
    /// Checkpoints in `folder`, of which the last `keep` (at least one) are kept.
    pub fn new(folder: impl Into<PathBuf>, keep: usize) -> Self {
        Self { folder: folder.into(), keep: keep.max(1) }
    }

    /// Writes a checkpoint, then removes the oldest ones beyond those to keep.
    ///
    /// # Errors
    /// [`Error::Io`] naming the file; the checkpoints before it are untouched then.
    pub fn save<S: Serialize>(
        &self,
        decoder: &Decoder,
        optimiser: &AdamW,
        state: &RunState<S>,
    ) -> Result<PathBuf> {
        let name = format!("step-{:08}", state.step);
        let (partial, done) = (self.folder.join(format!(".{name}.partial")), self.folder.join(&name));
        for old in [&partial, &done] {
            if old.exists() {
                fs::remove_dir_all(old).map_err(Error::io("removing", old))?;
            }
        }
        fs::create_dir_all(&partial).map_err(Error::io("creating", &partial))?;
        let tensors = partial.join(TENSORS);
        candle_core::safetensors::save(&tensors_of(decoder, optimiser)?, &tensors)?;
        sync(&tensors)?;
        let json = serde_json::to_vec_pretty(state)
            .map_err(|e| Error::checkpoint(&partial, format!("its state cannot be written as json: {e}")))?;
        let path = partial.join(STATE);
        fs::write(&path, json).map_err(Error::io("writing", &path))?;
        sync(&path)?;
        sync(&partial)?;
        fs::rename(&partial, &done).map_err(Error::io("renaming", &partial))?;
        sync(&self.folder)?;
        self.prune()?;
        Ok(done)
    }

    /// The newest checkpoint; `None` when there is none.
    ///
    /// # Errors
    /// [`Error::Io`] when the folder cannot be listed.
    pub fn latest(&self) -> Result<Option<PathBuf>> {
        Ok(self.all()?.pop().map(|(_, path)| path))
    }

    /// The steps that the newest checkpoint has done; `None` when there is none.
    ///
    /// # Errors
    /// [`Error::Io`] when the folder cannot be listed.
    pub fn latest_step(&self) -> Result<Option<u64>> {
        Ok(self.all()?.pop().map(|(step, _)| step))
    }

    /// Puts the tensors of a checkpoint into `decoder` and `optimiser` and returns the rest.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] naming what is missing or does not fit.
    pub fn load<S: for<'a> Deserialize<'a>>(
        &self,
        path: &Path,
        decoder: &Decoder,
        optimiser: &mut AdamW,
    ) -> Result<RunState<S>> {
        let state_path = path.join(STATE);
        let json = fs::read(&state_path).map_err(Error::io("reading", &state_path))?;
        let state: RunState<S> =
            serde_json::from_slice(&json).map_err(|e| Error::checkpoint(&state_path, e.to_string()))?;
        if state.format != FORMAT {
            let problem = format!("its format is {}, this version reads {FORMAT}", state.format);
            return Err(Error::checkpoint(state_path, problem));
        }
        let file = path.join(TENSORS);
        let bytes = fs::read(&file).map_err(Error::io("reading", &file))?;
        let mut tensors = candle_core::safetensors::load_buffer(&bytes, &Device::Cpu)
            .map_err(|e| Error::checkpoint(&file, format!("it is damaged: {e}")))?;
        drop(bytes);
        let mut take = |name: String, like: &Tensor| match tensors.remove(&name) {
            Some(tensor) if tensor.dims() == like.dims() && tensor.dtype() == like.dtype() => Ok(tensor),
            Some(tensor) => {
                let (found, want) = ((tensor.dtype(), tensor.dims()), (like.dtype(), like.dims()));
                Err(Error::checkpoint(&file, format!("{name} is {found:?} instead of {want:?}")))
            }
            None => Err(Error::checkpoint(&file, format!("{name} is missing"))),
        };
        // Everything is looked at before anything is changed.
        let (mut moments, mut weights) = (Vec::new(), Vec::new());
        for p in decoder.trained() {
            weights.push(take(format!("weight.{}", p.name), &p.var)?);
            let mut values = |kind: &str| -> Result<Vec<f32>> {
                Ok(take(format!("{kind}.{}", p.name), &p.var)?.flatten_all()?.to_vec1()?)
            };
            moments.push((values("first")?, values("second")?));
        }
        optimiser.restore(state.step, moments)?;
        for (p, weight) in decoder.trained().iter().zip(&weights) {
            p.var.set(weight)?;
        }
        Ok(state)
    }

    /// All complete checkpoints with their steps, oldest first.
    fn all(&self) -> Result<Vec<(u64, PathBuf)>> {
        if !self.folder.exists() {
            return Ok(Vec::new());
        }
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(Error::io("listing", &self.folder))? {
            let path = entry.map_err(Error::io("listing", &self.folder))?.path();
            let step = path.file_name().and_then(|n| n.to_str()).and_then(|n| n.strip_prefix("step-"));
            if let Some(step) = step.and_then(|s| s.parse::<u64>().ok()) {
                found.push((step, path));
            }
        }
        found.sort();
        Ok(found)
    }

    fn prune(&self) -> Result<()> {
        let all = self.all()?;
        for (_, old) in &all[..all.len().saturating_sub(self.keep)] {
            fs::remove_dir_all(old).map_err(Error::io("removing", old))?;
        }
        Ok(())
    }
}

fn tensors_of(decoder: &Decoder, optimiser: &AdamW) -> Result<HashMap<String, Tensor>> {
    let mut tensors = HashMap::new();
    for p in decoder.trained() {
        tensors.insert(format!("weight.{}", p.name), p.var.as_detached_tensor());
    }
    for (p, first, second) in optimiser.moments() {
        for (kind, values) in [("first", first), ("second", second)] {
            tensors.insert(
                format!("{kind}.{}", p.name),
                Tensor::from_slice(values, p.var.shape(), &Device::Cpu)?,
            );
        }
    }
    Ok(tensors)
}

#[cfg(test)]
mod tests;
