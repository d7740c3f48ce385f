//! What an operator decides about gates.
