//! Repairs: new weights for the same graph that get unseen failures right and break nothing else.

mod adapter;
mod distillation;
pub mod fisher;
pub mod methods;
pub mod optimize;
pub mod procedure;
pub mod recipe;
pub mod search;
pub mod task;
