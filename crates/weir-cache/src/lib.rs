//! A cache in memory and, where there is one, in Redis; and the counting that limits are made of.
