//! Through the router, over a store in memory.
