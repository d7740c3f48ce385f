//! Reading the weights of a model folder, one tensor at a time, from one `safetensors` file or several.
//!
//! A file is a length (eight bytes), a header in json, and the values; the header says where the values of each tensor
//! lie. Nothing is memory-mapped: a file that shrinks while it is read is an error, not a crash.

use crate::files::read_if_there;
use crate::{Error, Result};
use candle_core::{DType, Device, Tensor};
use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};
use serde::Deserialize;
use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

pub(super) const WEIGHTS: &str = "model.safetensors";
pub(super) const INDEX: &str = "model.safetensors.index.json";
/// Bytes of the length at the beginning of a file.
const LENGTH_BYTES: u64 = 8;
/// The longest header the format allows.
const MAX_HEADER_BYTES: u64 = 100_000_000;

/// One file, opened, with its header checked.
#[derive(Debug)]
struct WeightFile {
    path: PathBuf,
    file: File,
    /// Where the values begin.
    start: u64,
    header: Metadata,
}

impl WeightFile {
    fn open(path: PathBuf) -> Result<Self> {
        let mut file = File::open(&path).map_err(Error::io("opening", &path))?;
        let bytes = file.metadata().map_err(Error::io("reading", &path))?.len();
        if bytes < LENGTH_BYTES {
            return Err(Error::model(path, format!("it has {bytes} bytes, too few for a safetensors file")));
        }
        let mut length = [0; LENGTH_BYTES as usize];
        file.read_exact(&mut length).map_err(Error::io("reading", &path))?;
        let length = u64::from_le_bytes(length);
        if length > MAX_HEADER_BYTES || LENGTH_BYTES + length > bytes {
            let problem = format!("it is not a safetensors file, or cut short: {length} bytes of header");
            return Err(Error::model(path, problem));
        }
        let mut header = vec![0; length as usize];
        file.read_exact(&mut header).map_err(Error::io("reading", &path))?;
        let header: Metadata = serde_json::from_slice(&header)
            .map_err(|e| Error::model(&path, format!("its header is damaged: {e}")))?;
        let start = LENGTH_BYTES + length;
        let whole = start + header.data_len() as u64;
        if bytes != whole {
            let problem = format!("it has {bytes} bytes, but its header describes {whole}; copy it again");
            return Err(Error::model(path, problem));
        }
        Ok(Self { path, file, start, header })
    }

    fn read(&mut self, name: &str, shape: &[usize]) -> Result<Tensor> {
        let Some(info) = self.header.info(name) else {
            return Err(Error::model(&self.path, format!("the tensor {name} is missing")));
        };
        let TensorInfo { dtype, shape: found, data_offsets: (from, to) } = info;
        if found != shape {
            let problem = format!("the tensor {name} has shape {found:?}, config.json asks for {shape:?}");
            return Err(Error::model(&self.path, problem));
        }
        let dtype = match dtype {
            Dtype::F16 => DType::F16,
            Dtype::BF16 => DType::BF16,
            Dtype::F32 => DType::F32,
            other => {
                let problem =
                    format!("the tensor {name} is stored as {other:?}; supported are F16, BF16 and F32");
                return Err(Error::model(&self.path, problem));
            }
        };
        let mut bytes = vec![0; to - from];
        self.file
            .seek(SeekFrom::Start(self.start + *from as u64))
            .and_then(|_| self.file.read_exact(&mut bytes))
            .map_err(Error::io("reading", &self.path))?;
        Ok(Tensor::from_raw_buffer(&bytes, dtype, shape, &Device::Cpu)?)
    }
}

/// The weights of a folder.
#[derive(Debug)]
pub(super) struct FolderWeights {
    files: Vec<WeightFile>,
    /// For several files, which of them holds a tensor, and the index that says so.
    index: Option<(PathBuf, HashMap<String, usize>)>,
}

#[derive(Deserialize)]
struct RawIndex {
    weight_map: HashMap<String, String>,
}

impl FolderWeights {
    /// Opens the files of `folder`; a single file goes before an index.
    pub(super) fn open(folder: &Path) -> Result<Self> {
        let (single, index) = (folder.join(WEIGHTS), folder.join(INDEX));
        if single.exists() {
            return Ok(Self { files: vec![WeightFile::open(single)?], index: None });
        }
        let Some(text) = read_if_there(&index)? else {
            return Err(Error::model(folder, format!("it has neither {WEIGHTS} nor {INDEX}")));
        };
        let raw: RawIndex =
            serde_json::from_str(&text).map_err(|e| Error::model(&index, format!("it is damaged: {e}")))?;
        let (mut files, mut opened, mut places) = (Vec::new(), HashMap::new(), HashMap::new());
        for (tensor, name) in raw.weight_map {
            let place = match opened.get(&name) {
                Some(place) => *place,
                None => {
                    if Path::new(&name).file_name().is_none_or(|plain| plain != name.as_str()) {
                        let problem = format!("it names {name:?}, which is not a file of the folder");
                        return Err(Error::model(&index, problem));
                    }
                    files.push(WeightFile::open(folder.join(&name))?);
                    opened.insert(name, files.len() - 1);
                    files.len() - 1
                }
            };
            places.insert(tensor, place);
        }
        Ok(Self { files, index: Some((index, places)) })
    }

    /// The tensor `name`, which must have that shape, on the CPU and in the dtype it is stored in.
    pub(super) fn read(&mut self, name: &str, shape: &[usize]) -> Result<Tensor> {
        let place = match &self.index {
            None => 0,
            Some((path, places)) => *places
                .get(name)
                .ok_or_else(|| Error::model(path, format!("the tensor {name} is missing")))?,
        };
        self.files[place].read(name, shape)
    }
}
