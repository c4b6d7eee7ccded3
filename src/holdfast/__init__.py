"""Save a trained model once, load it anywhere: safely, fast, and provably the same."""
