//! Training data made in the background: from where the model is weak (Lion) and from documents (WebR).

pub mod dedup;
pub mod pages;
pub mod rouge;
pub mod rows;
