//! Repairs: new weights for the same graph that get unseen failures right and break nothing else, and the gate that
//! decides whether they stay.

mod adapter;
pub mod audit;
mod distillation;
pub mod fisher;
pub mod gate;
pub mod methods;
pub mod optimize;
pub mod procedure;
pub mod recipe;
pub mod search;
pub mod task;
