//! The integration tests, simulator and benches
