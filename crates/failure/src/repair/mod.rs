//! Repair: what is done about failures, and the gate that decides whether it stays.

pub mod gate;
