//! What may be added to the linears of the blocks while the decoder itself is frozen.

use super::hf_names::hf_tensors;
use super::params::{DecoderParams, NamedParam, ParamKind, ParamSource};
use super::{Decoder, LowRank, rotary_of};
use crate::{Error, Result};
use candle_core::{DType, Device, Tensor};
use std::fmt::Debug;
use std::sync::Arc;

/// One of the four linears of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BlockLinear {
    /// Queries, keys and values.
    Qkv,
    /// The attention's output.
    Output,
    /// Gate and up.
    GateUp,
    /// Down.
    Down,
}

impl BlockLinear {
    /// All, in the order in which a block computes them.
    pub const ALL: [Self; 4] = [Self::Qkv, Self::Output, Self::GateUp, Self::Down];

    fn parameter(self) -> &'static str {
        match self {
            Self::Qkv => "qkv.weight",
            Self::Output => "output.weight",
            Self::GateUp => "gate_up.weight",
            Self::Down => "down.weight",
        }
    }
}

/// A linear of a decoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LinearPlace {
    /// The block, from 0.
    pub layer: usize,
    /// Which of its linears.
    pub linear: BlockLinear,
}

/// A linear of a model folder inside a linear of the decoder, which stacks them by rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinearPart {
    /// Its name, as `model.layers.0.self_attn.q_proj`.
    pub name: String,
    /// Its rows.
    pub rows: usize,
}

/// Adds to the output of linears. The decoder that it is put into is frozen ([`Decoder::adapted`]).
pub trait LinearAdapter: Debug + Send + Sync {
    /// What is added to the linear at `place` for the inputs `x [tokens, in]`, or nothing. `noise` is the
    /// key of this pass for what is drawn at random in training; none in evaluation, when nothing is.
    ///
    /// # Errors
    /// When a tensor operation fails.
    fn delta(
        &self,
        place: LinearPlace,
        x: &Tensor,
        noise: Option<u64>,
    ) -> candle_core::Result<Option<LowRank>>;

    /// What learns, always in the same order.
    fn parameters(&self) -> &[NamedParam];
}

/// What another adapter adds, as a constant: a decoder with it is frozen, and its forward pass remembers nothing.
#[derive(Debug)]
struct Constant(Option<Arc<dyn LinearAdapter>>);

impl LinearAdapter for Constant {
    fn delta(
        &self,
        place: LinearPlace,
        x: &Tensor,
        noise: Option<u64>,
    ) -> candle_core::Result<Option<LowRank>> {
        let delta = self.0.as_ref().map_or(Ok(None), |adapter| adapter.delta(place, x, noise))?;
        Ok(delta.map(|delta| delta.detach()))
    }

    fn parameters(&self) -> &[NamedParam] {
        &[]
    }
}

impl Decoder {
    /// The same decoder (parameters are shared, not copied) with nothing to learn: for evaluation, where nothing is
    /// remembered for a backward pass.
    #[must_use]
    pub fn frozen(&self) -> Self {
        self.adapted(Arc::new(Constant(self.adapter.clone())))
    }

    /// The same decoder (parameters are shared, not copied), frozen, with `adapter` beside its linears. [`Self::trained`]
    /// is the adapter's then, and no gradient of the decoder's own parameters is computed.
    #[must_use]
    pub fn adapted(&self, adapter: Arc<dyn LinearAdapter>) -> Self {
        Self { adapter: Some(adapter), ..self.shared() }
    }

    /// The same decoder again: parameters are shared, not copied.
    #[must_use]
    pub fn shared(&self) -> Self {
        Self {
            config: self.config.clone(),
            params: self.params.clone(),
            rotary: rotary_of(&self.config),
            kernels: self.kernels,
            device: self.device.clone(),
            adapter: self.adapter.clone(),
        }
    }

    /// The parameters that training changes: the adapter's, or without one all.
    #[must_use]
    pub fn trained(&self) -> &[NamedParam] {
        match &self.adapter {
            Some(adapter) => adapter.parameters(),
            None => self.parameters(),
        }
    }

    /// What the decoder computes in.
    #[must_use]
    pub fn dtype(&self) -> DType {
        self.params.embedding.dtype()
    }

    /// Where the parameters are.
    #[must_use]
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Every linear of every block: its place, its parts from the first row on, its input columns.
    ///
    /// # Errors
    /// [`Error::Config`] when a parameter has no name in a model folder.
    pub fn linears(&self) -> Result<Vec<(LinearPlace, Vec<LinearPart>, usize)>> {
        let mut all = Vec::new();
        for layer in 0..self.config.layers {
            for linear in BlockLinear::ALL {
                let place = LinearPlace { layer, linear };
                let name = self.linear_parameter(place);
                let known = self.parameters().iter().find(|p| p.name == name);
                let param = known.ok_or_else(|| Error::Config(format!("there is no parameter {name}")))?;
                let (rows, columns) = param.var.dims2()?;
                let parts = hf_tensors(&self.config, &name, rows)?.into_iter().map(|tensor| LinearPart {
                    name: tensor.name.trim_end_matches(".weight").to_owned(),
                    rows: tensor.rows,
                });
                all.push((place, parts.collect(), columns));
            }
        }
        Ok(all)
    }

    /// The name of the parameter at a place.
    #[must_use]
    pub fn linear_parameter(&self, place: LinearPlace) -> String {
        format!("layers.{}.{}", place.layer, place.linear.parameter())
    }

    /// A decoder of its own, without adapter, whose parameters are what `change` makes of this one's.
    ///
    /// # Errors
    /// What `change` returns; [`Error::Settings`] when it changes a shape.
    pub fn map_parameters(&self, change: impl FnMut(&NamedParam) -> Result<Tensor>) -> Result<Self> {
        let mut source = Changed { params: self.parameters().iter(), change };
        let params = DecoderParams::build(&self.config, &mut source)?;
        Ok(Self { params, adapter: None, ..self.shared() })
    }
}

/// The parameters of a decoder, changed, in their order.
struct Changed<'a, F> {
    params: std::slice::Iter<'a, NamedParam>,
    change: F,
}

impl<F: FnMut(&NamedParam) -> Result<Tensor>> ParamSource for Changed<'_, F> {
    fn get(&mut self, name: &str, _kind: ParamKind, shape: &[usize]) -> Result<Tensor> {
        let param = self.params.next().filter(|p| p.name == name);
        let param = param.ok_or_else(|| Error::Config(format!("there is no parameter {name}")))?;
        let changed = (self.change)(param)?;
        match changed.dims() == shape {
            true => Ok(changed),
            false => {
                Err(Error::Settings(format!("{name} would become {:?} instead of {shape:?}", changed.dims())))
            }
        }
    }
}
