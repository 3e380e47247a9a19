"""Two trainings on pictures of cats: a breed classifier, and TinyDiT, which draws them by flow matching."""
