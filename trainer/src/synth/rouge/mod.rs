//! ROUGE-L between instructions, and the filter of new ones that are too much like known ones.
