//! What holds for every two policies, tried on many.
