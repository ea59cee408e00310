//! Repairs: new weights for the same graph that get unseen failures right and break nothing else, and the gate that
//! decides whether they stay.

mod adapter;
pub mod audit;
pub mod causes;
mod distillation;
mod features;
pub mod fisher;
pub mod gate;
mod guard;
pub mod knowledge;
pub mod methods;
pub mod optimize;
mod per_sample;
pub mod procedure;
pub mod recipe;
pub mod search;
pub mod task;
