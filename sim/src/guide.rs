//! Testing your service in the simulator: the real engine, your code, and faults that you choose.
#![doc = include_str!("guide/testing.md")]
